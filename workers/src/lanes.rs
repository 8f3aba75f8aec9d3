//! The apalis workers of this process: each fetches one message at a time, waits for a free slot, and hands the job to a task.
//!
//! The message is acknowledged as soon as an attempt holds the job's lease (or there was nothing to claim): from then on Postgres knows, and the lane has
//! no part in it. So heartbeats of the lane never wait for a job, and a message is never fetched and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{Data, WorkerBuilder, WorkerContext};
use computetower_jobs::Queue;
use computetower_store::lane::{Doorbell, End, Envelope};
use tokio::sync::Semaphore;

use crate::process::Shared;
use crate::run::{claim, run_attempt};

/// How long a fetched message waits for a slot before it is put back for other workers.
const WAIT_FOR_SLOT: Duration = Duration::from_millis(500);

/// The slots of one queue in this process.
#[derive(Clone)]
struct Lane {
    shared: Arc<Shared>,
    queue: Queue,
    slots: Arc<Semaphore>,
}

/// Starts the apalis workers of a queue. They end with the process's token.
pub(crate) fn start(shared: &Arc<Shared>, queue: Queue, doorbell: Arc<Doorbell>) {
    let concurrency = shared.concurrency(queue);
    let slots = Arc::new(Semaphore::new(concurrency));
    // Fetch, claim and acknowledge are strictly in turn within an apalis worker; short jobs need several to keep the slots full.
    let workers = concurrency.div_ceil(8).min(4);
    for number in 0..workers {
        let lane = Lane {
            shared: shared.clone(),
            queue,
            slots: slots.clone(),
        };
        let doorbell = doorbell.clone();
        let runtime = tokio::runtime::Handle::current();
        // The library's worker future is not `Send`: it gets a thread that blocks on it inside the runtime.
        let spawned = std::thread::Builder::new()
            .name(format!("{queue}-lane-{number}"))
            .spawn(move || runtime.block_on(supervise(lane, number, doorbell)));
        if let Err(error) = spawned {
            tracing::error!(error = %error, "a lane could not be started");
        }
    }
}

/// Runs an apalis worker, and another one whenever it ends: any error of its backend ends it for good.
async fn supervise(lane: Lane, number: usize, doorbell: Arc<Doorbell>) {
    static LIVES: AtomicU64 = AtomicU64::new(0);
    let mut wait = Duration::from_millis(100);
    while !lane.shared.closing.is_cancelled() {
        // A name is refused while an earlier holder's heartbeat is fresh, so each life has its own.
        let life = LIVES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}-{life}", lane.shared.name, lane.queue);
        let backend = lane
            .shared
            .store
            .lane_backend(lane.queue, doorbell.wake(lane.queue));
        let context = WorkerContext::new(&name);
        let worker = WorkerBuilder::new(context.clone())
            .backend(backend)
            .data(lane.clone())
            .concurrency(1)
            .build(take);
        let began = tokio::time::Instant::now();
        tokio::select! {
            ended = worker.run() => {
                if let Err(error) = ended {
                    tracing::warn!(worker = %name, error = %crate::run::chain(&error), "the lane's worker ended; starting another");
                }
            }
            () = lane.shared.closing.cancelled() => {
                let _ = context.stop();
                return;
            }
        }
        // The next life has another name; nothing else would ever remove what is noted under this one.
        lane.shared
            .store
            .lane
            .forget_worker(lane.queue, &name)
            .await;
        if began.elapsed() > Duration::from_secs(30) {
            wait = Duration::from_millis(100);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

/// Takes one message. Always `Ok`: what becomes of the job is recorded in Postgres, never in the lane.
async fn take(envelope: Envelope, lane: Data<Lane>) -> Result<(), std::convert::Infallible> {
    let Some(message) = envelope.0 else {
        tracing::warn!(queue = %lane.queue, "a message on the lane could not be read and is dropped");
        return Ok(());
    };
    let slot = tokio::time::timeout(WAIT_FOR_SLOT, lane.slots.clone().acquire_owned()).await;
    let slot = match slot {
        Ok(Ok(slot)) if !lane.shared.closing.is_cancelled() => slot,
        _ => {
            if let Err(error) = lane
                .shared
                .store
                .lane
                .push(lane.queue, End::Front, &[(message.job, message.dispatch)])
                .await
            {
                tracing::warn!(error = %crate::run::chain(&error), job.id = %message.job, "a message could not be put back; the dispatcher will hand the job over again");
            }
            return Ok(());
        }
    };
    let shared = lane.shared.clone();
    // Claimed before the message is acknowledged, and in a task of its own: whatever ends this lane or this process leaves either the message or
    // a lease that somebody keeps or rescues.
    let (claimed, known) = tokio::sync::oneshot::channel();
    shared.tasks.clone().spawn(async move {
        let asked = Instant::now();
        let job = claim(&shared, message.job, message.dispatch).await;
        let _ = claimed.send(());
        if let Some(job) = job {
            run_attempt(shared, job, asked).await;
        }
        drop(slot);
    });
    let _ = known.await;
    Ok(())
}
