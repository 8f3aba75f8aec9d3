//! A worker that is drained finishes what it runs, takes nothing more, and ends.

use computetower_jobs::Queue;
use serde_json::json;

use crate::support::{TestApp, WorkerProcess, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_finishes_what_it_runs_takes_nothing_more_and_ends() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let (client, operator) = (app.client(), app.operator());
    let mut worker = WorkerProcess::start(&app, "noop").await;
    // Longer than the grace period of a shutdown: the process waits for it all the same.
    let running = client
        .submit("noop", json!({"progress": 60, "sleep_ms": 6_000}))
        .await;
    client
        .events_until(&running, 0, |event| event.name == "started")
        .await;
    let listed = client.get("/api/v1/workers").await.body;
    assert_eq!(
        (
            &listed[0]["running"],
            &listed[0]["draining"],
            &listed[0]["slots"]
        ),
        (&json!(1), &json!(false), &json!({"noop": 256}))
    );
    assert_eq!(
        listed[0].get("jobs"),
        None,
        "other tenants' jobs are not shown"
    );
    assert_eq!(
        operator.get("/admin/workers").await.body[0]["jobs"],
        json!([running])
    );
    let path = format!("/admin/workers/{}/drain", listed[0]["id"].as_str().unwrap());
    assert_eq!(client.post(&path, json!({})).await.status, 401);
    for _ in 0..2 {
        assert_eq!(operator.post(&path, json!({})).await.status, 202);
    }
    assert_eq!(
        client.get("/api/v1/workers").await.body[0]["draining"],
        true
    );
    let queues = client.get("/api/v1/queues").await.body;
    let noop = queues
        .as_array()
        .unwrap()
        .iter()
        .find(|queue| queue["queue"] == "noop")
        .unwrap();
    assert_eq!(noop["slots"], 0, "its slots are nobody's any more");
    // It hears of it with its next beat; one that is accepted before may still be taken.
    until("it takes no more jobs", || async {
        let probe = client.submit("noop", json!({"sleep_ms": 1})).await;
        tokio::time::timeout(std::time::Duration::from_secs(1), client.events(&probe, 0))
            .await
            .is_err()
    })
    .await;
    let events = client.events(&running, 0).await;
    assert_eq!(events.last().unwrap().name, "completed", "{events:?}");
    assert_eq!(client.job(&running).await["attempt"], 1);
    until("the process has ended", || {
        let ended = worker.ended();
        async move { ended.is_some() }
    })
    .await;
    assert!(worker.ended().unwrap().success());
    assert_eq!(client.get("/api/v1/workers").await.body, json!([]));
    assert_eq!(operator.post(&path, json!({})).await.status, 404);
    app.start_worker(&[Queue::Noop]);
    app.drained().await;
    app.stop().await;
}
