//! Bad input: each kind of it gets its problem document.

use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp};

fn assert_problem(reply: &Reply, status: u16, code: &str, field: Option<&str>) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(reply.body["code"], code, "{}", reply.body);
    assert_eq!(reply.body["status"], status);
    assert_eq!(
        reply.body["request_id"],
        reply.headers["x-request-id"].to_str().unwrap()
    );
    assert!(
        reply.body["detail"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert_eq!(
        reply.body["errors"][0]["field"].as_str(),
        field,
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn a_job_that_makes_no_sense_is_refused_with_the_field() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let unknown = "01900000-0000-7000-8000-000000000000";
    let cases: Vec<(Value, &str)> = vec![
        (json!({"kind": "teleport"}), "kind"),
        (json!({}), ""),
        (json!({"kind": 3}), "kind"),
        (json!({"kind": "noop", "colour": "red"}), "colour"),
        (
            json!({"kind": "noop", "payload": {"progress": "three"}}),
            "payload.progress",
        ),
        (
            json!({"kind": "noop", "payload": {"progress": 1001}}),
            "payload.progress",
        ),
        (
            json!({"kind": "noop", "payload": {"progress": -1}}),
            "payload.progress",
        ),
        (
            json!({"kind": "noop", "payload": {"sleep_ms": 9_000_000}}),
            "payload.sleep_ms",
        ),
        (json!({"kind": "noop", "payload": [1]}), "payload"),
        (
            json!({"kind": "noop", "payload": {"fail": "bad luck"}}),
            "payload.fail",
        ),
        (json!({"kind": "login", "payload": {}}), "payload"),
        (
            json!({"kind": "login", "payload": {"credential_id": "x"}}),
            "payload.credential_id",
        ),
        (
            json!({"kind": "login", "payload": {"credential_id": unknown}}),
            "payload.credential_id",
        ),
        (
            json!({"kind": "chat", "payload": {"model": "m", "messages": []}}),
            "payload.messages",
        ),
        (
            json!({"kind": "chat", "payload": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}),
            "payload.model",
        ),
        (
            json!({"kind": "chat", "payload": {"model": "m", "messages": [{"role": "robot", "content": "x"}]}}),
            "payload.messages[0].role",
        ),
        (
            json!({"kind": "discovery", "payload": {"provider_id": unknown}}),
            "payload.provider_id",
        ),
        (json!({"kind": "noop", "priority": 101}), "priority"),
        (json!({"kind": "noop", "timeout_ms": 1}), "timeout_ms"),
        (
            json!({"kind": "noop", "deadline": "2001-01-01T00:00:00Z"}),
            "deadline",
        ),
        (json!({"kind": "noop", "run_at": "tomorrow"}), "run_at"),
        (
            json!({"kind": "noop", "retry": {"attempts": 0, "base_ms": 1, "cap_ms": 1}}),
            "retry.attempts",
        ),
        (
            json!({"kind": "noop", "retry": {"attempts": 1, "base_ms": 5, "cap_ms": 1}}),
            "retry.cap_ms",
        ),
        (json!([1, 2]), ""),
    ];
    for (body, field) in cases {
        let reply = client.post("/api/v1/jobs", body.clone()).await;
        println!("{body}");
        assert_problem(&reply, 422, "invalid_input", Some(field));
    }
    assert_eq!(
        client.get("/api/v1/jobs").await.body["jobs"],
        json!([]),
        "nothing was accepted"
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let json_type = ("content-type", "application/json");
    let cut = client
        .post_with("/api/v1/jobs", &[json_type], r#"{"kind": "#)
        .await;
    assert_problem(&cut, 400, "malformed_json", None);
    let trailing = client
        .post_with("/api/v1/jobs", &[json_type], r#"{"kind": "noop"} x"#)
        .await;
    assert_problem(&trailing, 400, "malformed_json", None);
    let bytes = client
        .post_with("/api/v1/jobs", &[json_type], vec![0xff, 0xfe, 0x00])
        .await;
    assert_problem(&bytes, 400, "malformed_json", None);
    let form = client
        .post_with(
            "/api/v1/jobs",
            &[("content-type", "application/x-www-form-urlencoded")],
            "kind=noop",
        )
        .await;
    assert_problem(&form, 415, "unsupported_media_type", None);
    let huge = format!(
        r#"{{"kind":"noop","payload":{{"x":"{}"}}}}"#,
        "x".repeat(5 * 1024 * 1024)
    );
    let huge = client.post_with("/api/v1/jobs", &[json_type], huge).await;
    assert_problem(&huge, 413, "too_large", None);
    let deep = "[".repeat(100_000);
    let deep = client.post_with("/api/v1/jobs", &[json_type], deep).await;
    assert!(matches!(deep.status, 400 | 422), "{}", deep.body);
    let long_key = "k".repeat(256);
    let key = client
        .post_with(
            "/api/v1/jobs",
            &[json_type, ("idempotency-key", &long_key)],
            r#"{"kind":"noop"}"#,
        )
        .await;
    assert_eq!(key.status, 422);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    assert_problem(
        &client.with_key("ct_wrong").get("/api/v1/jobs").await,
        401,
        "unauthenticated",
        None,
    );
    assert_problem(
        &client.with_key("").get("/api/v1/jobs").await,
        401,
        "unauthenticated",
        None,
    );
    assert_problem(
        &client.get("/admin/providers").await,
        401,
        "unauthenticated",
        None,
    );
    assert_problem(
        &app.operator().get("/api/v1/jobs").await,
        401,
        "unauthenticated",
        None,
    );
    let reading = client.with_key(
        &app.new_key(app.tenant, &[computetower_store::accounts::Scope::Read])
            .await,
    );
    assert_eq!(reading.get("/api/v1/jobs").await.status, 200);
    assert_problem(
        &reading.post("/api/v1/jobs", json!({"kind": "noop"})).await,
        403,
        "forbidden",
        None,
    );
}

#[tokio::test]
async fn what_is_not_there_is_told_so() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let unknown = uuid::Uuid::now_v7();
    for path in ["", "/events", "/steps", "/result", "/attempts"] {
        assert_problem(
            &client.get(&format!("/api/v1/jobs/{unknown}{path}")).await,
            404,
            "not_found",
            None,
        );
    }
    for path in ["cancel", "retry"] {
        assert_problem(
            &client
                .post(&format!("/api/v1/jobs/{unknown}/{path}"), json!({}))
                .await,
            404,
            "not_found",
            None,
        );
    }
    assert_problem(
        &client.get("/api/v1/jobs/not-an-id").await,
        404,
        "not_found",
        None,
    );
    assert_problem(
        &client.get("/api/v1/nothing").await,
        404,
        "no_such_route",
        None,
    );
    assert_problem(
        &client.delete("/api/v1/jobs").await,
        405,
        "method_not_allowed",
        None,
    );
}

#[tokio::test]
async fn the_character_nul_is_refused_where_it_cannot_be_kept() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let chat = json!({"kind": "chat", "payload": {"model": "m", "messages": [{"role": "user", "content": "a\u{0}b"}]}});
    assert_problem(
        &client.post("/api/v1/jobs", chat).await,
        422,
        "invalid_input",
        Some("payload.messages[0].content"),
    );
    let account = json!({"url": "http://127.0.0.1:9/", "username": "a\u{0}", "password": "b"});
    assert_problem(
        &client.post("/api/v1/credentials", account).await,
        422,
        "invalid_input",
        Some("username"),
    );
    let ask = json!({"model": "m", "messages": [{"role": "user", "content": "\u{0}"}]});
    let reply = client.post("/v1/chat/completions", ask).await;
    assert_eq!(
        (reply.status, reply.body["error"]["param"].as_str()),
        (400, Some("messages[0].content"))
    );
    // The six characters of the escape, as text, are harmless.
    let text = json!({"url": "http://127.0.0.1:9/", "username": "\\u0000", "password": "b"});
    assert_eq!(client.post("/api/v1/credentials", text).await.status, 201);
}
