//! The latency at a fixed rate, whatever the deployment answers: a job has its time, and a late one is late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::connection::Connection;
use super::error::BenchError;
use super::figures::{Spread, per_second};
use super::latency::one;
use super::target::{Accepted, Target};

/// Connections are opened so long before they are needed.
const AHEAD: Duration = Duration::from_millis(50);
/// How late the clock of this process may wake it; it is not the deployment's fault.
const GRAIN: Duration = Duration::from_millis(2);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Jobs a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Of these, jobs a second that are followed to their end over a stream each.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    followed: u32,
    /// Connections that submit the others.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
}

#[derive(Serialize)]
pub(super) struct Figures {
    rate: u32,
    /// Accepted a second: below the rate when the deployment does not keep up.
    submitted_per_second: f64,
    submitted: usize,
    /// Jobs that the times are of.
    followed: usize,
    #[serde(flatten)]
    due_to_completed: Option<Spread>,
}

pub(super) async fn run(target: &Arc<Target>, args: Args) -> Result<Figures, BenchError> {
    let followed = args.followed.min(args.rate);
    let others = args.rate - followed;
    let request: Arc<[u8]> = target.submit(3, 0).into();
    let mut connections = Vec::new();
    // Servers close connections that rest: none has less to do than four requests a second.
    for _ in 0..u32::from(args.connections).min(others.div_ceil(4)) {
        connections.push(target.connect().await?);
    }
    let begin = Instant::now() + 2 * AHEAD;
    let mut crowd = JoinSet::new();
    let plan = Arc::new(Plan {
        begin,
        rate: others,
        jobs: u64::from(others) * u64::from(args.seconds),
        next: AtomicU64::new(0),
    });
    for connection in connections {
        crowd.spawn(submit(connection, request.clone(), plan.clone()));
    }
    let mut samples = JoinSet::new();
    for number in 0..u64::from(followed) * u64::from(args.seconds) {
        let due = begin + at(number, followed);
        sleep_until((due - AHEAD).into()).await;
        samples.spawn(sample(target.clone(), request.clone(), due));
    }
    let early = |_| BenchError::Unusable("a connection's task ended early");
    let (mut submitted, mut times) = (0, Vec::new());
    while let Some(count) = crowd.join_next().await {
        submitted += count.map_err(early)??;
    }
    let submitting = begin
        .elapsed()
        .max(Duration::from_secs(args.seconds.into()));
    while let Some(time) = samples.join_next().await {
        times.push(time.map_err(early)??);
    }
    submitted += times.len();
    Ok(Figures {
        rate: args.rate,
        submitted_per_second: per_second(submitted, submitting),
        submitted,
        followed: times.len(),
        due_to_completed: Spread::of(times),
    })
}

/// When jobs are due.
struct Plan {
    begin: Instant,
    rate: u32,
    jobs: u64,
    next: AtomicU64,
}

fn at(number: u64, rate: u32) -> Duration {
    Duration::from_secs_f64(number as f64 / f64::from(rate))
}

/// Submits whichever job is due next until there is none; how many that were.
async fn submit(
    mut connection: Connection,
    request: Arc<[u8]>,
    plan: Arc<Plan>,
) -> Result<usize, BenchError> {
    let mut submitted = 0;
    loop {
        let number = plan.next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.jobs {
            return Ok(submitted);
        }
        sleep_until((plan.begin + at(number, plan.rate)).into()).await;
        let _: Accepted = connection.fetch(&request, 202).await?;
        submitted += 1;
    }
}

async fn sample(
    target: Arc<Target>,
    request: Arc<[u8]>,
    due: Instant,
) -> Result<Duration, BenchError> {
    let (mut submit, events) = (target.connect().await?, target.connect().await?);
    sleep_until(due.into()).await;
    let now = Instant::now();
    let began = if now - due < GRAIN { now } else { due };
    one(&target, &mut submit, events, &request, began).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_due_evenly() {
        assert_eq!(at(0, 400), Duration::ZERO);
        assert_eq!(at(100, 400), Duration::from_millis(250));
        assert_eq!(at(4_000_000, 400), Duration::from_secs(10_000));
    }
}
