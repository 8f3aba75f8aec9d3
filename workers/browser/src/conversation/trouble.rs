//! Pages that say something is wrong instead of answering, or say nothing at all.

use std::time::Duration;

use tokio::time::Instant;

use super::Conversation;
use super::complaints::{asks_to_sign_in, complains};
use super::read::{Poll, State};
use super::traffic::Traffic;
use super::waits::seconds_in;
use crate::detect::words;
use crate::error::BrowserError;

/// How long an error on the page may stand without an answer before it is believed.
const ERROR_PATIENCE: Duration = Duration::from_millis(3500);

impl Conversation<'_> {
    /// A frame that is gone for good may have made way for a sign-in form.
    pub(super) async fn instead_of(&self, error: BrowserError) -> BrowserError {
        let asks = match self.page.facts().await {
            Ok(facts) => facts.fields.iter().any(|field| field.r#type == "password"),
            Err(_) => false,
        };
        if asks {
            return BrowserError::SessionExpired {
                evidence: self.page.evidence().await,
            };
        }
        error
    }

    /// A box that took the question for nothing.
    pub(super) async fn lost(
        &mut self,
        state: &State,
        traffic: Traffic,
        poll: &Poll,
    ) -> Result<(), BrowserError> {
        let idle = poll.marks.is_empty() && !traffic.stream_open && !traffic.waiting;
        if state.question_seen || self.sent_at.is_none() || !idle || !state.text.is_empty() {
            return Ok(());
        }
        self.give_box_up();
        Err(BrowserError::NotSent {
            reason: "the box took it, and nothing came of it".to_owned(),
            evidence: self.page.evidence().await,
        })
    }

    /// Errors that the page shows instead of an answer.
    pub(super) async fn trouble(
        &self,
        state: &mut State,
        has_text: bool,
        traffic: Traffic,
        poll: &Poll,
    ) -> Result<(), BrowserError> {
        if let Some(login) = poll.login {
            state.login_since = if login && !poll.q && !has_text {
                state.login_since.or_else(|| Some(Instant::now()))
            } else {
                None
            };
        }
        if state
            .login_since
            .is_some_and(|since| since.elapsed() > Duration::from_millis(1500))
        {
            return Err(BrowserError::SessionExpired {
                evidence: self.page.evidence().await,
            });
        }
        let instead = Some(&state.text).filter(|_| self.is_complaint(state, traffic));
        let complaint = instead.or_else(|| {
            let asks = |text: &&String| !has_text && asks_to_sign_in(text);
            let alerts = || state.alerts.iter();
            alerts()
                .find(|text| complains(text))
                .or_else(|| alerts().find(asks))
        });
        let failed = traffic
            .failed
            .filter(|status| matches!(status, 401 | 429) || *status >= 500);
        if has_text && complaint.is_none() || complaint.is_none() && failed.is_none() {
            state.alert_since = None;
            return Ok(());
        }
        let since = *state.alert_since.get_or_insert_with(Instant::now);
        // With an answer under way, an error has to outlast it.
        let busy = !poll.marks.is_empty() || traffic.stream_open;
        if since.elapsed() < ERROR_PATIENCE
            || has_text
            || busy && since.elapsed() < ERROR_PATIENCE * 4
        {
            return Ok(());
        }
        let text = complaint
            .cloned()
            .unwrap_or_else(|| format!("a request failed with status {}", failed.unwrap_or(0)));
        let evidence = self.page.evidence().await;
        if failed == Some(401) || asks_to_sign_in(&text) {
            return Err(BrowserError::SessionExpired { evidence });
        }
        if failed == Some(429) || words::any(&text.to_lowercase(), words::LOCKED) {
            return Err(BrowserError::ProviderRateLimited {
                retry_after: seconds_in(&text),
                observation: text,
                evidence,
            });
        }
        Err(BrowserError::PageError { text, evidence })
    }
}
