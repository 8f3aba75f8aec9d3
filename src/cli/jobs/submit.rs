//! `computetower jobs submit`.

use std::process::ExitCode;

use computetower_jobs::JobId;
use serde_json::{Value, json};

use super::options::JobOptions;
use crate::cli::client::{Api, idempotency};
use crate::cli::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// What kind of job; `GET /docs` lists the kinds and what each takes.
    kind: String,
    #[command(flatten)]
    options: JobOptions,
    /// Not before this moment, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Not after this moment.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// Start once this job has completed; may be given several times. It fails when one of them does not complete.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    after: Vec<JobId>,
    /// Start once those jobs have ended, in whatever way.
    #[arg(long, requires = "after")]
    after_any_end: bool,
    /// The same key with the same job is the same job.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow it to its end. Exit status: 0 completed, 1 failed or cancelled, 2 not known.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(api: &Api, args: Args, json: bool) -> Result<ExitCode, Failure> {
    let mut body = args.options.submission(&args.kind)?;
    // What is left out is left to the server.
    for (field, value) in [
        ("run_at", args.run_at.map(Value::from)),
        ("deadline", args.deadline.map(Value::from)),
        ("after", (!args.after.is_empty()).then(|| json!(args.after))),
        (
            "after_any_end",
            args.after_any_end.then_some(Value::Bool(true)),
        ),
    ] {
        if let Some(value) = value {
            body.insert(field.to_owned(), value);
        }
    }
    let headers = idempotency(args.idempotency_key.as_deref())?;
    let accepted = api.post(&["jobs"], Some(&body.into()), headers).await?;
    let id: JobId = accepted["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or("the answer names no job: is the server of another version?")?;
    if !args.wait {
        if json {
            out::json(&accepted)?;
        } else {
            out::line(&id.to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    super::follow_to_end(api, id, json).await
}
