//! The record of jobs: a file per question that is asked of it.

mod cancel;
mod claim;
mod dispatch;
mod effects;
mod finish;
mod lease;
mod list;
mod rescue;
mod retry;
mod submit;
mod trail;

pub use cancel::CancelReply;
pub use claim::ClaimedJob;
pub use dispatch::Dispatched;
pub use effects::Effect;
pub use finish::Ending;
pub use lease::{LEASE, LeaseState, RENEW};
pub use list::{JobFilter, JobPage, JobRow};
pub use rescue::LostJob;
pub use submit::{NewJob, Submitted};
pub use trail::AttemptRow;

use computetower_jobs::Event;
use serde_json::Value;

use crate::error::StoreError;

/// Events taken apart into columns for `unnest`.
pub(crate) struct EventColumns {
    pub(crate) seqs: Vec<i64>,
    pub(crate) names: Vec<String>,
    pub(crate) data: Vec<Value>,
    pub(crate) at: Vec<chrono::DateTime<chrono::Utc>>,
}

impl EventColumns {
    pub(crate) fn of(events: &[Event]) -> Self {
        Self {
            seqs: events.iter().map(|event| event.seq).collect(),
            names: events
                .iter()
                .map(|event| event.body.name().to_owned())
                .collect(),
            data: events.iter().map(|event| event.body.data()).collect(),
            at: events.iter().map(|event| event.at).collect(),
        }
    }
}

pub(crate) fn parse<T>(what: &'static str, text: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|error| StoreError::decode(what, error))
}
