//! `computetower workers`: the worker processes that live, and draining one.

use clap::Subcommand;
use computetower_jobs::WorkerId;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// List the worker processes that live, newest first. This is what happens when nothing else is said.
    List {
        /// For operators: with the jobs that each runs.
        #[arg(long)]
        with_jobs: bool,
    },
    /// For operators: let a worker take no more jobs, finish those that it runs, and end.
    Drain {
        /// The worker.
        id: WorkerId,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let workers = match args.action {
        None | Some(Action::List { with_jobs: false }) => {
            Api::from_environment()?.get(&["workers"], &[]).await?
        }
        Some(Action::List { with_jobs: true }) => {
            Api::for_operator()?.get(&["workers"], &[]).await?
        }
        Some(Action::Drain { id }) => return drain(id, json).await,
    };
    if json {
        out::json(&workers)
    } else {
        list(&workers)
    }
}

fn list(workers: &Value) -> Result<(), Failure> {
    let workers: Vec<&Value> = workers.as_array().into_iter().flatten().collect();
    if workers.is_empty() {
        return out::line("no worker lives: start one with `computetower worker --queues …`");
    }
    let mut head = vec!["ID", "NAME", "QUEUES", "RUNNING", "DRAINING", "SINCE"];
    // Only operators are told which jobs.
    let with_jobs = workers.iter().any(|worker| worker["jobs"].is_array());
    if with_jobs {
        head.push("JOBS");
    }
    let rows: Vec<Vec<String>> = workers
        .iter()
        .map(|worker| {
            let mut row = vec![
                out::cell(&worker["id"]),
                out::cell(&worker["name"]),
                words(&worker["queues"]),
                out::cell(&worker["running"]),
                out::cell(&worker["draining"]),
                out::cell(&worker["started_at"]),
            ];
            if with_jobs {
                row.push(words(&worker["jobs"]));
            }
            row
        })
        .collect();
    out::lines(&out::table(&head, &rows))
}

/// A list of words as one cell.
fn words(list: &Value) -> String {
    let words: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    out::plain(&words.join(","))
}

async fn drain(id: WorkerId, json: bool) -> Result<(), Failure> {
    let path = ["workers", &id.to_string(), "drain"];
    Api::for_operator()?
        .post(&path, None, HeaderMap::new())
        .await?;
    if json {
        out::json(&json!({ "draining": true }))
    } else {
        out::line("told to take no more jobs; it ends with those that it runs")
    }
}
