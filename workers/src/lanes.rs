//! The apalis workers of this process, one for each queue: messages come with a free slot each, and each job runs in a task of its own.
//!
//! A message is forgotten by the lane as soon as an attempt holds the job's lease (or there was nothing to claim): from then on Postgres knows, and the lane
//! has no part in it. Until then the lane knows who has it, so a message is never taken and lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::{Data, WorkerBuilder, WorkerContext};
use computetower_jobs::Queue;
use computetower_store::lane::{Doorbell, End, Message, Place};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::process::Shared;
use crate::run::{claim, run_attempt};
use crate::trace;

/// How long a message is kept back when Postgres does not answer the claim.
const CLAIM_AGAIN: Duration = Duration::from_millis(500);
/// How long it may take to leave a lane.
const LEAVE: Duration = Duration::from_millis(500);
/// One slot of so many is kept free for messages from the front of the lane: those of tenants for whom nothing else waits, retries and rescues.
const KEPT: usize = 16;
/// With so many slots or more, those behind make way for those at the front: they then have one slot of so many. A flood of short jobs otherwise
/// keeps the machine so busy that a single job of another tenant starts five times as late as on an idle one.
const CROWD: usize = 64;
const BEHIND: usize = 4;

/// The slots of one queue in this process.
#[derive(Clone)]
struct Lane {
    shared: Arc<Shared>,
    queue: Queue,
    slots: Arc<Semaphore>,
}

/// Starts the apalis worker of a queue. It ends with the process's token.
pub(crate) fn start(shared: &Arc<Shared>, queue: Queue, doorbell: Arc<Doorbell>) {
    let lane = Lane {
        shared: shared.clone(),
        queue,
        slots: Arc::new(Semaphore::new(shared.concurrency(queue))),
    };
    let runtime = tokio::runtime::Handle::current();
    // The library's worker future is not `Send`: it gets a thread that blocks on it inside the runtime.
    let spawned = std::thread::Builder::new()
        .name(format!("{queue}-lane"))
        .spawn(move || runtime.block_on(supervise(lane, doorbell)));
    if let Err(error) = spawned {
        tracing::error!(error = %error, "a lane could not be started");
    }
}

/// Runs the apalis worker, and another one should it ever end.
async fn supervise(lane: Lane, doorbell: Arc<Doorbell>) {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let mut wait = Duration::from_millis(100);
    while !lane.shared.closing.is_cancelled() {
        let life = LIVES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{life}", lane.shared.name, lane.queue);
        let slots = lane.shared.concurrency(lane.queue);
        let backend = lane.shared.store.lane_backend(
            lane.queue,
            lane.shared.worker,
            lane.slots.clone(),
            slots / KEPT,
            if slots < CROWD {
                0
            } else {
                slots - slots / BEHIND
            },
            doorbell.wake(lane.queue),
        );
        let context = WorkerContext::new(&name);
        let worker = WorkerBuilder::new(context.clone())
            .backend(backend)
            .data(lane.clone())
            .build(take);
        tokio::select! {
            ended = worker.run() => {
                if let Err(error) = ended {
                    tracing::warn!(worker = %name, error = %crate::run::chain(&error), "the lane's worker ended; starting another");
                }
            }
            () = lane.shared.closing.cancelled() => {
                let _ = context.stop();
                // Should it not be heard, what is handed on to us comes back in a moment.
                let left = lane.shared.store.lane.leave(lane.queue, lane.shared.worker);
                let _ = tokio::time::timeout(LEAVE, left).await;
                return;
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

/// Takes one message. Always `Ok`: what becomes of the job is recorded in Postgres, never in the lane.
async fn take(place: Place, lane: Data<Lane>) -> Result<(), std::convert::Infallible> {
    let Some(message) = place.taken.message else {
        tracing::warn!(queue = %lane.queue, "a message on the lane could not be read and is dropped");
        drop(place.settled());
        return Ok(());
    };
    let shared = lane.shared.clone();
    let queue = lane.queue;
    shared.tasks.clone().spawn(async move {
        if shared.closing.is_cancelled() {
            put_back(&shared, queue, message).await;
            drop(place.settled());
            return;
        }
        if place.taken.may_go_on && handed_on(&shared, queue, &place, &message).await {
            drop(place.settled());
            return;
        }
        let asked = Instant::now();
        let Ok(claimed) = claim(&shared, &message, place.taken.front).await else {
            // The job stays queued, and its message is there when Postgres is back.
            tokio::time::sleep(CLAIM_AGAIN).await;
            put_back(&shared, queue, message).await;
            drop(place.settled());
            return;
        };
        let slot = place.settled();
        if let Some(job) = claimed {
            let span = trace::attempt(&job);
            run_attempt(shared, job, asked).instrument(span).await;
        }
        drop(slot);
    });
    Ok(())
}

/// Hands a message on to the worker that has open what its job needs. Whatever is in the way of that, this worker does the job.
async fn handed_on(shared: &Shared, queue: Queue, place: &Place, message: &Message) -> bool {
    let (store, lane) = (&shared.store, &shared.store.lane);
    let done = async {
        let wanted = store.wanted_for_chat(message.job, message.dispatch).await?;
        lane.hand_on(queue, shared.worker, &place.taken, &wanted)
            .await
    };
    // To find out who has the session may take as long as to wait for them.
    match tokio::time::timeout(lane.patience(), done).await {
        Ok(Ok(Some(to))) => {
            tracing::debug!(job.id = %message.job, to = %to, "handed on to the worker that has the session");
            let lane = lane.clone();
            tokio::spawn(async move {
                // Should it not be fetched, somebody looks as soon as it may be taken; at the latest the safety net does.
                tokio::time::sleep(lane.patience() + Duration::from_millis(5)).await;
                let _ = lane.wake(queue).await;
            });
            true
        }
        Ok(Ok(None)) => false,
        Ok(Err(error)) => {
            tracing::debug!(job.id = %message.job, error = %crate::run::chain(&error), "nobody could say who has the session");
            false
        }
        Err(_) => false,
    }
}

async fn put_back(shared: &Shared, queue: Queue, message: Message) {
    let jobs = [(message.job, message.dispatch)];
    if let Err(error) = shared.store.lane.push(queue, End::Front, &jobs).await {
        tracing::warn!(error = %crate::run::chain(&error), job.id = %message.job, "a message could not be put back; the dispatcher will hand the job over again");
    }
}
