//! Events on their way out: one task per process puts them into Redis in order, many in one round trip.

use std::collections::HashMap;
use std::time::Duration;

use computetower_jobs::{Event, JobId};
use tokio::sync::{mpsc, oneshot};

use super::entry;
use crate::lane::connection::PatientConnection;
use crate::metrics::Metrics;
use crate::redis_keys::RedisKeys;

/// Entries of a job's stream that are kept.
const KEPT: usize = 10_000;
/// Seconds for which a live job's stream is kept after its last event.
const LIVE_SECONDS: u64 = 3_600;
/// Seconds for which an ended job's fence is kept. Its stream goes at once: Postgres has all of it.
const ENDED_SECONDS: u64 = 60;
/// Messages that may wait for Redis. Beyond it, events are dropped here; subscribers find them in Postgres.
const WAITING: usize = 65_536;
/// Events of one round trip.
const BATCH: usize = 256;

enum Message {
    Event {
        job: JobId,
        fence: i64,
        event: Event,
    },
    Flush(oneshot::Sender<()>),
}

/// Publishes events. Cheap to clone; never blocks its caller.
#[derive(Clone)]
pub struct EventPublisher {
    sender: mpsc::Sender<Message>,
    metrics: Metrics,
}

impl EventPublisher {
    pub(crate) fn start(redis: PatientConnection, keys: RedisKeys, metrics: Metrics) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(receiver, redis, keys, metrics.clone()));
        Self { sender, metrics }
    }

    /// Publishes an event of a running attempt.
    pub fn publish(&self, job: JobId, attempt: i32, event: Event) {
        self.send(job, i64::from(attempt) * 2, event);
    }

    /// Publishes an event that belongs to no attempt (cancelled, queued again): after it, the attempt that ended before is not heard any more.
    pub fn publish_between(&self, job: JobId, attempts_so_far: i32, event: Event) {
        self.send(job, i64::from(attempts_so_far) * 2 + 1, event);
    }

    fn send(&self, job: JobId, fence: i64, event: Event) {
        if self
            .sender
            .try_send(Message::Event { job, fence, event })
            .is_err()
        {
            self.metrics.dropped(1);
            tracing::warn!(job.id = %job, "too many events wait for Redis; subscribers will read this one from Postgres");
        }
    }

    /// Waits until everything published so far has been handed to Redis, or could not be.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(3), flushed).await;
        }
    }
}

async fn run(
    mut receiver: mpsc::Receiver<Message>,
    mut redis: PatientConnection,
    keys: RedisKeys,
    metrics: Metrics,
) {
    let script = redis::Script::new(include_str!("publish.lua"));
    let mut batch = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipeline = redis::pipe();
        let mut flushed = Vec::new();
        let mut calls: Vec<(JobId, i64, Vec<Event>)> = Vec::new();
        let mut latest: HashMap<JobId, usize> = HashMap::new();
        for message in batch.drain(..) {
            match message {
                Message::Flush(done) => flushed.push(done),
                // Events of one job go in one call. Between jobs there is no order to keep.
                Message::Event { job, fence, event } => match latest.get(&job) {
                    Some(&call) if calls[call].1 == fence => calls[call].2.push(event),
                    _ => {
                        latest.insert(job, calls.len());
                        calls.push((job, fence, vec![event]));
                    }
                },
            }
        }
        let jobs = calls.len();
        let events: usize = calls.iter().map(|(_, _, events)| events.len()).sum();
        for (job, fence, events) in calls {
            let ended = events.iter().any(|event| event.body.is_final());
            let mut call = script.prepare_invoke();
            call.key(keys.events(job)).key(keys.fence(job));
            call.arg(fence)
                .arg(KEPT)
                .arg(if ended { ENDED_SECONDS } else { LIVE_SECONDS });
            call.arg(events.last().map_or(0, |event| event.seq))
                .arg(entry::write(&events))
                .arg(if ended { "ended" } else { "" });
            pipeline.invoke_script(&call).ignore();
        }
        if jobs > 0 {
            match publish(&mut redis, &script, &pipeline).await {
                Ok(()) => metrics.published(events),
                Err(error) => {
                    metrics.dropped(events);
                    tracing::warn!(error = %error, jobs, "events could not be published; subscribers will read them from Postgres");
                }
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

async fn publish(
    redis: &mut PatientConnection,
    script: &redis::Script,
    pipeline: &redis::Pipeline,
) -> redis::RedisResult<()> {
    match pipeline.query_async::<()>(redis).await {
        Err(error) if error.code() == Some("NOSCRIPT") => {
            script.prepare_invoke().load_async(redis).await?;
            pipeline.query_async::<()>(redis).await
        }
        other => other,
    }
}
