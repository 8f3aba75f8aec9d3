//! What is counted, who may read it, and that the documents list all of it.

use std::collections::BTreeSet;

use computetower_jobs::{JobId, LeaseToken, Queue};
use computetower_store::Store;
use computetower_store::jobs::Ending;
use computetower_store::lane::End;
use computetower_store::vault::Secret;
use serde_json::json;

use crate::support::{Client, TestApp, WorkerProcess, until};

/// The value of a series, when it is exposed.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .map(|value| value.parse().unwrap())
}

async fn scrape(client: &Client) -> String {
    let reply = client.get("/metrics").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.as_str().unwrap().to_owned()
}

/// Waits until a series has a value.
async fn shows(client: &Client, series: &str, wanted: f64) {
    until(&format!("{series} is {wanted}"), || async {
        value(&scrape(client).await, series) == Some(wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_jobs_is_counted() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let noop = "queue=\"noop\",kind=\"noop\"";
    for payload in [
        json!({}),
        json!({"fail": "network", "fail_times": 1}),
        json!({"fail": "invalid_input"}),
    ] {
        client.submit("noop", payload).await;
    }
    app.drained().await;
    // A message whose job is not to be had.
    app.store
        .lane
        .push(Queue::Noop, End::Back, &[(JobId::generate(), 1)])
        .await
        .unwrap();
    // A writer that holds no lease.
    let refused = app
        .store
        .finish(
            JobId::generate(),
            LeaseToken::generate(),
            &Ending::Cancelled,
            &[],
        )
        .await;
    assert!(refused.is_err());
    for (series, wanted) in [
        (format!("jobs_submitted_total{{{noop}}}"), 3.0),
        (
            format!("attempts_total{{{noop},outcome=\"completed\",code=\"none\"}}"),
            2.0,
        ),
        (
            format!("attempts_total{{{noop},outcome=\"retry\",code=\"network\"}}"),
            1.0,
        ),
        (
            format!("attempts_total{{{noop},outcome=\"failed\",code=\"invalid_input\"}}"),
            1.0,
        ),
        // Of first attempts alone.
        (format!("job_wait_seconds_count{{{noop}}}"), 3.0),
        (format!("attempt_run_seconds_count{{{noop}}}"), 4.0),
        ("fence_rejects_total{write=\"finish\"}".to_owned(), 1.0),
        ("events_dropped_total".to_owned(), 0.0),
        ("workers{queue=\"noop\"}".to_owned(), 1.0),
        ("workers{queue=\"chat\"}".to_owned(), 0.0),
        ("worker_slots{queue=\"noop\"}".to_owned(), 256.0),
    ] {
        shows(&client, &format!("computetower_{series}"), wanted).await;
    }
    // On a starved machine a message may come twice, and a job take its turn by the dispatcher.
    for (series, least) in [
        ("empty_claims_total", 1.0),
        ("upkeep_actions_total{duty=\"turns\"}", 1.0),
        ("events_published_total", 8.0),
    ] {
        until(series, || async {
            value(&scrape(&client).await, &format!("computetower_{series}")) >= Some(least)
        })
        .await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn depths_are_counted_by_queue_and_state() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for _ in 0..2 {
        client.submit("noop", json!({})).await;
    }
    let later = json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"});
    assert_eq!(client.post("/api/v1/jobs", later).await.status, 202);
    for (state, wanted) in [("queued", 2.0), ("pending", 1.0), ("running", 0.0)] {
        let series = format!("computetower_jobs{{queue=\"noop\",state=\"{state}\"}}");
        shows(&client, &series, wanted).await;
    }
    let age = "computetower_queue_oldest_age_seconds{queue=\"noop\"}";
    until("the oldest has an age", || async {
        value(&scrape(&client).await, age) > Some(0.0)
    })
    .await;
    let text = scrape(&client).await;
    assert_eq!(value(&text, "computetower_record_reachable"), Some(1.0));
    assert_eq!(
        value(
            &text,
            "computetower_queue_oldest_age_seconds{queue=\"chat\"}"
        ),
        Some(0.0)
    );
    // A tenant's id, a job's id or a worker's name would make series without end.
    assert!(!text.contains(&app.tenant.to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_is_told_while_postgres_is_away() {
    let app = TestApp::without_workers().await;
    let mut config = app.config.clone();
    // Nothing listens on the port that nobody may take.
    config.store.database_url = "postgres://nobody@127.0.0.1:1/nothing".to_owned();
    let away = Store::connect(&config.store).await.unwrap();
    let address = TestApp::serve(&away, &config).await;
    let text = scrape(&Client::new(&address, "")).await;
    assert_eq!(value(&text, "computetower_record_reachable"), Some(0.0));
    assert!(!text.contains("computetower_jobs{"), "{text}");
    assert!(
        text.contains("computetower_jobs_submitted_total{"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_counted_while_it_is_open() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = client.submit("noop", json!({})).await;
    let subscribers = "computetower_event_subscribers";
    shows(&client, subscribers, 0.0).await;
    let follower = {
        let (client, id) = (client.clone(), id.clone());
        tokio::spawn(async move { client.events(&id, 0).await })
    };
    shows(&client, subscribers, 1.0).await;
    assert_eq!(
        client
            .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
            .await
            .status,
        200
    );
    follower.await.unwrap();
    shows(&client, subscribers, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rescued_job_is_counted_and_a_worker_tells_its_own() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let settings = [
        ("METRICS_ADDR", address.as_str()),
        ("METRICS_TOKEN", "quiet"),
    ];
    let victim = WorkerProcess::start_with(&app, "noop", &settings).await;
    client.submit("noop", json!({})).await;
    let long = client.submit("noop", json!({"sleep_ms": 600_000})).await;
    let own = Client::new(&format!("http://{address}"), "quiet");
    let waited = "computetower_job_wait_seconds_count{queue=\"noop\",kind=\"noop\"}";
    shows(&own, waited, 2.0).await;
    let text = scrape(&own).await;
    // Depths are told by web alone.
    assert_eq!(value(&text, "computetower_record_reachable"), None);
    let stranger = own.with_key("wrong").get("/metrics").await;
    assert_eq!(
        (stranger.status, &stranger.body["code"]),
        (401, &json!("unauthenticated"))
    );
    assert_eq!(own.get("/").await.status, 404);
    victim.kill();
    let rescued = "computetower_jobs_rescued_total{queue=\"noop\",outcome=\"requeued\"}";
    shows(&client, rescued, 1.0).await;
    shows(
        &client,
        "computetower_upkeep_actions_total{duty=\"lost_jobs\"}",
        1.0,
    )
    .await;
    client
        .post(&format!("/api/v1/jobs/{long}/cancel"), json!({}))
        .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_not_shown_to_the_world_by_accident() {
    let app = TestApp::without_workers().await;
    let mut open = app.config.clone();
    open.bind = "0.0.0.0:7080".parse().unwrap();
    let nobody = Client::new(&TestApp::serve(&app.store, &open).await, "ct_any");
    assert_eq!(nobody.get("/metrics").await.status, 401);
    let operator = nobody.with_key(crate::support::ADMIN_KEY);
    assert_eq!(operator.get("/metrics").await.status, 200);
    open.admin_key = None;
    let nobody = Client::new(&TestApp::serve(&app.store, &open).await, "ct_any");
    let refused = nobody.get("/metrics").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("forbidden"))
    );
    // A token counts on a loopback address, too.
    let mut closed = app.config.clone();
    closed.metrics.token = Some(Secret::new("quiet".to_owned()));
    let nobody = Client::new(&TestApp::serve(&app.store, &closed).await, "");
    assert_eq!(nobody.get("/metrics").await.status, 401);
    assert_eq!(nobody.with_key("quiet").get("/metrics").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_list_every_metric_and_no_other() {
    let app = TestApp::without_workers().await;
    let text = scrape(&app.client()).await;
    let exposed: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| {
            let suffix = if kind == "counter" { "_total" } else { "" };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect();
    let listed: BTreeSet<(String, String)> = include_str!("../../../docs/operations.md")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `computetower_")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`');
            Some((
                format!("computetower_{name}"),
                cells.next()?.trim().to_owned(),
            ))
        })
        .collect();
    assert_eq!(exposed, listed);
    for (name, kind) in &exposed {
        assert!(
            (kind == "counter") == name.ends_with("_total"),
            "{name} is a {kind}"
        );
    }
}
