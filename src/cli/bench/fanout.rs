//! How soon an event reaches each of many subscribers: by the time in the event, so the clock has to be the same machine's.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::error::BenchError;
use super::figures::Spread;
use super::target::{Accepted, Target};

/// Between two events of the job.
const BEAT_MS: u64 = 100;
/// What so many arrivals at once have stirred up is not what is measured.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Subscribers of the one job.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    subscribers: u32,
    /// How long the job lasts, in seconds. Ten events a second; those count that come half a second or more after the last subscriber.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            subscribers: 100,
            seconds: 6,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Figures {
    subscribers: usize,
    /// Events that every subscriber should have seen.
    events: usize,
    deliveries: usize,
    /// Deliveries that did not come.
    missed: usize,
    #[serde(flatten)]
    delay: Option<Spread>,
}

/// When an event was made, and when it was seen.
#[derive(Clone, Copy)]
struct Delivery {
    made: DateTime<Utc>,
    seen: DateTime<Utc>,
}

pub(super) async fn run(target: &Arc<Target>, args: Args) -> Result<Figures, BenchError> {
    let mut connections = Vec::new();
    for _ in 0..args.subscribers {
        connections.push(target.connect().await?);
    }
    let sleep_ms = u64::from(args.seconds) * 1000;
    let progress = u32::try_from(sleep_ms / BEAT_MS).unwrap_or(u32::MAX);
    let accepted: Accepted = target
        .connect()
        .await?
        .fetch(&target.submit(progress, sleep_ms), 202)
        .await?;
    let request: Arc<[u8]> = target.events(&accepted.id).into();
    let (listens, mut listening) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(subscribe(connection, request.clone(), listens.clone()));
    }
    drop(listens);
    let mut all = DateTime::<Utc>::MIN_UTC;
    while listening.recv().await.is_some() {
        all = Utc::now();
    }
    let mut seen = Vec::new();
    while let Some(deliveries) = tasks.join_next().await {
        seen.push(
            deliveries.map_err(|_| BenchError::Unusable("a subscriber's task ended early"))??,
        );
    }
    figures(&seen, all + SETTLE)
}

async fn subscribe(
    connection: Connection,
    request: Arc<[u8]>,
    listens: mpsc::UnboundedSender<()>,
) -> Result<Vec<Delivery>, BenchError> {
    #[derive(Deserialize)]
    struct Data {
        at: DateTime<Utc>,
    }
    let mut events = connection.follow(&request).await?;
    // The other side is there as long as any subscriber has not begun.
    let _ = listens.send(());
    drop(listens);
    let mut deliveries = Vec::new();
    while let Some(event) = events.next().await? {
        let seen = Utc::now();
        if event.name == "progress" {
            let Data { at } = serde_json::from_str(&event.data).map_err(BenchError::Answer)?;
            deliveries.push(Delivery { made: at, seen });
        }
        if event.is_final() {
            break;
        }
    }
    Ok(deliveries)
}

/// Only what was made after all had begun to listen (`from`) counts: what was before is read from a store, not delivered.
fn figures(seen: &[Vec<Delivery>], from: DateTime<Utc>) -> Result<Figures, BenchError> {
    let counted =
        |deliveries: &Vec<Delivery>| deliveries.iter().filter(|one| one.made > from).count();
    let events = seen.iter().map(counted).max().unwrap_or_default();
    if events == 0 {
        return Err(BenchError::Unusable(
            "the job had ended before all subscribers listened: let it last longer with --seconds",
        ));
    }
    let delays: Vec<Duration> = seen
        .iter()
        .flatten()
        .filter(|one| one.made > from)
        .map(|one| (one.seen - one.made).to_std().unwrap_or_default())
        .collect();
    Ok(Figures {
        subscribers: seen.len(),
        events,
        deliveries: delays.len(),
        missed: events * seen.len() - delays.len(),
        delay: Spread::of(delays),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(made_ms: i64, delay_ms: i64) -> Delivery {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        Delivery {
            made: at(made_ms),
            seen: at(made_ms + delay_ms),
        }
    }

    #[test]
    fn what_was_made_before_fromed_does_not_count_and_what_is_missing_does() {
        let seen = [
            vec![delivery(10, 500), delivery(110, 2), delivery(210, 4)],
            vec![delivery(110, 8)],
        ];
        let all = DateTime::from_timestamp_millis(100).unwrap();
        let found = figures(&seen, all).unwrap();
        assert_eq!(
            (
                found.subscribers,
                found.events,
                found.deliveries,
                found.missed
            ),
            (2, 2, 3, 1)
        );
        let delay = found.delay.unwrap();
        assert_eq!((delay.p50_ms, delay.max_ms), (4.0, 8.0));
        let late = DateTime::from_timestamp_millis(300).unwrap();
        assert!(figures(&seen, late).is_err());
    }
}
