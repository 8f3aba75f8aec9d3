//! `computetower jobs submit`.

use std::io::Read;
use std::process::ExitCode;

use computetower_jobs::JobId;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::progress::Drawn;
use super::watch;
use crate::cli::client::Api;
use crate::cli::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// What kind of job; `GET /docs` lists the kinds and what each takes.
    kind: String,
    /// What the kind takes: JSON, @FILE, or - for standard input.
    #[arg(long, default_value = "{}", allow_hyphen_values = true)]
    payload: String,
    /// -100 to 100; higher goes first.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i16>,
    /// Not before this moment, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Not after this moment.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// How long one attempt may run, in milliseconds.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<i64>,
    /// The same key with the same job is the same job.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow it to its end. Exit status: 0 completed, 1 failed or cancelled, 2 not known.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(api: &Api, args: Args, json: bool) -> Result<ExitCode, Failure> {
    let mut body = json!({ "kind": args.kind, "payload": payload(&args.payload)? });
    // What is left out is left to the server.
    for (field, value) in [
        ("priority", args.priority.map(Value::from)),
        ("run_at", args.run_at.map(Value::from)),
        ("deadline", args.deadline.map(Value::from)),
        ("timeout_ms", args.timeout_ms.map(Value::from)),
    ] {
        if let Some(value) = value {
            body[field] = value;
        }
    }
    let mut headers = HeaderMap::new();
    if let Some(key) = &args.idempotency_key {
        let value = HeaderValue::from_str(key)
            .map_err(|_| "--idempotency-key: must be printable ASCII on one line")?;
        headers.insert(HeaderName::from_static("idempotency-key"), value);
    }
    let accepted = api.post(&["jobs"], Some(&body), headers).await?;
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
    // Programs get one value, the job as it ended; people see it happen.
    let drawn = if json {
        Drawn::Nothing
    } else {
        out::line(&id.to_string())?;
        Drawn::for_watching(false)
    };
    let ended = watch::follow(api, id, 0, drawn).await?;
    if json {
        out::json(&api.get(&["jobs", &id.to_string()], &[]).await?)?;
    }
    Ok(ended.exit_code())
}

/// Reads a payload from the command line, a file or standard input.
fn payload(named: &str) -> Result<Value, Failure> {
    let (text, place) = match (named, named.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            (text, "standard input".to_owned())
        }
        (_, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("--payload: {file} cannot be read: {error}"))?;
            (text, file.to_owned())
        }
        (text, None) => (text.to_owned(), "it".to_owned()),
    };
    serde_json::from_str(&text)
        .map_err(|error| format!("--payload: {place} is not JSON: {error}").into())
}
