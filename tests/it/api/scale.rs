//! How many workers are advised, for whom, and in which form an autoscaler reads it.

use computetower_jobs::Queue;
use serde_json::json;

use crate::support::{TestApp, until};

/// More than two workers have slots for, and not more than three.
const JOBS: usize = 2 * Queue::Noop.default_concurrency() + 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_wants_workers_and_an_idle_queue_none() {
    let mut app = TestApp::without_workers().await;
    let (client, operator) = (app.client(), app.operator());
    let jobs = vec![json!({"kind": "noop", "payload": {}}); JOBS];
    let batch = client.post("/api/v1/batches", json!({"jobs": jobs})).await;
    assert_eq!(batch.status, 202, "{}", batch.body);
    let noop = async || operator.get("/admin/scale").await.body["queues"]["noop"].clone();
    // Nothing is known of how long they take: so many slots are three workers.
    until("the backlog is seen", || async {
        let advice = noop().await;
        advice["queued"].as_i64().unwrap() + advice["pending"].as_i64().unwrap() == JOBS as i64
    })
    .await;
    let advice = noop().await;
    assert_eq!(
        (
            &advice["advised_workers"],
            &advice["workers"],
            &advice["slots"]
        ),
        (&json!(3), &json!(0), &json!(0)),
        "{advice}"
    );
    assert!(advice["oldest_age_seconds"].is_number() && advice["reason"].is_string());
    let bounded = operator.get("/admin/scale?max=2").await.body;
    assert_eq!(bounded["queues"]["noop"]["advised_workers"], 2);
    let idle = operator.get("/admin/scale?min=1").await.body;
    assert_eq!(idle["queues"]["chat"]["advised_workers"], 1);
    // Once they have run, the one worker that is there may go.
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    app.drained().await;
    until("nothing is left to do", || async {
        let advice = noop().await;
        advice["workers"] == 1 && advice["running"] == 0 && advice["advised_workers"] == 0
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn advice_is_for_operators_and_its_bounds_are_checked() {
    let app = TestApp::without_workers().await;
    assert_eq!(app.client().get("/admin/scale").await.status, 401);
    for (query, field) in [
        ("target_seconds=0", "target_seconds"),
        ("target_seconds=NaN", "target_seconds"),
        ("max=0", "max"),
        ("min=5&max=4", "min"),
    ] {
        let reply = app.operator().get(&format!("/admin/scale?{query}")).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (422, &json!(field)),
            "{query}: {}",
            reply.body
        );
    }
    for query in ["min=-1", "colour=red"] {
        let reply = app.operator().get(&format!("/admin/scale?{query}")).await;
        assert_eq!(reply.status, 422, "{query}: {}", reply.body);
    }
}

#[tokio::test]
async fn the_example_for_keda_reads_what_is_answered() {
    let app = TestApp::without_workers().await;
    let example = include_str!("../../../docs/examples/keda.yaml");
    let answer = app.operator().get("/admin/scale").await.body;
    let mut read = 0;
    for path in example
        .lines()
        .filter_map(|line| line.trim().strip_prefix("valueLocation: "))
    {
        let pointer = format!("/{}", path.trim_matches('"').replace('.', "/"));
        assert!(
            answer.pointer(&pointer).is_some_and(|found| found.is_u64()),
            "{path} is no number in {answer}"
        );
        read += 1;
    }
    assert!(read > 0);
}
