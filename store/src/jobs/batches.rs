//! A batch as it stands: how many of its jobs are where, which one is still open, and ending all of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{BatchId, Event, EventBody, JobId, JobState, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// How often a cancel goes over the jobs that somebody else held.
const TRIES: u32 = 50;
/// How long it waits before.
const PAUSE: Duration = Duration::from_millis(10);

/// A batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// How many jobs were accepted with it.
    pub jobs: i32,
    /// When.
    pub created_at: DateTime<Utc>,
    /// How many of them stand where. States without a job are left out; jobs that were forgotten are not counted.
    pub states: Vec<(JobState, i64)>,
}

impl Batch {
    /// Whether every job has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.states.iter().all(|(state, _)| state.is_final())
    }
}

impl Store {
    /// A batch and where its jobs stand.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Batch, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            r#"select b.jobs, b.created_at, s.state as "state?", s.count as "count?"
               from batches b left join lateral (select state, count(*) from jobs where batch_id = b.id and tenant_id = $2 group by state) s on true
               where b.id = $1 and b.tenant_id = $2"#,
            id.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        let first = rows.first().ok_or(StoreError::NotFound("batch"))?;
        let (jobs, created_at) = (first.jobs, first.created_at);
        let mut states = Vec::with_capacity(rows.len());
        for row in rows {
            if let (Some(state), Some(count)) = (row.state, row.count) {
                states.push((super::parse("state", &state)?, count));
            }
        }
        Ok(Batch {
            id,
            jobs,
            created_at,
            states,
        })
    }

    /// The newest job of a batch that has not ended. Whoever waits for a batch waits for this one, then asks again: jobs run in about the order in
    /// which they were given, so that is seldom more than a few times.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn open_job_of_batch(
        &self,
        tenant: TenantId,
        id: BatchId,
    ) -> Result<Option<JobId>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let open = sqlx::query_scalar!(
            "select id from jobs where batch_id = $1 and tenant_id = $2 and state not in ('completed', 'failed', 'cancelled')
             order by id desc limit 1",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(open.map(JobId))
    }

    /// Whether a job has ended, or is not there any more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn job_has_ended(&self, tenant: TenantId, id: JobId) -> Result<bool, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let state = sqlx::query_scalar!(
            "select state from jobs where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(match state {
            None => true,
            Some(state) => super::parse::<JobState>("state", &state)?.is_final(),
        })
    }

    /// Cancels all jobs of a batch that have not ended: those that wait end at once, the workers of those that run are told.
    /// Returns how many of them run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn cancel_batch(&self, tenant: TenantId, id: BatchId) -> Result<usize, StoreError> {
        self.batch(tenant, id).await?;
        let mut running = 0;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let (told, left) = self.cancel_free_jobs(tenant, id).await?;
            running += told;
            if left == 0 {
                break;
            }
        }
        Ok(running)
    }

    /// Cancels those jobs of a batch that nobody else holds: waiting for one while holding others could end in a deadlock.
    /// Returns how many run, and how many were left.
    async fn cancel_free_jobs(
        &self,
        tenant: TenantId,
        id: BatchId,
    ) -> Result<(usize, i64), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            r#"with open as (
                   select id from jobs
                   where batch_id = $1 and tenant_id = $2 and state not in ('completed', 'failed', 'cancelled') and not cancel_requested
               ), target as (
                   select id from jobs where id in (select id from open) and state not in ('completed', 'failed', 'cancelled')
                   for update skip locked
               ), changed as (
                   update jobs j set cancel_requested = true,
                          state = case when j.state = 'running' then 'running' else 'cancelled' end,
                          finished_at = case when j.state = 'running' then null else now() end,
                          event_seq = j.event_seq + case when j.state = 'running' then 0 else 1 end
                   from target where j.id = target.id and j.state not in ('completed', 'failed', 'cancelled')
                   returning j.id, j.tenant_id, j.state, j.event_seq, j.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'cancelled', '{}' from changed where state = 'cancelled'
               )
               select (select count(*) from open) - (select count(*) from target) as "left!", c.id as "id?", c.state as "state?",
                      c.event_seq as "seq?", c.attempt as "attempt?", now() as "at!"
               from (select 1) as one left join changed c on true"#,
            id.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        drop(connection);
        let left = rows.first().map_or(0, |row| row.left);
        let mut running = Vec::new();
        for row in rows {
            let (Some(job), Some(state), Some(seq)) = (row.id, row.state, row.seq) else {
                continue;
            };
            if super::parse::<JobState>("state", &state)? == JobState::Running {
                running.push(JobId(job));
                continue;
            }
            let event = Event {
                seq,
                body: EventBody::Cancelled {},
                at: row.at,
            };
            self.publisher
                .publish_between(JobId(job), row.attempt.unwrap_or_default(), event);
        }
        for job in &running {
            self.lane.tell_to_stop(*job).await;
        }
        Ok((running.len(), left))
    }

    /// Forgets batches made more than `days` ago of which no job is left, a slice of them.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_batches(&self, days: i32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from batches where id in (
                 select b.id from batches b
                 where b.created_at < now() - make_interval(days => $1) and not exists (select 1 from jobs j where j.batch_id = b.id) limit 1000)",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
