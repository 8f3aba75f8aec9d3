//! `computetower batches wait`.

use std::process::ExitCode;
use std::time::Duration;

use computetower_jobs::BatchId;
use serde_json::Value;
use tokio::time::Instant;

use super::print;
use crate::cli::Failure;
use crate::cli::client::Api;

/// Seconds that one request waits. The client gives an answer longer than that.
const ROUND: u64 = 30;
/// How long nobody may answer before the wait is given up.
const GIVE_UP: Duration = Duration::from_secs(120);
/// The wait before a server that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct Args {
    /// The batch.
    id: BatchId,
    /// Give up after so many seconds; never when left out.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    timeout: Option<u64>,
}

pub(super) async fn run(api: &Api, args: &Args, json: bool) -> Result<ExitCode, Failure> {
    let longest = args.timeout.map(Duration::from_secs);
    let batch = until_done(api, args.id, longest).await?;
    print(&batch, json)?;
    Ok(exit_code(&batch))
}

/// Waits until every job of a batch has ended, over as many requests as it takes. Only the first has to come about at once.
pub(super) async fn until_done(
    api: &Api,
    id: BatchId,
    longest: Option<Duration>,
) -> Result<Value, Failure> {
    let began = Instant::now();
    let left = || longest.map(|longest| longest.saturating_sub(began.elapsed()));
    let id = id.to_string();
    // Whether there is such a batch, and anybody who knows, is seen before the long wait.
    let batch = api.get(&["batches", &id], &[]).await?;
    if batch["done"] == true {
        return Ok(batch);
    }
    let mut heard = Instant::now();
    loop {
        // Whole seconds, rounded up: the last round must not be none.
        let seconds = left().map_or(ROUND, |left| left.as_millis().div_ceil(1000) as u64);
        let query = [("timeout_s", Some(seconds.min(ROUND).to_string()))];
        let over = || left() == Some(Duration::ZERO);
        match api.get(&["batches", &id, "wait"], &query).await {
            Ok(batch) if batch["done"] == true => return Ok(batch),
            Ok(batch) if over() => return Err(not_done(&batch, longest).into()),
            Ok(_) => heard = Instant::now(),
            Err(error) => {
                // The wait itself may have been cut at its end.
                let given_up = heard.elapsed() > GIVE_UP + Duration::from_secs(ROUND);
                if given_up || over() || !error.may_pass() {
                    return Err(error.into());
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// 0 when all of its jobs completed.
pub(super) fn exit_code(batch: &Value) -> ExitCode {
    let ended_well = ["failed", "cancelled"]
        .iter()
        .all(|state| batch["states"][*state].as_i64() == Some(0));
    if ended_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn not_done(batch: &Value, longest: Option<Duration>) -> String {
    let ended: i64 = ["completed", "failed", "cancelled"]
        .iter()
        .filter_map(|state| batch["states"][*state].as_i64())
        .sum();
    format!(
        "{ended} of {} jobs have ended after {} s: wait again, or look for a worker with `computetower workers`",
        batch["jobs"],
        longest.unwrap_or_default().as_secs()
    )
}
