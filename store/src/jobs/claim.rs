//! A worker takes a job: only while it is queued, and only with the number of its latest dispatch.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, JobKind, LeaseToken, RetryPolicy, TenantId, WorkerId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::LEASE;

/// A job under lease.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// What it is.
    pub kind: JobKind,
    /// Its payload, as it was accepted.
    pub payload: Value,
    /// The number of this attempt.
    pub attempt: i32,
    /// Attempts of this series that count, this one included.
    pub counted: u32,
    /// Attempts that were cut off.
    pub interruptions: u32,
    /// Waits that were asked for.
    pub snoozes: u32,
    /// True when a cancel was asked for that no worker has heard.
    pub cancel_requested: bool,
    /// The number of the last event in Postgres.
    pub event_seq: i64,
    /// Not after.
    pub deadline: Option<DateTime<Utc>>,
    /// How long this attempt may run.
    pub timeout: Duration,
    /// How it is retried.
    pub retry: RetryPolicy,
    /// How long it had been due, when this is its first attempt.
    pub waited: Option<Duration>,
    /// The token that every write of this attempt carries.
    pub lease: LeaseToken,
}

impl Store {
    /// Claims a job, or tells that there is nothing to claim: it was cancelled, claimed by another worker, or dispatched again.
    ///
    /// # Errors
    /// When Postgres does not answer, or the row cannot be read.
    pub async fn claim(
        &self,
        id: JobId,
        dispatch: i32,
        worker: WorkerId,
        worker_name: &str,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let lease = LeaseToken::generate();
        let row = sqlx::query!(
            r#"with claimed as (
                   update jobs set state = 'running', attempt = attempt + 1, counted = counted + 1, lease_token = $3,
                                   lease_until = now() + make_interval(secs => $5), worker_id = $4, started_at = coalesce(started_at, now())
                   where id = $1 and dispatch = $2 and state = 'queued'
                   returning id, tenant_id, kind, payload, attempt, counted, interruptions, snoozes, event_seq, deadline, timeout_ms, retry, cancel_requested,
                             case when attempt = 1 then extract(epoch from now() - run_at)::float8 end as waited_seconds
               ), noted as (
                   insert into job_attempts (job_id, attempt, tenant_id, worker) select id, attempt, tenant_id, $6 from claimed
               )
               select * from claimed"#,
            id.0,
            dispatch,
            lease.0,
            worker.0,
            LEASE.as_secs_f64(),
            worker_name,
        )
        .fetch_optional(&self.system)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(ClaimedJob {
            id: JobId(row.id),
            tenant: TenantId(row.tenant_id),
            kind: super::parse("kind", &row.kind)?,
            payload: row.payload,
            attempt: row.attempt,
            counted: count(row.counted),
            interruptions: count(row.interruptions),
            snoozes: count(row.snoozes),
            cancel_requested: row.cancel_requested,
            event_seq: row.event_seq,
            deadline: row.deadline,
            timeout: Duration::from_millis(u64::try_from(row.timeout_ms).unwrap_or_default()),
            retry: serde_json::from_value(row.retry)
                .map_err(|error| StoreError::decode("retry policy", error))?,
            waited: row
                .waited_seconds
                .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            lease,
        }))
    }
}

pub(super) fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}
