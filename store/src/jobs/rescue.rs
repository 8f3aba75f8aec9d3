//! Jobs whose worker is gone.

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, LeaseToken, Queue, RetryPolicy, TenantId};

use crate::connect::Store;
use crate::error::StoreError;
use crate::workers::SILENCE_MS;

/// A running job that nobody runs.
#[derive(Clone, Debug)]
pub struct LostJob {
    /// The job.
    pub id: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// The queue it goes back to.
    pub queue: Queue,
    /// The token of the attempt that was cut off.
    pub lease: LeaseToken,
    /// The number of that attempt.
    pub attempt: i32,
    /// Attempts that count, that one included.
    pub counted: u32,
    /// Attempts that were cut off before that one.
    pub interruptions: u32,
    /// Waits that were asked for.
    pub snoozes: u32,
    /// Not after.
    pub deadline: Option<DateTime<Utc>>,
    /// How it is retried.
    pub retry: RetryPolicy,
    /// The number of the last event in Postgres.
    pub event_seq: i64,
    /// True when somebody wants it to stop.
    pub cancel_requested: bool,
}

impl Store {
    /// Finds jobs whose lease ran out, or whose worker no longer holds its advisory lock and has been silent.
    /// For ten seconds after a restart of Postgres none is: all workers have lost their locks with it, and none could renew a lease while it was away.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn lost_jobs(&self) -> Result<Vec<LostJob>, StoreError> {
        let rows = sqlx::query!(
            r#"select j.id, j.tenant_id, j.queue, j.lease_token as "lease_token!", j.attempt, j.counted, j.interruptions, j.snoozes, j.deadline,
                      j.retry, j.event_seq, j.cancel_requested
               from jobs j left join workers w on w.id = j.worker_id
               where j.state = 'running' and pg_postmaster_start_time() < now() - interval '10 seconds'
                 and (j.lease_until < now()
                      or (w.heartbeat_at < now() - make_interval(secs => $1)
                          and not exists (select 1 from pg_locks l
                                          where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
                                            and l.database = (select oid from pg_database where datname = current_database())
                                            and (l.classid::bigint << 32) | l.objid::bigint = w.lock_key)))
               limit 500"#,
            SILENCE_MS as f64 / 1_000.0
        )
        .fetch_all(&self.system)
        .await?;
        let mut lost = Vec::with_capacity(rows.len());
        for row in rows {
            let id = JobId(row.id);
            let read = || -> Result<(Queue, RetryPolicy), StoreError> {
                let retry = serde_json::from_value(row.retry)
                    .map_err(|error| StoreError::decode("retry policy", error))?;
                Ok((super::parse("queue", &row.queue)?, retry))
            };
            match read() {
                Ok((queue, retry)) => lost.push(LostJob {
                    id,
                    tenant: TenantId(row.tenant_id),
                    queue,
                    lease: LeaseToken(row.lease_token),
                    attempt: row.attempt,
                    counted: super::claim::count(row.counted),
                    interruptions: super::claim::count(row.interruptions),
                    snoozes: super::claim::count(row.snoozes),
                    deadline: row.deadline,
                    retry,
                    event_seq: row.event_seq,
                    cancel_requested: row.cancel_requested,
                }),
                // Written by a newer program: that one's dispatcher rescues it. The others must not wait for it.
                Err(error) => {
                    tracing::warn!(job.id = %id, error = ?error, "a lost job cannot be read")
                }
            }
        }
        Ok(lost)
    }
}
