//! The OpenAI surface, judged by the official client.

use std::process::Command;

use computetower_jobs::Queue;
use computetower_test_site::Site;
use serde_json::json;

use crate::support::TestApp;

/// Registers a page and waits until it has been discovered.
pub(crate) async fn discovered(app: &TestApp, site: &Site, shape: &str) {
    let body = json!({"name": shape, "url": site.url(shape), "username": Site::user(), "password": Site::password()});
    let reply = app.operator().post("/admin/providers", body).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let job = app
        .client()
        .ended(reply.body["job_id"].as_str().unwrap())
        .await;
    assert_eq!(job["state"], "completed", "{job}");
}

/// Has the official client check a page of this shape.
async fn judge(checks: &str, shape: &str) {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, shape).await;
    let python =
        std::env::var("TEST_OPENAI_PYTHON").expect("scripts/test.sh sets TEST_OPENAI_PYTHON");
    let script = format!("{}/tests/clients/{checks}.py", env!("CARGO_MANIFEST_DIR"));
    let (address, key) = (format!("{}/v1", app.address), app.key().to_owned());
    let shape = shape.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .args([&script, &address, &key, &shape])
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains(" 0 failed"), "{told}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_cannot_tell_the_difference() {
    judge("openai_client", "classic-sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_gets_json_and_several_answers() {
    judge("openai_json", "open-sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_gets_calls() {
    judge("openai_calls", "open-sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_gets_responses() {
    judge("openai_responses", "open-sse").await;
}

/// Here the answer is read from what the page has made of it.
#[tokio::test(flavor = "multi_thread")]
async fn calls_survive_a_page_that_renders_them() {
    judge("openai_calls", "bare-dom").await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_openais_words() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let ask = async |body| client.post("/v1/chat/completions", body).await;
    let unknown =
        ask(json!({"model": "nobody", "messages": [{"role": "user", "content": "x"}]})).await;
    assert_eq!(
        (unknown.status, &unknown.body["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    let empty = ask(json!({"model": "nobody", "messages": []})).await;
    assert_eq!(
        (empty.status, &empty.body["error"]["param"]),
        (400, &json!("messages"))
    );
    let many =
        ask(json!({"model": "nobody", "n": 9, "messages": [{"role": "user", "content": "x"}]}))
            .await;
    assert_eq!(
        (many.status, &many.body["error"]["param"]),
        (400, &json!("n"))
    );
    let wrong = client
        .with_key("ct_wrong")
        .post("/v1/chat/completions", json!({}))
        .await;
    assert_eq!(
        (wrong.status, &wrong.body["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    let malformed = client
        .post_with(
            "/v1/chat/completions",
            &[("content-type", "application/json")],
            "{",
        )
        .await;
    assert_eq!(
        (malformed.status, &malformed.body["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
    let huge = "x".repeat(5 * 1024 * 1024);
    let huge = client
        .post_with(
            "/v1/chat/completions",
            &[("content-type", "application/json")],
            huge,
        )
        .await;
    assert_eq!(
        (huge.status, huge.body["error"]["message"].is_string()),
        (413, true)
    );
    assert_eq!(
        client.get("/v1/models/nobody").await.body["error"]["code"],
        "model_not_found"
    );
    assert_eq!(
        client.get("/v1/models").await.body,
        json!({"object": "list", "data": []})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_ends_the_job() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, "open-sse").await;
    let client = app.client();
    let ask = client.post(
        "/v1/chat/completions",
        json!({"model": "open-sse", "messages": [{"role": "user", "content": "please stall"}]}),
    );
    let started = async {
        loop {
            let jobs = client
                .get("/api/v1/jobs?kind=chat&state=running")
                .await
                .body;
            if let Some(id) = jobs["jobs"][0]["id"].as_str() {
                return id.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    // Whichever is first ends the other: the request is dropped as soon as its job runs.
    let id = tokio::select! {
        id = started => id,
        reply = ask => panic!("answered before it ran: {}", reply.body),
    };
    assert_eq!(client.ended(&id).await["state"], "cancelled");
    app.stop().await;
}
