//! `computetower workers`: the worker processes that live.

use serde_json::Value;

use super::client::Api;
use super::{Failure, out};

pub(super) async fn run(json: bool) -> Result<(), Failure> {
    let workers = Api::from_environment()?.get(&["workers"], &[]).await?;
    if json {
        return out::json(&workers);
    }
    let rows: Vec<Vec<String>> = workers
        .as_array()
        .into_iter()
        .flatten()
        .map(|worker| {
            let queues: Vec<&str> = worker["queues"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            vec![
                out::cell(&worker["name"]),
                out::plain(&queues.join(",")),
                out::cell(&worker["running"]),
                out::cell(&worker["started_at"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out::line("no worker lives: start one with `computetower worker --queues …`");
    }
    for line in out::table(&["NAME", "QUEUES", "RUNNING", "SINCE"], &rows) {
        out::line(&line)?;
    }
    Ok(())
}
