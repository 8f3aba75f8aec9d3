//! The end of an attempt: state, result or failure, the attempt's record and all its events in one fenced statement. Attempts that end at the same
//! time end together.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use computetower_jobs::{Event, Failure, JobId, JobState, LeaseToken};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::coalesce::Answers;
use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::json_text;
use crate::metrics::FencedWrite;

/// Attempts ended in one statement.
pub(crate) const MOST: usize = 256;

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
    /// Goes on when it is resumed; this one does not count.
    Paused,
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
            Ending::Paused => JobState::Paused,
        }
    }

    /// What went wrong, where something did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Ending::Failed(failure)
            | Ending::Retry(_, failure)
            | Ending::Snoozed(_, failure)
            | Ending::Requeued(failure)
            | Ending::HandedBack(failure)
            | Ending::Parked(failure) => Some(failure),
            Ending::Completed(_) | Ending::Cancelled | Ending::Paused => None,
        }
    }
}

/// The columns of endings for `unnest`.
#[derive(Default)]
struct Columns {
    jobs: Vec<Uuid>,
    leases: Vec<Uuid>,
    states: Vec<&'static str>,
    results: Vec<Option<String>>,
    public: Vec<Option<String>>,
    internal: Vec<Option<String>>,
    run_at: Vec<Option<DateTime<Utc>>>,
    uncounted: Vec<i32>,
    snoozed: Vec<i32>,
    interrupted: Vec<i32>,
    first_seqs: Vec<Option<i64>>,
    last_seqs: Vec<Option<i64>>,
    packs: Vec<Option<String>>,
    seen: Vec<Option<i64>>,
}

/// An ending on its way.
pub(crate) struct Finish {
    job: JobId,
    lease: LeaseToken,
    ending: Ending,
    events: Vec<Event>,
    /// The number of the last event in Postgres, as far as whoever ends the attempt knows; `None` for the attempt itself, which knows.
    seen: Option<i64>,
}

impl Columns {
    fn push(&mut self, finish: &Finish) {
        let Finish {
            job,
            lease,
            ending,
            events,
            seen,
        } = finish;
        self.seen.push(*seen);
        self.jobs.push(job.0);
        self.leases.push(lease.0);
        self.states.push(ending.state().name());
        self.results.push(match ending {
            Ending::Completed(result) => Some(json_text(result)),
            _ => None,
        });
        self.public.push(
            ending
                .failure()
                .map(|failure| json_text(&failure.to_public())),
        );
        self.internal.push(ending.failure().map(|failure| {
            json_text(&json!({ "code": failure.code, "message": failure.public, "internal": failure.internal.for_operators(), "evidence": failure.evidence }))
        }));
        self.run_at.push(match ending {
            Ending::Retry(at, _) | Ending::Snoozed(at, _) => Some(*at),
            _ => None,
        });
        self.uncounted.push(i32::from(matches!(
            ending,
            Ending::Snoozed(..) | Ending::Requeued(_) | Ending::HandedBack(_) | Ending::Paused
        )));
        self.snoozed
            .push(i32::from(matches!(ending, Ending::Snoozed(..))));
        self.interrupted
            .push(i32::from(matches!(ending, Ending::Requeued(_))));
        self.first_seqs.push(events.first().map(|event| event.seq));
        self.last_seqs.push(events.last().map(|event| event.seq));
        self.packs
            .push((!events.is_empty()).then(|| json_text(events)));
    }
}

