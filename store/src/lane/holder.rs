//! The lane as a worker process sees it: it takes messages for free slots only, and a message that it has taken is known to Redis as taken by it
//! until the job is claimed.

use std::collections::HashSet;

use computetower_jobs::{Queue, WorkerId};

use crate::connect::Store;
use crate::error::StoreError;
use crate::lane::message::Message;
use crate::lane::{Lane, apalis_names, front_list, hand_on};
use crate::redis_keys::RedisKeys;

/// For how long those behind make way after a message from the front.
const MAKES_WAY_MS: u64 = 1_000;

/// A message that was taken from a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id on the lane, to forget it by.
    pub id: String,
    /// What it says; `None` when it cannot be read.
    pub message: Option<Message>,
    /// True when it came from the front, or was handed on to this holder.
    pub front: bool,
    /// True when it may be handed on: there are others who take from this lane, and it was not handed on already.
    pub may_go_on: bool,
}

/// Places for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// How many there are.
    pub free: usize,
    /// How many of them only a message from the front may take.
    pub kept: usize,
    /// The same while those behind make way: for a second after a message from the front found others waiting. Jobs that run in large numbers at once
    /// need the machine in bursts, and whoever comes in one waits for its end.
    pub kept_in_way: usize,
}

/// What a look at the lane brought.
#[derive(Clone, Debug, Default)]
pub struct Takings {
    /// What was taken.
    pub taken: Vec<Taken>,
    /// How many messages Redis knows as taken by this holder, these included.
    pub in_flight: usize,
    /// Whether those behind made way.
    pub made_way: bool,
}

/// In flight, from the front, what was taken, whether those behind made way, handed on, others who take.
type Answer = (usize, usize, Vec<(String, Vec<u8>)>, bool, usize, usize);

impl Lane {
    /// Forgets messages that were taken before, and takes new ones for free places, in one round trip.
    ///
    /// # Errors
    /// When Redis does not answer. What it took without our hearing of it is in the holder's set.
    pub async fn take(
        &self,
        queue: Queue,
        holder: WorkerId,
        places: Places,
        forget: &[String],
    ) -> Result<Takings, StoreError> {
        let names = apalis_names(&self.keys, queue);
        let mut call = self.scripts.take.prepare_invoke();
        call.key(names.active_jobs_list())
            .key(front_list(&self.keys, queue))
            .key(format!("{}:went-before", self.keys.lane(queue)))
            .key(names.job_data_hash())
            .key(in_flight(&names, holder))
            .key(holders_set(&self.keys, queue))
            .key(self.keys.way(queue))
            .arg(places.free)
            .arg(places.kept)
            .arg(places.kept_in_way)
            .arg(MAKES_WAY_MS)
            .arg(holder.to_string())
            .arg(hand_on::millis(self.patience))
            .arg(hand_on::millis(self.there()))
            .arg(forget);
        if hand_on::is_affine(queue) {
            let own = format!("{}{holder}", hand_on::own_prefix(&self.keys, queue));
            call.key(own)
                .key(hand_on::handed(&self.keys, queue))
                .key(hand_on::takers(&self.keys, queue))
                .key(hand_on::places(&self.keys, queue));
        }
        let (in_flight, front, pairs, made_way, mine, elsewhere): Answer =
            call.invoke_async(&mut self.redis.clone()).await?;
        let taken = pairs
            .into_iter()
            .enumerate()
            .map(|(place, (id, bytes))| Taken {
                id,
                message: Message::decode(&bytes),
                front: place < mine + front,
                may_go_on: place >= mine && elsewhere > 0,
            })
            .collect();
        Ok(Takings {
            taken,
            in_flight,
            made_way,
        })
    }

    /// Puts back to the front of the lane what Redis knows as taken by this holder and the holder does not: an answer that was lost on its way.
    /// Returns how many messages.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub(super) async fn give_back_unheard(
        &self,
        queue: Queue,
        holder: WorkerId,
        known: &HashSet<String>,
    ) -> Result<usize, StoreError> {
        let names = apalis_names(&self.keys, queue);
        let ids: Vec<String> = redis::cmd("SMEMBERS")
            .arg(in_flight(&names, holder))
            .query_async(&mut self.redis.clone())
            .await?;
        let unheard: Vec<String> = ids.into_iter().filter(|id| !known.contains(id)).collect();
        if unheard.is_empty() {
            return Ok(0);
        }
        let mut change = redis::pipe();
        change
            .atomic()
            .rpush(front_list(&self.keys, queue), &unheard)
            .ignore()
            .srem(in_flight(&names, holder), &unheard)
            .ignore();
        change.query_async::<()>(&mut self.redis.clone()).await?;
        Ok(unheard.len())
    }

    /// Puts what a process that is gone has taken back to the front of the lane. Returns how many messages.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn give_back(&self, queue: Queue, holder: WorkerId) -> Result<usize, StoreError> {
        let names = apalis_names(&self.keys, queue);
        let mut call = self.scripts.give_back.prepare_invoke();
        call.key(front_list(&self.keys, queue))
            .key(in_flight(&names, holder))
            .key(holders_set(&self.keys, queue))
            .key(self.keys.wake(queue))
            .arg(holder.to_string());
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    async fn holders(&self, queue: Queue) -> Result<Vec<WorkerId>, StoreError> {
        let names: Vec<String> = redis::cmd("SMEMBERS")
            .arg(holders_set(&self.keys, queue))
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

/// Not apalis-redis's own registry, which is of another type.
fn holders_set(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:holders", keys.lane(queue))
}

pub(super) fn in_flight(names: &apalis_redis::Config, holder: WorkerId) -> String {
    format!("{}:{holder}", names.inflight_jobs_set())
}

impl Store {
    /// Puts back what processes that are gone had taken from a lane and not claimed. Returns how many messages.
    ///
    /// # Errors
    /// When Redis or Postgres does not answer.
    pub async fn give_back_of_the_dead(&self, queue: Queue) -> Result<usize, StoreError> {
        let holders = self.lane.holders(queue).await?;
        if holders.is_empty() {
            return Ok(0);
        }
        let mut given = 0;
        for holder in self.dead_among(&holders).await? {
            given += self.lane.give_back(queue, holder).await?;
        }
        Ok(given)
    }
}
