//! `computetower jobs list` and `show`.

use computetower_jobs::{BatchId, JobId, ScheduleId};
use serde_json::{Value, json};

use crate::cli::client::Api;
use crate::cli::{Failure, out};

/// Jobs that one request may ask for.
const PAGE: usize = 200;
const HEAD: [&str; 6] = ["ID", "KIND", "STATE", "ATTEMPT", "CREATED", "FAILURE"];

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Only in this state.
    #[arg(long)]
    state: Option<String>,
    /// Only of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only those whose last failure has this code.
    #[arg(long)]
    code: Option<String>,
    /// Only those that ended at or after this moment, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that ended before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those of this batch.
    #[arg(long, value_name = "ID")]
    batch: Option<BatchId>,
    /// Only those that this schedule made.
    #[arg(long, value_name = "ID")]
    schedule: Option<ScheduleId>,
    /// At most so many.
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// All of them, page by page.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(api: &Api, args: Args, json: bool) -> Result<(), Failure> {
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut cursor = None;
    let mut head = true;
    let mut kept = Vec::new();
    loop {
        let query = [
            ("kind", args.kind.clone()),
            ("state", args.state.clone()),
            ("queue", args.queue.clone()),
            ("code", args.code.clone()),
            ("since", args.since.clone()),
            ("until", args.until.clone()),
            ("batch", args.batch.map(|id| id.to_string())),
            ("schedule", args.schedule.map(|id| id.to_string())),
            ("limit", Some(left.min(PAGE).to_string())),
            ("cursor", cursor),
        ];
        let mut page = api.get(&["jobs"], &query).await?;
        let Value::Array(jobs) = page["jobs"].take() else {
            return Err("the answer holds no jobs: is the server of another version?".into());
        };
        left -= jobs.len().min(left);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if json {
            kept.extend(jobs);
        } else {
            let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
            // Ids, times and states have the same width on every page; the head stands once.
            for line in out::table(&HEAD, &rows).iter().skip(usize::from(!head)) {
                out::line(line)?;
            }
            head = false;
        }
        if left == 0 || cursor.is_none() {
            break;
        }
    }
    if json {
        let next = cursor.map_or(Value::Null, Value::from);
        out::json(&json!({ "jobs": kept, "next_cursor": next }))?;
    }
    Ok(())
}

fn row(job: &Value) -> Vec<String> {
    [
        &job["id"],
        &job["kind"],
        &job["state"],
        &job["attempt"],
        &job["created_at"],
        &job["failure"]["code"],
    ]
    .map(out::cell)
    .to_vec()
}

pub(super) async fn show(api: &Api, id: JobId, json: bool) -> Result<(), Failure> {
    let id = id.to_string();
    let mut job = api.get(&["jobs", &id], &[]).await?;
    let attempts = api.get(&["jobs", &id, "attempts"], &[]).await?;
    if json {
        job["attempts"] = attempts;
        return out::json(&job);
    }
    out::record(&job, false)?;
    let rows: Vec<Vec<String>> = attempts
        .as_array()
        .into_iter()
        .flatten()
        .map(|attempt| {
            let failure = &attempt["failure"];
            let why = match failure["message"].as_str() {
                Some(message) => {
                    format!("{}: {}", out::cell(&failure["code"]), out::plain(message))
                }
                None => "-".to_owned(),
            };
            vec![
                out::cell(&attempt["attempt"]),
                out::cell(&attempt["worker"]),
                out::cell(&attempt["started_at"]),
                out::cell(&attempt["ended_at"]),
                out::cell(&attempt["outcome"]),
                why,
            ]
        })
        .collect();
    if !rows.is_empty() {
        out::line("")?;
        let head = [
            "ATTEMPT", "WORKER", "STARTED", "ENDED", "OUTCOME", "FAILURE",
        ];
        out::lines(&out::table(&head, &rows))?;
    }
    Ok(())
}
