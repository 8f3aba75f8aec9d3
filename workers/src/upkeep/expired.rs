//! Waiting jobs whose deadline has passed fail, with that as the reason.

use computetower_jobs::{Event, EventBody, Failure, FailureCode};
use computetower_store::{Store, StoreError};

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let failure = Failure::new(
        FailureCode::DeadlineExceeded,
        "The job's deadline passed before its turn came.",
    )
    .to_public();
    let value = serde_json::to_value(&failure).unwrap_or_default();
    let expired = store.expire(&value).await?;
    for (job, _, attempt, seq) in &expired {
        let event = Event {
            seq: *seq,
            body: EventBody::Failed {
                failure: failure.clone(),
            },
            at: chrono::Utc::now(),
        };
        store.publisher.publish_between(*job, *attempt, event);
    }
    Ok(expired.len())
}
