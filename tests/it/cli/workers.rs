//! `computetower workers`: the worker processes that live.

use computetower_jobs::Queue;
use serde_json::json;

use crate::support::{CliRun, TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_listed_with_what_they_run() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client.submit("noop", json!({"sleep_ms": 600_000})).await;
    until("the worker says that it runs a job", || async {
        client.get("/api/v1/workers").await.body[0]["running"] == 1
    })
    .await;
    let listed = CliRun::of(&app, &["workers"]).await;
    let lines: Vec<Vec<&str>> = listed
        .said()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 2, "{listed:?}");
    assert_eq!(lines[0][..4], ["ID", "NAME", "QUEUES", "RUNNING"]);
    assert_eq!(lines[1][2..5], ["noop", "1", "false"]);
    let workers = CliRun::of(&app, &["workers", "--json"]).await.json();
    assert_eq!(
        (&workers[0]["queues"], &workers[0]["running"]),
        (&json!(["noop"]), &json!(1))
    );
    CliRun::of(&app, &["jobs", "cancel", &id]).await.said();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_worker_is_said_to_be_none() {
    let app = TestApp::without_workers().await;
    let listed = CliRun::of(&app, &["workers"]).await;
    assert!(
        listed.said().starts_with("no worker lives: start one"),
        "{listed:?}"
    );
    let workers = CliRun::of(&app, &["workers", "--json"]).await;
    assert_eq!(workers.json(), json!([]));
    CliRun::of(&app, &["workers", "burn"]).await.refused("burn");
}
