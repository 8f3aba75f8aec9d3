//! `computetower jobs`: submits, lists, shows, follows and moves jobs of a running computetower, over its API.

mod list;
mod moves;
mod options;
mod progress;
mod submit;
mod trail;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;
use computetower_jobs::JobId;

use super::client::Api;
use super::{Failure, out};

pub(super) use options::JobOptions;

/// Follows a job to its end: people see it happen, programs get the job as it ended.
pub(super) async fn follow_to_end(api: &Api, id: JobId, json: bool) -> Result<ExitCode, Failure> {
    let drawn = if json {
        progress::Drawn::Nothing
    } else {
        out::line(&id.to_string())?;
        progress::Drawn::for_watching(false)
    };
    let ended = watch::follow(api, id, 0, drawn).await?;
    if json {
        out::json(&api.get(&["jobs", &id.to_string()], &[]).await?)?;
    }
    Ok(ended.exit_code())
}

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Submit a job and print its id.
    Submit(submit::Args),
    /// List jobs, newest first.
    List(list::Args),
    /// Show a job with its attempts.
    Show {
        /// The job.
        id: JobId,
    },
    /// List what the attempts of a job did, in order.
    Steps {
        /// The job.
        id: JobId,
    },
    /// Show what came of a job that has ended.
    Result {
        /// The job.
        id: JobId,
    },
    /// Follow a job to its end. Exit status: 0 completed, 1 failed or cancelled, 2 not known.
    Watch {
        /// The job.
        id: JobId,
        /// Begin after the event of this number.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
    /// Cancel a job. One that runs is told to stop.
    Cancel {
        /// The job.
        id: JobId,
    },
    /// Queue a failed, cancelled or parked job again.
    Retry {
        /// The job.
        id: JobId,
    },
    /// Hold a job back until it is resumed.
    Pause {
        /// The job.
        id: JobId,
    },
    /// Let a paused job go on.
    Resume {
        /// The job.
        id: JobId,
    },
    /// Answer what a job asks of a person: the code that its page wants, or that it was done elsewhere.
    Answer(moves::HumanAnswer),
    /// Queue failed or cancelled jobs again: those of these ids, or all that have something in common.
    Replay(moves::Replay),
}

pub(super) async fn run(args: Args, json: bool) -> Result<ExitCode, Failure> {
    let api = Api::from_environment()?;
    match args.action {
        Action::Submit(args) => return submit::run(&api, args, json).await,
        Action::Watch { id, after } => {
            let drawn = progress::Drawn::for_watching(json);
            return Ok(watch::follow(&api, id, after, drawn).await?.exit_code());
        }
        Action::List(args) => list::run(&api, args, json).await?,
        Action::Show { id } => list::show(&api, id, json).await?,
        Action::Steps { id } => trail::steps(&api, id, json).await?,
        Action::Result { id } => trail::result(&api, id, json).await?,
        Action::Cancel { id } => moves::run(&api, id, "cancel", json).await?,
        Action::Retry { id } => moves::run(&api, id, "retry", json).await?,
        Action::Pause { id } => moves::run(&api, id, "pause", json).await?,
        Action::Resume { id } => moves::run(&api, id, "resume", json).await?,
        Action::Answer(args) => moves::answer(&api, &args, json).await?,
        Action::Replay(args) => moves::replay(&api, &args, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}
