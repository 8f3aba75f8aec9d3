//! The record of jobs: a file per question that is asked of it.

mod batches;
mod cancel;
pub(crate) mod claim;
mod dispatch;
mod effects;
pub(crate) mod finish;
mod lease;
mod list;
mod named;
mod pause;
mod replay;
mod rescue;
mod retry;
mod settle;
pub(crate) mod submit;
mod together;
mod trail;
mod turns;

pub use batches::Batch;
pub use cancel::CancelReply;
pub use claim::ClaimedJob;
pub use effects::Effect;
pub use finish::Ending;
pub use lease::{LEASE, LeaseState, RENEW};
pub use list::{JobFilter, JobPage, JobRow};
pub use pause::PauseReply;
pub use replay::{ReplayFilter, Replayed};
pub use rescue::LostJob;
pub use settle::Settled;
pub use submit::{NewJob, Submitted};
pub(crate) use together::{Fresh, insert_pending};
pub use together::{Member, Together};
pub use trail::{AttemptRow, SavedEvents};
pub use turns::{Dispatched, QueueLook, TurnMemory, TurnsTaken};

use computetower_jobs::{JobId, JobState, TenantId};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;

use crate::error::StoreError;

/// Something as the text of a `jsonb` that Postgres can keep: a page may show the character NUL, `jsonb` cannot hold it.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    // What is kept is made of strings, numbers and JSON: nothing in it can fail to be written.
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    // Few texts hold it, and it is looked for where it would stand: so the rest is written once, without a tree of values in between.
    if text.contains("\\u0000") {
        let value = serde_json::from_str(&text).unwrap_or_default();
        return without_nul(value).to_string();
    }
    text
}

/// Locks a job of the tenant and tells where it stands; it stands so for the rest of the transaction. What is to follow needs a statement of its own: one
/// that locks and changes at once may have to wait in between, and then mixes what the row was before with what it is after.
pub(super) async fn locked(
    transaction: &mut PgConnection,
    tenant: TenantId,
    id: JobId,
) -> Result<JobState, StoreError> {
    let state = sqlx::query_scalar!(
        "select state from jobs where id = $1 and tenant_id = $2 for update",
        id.0,
        tenant.0
    )
    .fetch_optional(transaction)
    .await?
    .ok_or(StoreError::NotFound("job"))?;
    parse("state", &state)
}

pub(crate) fn parse<T>(what: &'static str, text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|error| StoreError::decode(what, error))
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "")),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, field)| (name.replace('\0', ""), without_nul(field)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(holds_nul),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, field)| name.contains('\0') || holds_nul(field)),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_kept_holds_nul(text: String, name: String) {
            let value = serde_json::json!({ "list": [text], name: {"a\0b": "c\0"} });
            prop_assert!(holds_nul(&value) && !holds_nul(&without_nul(value.clone())));
            let kept: Value = serde_json::from_str(&json_text(&value)).unwrap();
            prop_assert_eq!(kept, without_nul(value));
        }
    }
}
