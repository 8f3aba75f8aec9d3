//! Pausing one job: a waiting job is held back at once, a running one is told to stop where it is. Resuming lets it take its turn again.

use computetower_jobs::{Event, EventBody, JobId, JobState, Queue, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// What a pause did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseReply {
    /// The job is paused.
    Paused,
    /// The worker that runs it was told.
    Asked,
}

impl Store {
    /// Pauses a job. Pausing a paused job changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has ended, or waits for a person.
    pub async fn pause_job(&self, tenant: TenantId, id: JobId) -> Result<PauseReply, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            r#"with target as (
                   select id, state from jobs where id = $1 and tenant_id = $2 for update
               ), changed as (
                   update jobs j set state = case when target.state = 'running' then 'running' else 'paused' end,
                          pause_requested = target.state = 'running',
                          event_seq = j.event_seq + case when target.state = 'running' then 0 else 1 end
                   from target where j.id = target.id and target.state in ('pending', 'queued', 'running')
                   returning j.id, j.tenant_id, j.state, j.event_seq, j.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'paused', '{}' from changed where state = 'paused'
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
            (JobState::Running, Some(_)) => {
                self.lane.tell_to_pause(id).await;
                Ok(PauseReply::Asked)
            }
            (_, Some(seq)) => {
                self.tell_between(id, row.attempt, seq, EventBody::Paused {});
                Ok(PauseReply::Paused)
            }
            (JobState::Paused, None) => Ok(PauseReply::Paused),
            (other, None) => Err(refused("paused", other)),
        }
    }

    /// Resumes a job: it is due now and takes its turn. A job that was only asked to pause goes on. Resuming what is not paused changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has ended, or waits for a person.
    pub async fn resume_job(&self, tenant: TenantId, id: JobId) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            r#"with target as (
                   select id, state from jobs where id = $1 and tenant_id = $2 for update
               ), changed as (
                   update jobs j set state = case when target.state = 'paused' then 'pending' else target.state end, pause_requested = false,
                          run_at = case when target.state = 'paused' then now() else j.run_at end,
                          event_seq = j.event_seq + case when target.state = 'paused' then 1 else 0 end
                   from target where j.id = target.id and (target.state = 'paused' or j.pause_requested)
                   returning j.id, j.tenant_id, j.queue, j.event_seq, j.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select c.id, c.event_seq, c.tenant_id, 'resumed', '{}' from changed c join target on target.id = c.id where target.state = 'paused'
               )
               select target.state as "was!", changed.queue as "queue?", changed.event_seq as "seq?", changed.attempt as "attempt?"
               from target left join changed on changed.id = target.id"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("job"))?;
        drop(connection);
        let was: JobState = super::parse("state", &row.was)?;
        match (was, row.seq, row.queue) {
            (JobState::Paused, Some(seq), Some(queue)) => {
                self.tell_between(id, row.attempt, seq, EventBody::Resumed {});
                let queue: Queue = super::parse("queue", &queue)?;
                self.ring_turns(Some(queue)).await;
                Ok(())
            }
            (JobState::Pending | JobState::Queued | JobState::Running, ..) => Ok(()),
            (other, ..) => Err(refused("resumed", other)),
        }
    }

    pub(super) fn tell_between(&self, job: JobId, attempt: Option<i32>, seq: i64, body: EventBody) {
        let event = Event {
            seq,
            body,
            at: chrono::Utc::now(),
        };
        self.publisher
            .publish_between(job, attempt.unwrap_or_default(), event);
    }
}

fn refused(what: &str, state: JobState) -> StoreError {
    StoreError::Conflict(match state {
        JobState::InterventionNeeded => format!("the job waits for a person and cannot be {what}"),
        _ => format!("the job has {state} already"),
    })
}
