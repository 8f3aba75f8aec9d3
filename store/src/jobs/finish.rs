//! The end of an attempt: state, result or failure, the attempt's record and all its events in one fenced statement.

use chrono::{DateTime, Utc};
use computetower_jobs::{Event, Failure, JobId, JobState, LeaseToken};
use serde_json::{Value, json};

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::{EventColumns, without_nul};
use crate::metrics::FencedWrite;

/// What an attempt ends in.
#[derive(Clone, Debug)]
pub enum Ending {
    /// Done.
    Completed(Value),
    /// The job has failed.
    Failed(Failure),
    /// The job was cancelled.
    Cancelled,
    /// Another attempt at that moment.
    Retry(DateTime<Utc>, Failure),
    /// Another attempt at that moment; this one does not count.
    Snoozed(DateTime<Utc>, Failure),
    /// Another attempt at once; this one does not count.
    Requeued(Failure),
    /// Another attempt at once, because its worker ends by its own will: neither the attempt nor the interruption counts.
    HandedBack(Failure),
    /// A person has to act.
    Parked(Failure),
}

impl Ending {
    /// The state that follows.
    #[must_use]
    pub const fn state(&self) -> JobState {
        match self {
            Ending::Completed(_) => JobState::Completed,
            Ending::Failed(_) => JobState::Failed,
            Ending::Cancelled => JobState::Cancelled,
            Ending::Retry(..) | Ending::Snoozed(..) => JobState::Pending,
            Ending::Requeued(_) | Ending::HandedBack(_) => JobState::Queued,
            Ending::Parked(_) => JobState::InterventionNeeded,
        }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Ending::Failed(failure)
            | Ending::Retry(_, failure)
            | Ending::Snoozed(_, failure)
            | Ending::Requeued(failure)
            | Ending::HandedBack(failure)
            | Ending::Parked(failure) => Some(failure),
            Ending::Completed(_) | Ending::Cancelled => None,
        }
    }
}

impl Store {
    /// Ends an attempt. Every event of the attempt that is not in Postgres yet goes along. Returns the job's dispatch number:
    /// the message to put on the lane when the job was requeued.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another attempt owns the job, or it has ended: then nothing was changed.
    pub async fn finish(
        &self,
        job: JobId,
        lease: LeaseToken,
        ending: &Ending,
        events: &[Event],
    ) -> Result<i32, StoreError> {
        let state = ending.state();
        let result = match ending {
            Ending::Completed(result) => Some(without_nul(result.clone())),
            _ => None,
        };
        let public = ending.failure().map(|failure| {
            without_nul(serde_json::to_value(failure.to_public()).unwrap_or(Value::Null))
        });
        let internal = ending.failure().map(|failure| {
            without_nul(json!({ "code": failure.code, "message": failure.public, "internal": failure.internal.for_operators(), "evidence": failure.evidence }))
        });
        let run_at = match ending {
            Ending::Retry(at, _) | Ending::Snoozed(at, _) => Some(*at),
            _ => None,
        };
        let uncounted = matches!(
            ending,
            Ending::Snoozed(..) | Ending::Requeued(_) | Ending::HandedBack(_)
        );
        let columns = EventColumns::of(events);
        let dispatch = sqlx::query_scalar!(
            r#"with ended as (
                   update jobs set state = $3, result = $4, failure = $5, 
                          -- A cancel that nobody has heard yet is heard by the next claim: soon.
                          run_at = case when cancel_requested then now() else coalesce($6, run_at) end,
                          counted = counted - case when $7 then 1 else 0 end,
                          snoozes = snoozes + case when $8 then 1 else 0 end,
                          interruptions = interruptions + case when $15 then 1 else 0 end,
                          dispatch = dispatch + case when $3 = 'queued' then 1 else 0 end,
                          dispatched_at = case when $3 = 'queued' then now() else dispatched_at end,
                          finished_at = case when $3 in ('completed', 'failed', 'cancelled') then now() end,
                          event_seq = greatest(event_seq, $9),
                          lease_token = null, lease_until = null
                   where id = $1 and lease_token = $2 and state = 'running'
                   returning id, tenant_id, attempt, dispatch
               ), noted as (
                   update job_attempts a set ended_at = now(), outcome = $3, failure = $10
                   from ended where a.job_id = ended.id and a.attempt = ended.attempt
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data, at)
                   select ended.id, e.seq, ended.tenant_id, e.name, e.data, e.at
                   from ended, unnest($11::bigint[], $12::text[], $13::jsonb[], $14::timestamptz[]) as e (seq, name, data, at)
                   on conflict do nothing
               )
               select dispatch from ended"#,
            job.0,
            lease.0,
            state.name(),
            result,
            public,
            run_at,
            uncounted,
            matches!(ending, Ending::Snoozed(..)),
            columns.seqs.iter().copied().max().unwrap_or_default(),
            internal,
            &columns.seqs,
            &columns.names,
            &columns.data,
            &columns.at,
            matches!(ending, Ending::Requeued(_)),
        )
        .fetch_optional(&self.system)
        .await?;
        dispatch.ok_or_else(|| self.metrics.fenced(FencedWrite::Finish))
    }

    /// Keeps events of a running attempt, so that they outlive Redis.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn save_events(
        &self,
        job: JobId,
        lease: LeaseToken,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let columns = EventColumns::of(events);
        let held = sqlx::query_scalar!(
            r#"with held as (
                   update jobs set event_seq = greatest(event_seq, $3) where id = $1 and lease_token = $2 and state = 'running'
                   returning id, tenant_id
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data, at)
                   select held.id, e.seq, held.tenant_id, e.name, e.data, e.at
                   from held, unnest($4::bigint[], $5::text[], $6::jsonb[], $7::timestamptz[]) as e (seq, name, data, at)
                   on conflict do nothing
               )
               select id from held"#,
            job.0,
            lease.0,
            columns.seqs.iter().copied().max().unwrap_or_default(),
            &columns.seqs,
            &columns.names,
            &columns.data,
            &columns.at,
        )
        .fetch_optional(&self.system)
        .await?;
        held.map(|_| ())
            .ok_or_else(|| self.metrics.fenced(FencedWrite::Events))
    }
}
