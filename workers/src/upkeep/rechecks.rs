//! Providers that have turned unhealthy are discovered again now and then: pages come back by themselves.

use computetower_jobs::{JobKind, RetryPolicy};
use computetower_store::jobs::NewJob;
use computetower_store::{Store, StoreError};
use serde_json::json;

/// Seconds before the first look at one page; each that fails doubles them, up to a day.
const FIRST: f64 = 1800.0;
/// One attempt: the next look is another one.
const ONCE: RetryPolicy = RetryPolicy {
    attempts: 1,
    base_ms: 1_000,
    cap_ms: 1_000,
};

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let found = store.take_unhealthy(FIRST).await?;
    for provider in &found {
        let again = NewJob {
            // As its other jobs, so that the limits of the account hold for it too.
            limit_key: Some(provider.limit_key.clone()),
            retry: Some(ONCE),
            ..NewJob::now(JobKind::Discovery, json!({ "provider_id": provider.id }))
        };
        store.submit(provider.tenant, &again).await?;
    }
    Ok(found.len())
}
