//! `computetower queues`: what waits and runs in each, and holding one back.

use clap::Subcommand;
use reqwest::header::HeaderMap;

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// For operators: the queues with everybody's jobs, held back for everybody.
    #[arg(long, global = true)]
    for_all: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Show every queue. This is what happens when nothing else is said.
    List,
    /// Start no more jobs of a queue. What runs goes on; what is submitted waits.
    Pause {
        /// The queue.
        queue: String,
    },
    /// Start its jobs again.
    Resume {
        /// The queue.
        queue: String,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let api = if args.for_all {
        Api::for_operator()?
    } else {
        Api::from_environment()?
    };
    let (queue, verb, said) = match args.action.unwrap_or(Action::List) {
        Action::List => return list(&api, json).await,
        Action::Pause { queue } => (queue, "pause", "paused"),
        Action::Resume { queue } => (queue, "resume", "resumed"),
    };
    let answer = api
        .post(&["queues", &queue, verb], None, HeaderMap::new())
        .await?;
    if json {
        out::json(&answer)
    } else {
        out::line(&format!("{said} {}", out::plain(&queue)))
    }
}

async fn list(api: &Api, json: bool) -> Result<(), Failure> {
    const COLUMNS: [&str; 7] = [
        "queue",
        "pending",
        "queued",
        "running",
        "slots",
        "oldest_age_seconds",
        "paused",
    ];
    let queues = api.get(&["queues"], &[]).await?;
    if json {
        return out::json(&queues);
    }
    let rows: Vec<Vec<String>> = queues
        .as_array()
        .into_iter()
        .flatten()
        .map(|queue| {
            COLUMNS
                .iter()
                .map(|column| out::cell(&queue[*column]))
                .collect()
        })
        .collect();
    let head = [
        "QUEUE", "PENDING", "QUEUED", "RUNNING", "SLOTS", "OLDEST S", "PAUSED",
    ];
    out::lines(&out::table(&head, &rows))
}
