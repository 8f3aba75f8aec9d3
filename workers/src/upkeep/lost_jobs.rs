//! Jobs whose worker is gone run elsewhere, or fail when they have lost too many workers.

use chrono::Utc;
use computetower_jobs::{Event, EventBody, Failure, FailureCode, History, Verdict, decide};
use computetower_store::jobs::{Ending, LostJob};
use computetower_store::lane::End;
use computetower_store::{Store, StoreError};

/// Numbers left out when nobody knows which were used: more than an attempt says between two saves.
const SKIPPED: i64 = 1_000;

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let lost = store.lost_jobs().await?;
    let mut rescued = 0;
    for job in &lost {
        match rescue(store, job).await {
            Ok(()) => rescued += 1,
            // Its worker came back, finished it, or saved more of what it said, at this very moment: the next look sees.
            Err(StoreError::LeaseLost) => {}
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = %crate::run::chain(&error), "a lost job could not be rescued")
            }
        }
    }
    Ok(rescued)
}

async fn rescue(store: &Store, job: &LostJob) -> Result<(), StoreError> {
    let failure = Failure::new(
        FailureCode::WorkerLost,
        "The worker that ran the job is gone.",
    );
    let history = History {
        attempts: job.counted,
        interruptions: job.interruptions + 1,
        snoozes: job.snoozes,
        deadline: job.deadline,
    };
    let verdict = decide(&job.retry, &history, &failure, Utc::now(), 0);
    // What the dead attempt said goes into Postgres with its end, so that late readers miss nothing. When Redis has forgotten it, its numbers are
    // skipped: a number that was heard must not come again with something else.
    let last_words = store.last_words(job.id, job.attempt, job.event_seq).await;
    let seq = match &last_words {
        Some(events) => events.last().map_or(job.event_seq, |event| event.seq) + 1,
        None => job.event_seq + SKIPPED,
    };
    let public = failure.to_public();
    let (ending, body) = if job.cancel_requested {
        (Ending::Cancelled, EventBody::Cancelled {})
    } else if verdict == Verdict::Requeue {
        let told = EventBody::Retrying {
            attempt: job.attempt,
            at: Utc::now(),
            failure: public,
        };
        (Ending::Requeued(failure), told)
    } else {
        let failure = Failure::new(
            FailureCode::WorkerLost,
            "The job has lost too many workers; it may be what ends them.",
        );
        let told = EventBody::Failed {
            failure: failure.to_public(),
        };
        (Ending::Failed(failure), told)
    };
    let event = Event {
        seq,
        body,
        at: Utc::now(),
    };
    let mut events = last_words.unwrap_or_default();
    events.push(event.clone());
    let dispatch = store
        .finish_for(job.id, job.lease, &ending, &events, job.event_seq)
        .await?;
    store.publisher.publish_between(job.id, job.attempt, event);
    store.metrics.rescued(job.queue, &ending);
    tracing::warn!(job.id = %job.id, job.attempt = job.attempt, state = %ending.state(), "rescued a job whose worker is gone");
    if matches!(ending, Ending::Requeued(_)) {
        // What was running goes before what was waiting. A push that fails is made up for by the watch over lost messages.
        let _ = store
            .lane
            .push(job.queue, End::Front, &[(job.id, dispatch)])
            .await;
    }
    Ok(())
}
