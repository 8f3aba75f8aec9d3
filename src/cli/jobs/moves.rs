//! `computetower jobs cancel`, `retry`, `pause`, `resume`, `answer` and `replay`.

use computetower_jobs::JobId;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use crate::cli::client::Api;
use crate::cli::{Failure, out};

/// Asks for a move of one job, and says where it stands now.
pub(super) async fn run(api: &Api, id: JobId, verb: &str, json: bool) -> Result<(), Failure> {
    let id = id.to_string();
    let job = api
        .post(&["jobs", &id, verb], None, HeaderMap::new())
        .await?;
    if json {
        return out::json(&job);
    }
    let state = out::cell(&job["state"]);
    if job["cancel_requested"] == true {
        out::line(&format!("{state}, told to stop"))
    } else if job["pause_requested"] == true {
        out::line(&format!("{state}, told to pause"))
    } else {
        out::line(&state)
    }
}

/// What to answer.
#[derive(clap::Args)]
pub(super) struct HumanAnswer {
    /// The job.
    id: JobId,
    /// The code, or the text of a picture, that the page asks for.
    #[arg(long, required_unless_present = "done", conflicts_with = "done")]
    code: Option<String>,
    /// What the page asks for was done elsewhere, for example confirmed on a phone.
    #[arg(long)]
    done: bool,
}

/// Answers what a job asks of a person.
pub(super) async fn answer(api: &Api, args: &HumanAnswer, as_json: bool) -> Result<(), Failure> {
    let body = match &args.code {
        Some(code) => json!({ "code": code }),
        None => json!({ "done": true }),
    };
    let id = args.id.to_string();
    let intervention = api
        .post(
            &["jobs", &id, "intervention"],
            Some(&body),
            HeaderMap::new(),
        )
        .await?;
    if as_json {
        out::json(&intervention)
    } else {
        out::line("answered: the job goes on")
    }
}

/// Which jobs to replay. What is left out does not matter; with nothing at all, the oldest 1,000 that failed.
#[derive(clap::Args)]
pub(super) struct Replay {
    /// Only these.
    #[arg(value_name = "ID")]
    ids: Vec<JobId>,
    /// Only this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Only in this state: failed (when left out) or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only those that failed with this code.
    #[arg(long)]
    code: Option<String>,
    /// Only those that ended at or after this moment, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that ended before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many.
    #[arg(long)]
    limit: Option<u32>,
}

/// Queues many jobs again.
pub(super) async fn replay(api: &Api, which: &Replay, as_json: bool) -> Result<(), Failure> {
    let mut filter = Map::new();
    for (field, value) in [
        ("kind", &which.kind),
        ("state", &which.state),
        ("queue", &which.queue),
        ("code", &which.code),
        ("since", &which.since),
        ("until", &which.until),
    ] {
        if let Some(value) = value {
            filter.insert(field.to_owned(), Value::from(value.as_str()));
        }
    }
    if let Some(limit) = which.limit {
        filter.insert("limit".to_owned(), Value::from(limit));
    }
    if !which.ids.is_empty() {
        filter.insert("ids".to_owned(), json!(which.ids));
    }
    let filter = Value::Object(filter);
    let answer = api
        .post(&["jobs", "replay"], Some(&filter), HeaderMap::new())
        .await?;
    if as_json {
        out::json(&answer)?;
    } else {
        out::line(&format!("replayed {}", out::cell(&answer["replayed"])))?;
        if answer["more"] == true {
            out::line("more of them match: ask again")?;
        }
        for id in answer["ids"].as_array().into_iter().flatten() {
            out::line(&out::cell(id))?;
        }
    }
    if !which.ids.is_empty() && answer["replayed"] == 0 {
        return Err("none of these jobs is there and failed, or as the filter says: look with `computetower jobs show ID`; --state cancelled replays cancelled ones".into());
    }
    Ok(())
}
