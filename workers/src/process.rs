//! A worker process: its presence, its leases, its ear for orders, its lanes, and its end.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use computetower_jobs::{Queue, WorkerId};
use computetower_store::jobs::RENEW;
use computetower_store::lane::Control;
use computetower_store::workers::{BEAT, Presence};
use computetower_store::{Store, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::browsers::{BrowserSettings, Browsers, SessionOwner};
use crate::extraction::{Extraction, ExtractionSettings};
use crate::lanes;
use crate::outside::{Outside, OutsideSettings};
use crate::run::chain;
use crate::running::{Running, StopReason};

/// How often pages that stay open are looked through.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How soon leases are renewed again when Postgres did not answer.
const RENEW_AGAIN: Duration = Duration::from_millis(500);

/// How a worker process runs.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The queues it takes jobs from.
    pub queues: Vec<Queue>,
    /// Jobs at once per queue; the queue's own number when left out.
    pub concurrency: HashMap<Queue, usize>,
    /// How long running jobs may go on after the order to end.
    pub grace: Duration,
    /// The name of the machine, for people.
    pub host: String,
    /// Where Chromium is.
    pub browser: BrowserSettings,
    /// What the operator lends besides.
    pub outside: OutsideSettings,
    /// How pages and files are read.
    pub extraction: ExtractionSettings,
}

/// What all tasks of the process share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) worker: WorkerId,
    pub(crate) name: String,
    pub(crate) running: Arc<Running>,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) outside: Outside,
    pub(crate) extraction: Arc<Extraction>,
    pub(crate) tasks: TaskTracker,
    /// Set when no more jobs are to be taken.
    pub(crate) closing: CancellationToken,
    concurrency: HashMap<Queue, usize>,
}

impl Shared {
    pub(crate) fn concurrency(&self, queue: Queue) -> usize {
        concurrency(&self.concurrency, queue)
    }
}

fn concurrency(given: &HashMap<Queue, usize>, queue: Queue) -> usize {
    given
        .get(&queue)
        .copied()
        .unwrap_or_else(|| queue.default_concurrency())
        .max(1)
}

/// How often a worker that starts while Postgres restarts tries to make itself known: for half a minute.
const REGISTER_AGAIN: Duration = Duration::from_millis(500);
const REGISTER_TIMES: usize = 60;

