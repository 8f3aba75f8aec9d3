//! Accepting a job: row, first event and dispatch number in one statement. Once this returns, the job is safe.

use chrono::{DateTime, Utc};
use computetower_jobs::{BatchId, JobId, JobKind, JobState, RetryPolicy, ScheduleId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;
use crate::lane::End;

/// A job to be accepted. The payload has been checked.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it is.
    pub kind: JobKind,
    /// Its payload.
    pub payload: Value,
    /// Higher goes first.
    pub priority: i16,
    /// Not before.
    pub run_at: Option<DateTime<Utc>>,
    /// Not after.
    pub deadline: Option<DateTime<Utc>>,
    /// How long one attempt may run, in milliseconds; the kind's own when left out.
    pub timeout_ms: Option<i64>,
    /// How it is retried; the kind's own way when left out.
    pub retry: Option<RetryPolicy>,
    /// The caller's key, and the hash of the request that came with it.
    pub idempotency: Option<(String, Vec<u8>)>,
    /// What limits may name.
    pub limit_key: Option<String>,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// The schedule that made it.
    pub schedule: Option<ScheduleId>,
}

impl NewJob {
    /// A job that runs now, by its kind's policy.
    #[must_use]
    pub fn now(kind: JobKind, payload: Value) -> Self {
        Self {
            kind,
            payload,
            priority: 0,
            run_at: None,
            deadline: None,
            timeout_ms: None,
            retry: None,
            idempotency: None,
            limit_key: None,
            batch: None,
            schedule: None,
        }
    }
}

/// The answer to a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// True when the same request had been accepted before.
    pub repeated: bool,
}

impl Store {
    /// Accepts a job, then rings the lane's bell. A bell that does not ring (Redis is down) loses nothing: the dispatcher notices.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when the key came with another request before.
    pub async fn submit(&self, tenant: TenantId, new: &NewJob) -> Result<Submitted, StoreError> {
        let id = JobId::generate();
        let policy = new.kind.policy();
        let retry = serde_json::to_value(new.retry.unwrap_or(policy.retry))
            .map_err(|error| StoreError::decode("retry policy", error))?;
        let timeout_ms = new
            .timeout_ms
            .unwrap_or(i64::try_from(policy.timeout.as_millis()).unwrap_or(i64::MAX));
        let (key, hash) = match &new.idempotency {
            Some((key, hash)) => (Some(key.as_str()), Some(hash.as_slice())),
            None => (None, None),
        };
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            r#"with job as (
                   insert into jobs (id, tenant_id, kind, queue, payload, priority, run_at, deadline, timeout_ms, retry, idempotency_key,
                                     request_hash, state, dispatch, dispatched_at, event_seq)
                   select $1, $2, $3, $4, $5, $6, coalesce($7, now()), $8, $9, $10, $11, $12,
                          case when due then 'queued' else 'pending' end, case when due then 1 else 0 end,
                          case when due then now() end, case when due then 1 else 0 end
                   from (select coalesce($7, now()) <= now() as due) as t
                   on conflict on constraint jobs_idempotency_key do nothing
                   returning id, state, dispatch
               ), event as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, 1, $2, 'queued', jsonb_build_object('dispatch', dispatch) from job where state = 'queued'
               )
               select id, state, dispatch from job"#,
            id.0,
            tenant.0,
            new.kind.name(),
            new.kind.queue().name(),
            new.payload,
            new.priority,
            new.run_at,
            new.deadline,
            timeout_ms,
            retry,
            key,
            hash,
        )
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            drop(connection);
            self.metrics.submitted(new.kind);
            let state: JobState = super::parse("state", &row.state)?;
            if state == JobState::Queued {
                // Within a lane only this much order can be kept; the dispatcher keeps it for jobs that come later.
                let end = if new.priority > 0 {
                    End::Front
                } else {
                    End::Back
                };
                self.lane
                    .ring(new.kind.queue(), end, &[(id, row.dispatch)])
                    .await;
            }
            return Ok(Submitted {
                id,
                state,
                repeated: false,
            });
        }
        drop(connection);
        match &new.idempotency {
            Some((key, hash)) => self
                .submitted_before(tenant, key, hash)
                .await?
                .ok_or(StoreError::NotFound("job")),
            None => Err(StoreError::NotFound("job")),
        }
    }

    /// The job that was accepted with this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when the key came with another request.
    pub async fn submitted_before(
        &self,
        tenant: TenantId,
        key: &str,
        hash: &[u8],
    ) -> Result<Option<Submitted>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let earlier = sqlx::query!("select id, state, request_hash from jobs where tenant_id = $1 and idempotency_key = $2", tenant.0, key)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(earlier) = earlier else {
            return Ok(None);
        };
        if earlier.request_hash.as_deref() != Some(hash) {
            return Err(StoreError::IdempotencyReused);
        }
        Ok(Some(Submitted {
            id: JobId(earlier.id),
            state: super::parse("state", &earlier.state)?,
            repeated: true,
        }))
    }
}
