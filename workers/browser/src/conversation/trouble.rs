//! Pages that say something is wrong instead of answering, or say nothing at all.

use std::time::Duration;

use tokio::time::Instant;

use super::Conversation;
use super::complaints::{asks_to_sign_in, complains};
use super::read::{Poll, State};
use super::traffic::Traffic;
use super::waits::seconds_in;
use crate::detect::login::{Stage, stage};
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

    /// A box that took the question for nothing: nobody has heard of it outside of the page.
    pub(super) async fn lost(
        &self,
        state: &State,
        traffic: Traffic,
        poll: &Poll,
    ) -> Result<(), BrowserError> {
        // A send button looks otherwise beside an empty box.
        let works = |mark: &String| !mark.starts_with("send-") && mark != "look:send";
        let idle = !poll.marks.iter().any(works) && !traffic.stream_open && !traffic.waiting;
        let quiet = || {
            let tap = self.tap.as_ref();
            tap.is_some_and(|tap| tap.heard().exchanges.is_empty())
        };
        if state.question_seen
            || self.sent_at.is_none()
            || !idle
            || !state.text.is_empty()
            || self.has_left()
            || !quiet()
        {
            return Ok(());
        }
        Err(BrowserError::NotSent {
            reason: "the box took it, and nothing came of it".to_owned(),
            evidence: self.page.evidence().await,
        })
    }

    /// Whether anything has left the page since the question was sent.
    pub(crate) fn has_left(&self) -> bool {
        self.sent_at.is_some() && self.page.activity() > self.activity
    }

    /// Whether the page, as it looks now, asks to sign in.
    async fn wants_a_sign_in(&self) -> bool {
        match self.page.facts().await {
            Ok(facts) => matches!(
                stage(&facts),
                Stage::Form(_) | Stage::UserStep(_) | Stage::Chooser(_) | Stage::Opener(_)
            ),
            Err(_) => false,
        }
    }

    /// Whether all that was asked of the page's own site since the question was sent was refused: the question with it.
    fn all_refused(&self) -> bool {
        let (Some(tap), Some(sent)) = (&self.tap, self.sent_at) else {
            return false;
        };
        let heard = tap.heard();
        let mut asked = heard.exchanges.iter().filter(|e| e.asks && e.began >= sent);
        asked.next().is_some_and(|first| first.refused) && asked.all(|exchange| exchange.refused)
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
        let instead = Some(&state.text).filter(|_| self.is_complaint(state));
        let in_its_place = instead.is_some();
        let complaint = instead.or_else(|| {
            // Who has no account here is asked to sign in, and answered all the same.
            let asks = |text: &&String| self.account && !has_text && asks_to_sign_in(text);
            let alerts = || state.alerts.iter();
            alerts()
                .find(|text| complains(text))
                .or_else(|| alerts().find(asks))
        });
        let failed = traffic
            .failed
            .filter(|status| self.account && *status == 401 || *status == 429 || *status >= 500);
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
        let unsigned = self.account && (failed == Some(401) || asks_to_sign_in(&text));
        let refused = self.account && failed == Some(401) && self.all_refused();
        if refused || unsigned && self.wants_a_sign_in().await {
            return Err(BrowserError::SessionExpired {
                evidence: self.page.evidence().await,
            });
        }
        let complained = in_its_place || complaint.is_some_and(|text| complains(text));
        if !complained && failed.is_none_or(|status| status == 401) {
            // Something beside the question, for all that can be seen.
            state.alert_since = None;
            return Ok(());
        }
        let evidence = self.page.evidence().await;
        if failed == Some(429) || words::any(&text.to_lowercase(), words::LOCKED) {
            return Err(BrowserError::ProviderRateLimited {
                retry_after: seconds_in(&text),
                in_its_place: in_its_place || failed == Some(429) && self.all_refused(),
                observation: text,
                evidence,
            });
        }
        Err(BrowserError::PageError {
            text,
            in_its_place,
            evidence,
        })
    }
}
