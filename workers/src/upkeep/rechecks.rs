//! Providers that have turned unhealthy are discovered again now and then: pages come back by themselves.

use computetower_jobs::JobKind;
use computetower_store::jobs::NewJob;
use computetower_store::{Store, StoreError};
use serde_json::json;

/// Seconds between two looks at one page.
const EVERY: f64 = 1800.0;

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let found = store.take_unhealthy(EVERY).await?;
    for provider in &found {
        // As its other jobs, so that the limits of the account hold for it too.
        let key = match provider.credential {
            Some(credential) => format!("credential:{credential}"),
            None => format!("provider:{}", provider.id),
        };
        let again = NewJob {
            limit_key: Some(key),
            ..NewJob::now(JobKind::Discovery, json!({ "provider_id": provider.id }))
        };
        store.submit(provider.tenant, &again).await?;
    }
    Ok(found.len())
}
