//! `computetower limits`: how many jobs may run at once, and how many may start in a time. For operators.

use clap::Subcommand;
use computetower_jobs::{LimitId, TenantId};
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
    /// List the limits, oldest first. This is what happens when nothing else is said.
    List,
    /// Set a limit, or change the one for the same tenant, queue and key, and print its id.
    Set(Set),
    /// Remove a limit.
    Delete {
        /// The limit.
        id: LimitId,
    },
}

#[derive(clap::Args)]
struct Set {
    /// This tenant; each tenant by itself when left out.
    #[arg(long, value_name = "ID")]
    tenant: Option<TenantId>,
    /// This queue; all queues together when left out.
    #[arg(long)]
    queue: Option<String>,
    /// This limit key; each key by itself when left out; '*': all keys together.
    #[arg(long)]
    key: Option<String>,
    /// Jobs queued or running at once. 0 lets none start.
    #[arg(long, value_name = "N", required_unless_present = "rate")]
    max_running: Option<u32>,
    /// So many may start in --per-seconds.
    #[arg(long, value_name = "N", requires = "per_seconds")]
    rate: Option<u32>,
    /// The time for --rate.
    #[arg(long, value_name = "SECONDS", requires = "rate")]
    per_seconds: Option<u32>,
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let api = Api::for_operator()?;
    match args.action.unwrap_or(Action::List) {
        Action::List => {
            let limits = api.get(&["limits"], &[]).await?;
            if json {
                out::json(&limits)
            } else {
                list(&limits)
            }
        }
        Action::Set(set) => {
            // The limit is set whole: null is what it does not have, or no longer.
            let limit = json!({
                "tenant_id": set.tenant, "queue": set.queue, "key": set.key,
                "max_running": set.max_running, "rate": set.rate, "per_seconds": set.per_seconds,
            });
            out::made(&api.put(&["limits"], &limit).await?, json)
        }
        Action::Delete { id } => {
            api.delete(&["limits", &id.to_string()], &[]).await?;
            out::deleted(json)
        }
    }
}

fn list(limits: &Value) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = limits
        .as_array()
        .into_iter()
        .flatten()
        .map(|limit| {
            // What a limit does not name it counts apart or together.
            let named = |field: &str, otherwise: &str| match &limit[field] {
                Value::Null => otherwise.to_owned(),
                value => out::cell(value),
            };
            vec![
                out::cell(&limit["id"]),
                named("tenant_id", "each"),
                named("queue", "all"),
                named("key", "each"),
                out::cell(&limit["max_running"]),
                out::cell(&limit["rate"]),
                out::cell(&limit["per_seconds"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out::line("no limit is set");
    }
    let head = ["ID", "TENANT", "QUEUE", "KEY", "RUNNING", "RATE", "PER S"];
    out::lines(&out::table(&head, &rows))
}
