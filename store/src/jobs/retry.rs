//! Retrying by hand: a failed or cancelled job gets a new series of attempts.

use computetower_jobs::{JobId, JobState, Queue, TenantId};
use sqlx::Connection;

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// Lets a failed, cancelled or parked job take its turn again, with its counters at zero. It waits for no other job any more. What earlier attempts
    /// recorded stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has not failed or been cancelled.
    pub async fn retry(&self, tenant: TenantId, id: JobId) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let mut transaction = connection.begin().await?;
        let was = super::locked(&mut transaction, tenant, id).await?;
        if !matches!(
            was,
            JobState::Failed | JobState::Cancelled | JobState::InterventionNeeded
        ) {
            return Err(StoreError::Conflict(format!(
                "only failed, cancelled and parked jobs can be retried; this one is {was}"
            )));
        }
        let queue = sqlx::query_scalar!(
            "update jobs set state = 'pending', counted = 0, interruptions = 0, snoozes = 0, failure = null, result = null,
                    cancel_requested = false, pause_requested = false, finished_at = null, run_at = now(), waits_for = 0,
                    deadline = case when deadline < now() then null else deadline end
             where id = $1 returning queue",
            id.0
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        drop(connection);
        let queue: Queue = super::parse("queue", &queue)?;
        self.ring_turns(Some(queue)).await;
        Ok(())
    }
}
