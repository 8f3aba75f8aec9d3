//! Cancelling: a waiting job ends at once, a running one is told to stop.

use computetower_jobs::{EventBody, JobId, JobState, TenantId};
use sqlx::Connection;

use crate::connect::Store;
use crate::error::StoreError;

/// What a cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReply {
    /// The job has ended.
    Cancelled,
    /// The worker that runs it was told.
    Asked,
    /// It had been cancelled before.
    Already,
}

impl Store {
    /// Cancels a job.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has completed or failed.
    pub async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<CancelReply, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let mut transaction = connection.begin().await?;
        match super::locked(&mut transaction, tenant, id).await? {
            JobState::Cancelled => return Ok(CancelReply::Already),
            ended if ended.is_final() => {
                return Err(StoreError::Conflict(format!("the job has {ended} already")));
            }
            _ => {}
        }
        let row = sqlx::query!(
            r#"with changed as (
                   update jobs set cancel_requested = true,
                          state = case when state = 'running' then 'running' else 'cancelled' end,
                          finished_at = case when state = 'running' then null else now() end,
                          event_seq = event_seq + case when state = 'running' then 0 else 1 end
                   where id = $1 returning id, tenant_id, state, event_seq, attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'cancelled', '{}' from changed where state = 'cancelled'
               )
               select state = 'running' as "runs!", event_seq, attempt from changed"#,
            id.0
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        drop(connection);
        if row.runs {
            self.lane.tell_to_stop(id).await;
            return Ok(CancelReply::Asked);
        }
        self.tell_between(id, row.attempt, row.event_seq, EventBody::Cancelled {});
        Ok(CancelReply::Cancelled)
    }
}
