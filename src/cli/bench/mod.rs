//! `computetower bench`: measures a deployment from outside, over its HTTP API, taking as little of the machine as it can.
//! Anything that answers `POST /api/v1/jobs`, `GET /api/v1/jobs/{id}` and `…/events` as computetower does can be measured.

mod connection;
mod drain;
mod error;
mod fanout;
mod figures;
mod latency;
mod recovery;
mod report;
mod sse;
mod submit;
mod sustained;
mod target;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use self::error::BenchError;
use self::report::Report;
use self::target::Target;
use super::{Failure, out};
use crate::config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the deployment answers, by plain HTTP; else COMPUTETOWER_URL, else http://127.0.0.1:7080.
    #[arg(long, global = true)]
    url: Option<String>,
    /// The key to submit with; else COMPUTETOWER_API_KEY.
    #[arg(long, global = true)]
    api_key: Option<String>,
    /// Seconds after which a measure is given up.
    #[arg(long, global = true, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    give_up: u64,
    /// What to measure; the latency and the fan-out, which leave no backlog behind, when nothing is named.
    #[command(subcommand)]
    measure: Option<Measure>,
}

#[derive(clap::Subcommand)]
enum Measure {
    /// From submitting a job to its `completed` event, one job after the other.
    Latency(latency::Args),
    /// Accepted submissions a second. The jobs stay behind when no worker runs.
    Submit(submit::Args),
    /// Waiting jobs done a second. Says `waiting:` on standard error when a worker is to be started.
    Drain(drain::Args),
    /// The latency at a fixed rate.
    Sustained(sustained::Args),
    /// How soon an event reaches each of many subscribers of one job.
    Fanout(fanout::Args),
    /// How soon jobs of a killed worker run again. Says `running:` on standard error; a line on standard input says that the worker was killed.
    Recovery(recovery::Args),
}

pub(super) async fn run(args: Args, as_json: bool) -> Result<(), Failure> {
    let url = args
        .url
        .or_else(|| config::variable("COMPUTETOWER_URL"))
        .unwrap_or_else(|| "http://127.0.0.1:7080".to_owned());
    let key = args
        .api_key
        .or_else(|| config::variable("COMPUTETOWER_API_KEY"));
    let target = Arc::new(Target::find(&url, key).await?);
    let give_up = Duration::from_secs(args.give_up);
    let mut report = Report::begin(url);
    match args.measure {
        None => {
            let measure = latency::run(&target, latency::Args::default());
            report.add("latency", within(give_up, measure).await?);
            let measure = fanout::run(&target, fanout::Args::default());
            report.add("fanout", within(give_up, measure).await?);
        }
        Some(Measure::Latency(args)) => {
            report.add(
                "latency",
                within(give_up, latency::run(&target, args)).await?,
            );
        }
        Some(Measure::Submit(args)) => {
            report.add("submit", within(give_up, submit::run(&target, args)).await?);
        }
        Some(Measure::Drain(args)) => {
            report.add("drain", within(give_up, drain::run(&target, args)).await?);
        }
        Some(Measure::Sustained(args)) => {
            report.add(
                "sustained",
                within(give_up, sustained::run(&target, args)).await?,
            );
        }
        Some(Measure::Fanout(args)) => {
            report.add("fanout", within(give_up, fanout::run(&target, args)).await?);
        }
        // It gives up by itself, and has something to say then.
        Some(Measure::Recovery(args)) => {
            report.add(
                "recovery",
                json(recovery::run(&target, args, give_up).await?)?,
            );
        }
    }
    report.print(as_json)
}

async fn within<F: Serialize>(
    give_up: Duration,
    measure: impl Future<Output = Result<F, BenchError>>,
) -> Result<Value, Failure> {
    let figures = tokio::time::timeout(give_up, measure)
        .await
        .map_err(|_| BenchError::TimedOut { after: give_up })??;
    json(figures)
}

fn json<F: Serialize>(figures: F) -> Result<Value, Failure> {
    Ok(serde_json::to_value(figures)?)
}

/// Tells whoever started the measure that it is their turn. Scripts wait for the first word.
/// Standard output is for the figures alone.
fn prompt(text: &str) {
    out::aside(text);
}
