//! Jobs that wait too long: those whose message was lost, those whose deadline has passed; and old ones, which are forgotten.

use computetower_jobs::{JobId, Queue, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// Gives a new dispatch number to jobs of a queue that were handed over more than `seconds` ago and not claimed since. A message that
    /// does exist after all then finds nothing to claim, so this can only cost a wasted message.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn redispatch(
        &self,
        queue: Queue,
        seconds: f64,
        limit: i64,
    ) -> Result<Vec<(JobId, i32)>, StoreError> {
        let rows = sqlx::query!(
            r#"with lost as (
                   select id from jobs where state = 'queued' and queue = $1 and dispatched_at < now() - make_interval(secs => $2)
                   order by priority desc, dispatched_at limit $3 for update skip locked
               )
               update jobs j set dispatch = dispatch + 1, dispatched_at = now() from lost where j.id = lost.id returning j.id, j.dispatch"#,
            queue.name(),
            seconds,
            limit
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| (JobId(row.id), row.dispatch))
            .collect())
    }

    /// How many jobs of a queue wait for a worker, if at least one was handed over more than `seconds` ago; 0 otherwise.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn long_queued(&self, queue: Queue, seconds: f64) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"select case when exists (select 1 from jobs where state = 'queued' and queue = $1 and dispatched_at < now() - make_interval(secs => $2))
                      then (select count(*) from jobs where state = 'queued' and queue = $1) else 0 end as "count!""#,
            queue.name(),
            seconds
        )
        .fetch_one(&self.system)
        .await?;
        Ok(count)
    }

    /// How many more jobs of a queue its workers could run at this moment.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn free_slots(&self, queue: Queue) -> Result<i64, StoreError> {
        let free = sqlx::query_scalar!(
            r#"select coalesce(sum(greatest((w.slots ->> $1)::int
                          - (select count(*) from jobs j where j.state = 'running' and j.worker_id = w.id and j.queue = $1), 0)), 0)::bigint as "free!"
               from workers w
               where w.slots ? $1 and w.stopped_at is null and not w.drain_requested and w.heartbeat_at > now() - interval '3 seconds'"#,
            queue.name()
        )
        .fetch_one(&self.system)
        .await?;
        Ok(free)
    }

    /// Fails waiting jobs whose deadline has passed. Returns them with the event that tells it, already in Postgres.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn expire(
        &self,
        failure: &Value,
    ) -> Result<Vec<(JobId, TenantId, i32, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"with late as (
                   select id from jobs where state in ('pending', 'queued', 'paused', 'intervention_needed') and deadline is not null and deadline < now()
                   limit 500 for update skip locked
               ), ended as (
                   update jobs j set state = 'failed', failure = $1, finished_at = now(), event_seq = event_seq + 1
                   from late where j.id = late.id and j.state in ('pending', 'queued', 'paused', 'intervention_needed')
                   returning j.id, j.tenant_id, j.attempt, j.event_seq
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'failed', jsonb_build_object('failure', $1::jsonb) from ended
               )
               select id, tenant_id, attempt, event_seq from ended"#,
            failure
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (
                    JobId(row.id),
                    TenantId(row.tenant_id),
                    row.attempt,
                    row.event_seq,
                )
            })
            .collect())
    }

    /// Forgets jobs that ended more than `days` ago, in slices.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_jobs(&self, days: i32) -> Result<u64, StoreError> {
        // Their screenshots and pictures are looked at next; pictures after the time that a request under way has, which may be about to name them again.
        let gone = sqlx::query_scalar!(
            r#"with gone as (
                   delete from jobs where id in (select id from jobs where state in ('completed', 'failed', 'cancelled')
                   and finished_at < now() - make_interval(days => $1) limit 1000) returning id, tenant_id, payload),
               screenshots as (
                   update stored_objects set look_at = now() where job_id in (select id from gone)),
               pictures as (
                   update stored_objects o set look_at = now() + interval '20 minutes' from gone
                   cross join jsonb_array_elements(case when jsonb_typeof(gone.payload -> 'files') = 'array' then gone.payload -> 'files' else '[]' end) file
                   where o.key = file ->> 'key' and o.tenant_id = gone.tenant_id and o.job_id is null)
               select count(*) as "count!" from gone"#,
            days
        )
        .fetch_one(&self.system)
        .await?;
        Ok(u64::try_from(gone).unwrap_or_default())
    }
}
