//! Submitting, looking, listing, cancelling, retrying.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{TestApp, until};

#[tokio::test]
async fn an_accepted_job_runs_and_its_result_is_kept() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let reply = client
        .post(
            "/api/v1/jobs",
            json!({"kind": "noop", "payload": {"progress": 2}}),
        )
        .await;
    assert_eq!(reply.status, 202);
    let id = reply.body["id"].as_str().unwrap();
    assert_eq!(reply.headers["location"], format!("/api/v1/jobs/{id}"));
    let names: Vec<String> = client
        .events(id, 0)
        .await
        .into_iter()
        .map(|event| event.name)
        .collect();
    assert_eq!(
        names,
        ["queued", "started", "progress", "progress", "completed"]
    );
    let job = client.job(id).await;
    assert_eq!(
        (job["state"].as_str(), &job["attempt"]),
        (Some("completed"), &json!(1))
    );
    let result = client.get(&format!("/api/v1/jobs/{id}/result")).await;
    assert_eq!(
        (result.status, &result.body["result"]["ok"]),
        (200, &json!(true))
    );
    let attempts = client
        .get(&format!("/api/v1/jobs/{id}/attempts"))
        .await
        .body;
    assert_eq!(attempts[0]["outcome"], "completed");
    // The same tree without a version.
    assert_eq!(client.get(&format!("/api/jobs/{id}")).await.status, 200);
}

#[tokio::test]
async fn the_same_key_and_body_is_the_same_job() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let submit = async |body: &str| {
        client
            .post_with(
                "/api/v1/jobs",
                &[
                    ("content-type", "application/json"),
                    ("idempotency-key", "order 66"),
                ],
                body.to_owned(),
            )
            .await
    };
    let first = submit(r#"{"kind":"noop"}"#).await;
    let again = submit(r#"{"kind":"noop"}"#).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body["id"], again.body["id"]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = submit(r#"{"kind":"noop","priority":1}"#).await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (409, &json!("idempotency_key_reused"))
    );
    // Ten at once make one job.
    let many: Vec<Value> = futures::future::join_all((0..10).map(|_| {
        client.post_with(
            "/api/v1/jobs",
            &[
                ("content-type", "application/json"),
                ("idempotency-key", "at once"),
            ],
            r#"{"kind":"noop"}"#,
        )
    }))
    .await
    .into_iter()
    .map(|reply| reply.body["id"].clone())
    .collect();
    assert!(
        many[0].is_string() && many.iter().all(|id| *id == many[0]),
        "{many:?}"
    );
    // Another tenant's key is another key.
    let stranger = app.stranger().await;
    let theirs = stranger
        .post_with(
            "/api/v1/jobs",
            &[
                ("content-type", "application/json"),
                ("idempotency-key", "order 66"),
            ],
            r#"{"kind":"noop"}"#,
        )
        .await;
    assert_ne!(theirs.body["id"], first.body["id"]);
}

