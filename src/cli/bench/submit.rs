//! Submissions a second, over many connections at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;

use super::error::BenchError;
use super::figures::{Spread, per_second};
use super::target::{Accepted, Target};

#[derive(clap::Args)]
pub(super) struct Args {
    /// For how long.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
}

#[derive(Serialize)]
pub(super) struct Figures {
    accepted: usize,
    connections: u16,
    per_second: f64,
    #[serde(flatten)]
    answer: Option<Spread>,
}

/// What was submitted.
pub(super) struct Submitted {
    /// In the order of their answers on each connection.
    pub(super) ids: Vec<String>,
    pub(super) answers: Vec<Duration>,
    pub(super) took: Duration,
}

/// When enough was submitted.
#[derive(Clone, Copy)]
pub(super) enum Enough {
    Jobs(usize),
    At(Instant),
}

pub(super) async fn run(target: &Arc<Target>, args: Args) -> Result<Figures, BenchError> {
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let submitted = many(target, args.connections, Enough::At(end)).await?;
    Ok(Figures {
        accepted: submitted.ids.len(),
        connections: args.connections,
        per_second: per_second(submitted.ids.len(), submitted.took),
        answer: Spread::of(submitted.answers),
    })
}

/// Submits jobs from many connections. A refusal ends it: figures with refusals in them would say nothing.
pub(super) async fn many(
    target: &Arc<Target>,
    connections: u16,
    enough: Enough,
) -> Result<Submitted, BenchError> {
    let begun = Arc::new(AtomicUsize::new(0));
    let request: Arc<[u8]> = target.submit(3, 0).into();
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(target.connect().await?);
    }
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for mut connection in opened {
        let (begun, request) = (begun.clone(), request.clone());
        tasks.spawn(async move {
            let mut seen = Vec::new();
            loop {
                let now = Instant::now();
                let number = begun.fetch_add(1, Ordering::Relaxed);
                let more = match enough {
                    Enough::Jobs(jobs) => number < jobs,
                    Enough::At(end) => now < end,
                };
                if !more {
                    return Ok(seen);
                }
                let accepted: Accepted = connection.fetch(&request, 202).await?;
                seen.push((accepted.id, now.elapsed()));
            }
        });
    }
    let mut submitted = Submitted {
        ids: Vec::new(),
        answers: Vec::new(),
        took: Duration::ZERO,
    };
    while let Some(seen) = tasks.join_next().await {
        let seen: Result<Vec<_>, BenchError> =
            seen.map_err(|_| BenchError::Unusable("a connection's task ended early"))?;
        for (id, answer) in seen? {
            submitted.ids.push(id);
            submitted.answers.push(answer);
        }
    }
    submitted.took = began.elapsed();
    Ok(submitted)
}
