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

/// Has the official Python client check a page of this shape.
async fn judge(checks: &str, shape: &str) {
    let python =
        std::env::var("TEST_OPENAI_PYTHON").expect("scripts/test.sh sets TEST_OPENAI_PYTHON");
    judge_by(Command::new(python), &format!("{checks}.py"), shape).await;
}

/// Has a client check a page of this shape, and the page whether it was asked once what it should be asked once.
async fn judge_by(mut program: Command, checks: &str, shape: &str) {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, shape).await;
    let script = format!("{}/tests/clients/{checks}", env!("CARGO_MANIFEST_DIR"));
    let (address, key) = (format!("{}/v1", app.address), app.key().to_owned());
    program.args([&script, &address, &key, shape]);
    let output = tokio::task::spawn_blocking(move || program.output())
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains(" 0 failed"), "{told}");
    let mut asked = site.asked(shape);
    asked.retain(|question| question.starts_with("only once"));
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all, "asked twice, of {asked:?}");
    app.stop().await;
}

/// Node.js, and the folder with the official JavaScript client: what the test script says, else what it left in the cache folder.
fn node() -> Command {
    let home = std::env::var("HOME").unwrap_or_default();
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or(format!("{home}/.cache"));
    let packages =
        std::env::var("TEST_OPENAI_JS").unwrap_or(format!("{cache}/computetower/clients-node"));
    assert!(
        std::path::Path::new(&packages)
            .join("node_modules/openai")
            .exists(),
        "the official JavaScript client is not in {packages}: scripts/test.sh installs it, with Node.js where that is missing"
    );
    let node = std::env::var("TEST_NODE").unwrap_or("node".to_owned());
    let version = Command::new(&node).arg("--version").output();
    assert!(
        version.is_ok_and(|version| version.status.success()),
        "{node} does not run: scripts/test.sh finds Node.js 20 or installs it"
    );
    let mut node = Command::new(node);
    node.env("TEST_OPENAI_JS", packages);
    node
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

#[tokio::test(flavor = "multi_thread")]
async fn the_asynchronous_client_finds_every_method() {
    judge("openai_async", "fresh-sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_cannot_tell_the_difference() {
    judge_by(node(), "openai_sdk.cjs", "fresh-sse").await;
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
    let huge = "x".repeat(21 * 1024 * 1024);
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
async fn a_caller_that_goes_away_ends_its_jobs() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, "open-sse").await;
    let client = app.client();
    let messages = json!([{"role": "user", "content": "please stall"}]);
    for (route, count, body) in [
        (
            "/v1/chat/completions",
            2,
            json!({"model": "open-sse", "messages": messages, "n": 2}),
        ),
        (
            "/v1/responses",
            1,
            json!({"model": "open-sse", "input": messages, "stream": true}),
        ),
    ] {
        let ask = client.post(route, body);
        let started = async {
            loop {
                let path = "/api/v1/jobs?kind=chat&state=running";
                let jobs = client.get(path).await.body;
                let ids = jobs["jobs"].as_array().unwrap().iter();
                let ids: Vec<String> = ids
                    .map(|job| job["id"].as_str().unwrap().to_owned())
                    .collect();
                if ids.len() == count {
                    return ids;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        // Whichever is first ends the other: the request is dropped as soon as its jobs run.
        let ids = tokio::select! {
            ids = started => ids,
            reply = ask => panic!("answered before it ran: {}", reply.body),
        };
        for id in ids {
            assert_eq!(client.ended(&id).await["state"], "cancelled", "{route}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_asks_to_wait_says_for_how_long() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, "open-sse").await;
    let body =
        json!({"model": "open-sse", "messages": [{"role": "user", "content": "ratelimit please"}]});
    let reply = app.client().post("/v1/chat/completions", body).await;
    assert_eq!(
        (reply.status, &reply.body["error"]["code"]),
        (429, &json!("provider_rate_limited"))
    );
    let header = |name: &str| {
        reply
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let seconds: u64 = header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(
        header("x-ratelimit-reset-requests"),
        Some(format!("{seconds}s").as_str())
    );
    assert_eq!(header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(header("x-should-retry"), Some("false"));
    assert!(header("x-request-id").is_some());
    app.stop().await;
}
