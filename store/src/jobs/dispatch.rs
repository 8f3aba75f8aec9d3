//! Handing jobs to their lanes: those whose time has come, and those whose message was lost.

use computetower_jobs::{Event, EventBody, JobId, Queue, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A job that got a new dispatch number.
#[derive(Clone, Debug)]
pub struct Dispatched {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: Queue,
    /// The new number.
    pub dispatch: i32,
    /// True when it goes before what waits.
    pub urgent: bool,
    /// The attempts so far.
    pub attempt: i32,
    /// The event that tells it, already in Postgres.
    pub event: Event,
}

struct Row {
    id: Uuid,
    queue: String,
    dispatch: i32,
    attempt: i32,
    priority: i16,
    event_seq: i64,
    at: chrono::DateTime<chrono::Utc>,
}

impl Row {
    fn dispatched(self) -> Result<Dispatched, StoreError> {
        Ok(Dispatched {
            id: JobId(self.id),
            queue: super::parse("queue", &self.queue)?,
            dispatch: self.dispatch,
            attempt: self.attempt,
            urgent: self.priority > 0,
            event: Event {
                seq: self.event_seq,
                body: EventBody::Queued {
                    dispatch: self.dispatch,
                },
                at: self.at,
            },
        })
    }
}

impl Store {
    /// Moves jobs whose time has come from `pending` to `queued`, at most `limit`, highest priority first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn dispatch_due(&self, limit: i64) -> Result<Vec<Dispatched>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"with due as (
                   select id from jobs where state = 'pending' and waits_for = 0 and run_at <= now()
                   order by priority desc, run_at limit $1 for update skip locked
               ), moved as (
                   update jobs j set state = 'queued', dispatch = dispatch + 1, dispatched_at = now(), event_seq = event_seq + 1
                   from due where j.id = due.id
                   returning j.id, j.tenant_id, j.queue, j.dispatch, j.attempt, j.event_seq, j.priority
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'queued', jsonb_build_object('dispatch', dispatch) from moved
               )
               select id, queue, dispatch, attempt, priority, event_seq, now() as "at!" from moved"#,
            limit
        )
        .fetch_all(&self.system)
        .await?;
        rows.into_iter().map(Row::dispatched).collect()
    }

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
                   from late where j.id = late.id returning j.id, j.tenant_id, j.attempt, j.event_seq
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
        let done = sqlx::query!(
            "delete from jobs where id in (select id from jobs where state in ('completed', 'failed', 'cancelled')
             and finished_at < now() - make_interval(days => $1) limit 1000)",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
