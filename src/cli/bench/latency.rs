//! The latency of an idle deployment: from submitting a job to its `completed` event, one job after the other.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::connection::Connection;
use super::error::BenchError;
use super::figures::Spread;
use super::target::{Accepted, Target};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Jobs that count.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    jobs: u32,
    /// Jobs before them that do not.
    #[arg(long, default_value_t = 10)]
    warm_up: u32,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            jobs: 200,
            warm_up: 10,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Figures {
    jobs: u32,
    warm_up: u32,
    #[serde(flatten)]
    submit_to_completed: Option<Spread>,
}

pub(super) async fn run(target: &Target, args: Args) -> Result<Figures, BenchError> {
    let mut submit = target.connect().await?;
    let request = target.submit(3, 0);
    let mut samples = Vec::new();
    for n in 0..args.warm_up + args.jobs {
        // A stream ends with its job, so each has a connection of its own: opened before the clock runs.
        let events = target.connect().await?;
        let took = one(target, &mut submit, events, &request, Instant::now()).await?;
        if n >= args.warm_up {
            samples.push(took);
        }
    }
    Ok(Figures {
        jobs: args.jobs,
        warm_up: args.warm_up,
        submit_to_completed: Spread::of(samples),
    })
}

/// Submits a job and follows it to its end. How long that took from `began`.
pub(super) async fn one(
    target: &Target,
    submit: &mut Connection,
    events: Connection,
    request: &[u8],
    began: Instant,
) -> Result<Duration, BenchError> {
    let accepted: Accepted = submit.fetch(request, 202).await?;
    let mut events = events.follow(&target.events(&accepted.id)).await?;
    events.completed().await?;
    Ok(began.elapsed())
}
