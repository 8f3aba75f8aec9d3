//! Jobs done a second when many are waiting: from the first completion to the last, by the deployment's own record of each job.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::task::JoinSet;

use super::error::BenchError;
use super::figures::per_second;
use super::prompt;
use super::submit::{Enough, many};
use super::target::{JobView, Target};

/// Readers of the record, once the work is done.
const READERS: usize = 16;
/// How soon jobs that were not done are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Jobs to be done, each with three progress events and a result.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    jobs: u32,
    /// Connections that submit them.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    jobs: usize,
    completed: usize,
    failed: usize,
    per_second: f64,
    seconds: f64,
    /// Accepted a second while they were submitted.
    submitted_per_second: f64,
    /// True when a worker took jobs while they were still submitted: the rate is then of both together.
    combined: bool,
}

pub(super) async fn run(target: &Arc<Target>, args: Args) -> Result<Figures, BenchError> {
    let wanted = usize::try_from(args.jobs).unwrap_or(usize::MAX);
    let submitted = many(target, args.connections, Enough::Jobs(wanted)).await?;
    let filled = Utc::now();
    prompt(&format!(
        "waiting: {wanted} jobs are submitted; start a worker now unless one runs"
    ));
    if let Some(last) = submitted.ids.last() {
        // Nothing is asked while jobs are done: one stream is all that the deployment has to serve beside.
        target.follow(last).await?.last().await?;
    }
    let record = ended(target, &submitted.ids).await?;
    let submitted_per_second = per_second(submitted.ids.len(), submitted.took);
    figures(&record, filled, submitted_per_second)
}

fn figures(
    record: &[JobView],
    filled: DateTime<Utc>,
    submitted_per_second: f64,
) -> Result<Figures, BenchError> {
    let times: Option<Vec<_>> = record.iter().map(|job| job.finished_at).collect();
    let times = times.ok_or(BenchError::Unusable(
        "a job has ended, and its record does not say when",
    ))?;
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return Err(BenchError::Unusable("no job was submitted"));
    };
    let took = (*last - *first).to_std().unwrap_or_default();
    let completed = record.iter().filter(|job| job.state == "completed").count();
    Ok(Figures {
        jobs: record.len(),
        completed,
        failed: record.len() - completed,
        // The first one starts the clock.
        per_second: per_second(record.len() - 1, took),
        seconds: took.as_secs_f64(),
        submitted_per_second,
        combined: *first < filled,
    })
}

/// Reads each job until it has ended.
async fn ended(target: &Arc<Target>, ids: &[String]) -> Result<Vec<JobView>, BenchError> {
    let mut tasks = JoinSet::new();
    for part in ids.chunks(ids.len().div_ceil(READERS).max(1)) {
        let (target, ids) = (target.clone(), part.to_vec());
        tasks.spawn(async move {
            let mut connection = target.connect().await?;
            let mut record = Vec::with_capacity(ids.len());
            for id in ids {
                loop {
                    let job: JobView = connection.fetch(&target.job(&id), 200).await?;
                    if job.has_ended() {
                        record.push(job);
                        break;
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
            Ok(record)
        });
    }
    let mut record = Vec::with_capacity(ids.len());
    while let Some(part) = tasks.join_next().await {
        let part: Result<Vec<_>, BenchError> =
            part.map_err(|_| BenchError::Unusable("a connection's task ended early"))?;
        record.append(&mut part?);
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: &str, at_ms: Option<i64>) -> JobView {
        JobView {
            state: state.to_owned(),
            finished_at: at_ms.map(|at| DateTime::from_timestamp_millis(at).unwrap()),
            completions: None,
        }
    }

    #[test]
    fn the_rate_runs_from_the_first_completion_to_the_last() {
        let record = [
            job("completed", Some(3_000)),
            job("completed", Some(1_000)),
            job("failed", Some(2_000)),
        ];
        let after = DateTime::from_timestamp_millis(500).unwrap();
        let found = figures(&record, after, 9.0).unwrap();
        let expected = Figures {
            jobs: 3,
            completed: 2,
            failed: 1,
            per_second: 1.0,
            seconds: 2.0,
            submitted_per_second: 9.0,
            combined: false,
        };
        assert_eq!(found, expected);
        let during = DateTime::from_timestamp_millis(1_500).unwrap();
        assert!(figures(&record, during, 9.0).unwrap().combined);
        assert!(figures(&[job("completed", None)], after, 9.0).is_err());
    }
}
