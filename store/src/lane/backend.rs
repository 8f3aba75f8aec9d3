//! The apalis backend of a lane: it yields what was taken from the lane, each message with the slot that it will run in.
//!
//! The library's own Redis storage fetches, locks and acknowledges strictly in turn, prefetches without regard to free slots, and ends the worker at
//! the first error. Here a task of its own takes as many messages as there are free slots, overlaps taking with running, and waits out whatever
//! happens to Redis; to apalis the backend never fails.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::context::WorkerContext;
use computetower_jobs::{Queue, WorkerId};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tower_layer::Identity;

use crate::connect::Store;
use crate::lane::doorbell::Wake;
use crate::lane::holder::Taken;
use crate::lane::{Lane, SAFETY_NET};

/// Messages taken in one round trip at most.
const MOST: usize = 128;
/// How long to wait after Redis did not answer.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// A message and the slot for its job.
#[derive(Debug)]
pub struct Place {
    /// The message.
    pub taken: Taken,
    /// Held while the job runs.
    pub slot: OwnedSemaphorePermit,
    forget: mpsc::UnboundedSender<String>,
}

impl Place {
    /// The message has done its work: its job is claimed, or was not to be had. Gives the slot on.
    #[must_use]
    pub fn settled(self) -> OwnedSemaphorePermit {
        let _ = self.forget.send(self.taken.id);
        self.slot
    }
}

/// What the apalis worker of a lane runs on. The taking ends when this is dropped.
pub struct LaneBackend {
    places: mpsc::Receiver<Place>,
    taking: tokio::task::JoinHandle<()>,
}

impl Drop for LaneBackend {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

impl Store {
    /// The backend for the apalis worker of a queue in this process.
    #[must_use]
    pub fn lane_backend(
        &self,
        queue: Queue,
        holder: WorkerId,
        slots: Arc<Semaphore>,
        wake: Wake,
    ) -> LaneBackend {
        let (sender, places) = mpsc::channel(MOST);
        let taker = Taker {
            lane: self.lane.clone(),
            queue,
            holder,
            slots,
            places: sender,
        };
        LaneBackend {
            places,
            taking: tokio::spawn(taker.run(wake)),
        }
    }
}

struct Taker {
    lane: Lane,
    queue: Queue,
    holder: WorkerId,
    slots: Arc<Semaphore>,
    places: mpsc::Sender<Place>,
}

impl Taker {
    async fn run(self, mut wake: Wake) {
        let (forget, mut forgotten) = mpsc::unbounded_channel();
        let mut failing = false;
        loop {
            let Ok(first) = self.slots.clone().acquire_owned().await else {
                return;
            };
            let mut slots = vec![first];
            while slots.len() < MOST
                && let Ok(slot) = self.slots.clone().try_acquire_owned()
            {
                slots.push(slot);
            }
            let mut done = Vec::new();
            while let Ok(id) = forgotten.try_recv() {
                done.push(id);
            }
            let taken = self
                .lane
                .take(self.queue, self.holder, slots.len(), &done)
                .await;
            let taken = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    if !failing {
                        tracing::warn!(queue = %self.queue, error = %error, "the lane cannot be read; trying again");
                    }
                    failing = true;
                    drop(slots);
                    // What was not forgotten is harmless: it finds nothing to claim.
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            failing = false;
            let empty = taken.is_empty();
            for (taken, slot) in taken.into_iter().zip(slots.drain(..)) {
                let place = Place {
                    taken,
                    slot,
                    forget: forget.clone(),
                };
                if self.places.send(place).await.is_err() {
                    return;
                }
            }
            drop(slots);
            if empty {
                // A ring that came since the last look is still there.
                tokio::select! {
                    ring = wake.next() => if ring.is_none() { return },
                    () = tokio::time::sleep(SAFETY_NET) => {}
                }
            }
        }
    }
}

impl Backend for LaneBackend {
    type Task = Task<Place>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.places
            .poll_recv(cx)
            .map(|place| place.map(|place| Ok(TaskBuilder::new(place).build())))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        self.taking.abort();
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for LaneBackend {
    type Args = Place;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