/// Takes jobs until `shutdown` is cancelled, then lets running ones end within the grace period and hands the rest back. A process that an operator
/// drains takes no more jobs either, but gives those that it runs all the time they need.
///
/// # Errors
/// When Postgres does not answer for half a minute at the start.
pub async fn run_worker(
    store: Store,
    options: WorkerOptions,
    shutdown: CancellationToken,
) -> Result<(), StoreError> {
    let worker = WorkerId::generate();
    let short: String = worker
        .0
        .simple()
        .to_string()
        .chars()
        .rev()
        .take(6)
        .collect();
    let name = format!("{}-{}-{short}", options.host, std::process::id());
    let slots: HashMap<Queue, usize> = options
        .queues
        .iter()
        .map(|queue| (*queue, concurrency(&options.concurrency, *queue)))
        .collect();
    let register = || store.register_worker(worker, &name, &slots, &options.host);
    let registered = register
        .retry(
            ConstantBuilder::default()
                .with_delay(REGISTER_AGAIN)
                .with_max_times(REGISTER_TIMES),
        )
        .when(StoreError::is_outage)
        .notify(|error, _| tracing::warn!(error = %chain(error), "Postgres does not answer the new worker; trying again"));
    let presence = tokio::select! {
        presence = registered => presence?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let browsers = Arc::new(Browsers::new(options.browser.clone()));
    let shared = Arc::new(Shared {
        store: store.clone(),
        worker,
        name: name.clone(),
        running: Arc::default(),
        browsers,
        outside: Outside::new(&options.outside),
        extraction: Arc::new(Extraction::new(options.extraction.clone())),
        tasks: TaskTracker::new(),
        closing: CancellationToken::new(),
        concurrency: options.concurrency.clone(),
    });
    let (doorbell, control) = store.doorbell();
    let doorbell = Arc::new(doorbell);
    let ended = CancellationToken::new();
    let drained = CancellationToken::new();
    let beating = tokio::spawn(beat(presence, drained.clone(), ended.clone()));
    let tidying = tokio::spawn(tidy(shared.clone(), ended.clone()));
    let leases = tokio::spawn(keep_leases(shared.clone(), control, ended.clone()));
    for queue in &options.queues {
        lanes::start(&shared, *queue, doorbell.clone());
    }
    let queues: Vec<&str> = options.queues.iter().map(|queue| queue.name()).collect();
    tracing::info!(worker = %name, queues = queues.join(","), "worker ready");

    tokio::select! {
        () = shutdown.cancelled() => {}
        () = drained.cancelled() => finish_all(&shared, shutdown.cancelled()).await,
    }
    tracing::info!(worker = %name, running = shared.running.count(), "ending: no more jobs are taken");
    shared.closing.cancel();
    if !shared.running.drained(options.grace).await {
        tracing::info!(worker = %name, running = shared.running.count(), "handing back what still runs");
    }
    shared.running.shut_down();
    shared.tasks.close();
    let _ = tokio::time::timeout(Duration::from_secs(3), shared.tasks.wait()).await;
    let live = shared.browsers.owners().await;
    shared.browsers.shutdown().await;
    shared.extraction.shut_down();
    // Nobody waits long for a Redis that is away: a lease that stays costs the next question a moment.
    let _ = tokio::time::timeout(Duration::from_secs(1), release(&shared, live)).await;
    store.flush().await;
    ended.cancel();
    let _ = leases.await;
    let _ = tidying.await;
    if let Ok(presence) = beating.await {
        let _ = tokio::time::timeout(Duration::from_secs(1), presence.leave()).await;
    }
    Ok(())
}

/// Takes no more jobs and waits for those that run, or until the process is told to end at once.
async fn finish_all(shared: &Shared, told_to_end: impl Future<Output = ()>) {
    tracing::info!(worker = %shared.name, running = shared.running.count(), "draining: no more jobs are taken");
    shared.closing.cancel();
    shared.tasks.close();
    tokio::select! {
        () = shared.tasks.wait() => {}
        () = told_to_end => {}
    }
}

/// Shows that the process lives, on the connection that holds its lock, and hears whether it is to be drained.
async fn beat(
    mut presence: Presence,
    drained: CancellationToken,
    ended: CancellationToken,
) -> Presence {
    let mut failing = false;
    loop {
        tokio::select! {
            () = ended.cancelled() => return presence,
            () = tokio::time::sleep(BEAT) => {}
        }
        // An answer that does not come is as good as none: the next beat takes a new connection.
        match tokio::time::timeout(Duration::from_secs(5), presence.beat()).await {
            Ok(Ok(drain)) => {
                failing = false;
                if drain {
                    drained.cancel();
                }
            }
            Ok(Err(error)) if !failing => {
                failing = true;
                tracing::warn!(error = %chain(&error), "Postgres does not hear this worker's heartbeat");
            }
            Ok(Err(_)) => {}
            Err(_) => presence.reconnect(),
        }
    }
}

/// Closes what stays open in the browser and nobody uses, until the worker ends.
async fn tidy(shared: Arc<Shared>, ended: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => {
                let closed = shared.browsers.close_idle().await;
                release(&shared, closed).await;
            }
            () = ended.cancelled() => return,
        }
    }
}

/// Gives up the leases of sessions that are closed.
async fn release(shared: &Shared, closed: Vec<SessionOwner>) {
    for owner in closed {
        shared
            .store
            .release_session(&owner.lease_name(), shared.worker)
            .await;
    }
}

/// Renews leases on time and obeys orders to stop.
async fn keep_leases(
    shared: Arc<Shared>,
    mut control: UnboundedReceiver<Control>,
    ended: CancellationToken,
) {
    let mut renewal = tokio::time::interval(RENEW);
    renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            _ = renewal.tick() => {
                if !renew(&shared).await {
                    // Half the lease may be gone by the next tick; Postgres is asked again at once.
                    renewal.reset_after(RENEW_AGAIN);
                }
            }
            order = control.recv() => match order {
                Some(Control::Cancel(job)) => shared.running.order(job, StopReason::Cancelled),
                Some(Control::Pause(job)) => shared.running.order(job, StopReason::Paused),
                Some(Control::SignOut(account)) => {
                    let owner = SessionOwner::Credential(account);
                    shared.browsers.forget(owner).await;
                    release(&shared, vec![owner]).await;
                }
                Some(Control::LogOut(account)) => {
                    let owner = SessionOwner::Credential(account);
                    shared.browsers.part_with(owner).await;
                    release(&shared, vec![owner]).await;
                }
                Some(Control::Missed) => {
                    renew(&shared).await;
                }
                None => return,
            }
        }
    }
}

/// True unless Postgres did not answer.
async fn renew(shared: &Shared) -> bool {
    let before = shared.running.leases();
    if before.is_empty() {
        return true;
    }
    let jobs: Vec<_> = before.iter().map(|(job, _)| *job).collect();
    match shared.store.renew_leases(shared.worker, &jobs).await {
        Ok(held) => {
            shared.running.compare(&before, &held);
            true
        }
        Err(error) => {
            tracing::warn!(error = %chain(&error), "leases could not be renewed; trying again in a moment");
            false
        }
    }
}
