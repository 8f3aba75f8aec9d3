//! One attempt as named steps: claim → start → execute → decide → finish → tell.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use chrono::Utc;
use computetower_jobs::{
    Event, EventBody, Failure, FailureClass, FailureCode, History, Outcome, Verdict, decide,
};
use computetower_store::jobs::{ClaimedJob, Ending};
use computetower_store::lane::{End, Message};
use computetower_store::{Store, StoreError};
use futures::FutureExt;

use crate::context::JobContext;
use crate::feed::Feed;
use crate::kinds;
use crate::process::Shared;
use crate::recoveries;
use crate::running::{Stop, StopReason};
use crate::trace;

/// How often events of a running attempt are written to Postgres.
const SAVE_EVENTS: Duration = Duration::from_millis(500);
/// How long an attempt may be done without having been heard of: its end then settles its claim, which saves a wait for the disk.
const SOON_DONE: Duration = Duration::from_millis(2);
/// How long a result is held while Postgres is away.
const HOLD_RESULT: Duration = Duration::from_secs(600);

/// Takes a job, if it is still to be had. From then on this process holds its lease. `Err` when Postgres could not be asked; the log says why.
pub(crate) async fn claim(
    shared: &Shared,
    taken: &Message,
    front: bool,
) -> Result<Option<ClaimedJob>, ()> {
    let Message { job, dispatch } = *taken;
    let store = &shared.store;
    let claimed = if front {
        store.claim_front(job, dispatch, shared.worker).await
    } else {
        store.claim(job, dispatch, shared.worker).await
    };
    if let Ok(claimed) = &claimed {
        shared.store.metrics.claimed(claimed.as_ref());
    }
    claimed.map_err(|error| {
        tracing::warn!(job.id = %job, error = %chain(&error), "could not claim");
    })
}

/// Runs one attempt of a claimed job to its recorded end. `asked` is when the claim was begun.
pub(crate) async fn run_attempt(shared: Arc<Shared>, claimed: ClaimedJob, asked: Instant) {
    let (stop, _guard) = shared.running.enter(claimed.id, claimed.lease, asked);
    let feed = Feed::new(
        claimed.id,
        claimed.attempt,
        claimed.event_seq,
        shared.store.publisher.clone(),
    );
    feed.emit(EventBody::Started {
        attempt: claimed.attempt,
        worker: shared.name.clone(),
    });
    let context = JobContext {
        store: shared.store.clone(),
        worker: shared.worker,
        browsers: shared.browsers.clone(),
        outside: shared.outside.clone(),
        extraction: shared.extraction.clone(),
        job: claimed,
        feed,
        stop,
        waiting: Arc::default(),
        has_another_way: false,
    };
    let Some(outcome) = execute(&context).await else {
        context.feed.close();
        shared.store.metrics.lease_lost(context.job.kind);
        trace::dropped();
        tracing::warn!(job.id = %context.job.id, job.attempt = context.job.attempt, "lost the lease; what this attempt did is dropped");
        return;
    };
    let (ending, told) = conclude(&context.job, outcome);
    finish(&context, &ending, told, asked.elapsed()).await;
}

/// Runs the handler until it ends, the time is over, or it has to stop. `None` when the lease is gone.
async fn execute(context: &JobContext) -> Option<Outcome> {
    let (job, stop) = (&context.job, &context.stop);
    if job.cancel_requested {
        return Some(Outcome::Cancelled);
    }
    if job.pause_requested {
        return Some(Outcome::Paused);
    }
    let left = job
        .deadline
        .map(|deadline| (deadline - Utc::now()).to_std().unwrap_or_default());
    if left.is_some_and(|left| left.is_zero()) {
        return Some(Outcome::Failed(deadline_exceeded()));
    }
    let handler = AssertUnwindSafe(kinds::handle(context)).catch_unwind();
    tokio::select! {
        outcome = handler => Some(outcome.unwrap_or_else(|_| {
            Outcome::Failed(Failure::new(FailureCode::Unknown, "The worker met a defect of its own; the log has the details.").with_internal("the handler panicked"))
        })),
        () = sleep_for(left) => Some(Outcome::Failed(deadline_exceeded())),
        () = context.waiting.is_over(job.timeout) => Some(Outcome::Failed(
            Failure::new(FailureCode::AttemptTimeout, format!("The attempt took longer than the {} s it may.", job.timeout.as_secs())),
        )),
        reason = stop.stopped() => match reason {
            StopReason::Cancelled => Some(Outcome::Cancelled),
            StopReason::Paused => Some(Outcome::Paused),
            StopReason::Shutdown => Some(Outcome::Interrupted),
            StopReason::LeaseLost => None,
        },
        () = save_events(context, stop) => None,
        never = tell(context) => match never {},
    }
}

/// Resolves after that time; never without one.
async fn sleep_for(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Lets the attempt be heard once its claim is on the disk. An attempt that ends before is heard with its end.
async fn tell(context: &JobContext) -> Infallible {
    tokio::time::sleep(SOON_DONE).await;
    while let Err(error) = context.store.settle_claims().await {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "nobody hears of the attempt until Postgres answers");
        tokio::time::sleep(SAVE_EVENTS).await;
    }
    context.feed.claim_is_settled();
    std::future::pending().await
}

fn deadline_exceeded() -> Failure {
    Failure::new(FailureCode::DeadlineExceeded, "The job's deadline passed.")
}

/// Writes events to Postgres while the handler works. Returns only when the lease is gone.
async fn save_events(context: &JobContext, stop: &Stop) {
    loop {
        tokio::time::sleep(SAVE_EVENTS).await;
        let events = context.feed.unsaved();
        let Some(last) = events.last().map(|event| event.seq) else {
            continue;
        };
        match context
            .store
            .save_events(context.job.id, context.job.lease, &events)
            .await
        {
            Ok(()) => context.feed.saved(last),
            Err(StoreError::LeaseLost) => {
                stop.stop(StopReason::LeaseLost);
                return;
            }
            Err(error) => {
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "events could not be saved; trying again");
            }
        }
    }
}

