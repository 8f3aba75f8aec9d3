//! The apalis backend of a lane: it yields what was taken from the lane, each message with the slot that it will run in.
//!
//! The library's own Redis storage fetches, locks and acknowledges strictly in turn, prefetches without regard to free slots, and ends the worker at
//! the first error. Here a task of its own takes as many messages as there are free slots, overlaps taking with running, and waits out whatever
//! happens to Redis; to apalis the backend never fails.

use std::collections::HashSet;
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
use crate::lane::holder::{Places, Taken};
use crate::lane::{Lane, SAFETY_NET};

/// Messages taken in one round trip at most.
const MOST: usize = 256;
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
    /// The message has done its work: its job is claimed, was not to be had, or the message was handed on. Gives the slot on.
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
    /// The backend for the apalis worker of a queue in this process. `kept` of the slots are for messages from the front of the lane alone, `kept_in_way`
    /// while those behind make way.
    #[must_use]
    pub fn lane_backend(
        &self,
        queue: Queue,
        holder: WorkerId,
        slots: Arc<Semaphore>,
        kept: usize,
        kept_in_way: usize,
        wake: Wake,
    ) -> LaneBackend {
        let (sender, places) = mpsc::channel(MOST);
        let taker = Taker {
            lane: self.lane.clone(),
            queue,
            holder,
            slots,
            kept,
            kept_in_way: kept_in_way.max(kept),
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
    kept: usize,
    kept_in_way: usize,
    places: mpsc::Sender<Place>,
}

impl Taker {
    async fn run(self, mut wake: Wake) {
        let (forget, mut forgotten) = mpsc::unbounded_channel();
        // What was taken and not forgotten, as far as this process knows.
        let mut held: HashSet<String> = HashSet::new();
        let mut done: Vec<String> = Vec::new();
        let mut failing = false;
        loop {
            let Some(mut slots) = self.free_slots().await else {
                return;
            };
            while let Ok(id) = forgotten.try_recv() {
                done.push(id);
            }
            let offered = Places {
                free: slots.len(),
                kept: self.kept,
                kept_in_way: self.kept_in_way,
            };
            let takings = self
                .lane
                .take(self.queue, self.holder, offered, &done)
                .await;
            let takings = match takings {
                Ok(takings) => takings,
                Err(error) => {
                    if !failing {
                        tracing::warn!(queue = %self.queue, error = %error, "the lane cannot be read; trying again");
                    }
                    failing = true;
                    drop(slots);
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            failing = false;
            for id in done.drain(..) {
                held.remove(&id);
            }
            let empty = takings.taken.is_empty();
            let kept = if takings.made_way {
                self.kept_in_way
            } else {
                self.kept
            };
            for (taken, slot) in takings.taken.into_iter().zip(slots.drain(..)) {
                held.insert(taken.id.clone());
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
            if takings.in_flight > held.len() {
                self.give_back_unheard(&held).await;
            }
            if empty {
                // A ring that came since the last look is still there.
                tokio::select! {
                    ring = wake.next() => if ring.is_none() { return },
                    () = self.more_than(kept), if offered.free <= kept => {}
                    () = tokio::time::sleep(SAFETY_NET) => {}
                }
            }
        }
    }

    /// Waits for a free slot and takes all that there are.
    async fn free_slots(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = self.slots.clone().acquire_owned().await.ok()?;
        let mut slots = vec![first];
        while slots.len() < MOST
            && let Ok(slot) = self.slots.clone().try_acquire_owned()
        {
            slots.push(slot);
        }
        Some(slots)
    }

    /// Waits until there is a free slot for any message. With fewer, the lane may be full of messages that found no place.
    async fn more_than(&self, kept: usize) {
        let more = u32::try_from(kept + 1).unwrap_or(u32::MAX);
        // They are taken in a moment, and not here.
        let _ = self.slots.acquire_many(more).await;
    }

    /// A connection that broke in the middle may have taken messages of which we never heard.
    async fn give_back_unheard(&self, held: &HashSet<String>) {
        match self
            .lane
            .give_back_unheard(self.queue, self.holder, held)
            .await
        {
            Ok(0) => {}
            Ok(messages) => {
                tracing::info!(queue = %self.queue, messages, "messages whose taking was not heard of are back on the lane");
            }
            Err(error) => {
                tracing::debug!(error = %error, "what was taken could not be compared; the next look does it");
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
