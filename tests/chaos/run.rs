//! One case from start to end.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::faults::{self, Struck};
use crate::load::Load;
use crate::plan::{Case, Fault};
use crate::platform::{Platform, Shared};
use crate::wait::{Checked, PATIENCE, until};
use crate::{checks, member, moments};

/// What a case has shown.
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) broken: Vec<String>,
    /// From the end of the fault until every job had ended.
    pub(crate) recovery: Option<Duration>,
    /// From the kill of a worker until each job that it ran ran again, in seconds.
    pub(crate) restarts: Vec<f64>,
    pub(crate) jobs: usize,
    pub(crate) events: usize,
    pub(crate) connections: u32,
    pub(crate) holes: usize,
    /// Why the case was not run.
    pub(crate) left_out: Option<&'static str>,
}

/// Runs a case. Every process that it started has ended when this returns.
pub(crate) async fn run(case: Case, shared: &mut Shared) -> Outcome {
    let mut outcome = Outcome {
        case,
        broken: Vec::new(),
        recovery: None,
        restarts: Vec::new(),
        jobs: 0,
        events: 0,
        connections: 0,
        holes: 0,
        left_out: None,
    };
    if matches!(outcome.case.fault, Fault::Clock(_)) && member::faketime().is_none() {
        outcome.left_out = Some("libfaketime is not installed");
        return outcome;
    }
    match Platform::start(shared, &outcome.case).await {
        Ok(mut platform) => {
            if let Err(error) = story(&mut platform, shared, &mut outcome).await {
                outcome.broken.push(error);
            }
            let stopped = platform.stop().await;
            outcome.broken.extend(stopped);
            if !outcome.broken.is_empty() {
                keep_logs(&platform, &outcome.case);
            }
        }
        Err(error) => outcome.broken.push(format!("could not begin: {error}")),
    }
    outcome
}

async fn story(platform: &mut Platform, shared: &mut Shared, outcome: &mut Outcome) -> Checked<()> {
    platform.ready().await?;
    let fault = outcome.case.fault;
    let mut dice = outcome.case.dice.clone();
    let mut load = Load::new(platform.client.clone(), dice.fork());
    load.submit(dice.between(6, 14));
    let held = moments::reach(outcome.case.moment, platform, &mut load).await?;

    load.submit(dice.between(3, 6));
    let struck = faults::begin(fault, &held, platform, shared, &mut dice).await;
    held.release(platform);
    let struck = struck?;
    load.submit(dice.between(3, 6));
    faults::end(fault, &struck, platform, shared).await?;
    let ended = Instant::now();
    load.submit(dice.between(2, 4));

    load.submitted(PATIENCE).await;
    let drained = until("every accepted job has ended", || platform.is_drained()).await;
    outcome.recovery = drained.is_ok().then(|| ended.elapsed());
    if let Err(error) = drained {
        let sql =
            "select id, state, dispatch, attempt, now() - dispatched_at as since, run_at from jobs
                   where state not in ('completed', 'failed', 'cancelled')";
        let left = platform.rows(sql).await;
        outcome.broken.push(format!("{error}: {left:?}"));
    }
    let (accepted, readings, complaints) = load.finish(PATIENCE / 2).await;
    outcome.jobs = accepted.len();
    outcome.events = readings.iter().map(|reading| reading.events.len()).sum();
    outcome.connections = readings.iter().map(|reading| reading.connections).sum();
    outcome.broken.extend(complaints);
    let forgetful = fault == Fault::FlushAndKill;
    let findings = checks::jobs(platform, &accepted, &readings, forgetful).await?;
    outcome.broken.extend(findings.broken);
    outcome.holes = findings.holes;
    outcome.restarts = restarts(platform, &struck).await?;
    let known: i64 = platform
        .ask("select count(*) from jobs")
        .await
        .unwrap_or_default();
    let known = usize::try_from(known).unwrap_or_default();
    outcome.broken.extend(checks::redis(platform, known).await);
    Ok(())
}

/// How long each job of a killed worker waited for its next attempt.
async fn restarts(platform: &Platform, struck: &Struck) -> Checked<Vec<f64>> {
    let Some(killed_at) = struck.killed_at else {
        return Ok(Vec::new());
    };
    let rows = platform
        .rows("select job_id, attempt, extract(epoch from started_at)::float8 as at from job_attempts")
        .await?;
    let next = |lost: &Value| {
        let attempt = lost["attempt"].as_i64()? + 1;
        let row = rows
            .iter()
            .find(|row| row["job_id"] == lost["job_id"] && row["attempt"] == attempt)?;
        Some(row["at"].as_f64()? - killed_at)
    };
    Ok(struck.running.iter().filter_map(next).collect())
}

/// The logs of a case that broke something stay, for whoever has to find out why.
fn keep_logs(platform: &Platform, case: &Case) {
    let kept = std::env::temp_dir().join(format!("chaos-{}-{}", case.seed, case.number));
    let _ = std::fs::create_dir_all(&kept);
    for member in &platform.members {
        let _ = std::fs::write(kept.join(format!("{}.log", member.name)), member.said());
    }
    println!("the logs of its processes: {}", kept.display());
}
