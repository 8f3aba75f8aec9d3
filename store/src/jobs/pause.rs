//! Pausing one job: a waiting job is held back at once, a running one is told to stop where it is. Resuming lets it take its turn again.

use computetower_jobs::{Event, EventBody, JobId, JobState, Queue, TenantId};
use sqlx::Connection;

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
        let mut transaction = connection.begin().await?;
        match super::locked(&mut transaction, tenant, id).await? {
            JobState::Pending | JobState::Queued | JobState::Running => {}
            JobState::Paused => return Ok(PauseReply::Paused),
            other => return Err(refused("paused", other)),
        }
        let row = sqlx::query!(
            r#"with changed as (
                   update jobs set state = case when state = 'running' then 'running' else 'paused' end, pause_requested = state = 'running',
                          event_seq = event_seq + case when state = 'running' then 0 else 1 end
                   where id = $1 returning id, tenant_id, state, event_seq, attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'paused', '{}' from changed where state = 'paused'
               )
               select state = 'running' as "runs!", event_seq, attempt from changed"#,
            id.0
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        drop(connection);
        if row.runs {
            self.lane.tell_to_pause(id).await;
            return Ok(PauseReply::Asked);
        }
        self.tell_between(id, row.attempt, row.event_seq, EventBody::Paused {});
        Ok(PauseReply::Paused)
    }

    /// Resumes a job: it is due now and takes its turn. A job that was only asked to pause goes on. Resuming what is not paused changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has ended, or waits for a person.
    pub async fn resume_job(&self, tenant: TenantId, id: JobId) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let mut transaction = connection.begin().await?;
        let was = super::locked(&mut transaction, tenant, id).await?;
        if was.is_final() || was == JobState::InterventionNeeded {
            return Err(refused("resumed", was));
        }
        let row = sqlx::query!(
            r#"with changed as (
                   update jobs set state = case when state = 'paused' then 'pending' else state end, pause_requested = false,
                          run_at = case when state = 'paused' then now() else run_at end,
                          event_seq = event_seq + case when state = 'paused' then 1 else 0 end
                   where id = $1 and (state = 'paused' or pause_requested)
                   returning id, tenant_id, queue, event_seq, attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'resumed', '{}' from changed where $2
               )
               select queue, event_seq, attempt from changed"#,
            id.0,
            was == JobState::Paused
        )
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        drop(connection);
        let Some(row) = row.filter(|_| was == JobState::Paused) else {
            return Ok(());
        };
        self.tell_between(id, row.attempt, row.event_seq, EventBody::Resumed {});
        let queue: Queue = super::parse("queue", &row.queue)?;
        self.ring_turns(Some(queue)).await;
        Ok(())
    }

    pub(super) fn tell_between(&self, job: JobId, attempt: i32, seq: i64, body: EventBody) {
        let event = Event {
            seq,
            body,
            at: chrono::Utc::now(),
        };
        self.publisher.publish_between(job, attempt, event);
    }
}

fn refused(what: &str, state: JobState) -> StoreError {
    StoreError::Conflict(match state {
        JobState::InterventionNeeded => format!("the job waits for a person and cannot be {what}"),
        _ => format!("the job has {state} already"),
    })
}
