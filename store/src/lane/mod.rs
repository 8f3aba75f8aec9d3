//! The lane to the workers: apalis-redis carrying `{job id, dispatch number}` and nothing else. All of it may be lost.
//!
//! Guard rails, each for something measured in the released crate: queues are named here and not after Rust types; messages go straight onto
//! the active list by a script of our own (the stock push schedules everything, and the fetch then promotes all of it in one call); the batch is one;
//! task locks and library events are off; workers are woken by pub/sub through a strategy that cannot lose a wake-up; the connection retries
//! instead of ending the worker; the message always decodes; done keys are trimmed in slices.

mod backend;
pub mod connection;
mod doorbell;
mod envelope;
mod poll;

use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::{JobId, Queue};

use crate::error::StoreError;
use crate::redis_keys::RedisKeys;
use connection::PatientConnection;

pub use backend::LaneBackend;
pub use doorbell::{Control, Doorbell, Wake};
pub use envelope::{Envelope, Message};

/// Puts messages on lanes. Cheap to clone.
#[derive(Clone)]
pub struct Lane {
    redis: PatientConnection,
    keys: RedisKeys,
    push: Arc<redis::Script>,
    trim: Arc<redis::Script>,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Behind all that waits.
    Back,
    /// Before all that waits.
    Front,
}

impl Lane {
    pub(crate) fn new(redis: PatientConnection, keys: RedisKeys) -> Self {
        Self {
            redis,
            keys,
            push: Arc::new(redis::Script::new(include_str!("push.lua"))),
            trim: Arc::new(redis::Script::new(include_str!("trim.lua"))),
        }
    }

    /// Puts jobs on a lane and wakes its workers. Failing is not an error: the record stands in Postgres and the dispatcher will notice.
    pub async fn ring(&self, queue: Queue, end: End, jobs: &[(JobId, i32)]) {
        if let Err(error) = self.push(queue, end, jobs).await {
            tracing::warn!(error = %error, queue = %queue, jobs = jobs.len(), "the lane could not be rung; the dispatcher will do it when Redis is back");
        }
    }

    /// Puts jobs on a lane and wakes its workers.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn push(
        &self,
        queue: Queue,
        end: End,
        jobs: &[(JobId, i32)],
    ) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let config = backend::config(&self.keys, queue);
        for slice in jobs.chunks(500) {
            let mut call = self.push.prepare_invoke();
            call.key(config.job_data_hash())
                .key(config.active_jobs_list())
                .key(config.job_meta_hash())
                .key(self.keys.wake(queue));
            call.arg(if end == End::Front { "front" } else { "back" });
            for (job, dispatch) in slice {
                let message = Message {
                    job: *job,
                    dispatch: *dispatch,
                };
                call.arg(message.lane_id()).arg(message.encode());
            }
            call.invoke_async::<()>(&mut self.redis.clone()).await?;
        }
        Ok(())
    }

    /// Tells whichever worker runs the job to stop it. A message that is lost is made up for by the next renewal of the lease.
    pub async fn tell_to_stop(&self, job: JobId) {
        let told: redis::RedisResult<i64> = redis::cmd("PUBLISH")
            .arg(self.keys.control())
            .arg(format!("cancel {job}"))
            .query_async(&mut self.redis.clone())
            .await;
        if let Err(error) = told {
            tracing::warn!(error = %error, job.id = %job, "the cancel could not be announced; the worker will see it when it renews its lease");
        }
    }

    /// How many messages wait on a lane.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn waiting(&self, queue: Queue) -> Result<i64, StoreError> {
        let list = backend::config(&self.keys, queue).active_jobs_list();
        Ok(redis::cmd("LLEN")
            .arg(list)
            .query_async(&mut self.redis.clone())
            .await?)
    }

    /// Marks Redis as known. False when the mark was missing: Redis was wiped, or is new.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn is_as_it_was(&self) -> Result<bool, StoreError> {
        let made: Option<String> = redis::cmd("SET")
            .arg(self.keys.epoch())
            .arg("1")
            .arg("NX")
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(made.is_none())
    }

    /// Removes up to `slice` finished messages of a lane, lets the metadata of workers that are gone expire, and puts back messages that a worker
    /// was given and does not know of. Returns how many messages were removed.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn trim(&self, queue: Queue, slice: usize) -> Result<usize, StoreError> {
        let config = backend::config(&self.keys, queue);
        let mut call = self.trim.prepare_invoke();
        call.key(config.done_jobs_set())
            .key(config.dead_jobs_set())
            .key(config.job_data_hash())
            .key(config.job_meta_hash())
            .key(config.workers_set())
            .key(worker_metadata(&self.keys, queue))
            .key(config.inflight_jobs_set())
            .key(config.active_jobs_list())
            .key(format!("{}:fetched-since", self.keys.lane(queue)))
            .arg(slice)
            .arg(WORKER_METADATA_SECONDS)
            .arg(STRANDED_SECONDS);
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    /// Removes what apalis noted of a worker that has ended. Failing is not an error: most of it expires by itself.
    pub async fn forget_worker(&self, queue: Queue, name: &str) {
        let forgotten: redis::RedisResult<i64> = redis::cmd("DEL")
            .arg(format!("{}:{name}", worker_metadata(&self.keys, queue)))
            .query_async(&mut self.redis.clone())
            .await;
        if let Err(error) = forgotten {
            tracing::debug!(error = %error, worker = %name, "what is noted of a worker could not be removed");
        }
    }
}

/// Seconds for which what apalis notes of a worker stays after the last sweep that found it registered.
const WORKER_METADATA_SECONDS: u64 = 600;

/// Seconds after which a message that was fetched and not acknowledged goes back to its lane: long enough for a claim that waits for Postgres.
const STRANDED_SECONDS: u64 = 30;

/// How apalis names what it notes of each life of a worker; a worker's name follows.
fn worker_metadata(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:workers:metadata", keys.lane(queue))
}

/// How long the safety net of a lane waits: a wake-up that was lost costs no more than this.
pub const SAFETY_NET: Duration = Duration::from_millis(500);
