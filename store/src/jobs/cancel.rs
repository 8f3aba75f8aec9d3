//! Cancelling: a waiting job ends at once, a running one is told to stop.

use computetower_jobs::{EventBody, JobId, JobState, TenantId};

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
        let row = sqlx::query!(
            r#"with target as (
                   select id, state from jobs where id = $1 and tenant_id = $2 for update
               ), changed as (
                   update jobs j set cancel_requested = true,
                          state = case when target.state = 'running' then 'running' else 'cancelled' end,
                          finished_at = case when target.state = 'running' then null else now() end,
                          event_seq = j.event_seq + case when target.state = 'running' then 0 else 1 end
                   from target
                   where j.id = target.id and target.state in ('pending', 'queued', 'paused', 'intervention_needed', 'running')
                   returning j.id, j.tenant_id, j.state, j.event_seq, j.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'cancelled', '{}' from changed where state = 'cancelled'
               )
               select target.state as "was!", changed.event_seq as "seq?", changed.attempt as "attempt?"
               from target left join changed on changed.id = target.id"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("job"))?;
        drop(connection);
        let was: JobState = super::parse("state", &row.was)?;
        match (was, row.seq) {
            (JobState::Running, _) => {
                self.lane.tell_to_stop(id).await;
                Ok(CancelReply::Asked)
            }
            (_, Some(seq)) => {
                self.tell_between(id, row.attempt, seq, EventBody::Cancelled {});
                Ok(CancelReply::Cancelled)
            }
            (JobState::Cancelled, None) => Ok(CancelReply::Already),
            (other, None) => Err(StoreError::Conflict(format!("the job has {other} already"))),
        }
    }
}
