//! One Redis subscription per process, fanned out in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::{Event, JobId};
use futures::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::metrics::{Metrics, Subscribed};
use crate::redis_keys::RedisKeys;

/// Events that may wait for one slow subscriber; beyond it, it is told to read again.
const WAITING: usize = 1_024;

/// What a subscriber hears.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The next event.
    Event(Arc<Event>),
    /// Something may have been missed: read the events again from the last number.
    Resync,
}

enum Command {
    /// Told on the second channel once Redis has confirmed the subscription.
    Join(JobId, broadcast::Sender<Notice>, oneshot::Sender<()>),
    Leave(JobId),
}

/// How long a subscriber waits for Redis to confirm. One that goes on without is told to read again when it has.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(500);

/// Hands out subscriptions.
pub struct EventHub {
    commands: mpsc::UnboundedSender<Command>,
    topics: Arc<std::sync::Mutex<HashMap<JobId, broadcast::Sender<Notice>>>>,
    metrics: Metrics,
}

/// Hears the events of one job while it lives.
pub struct Subscription {
    job: JobId,
    receiver: Option<broadcast::Receiver<Notice>>,
    commands: mpsc::UnboundedSender<Command>,
    topics: Arc<std::sync::Mutex<HashMap<JobId, broadcast::Sender<Notice>>>>,
    _counted: Subscribed,
}

impl EventHub {
    pub(crate) fn start(client: redis::Client, keys: RedisKeys, metrics: Metrics) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        tokio::spawn(run(client, keys, receiver));
        Self {
            commands,
            topics: Arc::default(),
            metrics,
        }
    }

    /// Listens to a job. What is said from now on is heard; what was said before stands in the stream or in Postgres. While Redis is away, this
    /// returns all the same, and [`Notice::Resync`] follows when it is back.
    pub async fn subscribe(&self, job: JobId) -> Subscription {
        let (confirm, confirmed) = oneshot::channel();
        let subscription = self.join(job, confirm);
        let _ = tokio::time::timeout(CONFIRMED_WITHIN, confirmed).await;
        subscription
    }

    fn join(&self, job: JobId, confirm: oneshot::Sender<()>) -> Subscription {
        let mut topics = lock(&self.topics);
        let sender = topics
            .entry(job)
            .or_insert_with(|| broadcast::channel(WAITING).0)
            .clone();
        let receiver = sender.subscribe();
        // Sent under the lock, so that joins and leaves of one job arrive in the order in which they happened.
        let _ = self.commands.send(Command::Join(job, sender, confirm));
        drop(topics);
        Subscription {
            job,
            receiver: Some(receiver),
            commands: self.commands.clone(),
            topics: self.topics.clone(),
            _counted: self.metrics.subscriber(),
        }
    }
}

impl Subscription {
    /// The next notice.
    pub async fn next(&mut self) -> Notice {
        let Some(receiver) = &mut self.receiver else {
            return Notice::Resync;
        };
        match receiver.recv().await {
            Ok(notice) => notice,
            Err(broadcast::error::RecvError::Lagged(_)) => Notice::Resync,
            // The hub lives as long as the process; its end means that the process ends.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics);
        self.receiver = None;
        if topics
            .get(&self.job)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            topics.remove(&self.job);
            let _ = self.commands.send(Command::Leave(self.job));
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while the map was held leaves the map itself sound.
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn run(
    client: redis::Client,
    keys: RedisKeys,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut topics: HashMap<JobId, broadcast::Sender<Notice>> = HashMap::new();
    let mut wait = Duration::from_millis(50);
    loop {
        match connect(&client, &keys, &topics).await {
            Ok((mut sink, mut stream)) => {
                wait = Duration::from_millis(50);
                for sender in topics.values() {
                    let _ = sender.send(Notice::Resync);
                }
                if serve(&keys, &mut commands, &mut topics, &mut sink, &mut stream).await {
                    return;
                }
                tracing::warn!("the subscription to live events was cut; connecting again");
            }
            Err(error) => {
                tracing::warn!(error = %error, "no subscription to live events; streams read from Postgres meanwhile");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(2));
                // Joins that came meanwhile are subscribed with the next connection.
                while let Ok(command) = commands.try_recv() {
                    note(&mut topics, command);
                }
            }
        }
    }
}

fn note(topics: &mut HashMap<JobId, broadcast::Sender<Notice>>, command: Command) {
    match command {
        Command::Join(job, sender, _) => {
            topics.insert(job, sender);
        }
        Command::Leave(job) => {
            topics.remove(&job);
        }
    }
}

async fn connect(
    client: &redis::Client,
    keys: &RedisKeys,
    topics: &HashMap<JobId, broadcast::Sender<Notice>>,
) -> redis::RedisResult<(PubSubSink, PubSubStream)> {
    let (mut sink, stream) = client.get_async_pubsub().await?.split();
    for job in topics.keys() {
        sink.subscribe(keys.events(*job)).await?;
    }
    Ok((sink, stream))
}

/// Serves one connection. True when the process has no more use for it.
async fn serve(
    keys: &RedisKeys,
    commands: &mut mpsc::UnboundedReceiver<Command>,
    topics: &mut HashMap<JobId, broadcast::Sender<Notice>>,
    sink: &mut PubSubSink,
    stream: &mut PubSubStream,
) -> bool {
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return true };
                let done = match command {
                    Command::Join(job, sender, confirm) => {
                        let done = if topics.contains_key(&job) {
                            Ok(())
                        } else {
                            sink.subscribe(keys.events(job)).await
                        };
                        if done.is_ok() && confirm.send(()).is_err() {
                            // It did not wait, and may have read too early.
                            let _ = sender.send(Notice::Resync);
                        }
                        topics.insert(job, sender);
                        done
                    }
                    Command::Leave(job) => {
                        topics.remove(&job);
                        sink.unsubscribe(keys.events(job)).await
                    }
                };
                if done.is_err() {
                    return false;
                }
            }
            message = stream.next() => {
                let Some(message) = message else { return false };
                let Some(sender) = keys.job_of_channel(message.get_channel_name()).and_then(|job| topics.get(&job)) else { continue };
                match super::entry::read(message.get_payload_bytes()) {
                    Ok(events) => for event in events { let _ = sender.send(Notice::Event(Arc::new(event))); },
                    Err(error) => {
                        tracing::warn!(error = %error, "an event could not be read");
                        let _ = sender.send(Notice::Resync);
                    }
                }
            }
        }
    }
}
