//! What was asked and answered, for the history.

use std::borrow::Cow;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use computetower_browser::Answer;
use computetower_jobs::ConversationId;
use computetower_jobs::kinds::chat::{Chat, Role, estimate_tokens};
use computetower_store::StoreError;
use computetower_store::exchanges::NewExchange;
use computetower_store::providers::Provider;
use computetower_store::threads::Said;
use serde_json::Value;

use crate::context::JobContext;
use crate::run::chain;

/// For how long an exchange is held while Postgres is away. The job's end is then held as well.
const HOLD: Duration = Duration::from_secs(60);

/// Keeps the exchange, and returns its conversation. An answer is not lost because it could not be kept in the history, too.
pub(super) async fn keep(
    context: &JobContext,
    chat: &Chat,
    provider: &Provider,
    answer: &Answer,
    validation: Option<&Value>,
) -> Option<ConversationId> {
    let known = chat.answered();
    let question = chat.prompt_from(known.unwrap_or_default());
    let before = known.map(|known| of(&chat.said(known)));
    let messages = chat.said(chat.messages.len());
    let messages = messages.iter().map(|(role, content)| (*role, &**content));
    let said = Said::of(messages.chain([(Role::Assistant, answer.text.as_str())]));
    let new = NewExchange {
        provider: provider.id,
        model: &chat.model,
        before: before.as_ref(),
        said: &said,
        question: &question,
        answer: &answer.text,
        tokens: (estimate_tokens(&question), estimate_tokens(&answer.text)),
        validation,
    };
    let (job, lease) = (context.job.id, context.job.lease);
    let kept = (|| context.store.keep_exchange(job, lease, &new))
        .retry(
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(50))
                .with_max_delay(Duration::from_millis(500))
                .with_total_delay(Some(HOLD))
                .without_max_times(),
        )
        .when(StoreError::is_outage)
        .await;
    match kept {
        Ok(conversation) => conversation,
        Err(error) => {
            tracing::warn!(job.id = %job, error = %chain(&error), "the exchange could not be kept in the history");
            None
        }
    }
}

/// What tells a conversation from others.
pub(super) fn of(said: &[(Role, Cow<'_, str>)]) -> Said {
    Said::of(said.iter().map(|(role, content)| (*role, &**content)))
}
