//! The apalis backend of a lane, with its guard rails.

use std::time::Duration;

use apalis_core::backend::ext::poll_strategy::PollWith;
use apalis_core::backend::ext::with_codec::WithCodec;
use apalis_redis::{Config, RedisStorage};
use computetower_jobs::Queue;

use crate::connect::Store;
use crate::lane::SAFETY_NET;
use crate::lane::connection::PatientConnection;
use crate::lane::doorbell::Wake;
use crate::lane::envelope::{Envelope, EnvelopeCodec};
use crate::lane::poll::RingOrTimer;
use crate::redis_keys::RedisKeys;

/// What an apalis worker of a lane runs on.
pub type LaneBackend =
    PollWith<WithCodec<RedisStorage<Envelope, PatientConnection>, EnvelopeCodec>, RingOrTimer>;

pub(super) fn config(keys: &RedisKeys, queue: Queue) -> Config {
    let mut config = Config::default().queue(keys.lane(queue));
    config.batch_size = 1;
    config.lock_tasks = false;
    config.emit_events = false;
    config.persist_results = true;
    config.heartbeat_interval = Duration::from_secs(5);
    config.missed_heartbeats = 3;
    config
}

impl Store {
    /// The backend for one more apalis worker of a queue.
    #[must_use]
    pub fn lane_backend(&self, queue: Queue, wake: Wake) -> LaneBackend {
        let redis = self.redis.with_patience(Duration::from_secs(20));
        let storage = RedisStorage::new(redis).with_config(config(&self.keys, queue));
        PollWith::new(
            WithCodec::new(storage, EnvelopeCodec),
            RingOrTimer::new(wake, SAFETY_NET),
        )
    }
}
