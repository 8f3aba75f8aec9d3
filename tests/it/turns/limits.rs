//! Limits hold whatever is submitted, and hold nobody else up.

use computetower_jobs::Queue;
use serde_json::json;

use super::{flood, limit, most_at_once, noop, standing};
use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_at_once_than_the_limit_allows_also_with_two_dispatchers() {
    let mut app = TestApp::start(&[Queue::Noop]).await;
    app.start_dispatcher();
    limit(&app, json!({"queue": "noop", "key": "*", "max_running": 2})).await;
    flood(&app, app.tenant, 40, |place| {
        let mut job = noop(json!({"sleep_ms": 30}));
        job.limit_key = (place % 3 > 0).then(|| format!("account-{}", place % 3));
        job
    })
    .await;
    app.drained().await;
    assert_eq!(most_at_once(&app, None).await, 2);
    // Removing the limit frees the rest.
    let limits = app.operator().get("/admin/limits").await.body;
    let id = limits[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/limits/{id}");
    assert_eq!(app.operator().delete(&path).await.status, 204);
    assert_eq!(app.operator().delete(&path).await.status, 404);
    sqlx::query("delete from jobs")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    flood(&app, app.tenant, 10, |_| noop(json!({"sleep_ms": 500}))).await;
    app.drained().await;
    assert!(most_at_once(&app, None).await > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_without_a_key_counts_each_key_by_itself() {
    let app = TestApp::start(&[Queue::Noop]).await;
    limit(&app, json!({"queue": "noop", "max_running": 1})).await;
    flood(&app, app.tenant, 30, |place| {
        let mut job = noop(json!({"sleep_ms": 50}));
        job.limit_key = Some(format!("account-{}", place / 10));
        job
    })
    .await;
    app.drained().await;
    for key in ["account-0", "account-1", "account-2"] {
        assert_eq!(most_at_once(&app, Some(key)).await, 1, "{key}");
    }
    // The first account's jobs came first and waited; the others' did not wait for them.
    assert_eq!(most_at_once(&app, None).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_start_in_a_time_than_the_rate_allows() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let body = json!({"tenant_id": app.tenant, "key": "slow", "rate": 5, "per_seconds": 86_400});
    limit(&app, body).await;
    let slow = || {
        let mut job = noop(json!({}));
        job.limit_key = Some("slow".to_owned());
        job
    };
    flood(&app, app.tenant, 20, |_| slow()).await;
    until("five have been done", || async {
        standing(&app, app.tenant, &["completed"]).await == 5
    })
    .await;
    // The same tenant's other jobs, and another tenant's with the same key, do not wait for them; when they are done, the limited had all their chances.
    let other = app.store.add_tenant("other").await.unwrap();
    flood(&app, other, 20, |_| slow()).await;
    flood(&app, app.tenant, 20, |_| noop(json!({}))).await;
    until("the others' jobs are done", || async {
        standing(&app, other, &["completed"]).await == 20
            && standing(&app, app.tenant, &["completed"]).await == 25
    })
    .await;
    assert_eq!(standing(&app, app.tenant, &["pending"]).await, 15);
    // A higher rate is at once in force, as far as time has filled the bucket: not at all.
    let body = json!({"tenant_id": app.tenant, "key": "slow", "rate": 1_000_000, "per_seconds": 1});
    limit(&app, body).await;
    app.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_takes_back_what_no_worker_has_taken_yet() {
    let mut app = TestApp::without_workers().await;
    flood(&app, app.tenant, 10, |_| noop(json!({"sleep_ms": 30}))).await;
    assert_eq!(standing(&app, app.tenant, &["queued"]).await, 10);
    limit(
        &app,
        json!({"tenant_id": app.tenant, "key": "*", "max_running": 1}),
    )
    .await;
    assert_eq!(standing(&app, app.tenant, &["pending"]).await, 10);
    app.start_worker(&[Queue::Noop]);
    app.start_dispatcher();
    app.drained().await;
    assert_eq!(most_at_once(&app, None).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_retried_by_hand_keeps_to_the_limits() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client
        .submit("noop", json!({"fail": "invalid_credentials"}))
        .await;
    client.ended(&id).await;
    limit(
        &app,
        json!({"tenant_id": app.tenant, "key": "*", "max_running": 0}),
    )
    .await;
    let retried = client
        .post(&format!("/api/v1/jobs/{id}/retry"), json!({}))
        .await;
    assert_eq!(
        (retried.status, &retried.body["state"]),
        (202, &json!("pending"))
    );
    // Another tenant's job that comes later is done; this one was not.
    let stranger = app.stranger().await;
    let theirs = stranger.submit("noop", json!({})).await;
    stranger.ended(&theirs).await;
    assert_eq!(client.job(&id).await["state"], "pending");
    limit(
        &app,
        json!({"tenant_id": app.tenant, "key": "*", "max_running": 1}),
    )
    .await;
    let events = client.events(&id, 0).await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(
        names,
        ["queued", "started", "failed", "queued", "started", "failed"]
    );
}

#[tokio::test]
async fn limits_are_for_operators_and_say_what_is_wrong() {
    let app = TestApp::without_workers().await;
    let operator = app.operator();
    assert_eq!(app.client().get("/admin/limits").await.status, 401);
    for (wrong, field) in [
        (json!({}), "max_running"),
        (json!({"rate": 5}), "per_seconds"),
        (json!({"per_seconds": 5, "max_running": 1}), "per_seconds"),
        (json!({"rate": 0, "per_seconds": 5}), "rate"),
        (json!({"rate": 1, "per_seconds": 0}), "per_seconds"),
        (json!({"max_running": -1}), "max_running"),
        (json!({"max_running": 1_000_001}), "max_running"),
        (json!({"max_running": 1, "queue": "tea"}), "queue"),
        (json!({"max_running": 1, "key": ""}), "key"),
        (json!({"max_running": 1, "key": "x".repeat(201)}), "key"),
        (json!({"max_running": 1, "tenant_id": "me"}), "tenant_id"),
        (
            json!({"max_running": 1, "tenant_id": uuid::Uuid::new_v4()}),
            "tenant_id",
        ),
        (json!({"max_running": 1, "colour": "red"}), "colour"),
    ] {
        let reply = operator.put("/admin/limits", wrong.clone()).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (422, &json!(field)),
            "{wrong}: {}",
            reply.body
        );
    }
    // The same tenant, queue and key: the same limit.
    let first = limit(&app, json!({"queue": "chat", "max_running": 1})).await;
    let second = limit(&app, json!({"queue": "chat", "rate": 2, "per_seconds": 60})).await;
    assert_eq!(first["id"], second["id"]);
    let listed = operator.get("/admin/limits").await.body;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["max_running"], &listed[0]["rate"]),
        (&json!(null), &json!(2))
    );
}

#[tokio::test]
async fn jobs_say_what_limits_may_name() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let own = json!({"kind": "noop", "limit_key": "account-7"});
    let job = client.post("/api/v1/jobs", own).await.body;
    assert_eq!(
        client.job(job["id"].as_str().unwrap()).await["limit_key"],
        "account-7"
    );
    for wrong in ["", "*", "a\nb", &"x".repeat(201)] {
        let reply = client
            .post("/api/v1/jobs", json!({"kind": "noop", "limit_key": wrong}))
            .await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (422, &json!("limit_key")),
            "{wrong:?}"
        );
    }
    let account = json!({"url": "http://127.0.0.1:9/", "username": "ada", "password": "x"});
    let account = client.post("/api/v1/credentials", account).await.body;
    let account = account["id"].as_str().unwrap();
    let login = client
        .submit("login", json!({"credential_id": account}))
        .await;
    assert_eq!(
        client.job(&login).await["limit_key"],
        format!("credential:{account}")
    );
    let registered = app
        .operator()
        .post(
            "/admin/providers",
            json!({"url": "http://127.0.0.1:9/", "name": "open"}),
        )
        .await
        .body;
    let provider = registered["provider_id"].as_str().unwrap();
    let discovery = client.job(registered["job_id"].as_str().unwrap()).await;
    assert_eq!(discovery["limit_key"], format!("provider:{provider}"));
    let chat = json!({"model": "open", "messages": [{"role": "user", "content": "hello"}]});
    let chat = client.submit("chat", chat).await;
    assert_eq!(
        client.job(&chat).await["limit_key"],
        format!("provider:{provider}")
    );
}
