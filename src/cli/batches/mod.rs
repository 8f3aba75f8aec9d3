//! `computetower batches`: many jobs at once, how far they are, waiting for all of them.

mod submit;
mod wait;

use std::process::ExitCode;

use clap::Subcommand;
use computetower_jobs::BatchId;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Submit up to 1,000 jobs, all of them or none, and print the batch's id.
    Submit(submit::Args),
    /// Show how a batch stands. Its jobs: `computetower jobs list --batch ID`.
    Show {
        /// The batch.
        id: BatchId,
    },
    /// Wait until all of its jobs have ended. Exit status: 0 all completed, 1 some failed or were cancelled, 2 not known.
    Wait(wait::Args),
    /// Cancel those of its jobs that have not ended.
    Cancel {
        /// The batch.
        id: BatchId,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<ExitCode, Failure> {
    let api = Api::from_environment()?;
    let batch = match args.action {
        Action::Submit(args) => return submit::run(&api, args, json).await,
        Action::Wait(args) => return wait::run(&api, &args, json).await,
        Action::Show { id } => api.get(&["batches", &id.to_string()], &[]).await?,
        Action::Cancel { id } => {
            let path = ["batches", &id.to_string(), "cancel"];
            api.post(&path, None, HeaderMap::new()).await?
        }
    };
    print(&batch, json)?;
    Ok(ExitCode::SUCCESS)
}

/// How a batch stands: for people, without the states that none of its jobs is in.
fn print(batch: &Value, json: bool) -> Result<(), Failure> {
    if json {
        return out::json(batch);
    }
    for name in ["id", "jobs", "done", "created_at"] {
        out::field(name, &batch[name])?;
    }
    for (state, count) in batch["states"].as_object().into_iter().flatten() {
        if *count != 0 {
            out::field(state, count)?;
        }
    }
    Ok(())
}
