//! The lane to the workers: apalis-redis carrying `{job id, dispatch number}` and nothing else. All of it may be lost.
//!
//! The queues are laid out as apalis-redis lays out its own (active list, data hash, a set of what each worker has in flight) and apalis runs the workers;
//! what stands between them is a backend of our own (`backend.rs`). Measured against the library's storage with guard rails, it is several times as
//! fast, and it takes no message without a free slot. Queues are named here and not after Rust types; messages go straight onto the active list; workers
//! are woken by pub/sub; a message that cannot be read is dropped and ends nobody; nothing is left behind by a message that is done.

mod backend;
pub mod connection;
mod doorbell;
pub(crate) mod gate;
mod hand_on;
mod holder;
mod message;

use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::{CredentialId, JobId, Queue};

use crate::error::StoreError;
use crate::redis_keys::RedisKeys;
use connection::PatientConnection;

pub use backend::{LaneBackend, Place};
pub use doorbell::{Control, Doorbell, Wake};
pub use hand_on::{FETCHED_WITHIN, Wanted};
pub use holder::{Places, Taken, Takings};
pub use message::Message;

/// Puts messages on lanes. Cheap to clone.
#[derive(Clone)]
pub struct Lane {
    redis: PatientConnection,
    keys: RedisKeys,
    scripts: Arc<Scripts>,
    patience: Duration,
}

struct Scripts {
    push: redis::Script,
    take: redis::Script,
    give_back: redis::Script,
    hand_on: redis::Script,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Behind all that waits.
    Back,
    /// Before all that waits, and into the slots that workers keep free for it.
    Front,
}

impl Lane {
    pub(crate) fn new(redis: PatientConnection, keys: RedisKeys) -> Self {
        Self {
            redis,
            keys,
            scripts: Arc::new(Scripts {
                push: redis::Script::new(include_str!("push.lua")),
                take: redis::Script::new(include_str!("take.lua")),
                give_back: redis::Script::new(include_str!("give_back.lua")),
                hand_on: redis::Script::new(include_str!("hand_on.lua")),
            }),
            patience: FETCHED_WITHIN,
        }
    }

    /// The same lane for somebody with another patience: so long what was handed on is its new holder's alone. All who take from a lane should have the
    /// same.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a message waits for the worker that it was handed on to.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    /// Who has not looked at the lane for so long is not there.
    fn there(&self) -> Duration {
        hand_on::THERE.max(self.patience)
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
        let names = apalis_names(&self.keys, queue);
        for slice in jobs.chunks(500) {
            let mut call = self.scripts.push.prepare_invoke();
            call.key(names.job_data_hash())
                .key(match end {
                    End::Back => names.active_jobs_list(),
                    End::Front => front_list(&self.keys, queue),
                })
                .key(self.keys.wake(queue));
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
        self.order("cancel", job).await;
    }

    /// Tells whichever worker runs the job to pause it, in the same way.
    pub async fn tell_to_pause(&self, job: JobId) {
        self.order("pause", job).await;
    }

    /// Tells every worker that an account's live session is over. Whoever does not hear it sees it when the session is used next.
    pub async fn tell_signed_out(&self, credential: CredentialId) {
        self.tell_over("sign-out", credential).await;
    }

    /// The same, where a `logout` job is about to use the session for the last time.
    pub async fn tell_logged_out(&self, credential: CredentialId) {
        self.tell_over("log-out", credential).await;
    }

    async fn tell_over(&self, order: &'static str, credential: CredentialId) {
        let told: redis::RedisResult<i64> = redis::cmd("PUBLISH")
            .arg(self.keys.control())
            .arg(format!("{order} {credential}"))
            .query_async(&mut self.redis.clone())
            .await;
        if let Err(error) = told {
            tracing::warn!(error = %error, "that a session is over could not be announced; workers will see it when they use it next");
        }
    }

    async fn order(&self, order: &'static str, job: JobId) {
        let told: redis::RedisResult<i64> = redis::cmd("PUBLISH")
            .arg(self.keys.control())
            .arg(format!("{order} {job}"))
            .query_async(&mut self.redis.clone())
            .await;
        if let Err(error) = told {
            tracing::warn!(error = %error, job.id = %job, order, "the order could not be announced; the worker will see it when it renews its lease");
        }
    }

    /// Whether those behind on a lane make way for those at its front.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn makes_way(&self, queue: Queue) -> Result<bool, StoreError> {
        Ok(redis::cmd("EXISTS")
            .arg(self.keys.way(queue))
            .query_async(&mut self.redis.clone())
            .await?)
    }

    /// How many messages wait on a lane.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn waiting(&self, queue: Queue) -> Result<i64, StoreError> {
        let (front, others, handed): (i64, i64, i64) = redis::pipe()
            .llen(front_list(&self.keys, queue))
            .llen(apalis_names(&self.keys, queue).active_jobs_list())
            .zcard(hand_on::handed(&self.keys, queue))
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(front + others + handed)
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
}

/// The names of a lane's keys, as apalis-redis gives them.
fn apalis_names(keys: &RedisKeys, queue: Queue) -> apalis_redis::Config {
    apalis_redis::Config::default().queue(keys.lane(queue))
}

/// What goes before the active list.
fn front_list(keys: &RedisKeys, queue: Queue) -> String {
    format!("{}:front", keys.lane(queue))
}

/// How long the safety net of a lane waits: a wake-up that was lost costs no more than this.
pub const SAFETY_NET: Duration = Duration::from_millis(500);
