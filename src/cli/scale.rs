//! `computetower scale`: how many workers each queue should have. For operators.

use serde_json::Value;

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Within how many seconds what waits should have been done; 60 when left out.
    #[arg(long, value_name = "SECONDS")]
    target_seconds: Option<f64>,
    /// Never fewer workers of a queue; 0 when left out.
    #[arg(long, value_name = "N")]
    min: Option<u64>,
    /// Never more workers of a queue; 100 when left out.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let query = [
        ("target_seconds", args.target_seconds.map(|n| n.to_string())),
        ("min", args.min.map(|n| n.to_string())),
        ("max", args.max.map(|n| n.to_string())),
    ];
    let advice = Api::for_operator()?.get(&["scale"], &query).await?;
    if json {
        return out::json(&advice);
    }
    let rows: Vec<Vec<String>> = advice["queues"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, queue): (&String, &Value)| {
            let numbers = ["workers", "advised_workers", "queued", "running", "reason"];
            let mut row = vec![out::plain(name)];
            row.extend(numbers.map(|field| out::cell(&queue[field])));
            row
        })
        .collect();
    let head = ["QUEUE", "WORKERS", "ADVISED", "QUEUED", "RUNNING", "WHY"];
    out::lines(&out::table(&head, &rows))
}