/// True when this failure would end the job: no attempt would follow.
pub(crate) fn would_end(job: &ClaimedJob, failure: &Failure) -> bool {
    matches!(
        verdict_on(job, failure),
        Verdict::Fail | Verdict::Park | Verdict::Cancel
    )
}

fn verdict_on(job: &ClaimedJob, failure: &Failure) -> Verdict {
    let snoozed = u32::from(failure.code.class() == FailureClass::Throttled);
    let history = History {
        attempts: job.counted,
        interruptions: job.interruptions,
        snoozes: job.snoozes + snoozed,
        deadline: job.deadline,
    };
    // The token is random enough to spread retries, and the same for both who ask.
    decide(
        &job.retry,
        &history,
        failure,
        Utc::now(),
        job.lease.0.as_u64_pair().1,
    )
}

/// Turns an outcome into an ending and the events that tell it.
fn conclude(job: &ClaimedJob, outcome: Outcome) -> (Ending, Vec<EventBody>) {
    let failure = match outcome {
        Outcome::Completed(result) => {
            let told = vec![EventBody::Completed {
                result: result.clone(),
            }];
            return (Ending::Completed(result), told);
        }
        Outcome::Cancelled => return (Ending::Cancelled, vec![EventBody::Cancelled {}]),
        Outcome::Paused => return (Ending::Paused, vec![EventBody::Paused {}]),
        Outcome::Interrupted => {
            let failure = Failure::new(
                FailureCode::WorkerLost,
                "The worker shut down; the job goes on elsewhere.",
            );
            let told = EventBody::Retrying {
                attempt: job.attempt,
                at: Utc::now(),
                failure: failure.to_public(),
            };
            return (Ending::HandedBack(failure), vec![told]);
        }
        Outcome::Snoozed { wait, reason } => {
            let mut failure = Failure::new(FailureCode::NotReady, reason);
            failure.retry_after = Some(wait);
            failure
        }
        Outcome::Failed(failure) => failure,
    };
    let public = failure.to_public();
    let retrying = |at| EventBody::Retrying {
        attempt: job.attempt,
        at,
        failure: public.clone(),
    };
    match verdict_on(job, &failure) {
        Verdict::Retry { at } => {
            let told = recoveries::planned(job, &failure, retrying(at));
            (Ending::Retry(at, failure), told)
        }
        Verdict::Snooze { until } => {
            let told = recoveries::planned(job, &failure, retrying(until));
            (Ending::Snoozed(until, failure), told)
        }
        Verdict::Requeue => (Ending::Requeued(failure), vec![retrying(Utc::now())]),
        Verdict::Park => (
            Ending::Parked(failure),
            vec![EventBody::InterventionNeeded {
                failure: public,
                intervention_id: None,
                reason: None,
                screenshot_url: None,
                answer_url: None,
                expires_at: None,
            }],
        ),
        Verdict::Fail => (
            Ending::Failed(failure),
            vec![EventBody::Failed { failure: public }],
        ),
        Verdict::Cancel => (Ending::Cancelled, vec![EventBody::Cancelled {}]),
    }
}

/// Records the ending, then tells it. While Postgres is away the ending is held; when the lease is gone it is dropped.
async fn finish(context: &JobContext, ending: &Ending, told: Vec<EventBody>, ran: Duration) {
    // Closed first: what is said after this is said by nobody.
    let last = context.feed.prepare(told);
    let unsaved = context.feed.take_unsaved();
    let events: Vec<Event> = unsaved.into_iter().chain(last.iter().cloned()).collect();
    let finished = (|| context.store.finish(context.job.id, context.job.lease, ending, &events))
        .retry(
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(50))
                .with_max_delay(Duration::from_millis(500))
                .with_total_delay(Some(HOLD_RESULT))
                .without_max_times()
                .with_jitter(),
        )
        .when(StoreError::is_outage)
        .notify(|error, wait| tracing::warn!(job.id = %context.job.id, error = %chain(error), ?wait, "the ending is held until Postgres answers"))
        .await;
    match finished {
        Ok(dispatch) => {
            context
                .store
                .metrics
                .attempt_ended(context.job.kind, ending, ran);
            trace::ended(ending);
            context.feed.publish_prepared(last);
            recoveries::count(context, ending).await;
            if matches!(ending, Ending::Requeued(_) | Ending::HandedBack(_)) {
                hand_back(&context.store, &context.job, dispatch).await;
            }
            let state = ending.state();
            tracing::debug!(job.id = %context.job.id, job.kind = %context.job.kind, job.attempt = context.job.attempt, %state, "attempt ended");
        }
        Err(StoreError::LeaseLost) => {
            context.store.metrics.lease_lost(context.job.kind);
            trace::dropped();
            tracing::warn!(job.id = %context.job.id, job.attempt = context.job.attempt, "lost the lease before the ending was recorded; it is dropped");
        }
        Err(error) => {
            tracing::error!(job.id = %context.job.id, error = %chain(&error), "the ending could not be recorded; the job will be rescued");
        }
    }
}

async fn hand_back(store: &Store, job: &ClaimedJob, dispatch: i32) {
    if let Err(error) = store
        .lane
        .push(job.kind.queue(), End::Front, &[(job.id, dispatch)])
        .await
    {
        tracing::warn!(job.id = %job.id, error = %chain(&error), "the job could not be put back on its lane; the dispatcher will");
    }
}

/// An error and its sources on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
