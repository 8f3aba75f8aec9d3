//! What the dispatcher does: giving turns, and small duties, each idempotent and without input; all of it by whichever dispatcher leads.

mod discoveries;
mod expired;
mod holders;
mod lost_jobs;
mod lost_messages;
mod rechecks;
mod retention;
mod schedules;
mod settle;
mod turns;
mod unnamed;

use std::time::Duration;

use computetower_store::{Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::run::chain;

/// How often the duties are done, and how often it is confirmed who leads.
const TICK: Duration = Duration::from_millis(250);
/// How long Postgres may take to confirm who leads.
const ANSWER: Duration = Duration::from_secs(5);
/// How often old things are removed.
const SWEEP: Duration = Duration::from_secs(5);

/// Runs the duties until `shutdown` is cancelled. Several dispatchers may run; one leads, another takes over when it is gone.
pub async fn run_dispatcher(store: Store, shutdown: CancellationToken) {
    let (leads, leading) = watch::channel(false);
    // Each by itself: whatever one of them waits for, the others go on.
    let all = async {
        tokio::join!(
            lead(&store, &leads),
            do_duties(&store, leading.clone()),
            turns::give(&store, leading.clone()),
            unnamed::remove(&store, leading.clone()),
        )
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = all => {}
    }
}

/// Takes the lead when nobody has it, and tells when it has come or gone.
async fn lead(store: &Store, leads: &watch::Sender<bool>) {
    let mut leadership = store.leadership("dispatcher");
    loop {
        let now = match tokio::time::timeout(ANSWER, leadership.hold()).await {
            Err(_) => {
                tracing::warn!("Postgres does not answer the dispatcher; connecting again");
                leadership.let_go();
                false
            }
            Ok(Ok(now)) => now,
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the dispatcher cannot reach Postgres; trying again");
                false
            }
        };
        let changed = leads.send_if_modified(|before| std::mem::replace(before, now) != now);
        if changed {
            tracing::info!(leads = now, "dispatcher");
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn do_duties(store: &Store, leading: watch::Receiver<bool>) {
    let mut messages = lost_messages::Watch::default();
    let mut last_sweep = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        if !*leading.borrow() {
            continue;
        }
        // What these two make ready is handed over in the same round.
        report(store, "schedules", schedules::run(store).await);
        report(store, "settling", settle::run(store).await);
        report(store, "expired_jobs", expired::run(store).await);
        report(store, "lost_jobs", lost_jobs::run(store).await);
        report(store, "messages_of_lost_workers", holders::run(store).await);
        report(store, "lost_messages", messages.run(store).await);
        if last_sweep.elapsed() >= SWEEP {
            last_sweep = tokio::time::Instant::now();
            report(
                store,
                "abandoned_discoveries",
                discoveries::run(store).await,
            );
            report(store, "abandoned_requests", store.cancel_abandoned().await);
            report(store, "rechecks", rechecks::run(store).await);
            report(store, "retention", retention::run(store).await);
        }
    }
}

fn report(store: &Store, duty: &'static str, done: Result<usize, StoreError>) {
    store.metrics.upkeep(duty, done.as_ref().ok().copied());
    match done {
        Ok(0) => {}
        Ok(count) => tracing::debug!(duty, count, "upkeep"),
        Err(error) => tracing::warn!(duty, error = %chain(&error), "upkeep failed; trying again"),
    }
}
