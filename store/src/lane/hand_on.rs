//! Handing a message on to the worker that holds the session, or the page, which its job is about. It can only cost a moment: a message that its
//! new holder does not fetch at once belongs to whoever looks next, and Postgres alone says whether there is still something to claim.

use std::time::Duration;

use computetower_jobs::{Queue, WorkerId};

use crate::error::StoreError;
use crate::lane::holder::{Taken, in_flight};
use crate::lane::{Lane, apalis_names};
use crate::redis_keys::RedisKeys;

/// How long a message usually waits for the worker that it was handed on to.
pub const FETCHED_WITHIN: Duration = Duration::from_millis(800);
/// A worker with free places looks at its lane twice a second. One that has not for so long is not there; until that is known, the patience above is all
/// that it costs.
pub(super) const THERE: Duration = Duration::from_secs(5);

/// Who may have what a job needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This worker.
    Worker(WorkerId),
    /// Whoever holds the session, by the name of its lease.
    Session(String),
}

impl Lane {
    /// Hands a message on to the first of those who are wanted, if it is there and has a free place. None when the holder is to keep it: nobody of
    /// them can take it, or the holder is itself the first.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn hand_on(
        &self,
        queue: Queue,
        holder: WorkerId,
        taken: &Taken,
        wanted: &[Wanted],
    ) -> Result<Option<WorkerId>, StoreError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let names = apalis_names(&self.keys, queue);
        let mut call = self.scripts.hand_on.prepare_invoke();
        call.key(in_flight(&names, holder))
            .key(handed(&self.keys, queue))
            .key(takers(&self.keys, queue))
            .key(places(&self.keys, queue))
            .key(self.keys.wake(queue))
            .arg(&taken.id)
            .arg(holder.to_string())
            .arg(own_prefix(&self.keys, queue))
            .arg(millis(self.there()));
        for wanted in wanted {
            call.arg(match wanted {
                Wanted::Worker(worker) => format!("worker {worker}"),
                Wanted::Session(name) => format!("session {}", self.keys.session(name)),
            });
        }
        let to: String = call.invoke_async(&mut self.redis.clone()).await?;
        Ok(to.parse().ok())
    }
}

impl Lane {
    /// Takes no more messages from a lane: nothing is handed on to this worker any more.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn leave(&self, queue: Queue, worker: WorkerId) -> Result<(), StoreError> {
        redis::cmd("ZREM")
            .arg(takers(&self.keys, queue))
            .arg(worker.to_string())
            .query_async::<()>(&mut self.redis.clone())
            .await?;
        Ok(())
    }

    /// Has the workers of a queue look at their lane.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn wake(&self, queue: Queue) -> Result<(), StoreError> {
        redis::cmd("PUBLISH")
            .arg(self.keys.wake(queue))
            .arg("1")
            .query_async::<()>(&mut self.redis.clone())
            .await?;
        Ok(())
    }
}

/// Whether messages of a queue are handed on: only where a worker may have something open that another has not.
pub(super) fn is_affine(queue: Queue) -> bool {
    queue == Queue::Chat
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Messages that were handed on and not fetched, by the time at which they were.
pub(super) fn handed(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:handed", keys.lane(queue))
}

/// Workers by the time of their last look at the lane.
pub(super) fn takers(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:takers", keys.lane(queue))
}

/// How many free places each of them had then.
pub(super) fn places(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:places", keys.lane(queue))
}

/// What was handed on to one worker has this and its id for a name.
pub(super) fn own_prefix(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:own:", keys.lane(queue))
}
