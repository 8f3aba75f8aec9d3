//! How those who accept jobs and the dispatcher that gives turns understand each other, by way of Redis. All of it may be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use computetower_jobs::Queue;
use futures::StreamExt;
use tokio::sync::Notify;

use crate::connect::Store;
use crate::error::StoreError;

/// How long the mark of a backlog stands without being renewed: when no dispatcher is left, jobs go straight to their lanes again.
const BACKLOG_STANDS: Duration = Duration::from_secs(2);
/// The same for the cap of a lane.
const CAP_STANDS: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Rung {
    /// A bit per queue.
    queues: AtomicU32,
    heard: Notify,
}

impl Rung {
    fn note(&self, queues: u32) {
        self.queues.fetch_or(queues, Ordering::AcqRel);
        self.heard.notify_one();
    }
}

fn bit(queue: Queue) -> u32 {
    Queue::ALL
        .iter()
        .position(|other| *other == queue)
        .map_or(0, |place| 1 << place)
}

/// Hears when jobs wait for their turn. Ends when dropped.
pub struct TurnBell {
    rung: Arc<Rung>,
    task: tokio::task::JoinHandle<()>,
}

impl TurnBell {
    /// Waits for a ring and tells of which queues. Rings that came together are one.
    pub async fn rung(&self) -> Vec<Queue> {
        loop {
            let heard = self.rung.heard.notified();
            let queues = self.rung.queues.swap(0, Ordering::AcqRel);
            if queues != 0 {
                return Queue::ALL
                    .into_iter()
                    .filter(|queue| queues & bit(*queue) != 0)
                    .collect();
            }
            heard.await;
        }
    }
}

impl Drop for TurnBell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Store {
    /// Starts to listen for jobs that wait for their turn.
    #[must_use]
    pub fn turn_bell(&self) -> TurnBell {
        let rung = Arc::new(Rung::default());
        let task = tokio::spawn(listen(self.clone(), rung.clone()));
        TurnBell { rung, task }
    }

    /// Says that jobs of these queues wait for their turn. Failing is not an error: the dispatcher looks by itself as well.
    pub async fn ring_turn(&self, queues: impl IntoIterator<Item = Queue>) {
        let mut rung = Vec::new();
        let mut pipeline = redis::pipe();
        for queue in queues {
            if !rung.contains(&queue) {
                rung.push(queue);
                pipeline
                    .cmd("PUBLISH")
                    .arg(self.keys.turn())
                    .arg(queue.name())
                    .ignore();
            }
        }
        if rung.is_empty() {
            return;
        }
        let told: redis::RedisResult<()> = pipeline.query_async(&mut self.redis.clone()).await;
        if let Err(error) = told {
            tracing::warn!(error = %error, "the dispatcher could not be told to look; it will look by itself");
        }
    }

    /// Tells the dispatcher that jobs of a queue, or of any, wait for their turn. When it does not hear it, it looks by itself soon.
    pub async fn ring_turns(&self, queue: Option<Queue>) {
        let queues = Queue::ALL.into_iter();
        self.ring_turn(queues.filter(|other| queue.is_none_or(|queue| queue == *other)))
            .await;
    }

    /// Says how many messages may wait on a lane.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn say_lane_cap(&self, queue: Queue, cap: usize) -> Result<(), StoreError> {
        redis::cmd("SET")
            .arg(self.keys.lane_cap(queue))
            .arg(cap)
            .arg("EX")
            .arg(CAP_STANDS.as_secs())
            .query_async::<()>(&mut self.redis.clone())
            .await?;
        Ok(())
    }

    /// Says whether due jobs wait in Postgres for a lane. The mark has to be renewed twice a second.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn say_backlog(&self, queue: Queue, backlog: bool) -> Result<(), StoreError> {
        let command = if backlog {
            let mut set = redis::cmd("SET");
            set.arg(self.keys.backlog(queue))
                .arg("1")
                .arg("PX")
                .arg(u64::try_from(BACKLOG_STANDS.as_millis()).unwrap_or(u64::MAX));
            set
        } else {
            let mut delete = redis::cmd("DEL");
            delete.arg(self.keys.backlog(queue));
            delete
        };
        command
            .query_async::<redis::Value>(&mut self.redis.clone())
            .await?;
        Ok(())
    }
}

async fn listen(store: Store, rung: Arc<Rung>) {
    loop {
        // The sink is kept as long as the stream: together they are the connection.
        let (_sink, mut stream) = match subscribe(&store).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(error = %error, "nobody rings for turns; queues are looked at on a timer meanwhile");
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        // Rings may have been missed.
        rung.note(u32::MAX);
        while let Some(message) = stream.next().await {
            let queue = std::str::from_utf8(message.get_payload_bytes())
                .ok()
                .and_then(|name| name.parse().ok());
            rung.note(queue.map_or(u32::MAX, bit));
        }
    }
}

async fn subscribe(
    store: &Store,
) -> redis::RedisResult<(redis::aio::PubSubSink, redis::aio::PubSubStream)> {
    let (mut sink, stream) = store.redis_client.get_async_pubsub().await?.split();
    sink.subscribe(store.keys().turn()).await?;
    Ok((sink, stream))
}
