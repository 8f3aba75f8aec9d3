//! Providers whose discovery is over without a word get one, so that nobody waits for them.

use computetower_jobs::{Failure, FailureCode};
use computetower_store::{Store, StoreError};

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let failure = Failure::new(
        FailureCode::Unknown,
        "The discovery ended without a result; its job says why. Start another with POST /admin/providers/{id}/discover.",
    );
    let marked = store
        .fail_abandoned_discoveries(&failure.to_public())
        .await?;
    Ok(usize::try_from(marked).unwrap_or_default())
}
