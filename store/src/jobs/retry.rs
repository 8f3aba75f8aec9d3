//! Retrying by hand: a failed or cancelled job gets a new series of attempts.

use computetower_jobs::{Event, EventBody, JobId, JobState, Queue, TenantId};

use crate::connect::Store;
use crate::error::StoreError;
use crate::lane::End;

impl Store {
    /// Queues a failed, cancelled or parked job again, with its counters at zero. It waits for no other job any more. What earlier attempts recorded stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's; [`StoreError::Conflict`] when it has not failed or been cancelled.
    pub async fn retry(&self, tenant: TenantId, id: JobId) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            r#"with target as (
                   select id, state from jobs where id = $1 and tenant_id = $2 for update
               ), changed as (
                   update jobs j set state = 'queued', counted = 0, interruptions = 0, snoozes = 0, failure = null, result = null,
                          cancel_requested = false, finished_at = null, run_at = now(), waits_for = 0, dispatch = dispatch + 1, dispatched_at = now(),
                          deadline = case when deadline < now() then null else deadline end,
                          event_seq = event_seq + 1
                   from target where j.id = target.id and target.state in ('failed', 'cancelled', 'intervention_needed')
                   returning j.id, j.tenant_id, j.queue, j.dispatch, j.event_seq, j.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'queued', jsonb_build_object('dispatch', dispatch) from changed
               )
               select target.state as "was!", changed.queue as "queue?", changed.dispatch as "dispatch?", changed.event_seq as "seq?",
                      changed.attempt as "attempt?"
               from target left join changed on changed.id = target.id"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("job"))?;
        drop(connection);
        let (Some(queue), Some(dispatch), Some(seq)) = (row.queue, row.dispatch, row.seq) else {
            let was: JobState = super::parse("state", &row.was)?;
            return Err(StoreError::Conflict(format!(
                "only failed, cancelled and parked jobs can be retried; this one is {was}"
            )));
        };
        let queue: Queue = super::parse("queue", &queue)?;
        let event = Event {
            seq,
            body: EventBody::Queued { dispatch },
            at: chrono::Utc::now(),
        };
        self.publisher
            .publish_between(id, row.attempt.unwrap_or_default(), event);
        self.lane.ring(queue, End::Back, &[(id, dispatch)]).await;
        Ok(())
    }
}
