//! How soon jobs of a killed worker run again. Whoever started the measure kills the worker; jobs are watched from outside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::AsyncBufReadExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::BenchError;
use super::figures::Spread;
use super::prompt;
use super::target::{Accepted, JobView, Target};

/// A stream that broke is asked for again after this.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Jobs that run when the worker is killed. The workers must be able to run them all at once.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    jobs: u32,
    /// How long each sleeps, in milliseconds.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    sleep_ms: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    jobs: usize,
    /// Jobs that had to begin again.
    recovered: usize,
    failed: usize,
    /// Jobs that had not ended when the measure was given up.
    unfinished: usize,
    /// Jobs whose completion was announced more than once.
    completed_twice: usize,
    /// From the kill to the last completion, the job's own sleep included; nothing when one is unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    all_completed_s: Option<f64>,
    given_up_after_s: u64,
    /// From the kill until a lost job runs again: its completion less its sleep.
    #[serde(flatten)]
    kill_to_running: Option<Spread>,
}

/// How a job ended, and when.
struct Ended {
    id: String,
    completed: bool,
    at: Instant,
}

pub(super) async fn run(
    target: &Arc<Target>,
    args: Args,
    give_up: Duration,
) -> Result<Figures, BenchError> {
    let mut submit = target.connect().await?;
    let request = target.submit(4, args.sleep_ms);
    let (runs, mut running) = mpsc::unbounded_channel();
    let mut watched = JoinSet::new();
    for _ in 0..args.jobs {
        let accepted: Accepted = submit.fetch(&request, 202).await?;
        watched.spawn(watch(target.clone(), accepted.id, runs.clone()));
    }
    drop(runs);
    let all_run = async { while running.recv().await.is_some() {} };
    tokio::time::timeout(give_up, all_run)
        .await
        .map_err(|_| BenchError::TimedOut { after: give_up })?;
    prompt(&format!(
        "running: all {} jobs run; kill a worker now, then send a line",
        args.jobs
    ));
    let mut line = String::new();
    tokio::io::BufReader::new(tokio::io::stdin())
        .read_line(&mut line)
        .await?;
    if line.is_empty() {
        return Err(BenchError::Unusable(
            "standard input ended before it said that a worker was killed",
        ));
    }
    let killed = Instant::now();
    let mut ended = Vec::new();
    let all_ended = async {
        while let Some(one) = watched.join_next().await {
            ended.extend(one);
        }
    };
    // What is missing then is counted as unfinished.
    let _ = tokio::time::timeout(give_up, all_ended).await;
    let mut completed_twice = 0;
    for job in &ended {
        completed_twice += usize::from(completions(target, &job.id).await? > 1);
    }
    let jobs = usize::try_from(args.jobs).unwrap_or(usize::MAX);
    let sleep = Duration::from_millis(args.sleep_ms);
    Ok(figures(
        jobs,
        &ended,
        killed,
        sleep,
        completed_twice,
        give_up,
    ))
}

/// Watches a job to its end; drops `runs` when it has begun to run.
async fn watch(target: Arc<Target>, id: String, runs: mpsc::UnboundedSender<()>) -> Ended {
    let mut runs = Some(runs);
    loop {
        if let Ok(mut events) = target.follow(&id).await {
            while let Ok(Some(event)) = events.next().await {
                runs.take_if(|_| event.name == "progress" || event.is_final());
                if event.is_final() {
                    let completed = event.name == "completed";
                    return Ended {
                        id,
                        completed,
                        at: Instant::now(),
                    };
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How often a job's completion was announced: by the deployment's own count, or by the events it kept.
async fn completions(target: &Target, id: &str) -> Result<usize, BenchError> {
    let job: JobView = target.connect().await?.fetch(&target.job(id), 200).await?;
    if let Some(completions) = job.completions {
        return Ok(completions);
    }
    let mut events = target.follow(id).await?;
    let mut count = 0;
    while let Some(event) = events.next().await? {
        count += usize::from(event.name == "completed");
    }
    Ok(count)
}

fn figures(
    jobs: usize,
    ended: &[Ended],
    killed: Instant,
    sleep: Duration,
    completed_twice: usize,
    give_up: Duration,
) -> Figures {
    // A job that ran on ends within its sleep. The tenth is for what the others' clocks are off.
    let again = |job: &&Ended| job.completed && job.at > killed + sleep * 9 / 10;
    let recovered: Vec<Duration> = ended
        .iter()
        .filter(again)
        .map(|job| (job.at - killed).saturating_sub(sleep))
        .collect();
    let unfinished = jobs - ended.len();
    let last = ended
        .iter()
        .map(|job| job.at)
        .max()
        .filter(|_| unfinished == 0);
    Figures {
        jobs,
        recovered: recovered.len(),
        failed: ended.iter().filter(|job| !job.completed).count(),
        unfinished,
        completed_twice,
        all_completed_s: last.map(|at| at.saturating_duration_since(killed).as_secs_f64()),
        given_up_after_s: give_up.as_secs(),
        kill_to_running: Spread::of(recovered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jobs_that_began_again_count_as_recovered() {
        let killed = Instant::now();
        let ended = |after_ms, completed| Ended {
            id: String::new(),
            completed,
            at: killed + Duration::from_millis(after_ms),
        };
        let (sleep, give_up) = (Duration::from_secs(2), Duration::from_secs(90));
        let seen = [ended(1_500, true), ended(3_000, true), ended(3_500, false)];
        let found = figures(3, &seen, killed, sleep, 0, give_up);
        assert_eq!((found.recovered, found.failed, found.unfinished), (1, 1, 0));
        assert_eq!(found.kill_to_running.unwrap().max_ms, 1_000.0);
        assert_eq!(found.all_completed_s, Some(3.5));
        let found = figures(4, &seen, killed, sleep, 0, give_up);
        assert_eq!((found.unfinished, found.all_completed_s), (1, None));
    }
}
