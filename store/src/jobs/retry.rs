//! Retrying by hand: a failed or cancelled job gets a new series of attempts.

use computetower_jobs::{JobId, JobState, Queue, TenantId};

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
        let row = sqlx::query!(
            r#"with target as (
                   select id, state from jobs where id = $1 and tenant_id = $2 for update
               ), changed as (
                   update jobs j set state = 'pending', counted = 0, interruptions = 0, snoozes = 0, failure = null, result = null,
                          cancel_requested = false, pause_requested = false, finished_at = null, run_at = now(), waits_for = 0,
                          deadline = case when deadline < now() then null else deadline end
                   from target where j.id = target.id and target.state in ('failed', 'cancelled', 'intervention_needed')
                   returning j.id, j.queue
               )
               select target.state as "was!", changed.queue as "queue?" from target left join changed on changed.id = target.id"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("job"))?;
        drop(connection);
        let Some(queue) = row.queue else {
            let was: JobState = super::parse("state", &row.was)?;
            return Err(StoreError::Conflict(format!(
                "only failed, cancelled and parked jobs can be retried; this one is {was}"
            )));
        };
        let queue: Queue = super::parse("queue", &queue)?;
        self.ring_turns(Some(queue)).await;
        Ok(())
    }
}
