//! One Redis subscription per worker process: it hears rings of its queues and orders to stop jobs.

use std::time::Duration;

use computetower_jobs::{CredentialId, JobId, Queue};
use futures::StreamExt;
use futures::channel::mpsc;
use tokio::sync::mpsc as tokio_mpsc;

use crate::connect::Store;

/// An order to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop this job.
    Cancel(JobId),
    /// Stop this job where it is; it will be resumed.
    Pause(JobId),
    /// An account has signed out, or was changed: its live session is over.
    SignOut(CredentialId),
    /// The same, and a `logout` job is about to use the session for the last time.
    LogOut(CredentialId),
    /// Orders may have been missed: look at the leases now.
    Missed,
}

/// Rings of one apalis worker.
pub type Wake = mpsc::Receiver<()>;

/// The process's ear. Ends when dropped.
pub struct Doorbell {
    task: tokio::task::JoinHandle<()>,
    joins: tokio_mpsc::UnboundedSender<(Queue, mpsc::Sender<()>)>,
}

impl Doorbell {
    /// Rings for one more apalis worker of a queue.
    #[must_use]
    pub fn wake(&self, queue: Queue) -> Wake {
        let (sender, receiver) = mpsc::channel(1);
        let _ = self.joins.send((queue, sender));
        receiver
    }
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Store {
    /// Starts listening. Orders arrive on the returned channel.
    #[must_use]
    pub fn doorbell(&self) -> (Doorbell, tokio_mpsc::UnboundedReceiver<Control>) {
        let (orders, control) = tokio_mpsc::unbounded_channel();
        let (joins, joined) = tokio_mpsc::unbounded_channel();
        let task = tokio::spawn(listen(self.clone(), joined, orders));
        (Doorbell { task, joins }, control)
    }
}

async fn listen(
    store: Store,
    mut joined: tokio_mpsc::UnboundedReceiver<(Queue, mpsc::Sender<()>)>,
    orders: tokio_mpsc::UnboundedSender<Control>,
) {
    let mut bells: Vec<(Queue, mpsc::Sender<()>)> = Vec::new();
    loop {
        // The sink is kept as long as the stream: together they are the connection.
        let (_sink, mut stream) = match subscribe(&store).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(error = %error, "the doorbell is not connected; lanes are looked at on a timer meanwhile");
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        let _ = orders.send(Control::Missed);
        loop {
            tokio::select! {
                bell = joined.recv() => {
                    let Some(bell) = bell else { return };
                    bells.push(bell);
                }
                message = stream.next() => {
                    let Some(message) = message else { break };
                    let channel = message.get_channel_name();
                    if channel == store.keys().control() {
                        if let Some(order) = read_order(message.get_payload_bytes()) {
                            let _ = orders.send(order);
                        }
                        continue;
                    }
                    bells.retain_mut(|(queue, bell)| {
                        // A bell that is full has been rung already.
                        channel != store.keys().wake(*queue) || !bell.try_send(()).is_err_and(|error| error.is_disconnected())
                    });
                }
            }
        }
    }
}

async fn subscribe(
    store: &Store,
) -> redis::RedisResult<(redis::aio::PubSubSink, redis::aio::PubSubStream)> {
    let (mut sink, stream) = store.redis_client.get_async_pubsub().await?.split();
    sink.subscribe(store.keys().control()).await?;
    for queue in Queue::ALL {
        sink.subscribe(store.keys().wake(queue)).await?;
    }
    Ok((sink, stream))
}

fn read_order(bytes: &[u8]) -> Option<Control> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (order, id) = text.split_once(' ')?;
    match order {
        "cancel" => Some(Control::Cancel(id.parse().ok()?)),
        "pause" => Some(Control::Pause(id.parse().ok()?)),
        "log-out" => Some(Control::LogOut(id.parse().ok()?)),
        "sign-out" => Some(Control::SignOut(id.parse().ok()?)),
        _ => None,
    }
}
