//! `discovery` jobs, and what they say when there is nothing to discover.

use computetower_jobs::Queue;
use computetower_test_site::Site;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_chat_box_and_one_that_is_not_there_are_told_apart() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nowhere = format!("http://{free}/");
    for (url, code) in [
        (site.url("static"), "element_not_found"),
        (nowhere, "network"),
    ] {
        let reply = app
            .operator()
            .post("/admin/providers", json!({"name": code, "url": url}))
            .await;
        let (provider, job) = (
            reply.body["provider_id"].as_str().unwrap(),
            reply.body["job_id"].as_str().unwrap(),
        );
        let job = app.client().ended(job).await;
        assert_eq!(
            (&job["state"], &job["failure"]["code"]),
            (&json!("failed"), &json!(code)),
            "{job}"
        );
        let provider = app
            .operator()
            .get(&format!("/admin/providers/{provider}"))
            .await
            .body;
        assert_eq!(
            (&provider["status"], &provider["failure"]["code"]),
            (&json!("failed"), &json!(code))
        );
        // A question to it is answered with the reason, not with silence.
        let ask = json!({"model": code, "messages": [{"role": "user", "content": "x"}]});
        let reply = app.client().post("/v1/chat/completions", ask).await;
        assert_eq!(
            (reply.status, &reply.body["error"]["code"]),
            (400, &json!("invalid_input")),
            "{}",
            reply.body
        );
        assert!(
            reply.body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("discovery")
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_account_is_refused_once() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let body = json!({"name": "x", "url": site.url("classic-sse"), "email": Site::user(), "password": "wrong"});
    let reply = app.operator().post("/admin/providers", body).await;
    let job = app
        .client()
        .ended(reply.body["job_id"].as_str().unwrap())
        .await;
    assert_eq!(job["failure"]["code"], "invalid_credentials", "{job}");
    assert_eq!(site.logins("classic-sse").len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_chromium_the_job_says_so() {
    let mut app = TestApp::without_workers().await;
    app.config.browser.executable = "/nowhere/chromium".into();
    app.start_dispatcher();
    app.start_worker(&[Queue::Login]);
    let client = app.client();
    let account = client
        .post(
            "/api/v1/credentials",
            json!({"url": "http://127.0.0.1:9/", "username": "a", "password": "b"}),
        )
        .await
        .body;
    let body = json!({"kind": "login", "payload": {"credential_id": account["id"]}, "retry": {"attempts": 2, "base_ms": 10, "cap_ms": 10}});
    let job = client.post("/api/v1/jobs", body).await.body;
    let job = client.ended(job["id"].as_str().unwrap()).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("browser_crashed")),
        "{job}"
    );
    assert!(
        job["failure"]["message"]
            .as_str()
            .unwrap()
            .contains("/nowhere/chromium")
    );
    app.stop().await;
}