#[tokio::test]
async fn lists_have_filters_and_a_cursor() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(client.submit("noop", json!({})).await);
    }
    client
        .post(&format!("/api/v1/jobs/{}/cancel", ids[0]), json!({}))
        .await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/jobs?limit=2".to_owned();
    loop {
        let page = client.get(&path).await.body;
        seen.extend(
            page["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/jobs?limit=2&cursor={cursor}");
    }
    let newest_first: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(seen, newest_first);
    let cancelled = client
        .get("/api/v1/jobs?state=cancelled&kind=noop")
        .await
        .body;
    assert_eq!(cancelled["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(
        client.get("/api/v1/jobs?kind=chat").await.body["jobs"],
        json!([])
    );
    for wrong in [
        "limit=0",
        "limit=201",
        "state=gone",
        "kind=x",
        "cursor=x",
        "colour=red",
    ] {
        assert_eq!(
            client.get(&format!("/api/v1/jobs?{wrong}")).await.status,
            422,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_a_running_one_soon() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let later = client
        .post(
            "/api/v1/jobs",
            json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"}),
        )
        .await
        .body;
    let id = later["id"].as_str().unwrap();
    assert_eq!(later["state"], "pending");
    let reply = client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    assert_eq!(
        (reply.status, &reply.body["state"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(client.events(id, 0).await.last().unwrap().name, "cancelled");

    // Hours of sleep: only the cancel can end it within the test's patience.
    let id = client.submit("noop", json!({"sleep_ms": 3_000_000})).await;
    client
        .events_until(&id, 0, |event| event.name == "started")
        .await;
    let reply = client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    assert!(matches!(reply.status, 200 | 202), "{}", reply.body);
    assert_eq!(client.ended(&id).await["state"], "cancelled");
    // Cancelling twice is no error; cancelling what has ended otherwise is.
    assert_eq!(
        client
            .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
            .await
            .status,
        200
    );
    let done = client.submit("noop", json!({})).await;
    client.ended(&done).await;
    assert_eq!(
        client
            .post(&format!("/api/v1/jobs/{done}/cancel"), json!({}))
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn a_failed_job_is_retried_by_policy_and_by_hand() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let body = json!({"kind": "noop", "payload": {"fail": "network", "fail_times": 3}, "retry": {"attempts": 2, "base_ms": 10, "cap_ms": 20}});
    let id = client.post("/api/v1/jobs", body).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let names: Vec<String> = client
        .events(&id, 0)
        .await
        .into_iter()
        .map(|event| event.name)
        .collect();
    assert_eq!(
        names,
        [
            "queued", "started", "retrying", "queued", "started", "failed"
        ]
    );
    let job = client.job(&id).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"], &job["attempt"]),
        (&json!("failed"), &json!("network"), &json!(2))
    );
    // By hand: a new series, whose counter begins again. Its first attempts fail as well.
    let reply = client
        .post(&format!("/api/v1/jobs/{id}/retry"), json!({}))
        .await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let events = client.events(&id, 0).await;
    assert_eq!(events.last().unwrap().name, "failed");
    assert_eq!(client.job(&id).await["attempt"], 4);
    let numbers: Vec<i64> = events.iter().map(|event| event.id).collect();
    let expected: Vec<i64> = (1..=i64::try_from(events.len()).unwrap()).collect();
    assert_eq!(numbers, expected);
    // What has completed is not retried.
    let done = client.submit("noop", json!({})).await;
    client.ended(&done).await;
    assert_eq!(
        client
            .post(&format!("/api/v1/jobs/{done}/retry"), json!({}))
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn what_must_not_be_retried_fails_once() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client
        .submit("noop", json!({"fail": "invalid_credentials"}))
        .await;
    let job = client.ended(&id).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("failed"), &json!(1))
    );
}

#[tokio::test]
async fn deadlines_and_timeouts_end_jobs_with_their_reason() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let soon = (chrono::Utc::now() + chrono::Duration::milliseconds(700)).to_rfc3339();
    let running = client
        .post(
            "/api/v1/jobs",
            json!({"kind": "noop", "payload": {"sleep_ms": 3_000_000}, "deadline": soon}),
        )
        .await
        .body;
    let job = client.ended(running["id"].as_str().unwrap()).await;
    assert_eq!(job["failure"]["code"], "deadline_exceeded");
    let slow = json!({"kind": "noop", "payload": {"sleep_ms": 3_000_000}, "timeout_ms": 100, "retry": {"attempts": 1, "base_ms": 1, "cap_ms": 1}});
    let slow = client.post("/api/v1/jobs", slow).await.body;
    assert_eq!(
        client.ended(slow["id"].as_str().unwrap()).await["failure"]["code"],
        "attempt_timeout"
    );
}

#[tokio::test]
async fn a_job_for_later_runs_when_its_time_comes() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let soon = (chrono::Utc::now() + chrono::Duration::milliseconds(400)).to_rfc3339();
    let reply = client
        .post("/api/v1/jobs", json!({"kind": "noop", "run_at": soon}))
        .await;
    assert_eq!(reply.body["state"], "pending");
    let id = reply.body["id"].as_str().unwrap();
    until("the job has ended", || async {
        client.job(id).await["state"] == "completed"
    })
    .await;
    let job = client.job(id).await;
    assert!(
        job["started_at"].as_str() >= Some(soon.as_str())
            || chrono::DateTime::parse_from_rfc3339(job["started_at"].as_str().unwrap()).unwrap()
                >= chrono::DateTime::parse_from_rfc3339(&soon).unwrap()
    );
}

#[tokio::test]
async fn a_result_is_there_only_when_the_job_has_ended() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = client.submit("noop", json!({})).await;
    let reply = client.get(&format!("/api/v1/jobs/{id}/result")).await;
    assert_eq!(
        (reply.status, &reply.body["code"]),
        (409, &json!("conflict"))
    );
    assert_eq!(
        client.get(&format!("/api/v1/jobs/{id}/steps")).await.body,
        json!([])
    );
}
