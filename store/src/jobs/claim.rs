//! A worker takes a job: only while it is queued, and only with the number of its latest dispatch. Claims that come at the same time go together.
//!
//! A claim does not wait for the disk. Whatever the attempt records afterwards (an intended effect, its end) takes the claim along, in the order of
//! Postgres's log; and nobody may hear of the attempt before, see [`Store::settle_claims`]. So a claim that a crash of Postgres takes back was followed
//! by nothing that anybody knows of: the job is queued as before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, JobKind, LeaseToken, RetryPolicy, TenantId, WorkerId};
use serde_json::Value;

use crate::coalesce::Answers;
use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::LEASE;

/// Claims made in one statement.
pub(crate) const MOST: usize = 256;

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
    /// True when a pause was asked for that no worker has heard.
    pub pause_requested: bool,
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
    /// The span in which the job was submitted, as W3C `traceparent`; `None` where its trace is not sampled.
    pub trace_context: Option<String>,
}

/// A claim on its way.
pub(crate) struct Claim {
    id: JobId,
    dispatch: i32,
    worker: WorkerId,
    lease: LeaseToken,
}

impl Claim {
    fn of(id: JobId, dispatch: i32, worker: WorkerId) -> Self {
        Self {
            id,
            dispatch,
            worker,
            lease: LeaseToken::generate(),
        }
    }
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
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let claim = Claim::of(id, dispatch, worker);
        self.coalesced().claim.call(claim).await
    }

    /// The same for a message from the front of the lane: it does not wait until a statement with the claims of many is back.
    ///
    /// # Errors
    /// As [`Store::claim`].
    pub async fn claim_front(
        &self,
        id: JobId,
        dispatch: i32,
        worker: WorkerId,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let claim = Claim::of(id, dispatch, worker);
        self.coalesced().claim_front.call(claim).await
    }

    /// Returns once every claim that was made before is on the disk.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn settle_claims(&self) -> Result<(), StoreError> {
        self.coalesced().settle.call(()).await
    }

    pub(crate) async fn settle_all(&self, callers: usize) -> Answers<()> {
        // The least that makes a transaction write something: its end then waits until the log is on the disk up to there.
        sqlx::query!("select pg_logical_emit_message(true, 'computetower', '')::text as position")
            .fetch_one(&self.work)
            .await?;
        Ok((0..callers).map(|_| Ok(())).collect())
    }

    pub(crate) async fn claim_all(&self, claims: Vec<Arc<Claim>>) -> Answers<Option<ClaimedJob>> {
        // Rows are locked in one order, so that two statements cannot wait for each other.
        let mut ordered: Vec<&Claim> = claims.iter().map(|claim| &**claim).collect();
        ordered.sort_by_key(|claim| claim.id);
        let rows = sqlx::query!(
            r#"update jobs j set state = 'running', attempt = attempt + 1, counted = counted + 1, lease_token = i.lease,
                                 lease_until = now() + make_interval(secs => $5), worker_id = i.worker, started_at = coalesce(started_at, now()),
                                 attempt_at = now()
               from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[]) as i (job, dispatch, lease, worker)
               where j.id = any(array[i.job]) and j.dispatch = i.dispatch and j.state || '' = 'queued'
               returning j.id, j.tenant_id, j.kind, j.payload, j.attempt, j.counted, j.interruptions, j.snoozes, j.event_seq, j.deadline, j.timeout_ms,
                         j.retry, j.cancel_requested, j.pause_requested, i.lease as "lease!", j.trace_context,
                         case when j.attempt = 1 then extract(epoch from now() - j.run_at)::float8 end as waited_seconds,
                         (select set_config('synchronous_commit', 'off', true)) as soon"#,
            &ordered.iter().map(|claim| claim.id.0).collect::<Vec<_>>(),
            &ordered.iter().map(|claim| claim.dispatch).collect::<Vec<_>>(),
            &ordered.iter().map(|claim| claim.lease.0).collect::<Vec<_>>(),
            &ordered.iter().map(|claim| claim.worker.0).collect::<Vec<_>>(),
            LEASE.as_secs_f64(),
        )
        .fetch_all(&self.work)
        .await?;
        let mut claimed = HashMap::with_capacity(rows.len());
        for row in rows {
            let lease = LeaseToken(row.lease);
            let read = || -> Result<(JobKind, RetryPolicy), StoreError> {
                let retry = serde_json::from_value(row.retry)
                    .map_err(|error| StoreError::decode("retry policy", error))?;
                Ok((super::parse("kind", &row.kind)?, retry))
            };
            let job = read().map(|(kind, retry)| ClaimedJob {
                id: JobId(row.id),
                tenant: TenantId(row.tenant_id),
                kind,
                payload: row.payload,
                attempt: row.attempt,
                counted: count(row.counted),
                interruptions: count(row.interruptions),
                snoozes: count(row.snoozes),
                cancel_requested: row.cancel_requested,
                pause_requested: row.pause_requested,
                event_seq: row.event_seq,
                deadline: row.deadline,
                timeout: Duration::from_millis(u64::try_from(row.timeout_ms).unwrap_or_default()),
                retry,
                waited: row
                    .waited_seconds
                    .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
                lease,
                trace_context: row.trace_context,
            });
            claimed.insert(lease, job);
        }
        Ok(claims
            .iter()
            .map(|claim| claimed.remove(&claim.lease).transpose())
            .collect())
    }
}

pub(super) fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}