impl Store {
    /// Ends an attempt. Every event of the attempt that is not in Postgres yet goes along, in order. Returns the job's dispatch number:
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
        self.end(job, lease, ending, events, None).await
    }

    /// Ends an attempt whose worker is gone, as [`Store::finish`] does; `seen` is the number of its last event in Postgres when its events were put
    /// together. When the attempt has saved more meanwhile, nothing is changed: what it said would be told again with something else.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] also when there are more events in Postgres than were seen.
    pub async fn finish_for(
        &self,
        job: JobId,
        lease: LeaseToken,
        ending: &Ending,
        events: &[Event],
        seen: i64,
    ) -> Result<i32, StoreError> {
        self.end(job, lease, ending, events, Some(seen)).await
    }

    async fn end(
        &self,
        job: JobId,
        lease: LeaseToken,
        ending: &Ending,
        events: &[Event],
        seen: Option<i64>,
    ) -> Result<i32, StoreError> {
        let finish = Finish {
            job,
            lease,
            ending: ending.clone(),
            events: events.to_vec(),
            seen,
        };
        self.coalesced().finish.call(finish).await
    }

    pub(crate) async fn finish_all(&self, finishes: Vec<Arc<Finish>>) -> Answers<i32> {
        // In one order, so that two statements cannot wait for each other.
        let mut order: Vec<usize> = (0..finishes.len()).collect();
        order.sort_by_key(|place| finishes[*place].job);
        let mut columns = Columns::default();
        for place in &order {
            columns.push(&finishes[*place]);
        }
        let rows = sqlx::query!(
            r#"with ended as (
                   update jobs j set result = i.result::jsonb, failure = i.public::jsonb,
                          -- A cancel that nobody has heard yet is not left to a person: the next claim hears it. A job that was resumed while its
                          -- worker was stopping it goes on.
                          state = case when i.state in ('paused', 'intervention_needed') and cancel_requested then 'pending'
                                       when i.state = 'paused' and not j.pause_requested then 'pending' else i.state end,
                          -- A pause that nobody has heard yet is heard by the next claim.
                          pause_requested = j.pause_requested and i.state in ('pending', 'queued'),
                          -- A cancel that nobody has heard yet is heard by the next claim: soon.
                          run_at = case when cancel_requested then now() else coalesce(i.run_at, j.run_at) end,
                          counted = counted - i.uncounted, snoozes = snoozes + i.snoozed, interruptions = interruptions + i.interrupted,
                          dispatch = dispatch + case when i.state = 'queued' then 1 else 0 end,
                          dispatched_at = case when i.state = 'queued' then now() else dispatched_at end,
                          finished_at = case when i.state in ('completed', 'failed', 'cancelled') then now() end,
                          event_seq = greatest(event_seq, i.last_seq),
                          lease_token = null, lease_until = null
                   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::int[], $9::int[],
                               $10::int[], $11::bigint[], $12::bigint[], $13::text[], $14::bigint[]) with ordinality
                        as i (job, lease, state, result, public, internal, run_at, uncounted, snoozed, interrupted, first_seq, last_seq, pack, seen,
                              place)
                   where j.id = any(array[i.job]) and j.lease_token = i.lease and j.state || '' = 'running' and (i.seen is null or j.event_seq = i.seen)
                   returning j.id, i.place, j.tenant_id, j.attempt, j.dispatch, j.worker_id, j.attempt_at, j.state, i.internal, i.first_seq, i.last_seq,
                             i.pack
               ), noted as (
                   insert into job_attempts (job_id, attempt, tenant_id, worker, started_at, ended_at, outcome, failure)
                   select e.id, e.attempt, e.tenant_id, coalesce(w.name, 'unknown'), coalesce(e.attempt_at, now()), now(), e.state, e.internal::jsonb
                   from ended e left join workers w on w.id = e.worker_id
                   on conflict (job_id, attempt) do update set ended_at = excluded.ended_at, outcome = excluded.outcome, failure = excluded.failure
               ), told as (
                   insert into job_events (job_id, seq, last_seq, tenant_id, name, data)
                   select id, first_seq, last_seq, tenant_id, 'pack', pack::jsonb from ended where pack is not null
                   -- A save that was cut off may stand all the same: what begins with the same event and goes further takes its place.
                   on conflict (job_id, seq) do update set last_seq = excluded.last_seq, name = excluded.name, data = excluded.data
                       where coalesce(job_events.last_seq, job_events.seq) < excluded.last_seq
               )
               select place as "place!", dispatch as "dispatch!" from ended"#,
            &columns.jobs,
            &columns.leases,
            &columns.states as _,
            &columns.results as _,
            &columns.public as _,
            &columns.internal as _,
            &columns.run_at as _,
            &columns.uncounted,
            &columns.snoozed,
            &columns.interrupted,
            &columns.first_seqs as _,
            &columns.last_seqs as _,
            &columns.packs as _,
            &columns.seen as _,
        )
        .fetch_all(&self.work)
        .await?;
        let mut dispatches: Vec<Option<i32>> = vec![None; finishes.len()];
        for row in rows {
            // Counted from 1, in the order in which they were given.
            let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
            if let Some(place) = order.get(place) {
                dispatches[*place] = Some(row.dispatch);
            }
        }
        Ok(dispatches
            .into_iter()
            .map(|dispatch| dispatch.ok_or_else(|| self.metrics.fenced(FencedWrite::Finish)))
            .collect())
    }

    /// Keeps events of a running attempt, so that they outlive Redis. They are in order.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn save_events(
        &self,
        job: JobId,
        lease: LeaseToken,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(());
        };
        let held = sqlx::query_scalar!(
            r#"with held as (
                   update jobs set event_seq = greatest(event_seq, $4) where id = $1 and lease_token = $2 and state || '' = 'running'
                   returning id, tenant_id
               ), told as (
                   insert into job_events (job_id, seq, last_seq, tenant_id, name, data)
                   select held.id, $3, $4, held.tenant_id, 'pack', $5::text::jsonb from held
                   on conflict (job_id, seq) do update set last_seq = excluded.last_seq, name = excluded.name, data = excluded.data
                       where coalesce(job_events.last_seq, job_events.seq) < excluded.last_seq
               )
               select id from held"#,
            job.0,
            lease.0,
            first.seq,
            last.seq,
            json_text(&events),
        )
        .fetch_optional(&self.work)
        .await?;
        held.map(|_| ())
            .ok_or_else(|| self.metrics.fenced(FencedWrite::Events))
    }
}
