//! Where the conversation stands: many pages give it an address of its own only with the first words of the answer, and a later attempt can read on
//! only there.

use std::convert::Infallible;
use std::time::Duration;

use computetower_browser::Page;

use super::Prompt;
use crate::context::JobContext;
use crate::run::chain;

/// How often the address of the page is looked at while it answers.
const LOOK_AT_ADDRESS: Duration = Duration::from_millis(500);

/// The page's address, and the one that is noted.
pub(super) struct Address<'a> {
    pub(super) context: &'a JobContext,
    pub(super) page: &'a Page,
    pub(super) prompt: Prompt,
    /// Under which name the question is recorded.
    pub(super) name: &'a str,
    pub(super) noted: tokio::sync::Mutex<String>,
}

impl Address<'_> {
    /// Notes it whenever it changes.
    pub(super) async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_AT_ADDRESS).await;
            self.note().await;
        }
    }

    /// Notes it if it has changed.
    pub(super) async fn note(&self) {
        let mut noted = self.noted.lock().await;
        let Ok(now) = self.page.url().await else {
            return;
        };
        if now == *noted {
            return;
        }
        let job = &self.context.job;
        let detail = self.prompt.detail(&now);
        match self
            .context
            .store
            .effect_done(job.id, job.lease, self.name, &detail)
            .await
        {
            Ok(()) => *noted = now,
            Err(error) => {
                tracing::debug!(job.id = %job.id, error = %chain(&error), "the conversation's address could not be noted")
            }
        }
    }
}
