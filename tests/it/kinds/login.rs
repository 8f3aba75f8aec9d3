//! `login` jobs.

use computetower_jobs::Queue;
use computetower_test_site::Site;
use serde_json::json;

use crate::support::{Client, TestApp};

async fn account(client: &Client, url: &str, password: &str) -> String {
    let reply = client
        .post(
            "/api/v1/credentials",
            json!({"url": url, "username": Site::user(), "password": password}),
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_judged_kept_and_not_repeated() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.url("two-step-ws"), Site::password()).await;
    let job = client.submit("login", json!({"credential_id": id})).await;
    let job = client.ended(&job).await;
    assert_eq!(job["state"], "completed", "{job}");
    let result = client
        .get(&format!(
            "/api/v1/jobs/{}/result",
            job["id"].as_str().unwrap()
        ))
        .await
        .body;
    let seen = result["validations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["subject"] == "login")
        .unwrap()
        .clone();
    assert_eq!(seen["passed"], true);
    assert!(seen["confidence"].as_f64().unwrap() > 0.5);
    let picture = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(seen["screenshot_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert!(
        picture.bytes().await.unwrap().starts_with(&[0xff, 0xd8]),
        "the screenshot is no JPEG"
    );
    assert_eq!(
        site.logins("two-step-ws")
            .iter()
            .filter(|(_, good)| *good)
            .count(),
        1
    );
    // The profile is kept, sealed; another job finds itself signed in.
    let again = client.submit("login", json!({"credential_id": id})).await;
    assert_eq!(client.ended(&again).await["result"]["was_signed_in"], true);
    assert_eq!(
        site.logins("two-step-ws")
            .iter()
            .filter(|(_, good)| *good)
            .count(),
        1
    );
    let account = client.get(&format!("/api/v1/credentials/{id}")).await.body;
    assert!(account["signed_in_at"].is_string());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_fails_once_and_is_not_tried_again() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    for shape in ["classic-sse", "bare-dom", "two-step-ws"] {
        let id = account(&client, &site.url(shape), "wrong").await;
        let job = client.submit("login", json!({"credential_id": id})).await;
        let job = client.ended(&job).await;
        assert_eq!(
            (&job["state"], &job["failure"]["code"], &job["attempt"]),
            (&json!("failed"), &json!("invalid_credentials"), &json!(1)),
            "{shape}: {job}"
        );
        assert_eq!(site.logins(shape).len(), 1, "{shape}");
        assert!(!job["failure"]["evidence"].as_array().unwrap().is_empty());
        assert_eq!(
            client.get(&format!("/api/v1/credentials/{id}")).await.body["status"],
            "invalid"
        );
        // A second job does not knock again: the account could be locked out.
        let again = client.submit("login", json!({"credential_id": id})).await;
        assert_eq!(
            client.ended(&again).await["failure"]["code"],
            "invalid_credentials"
        );
        assert_eq!(site.logins(shape).len(), 1, "{shape}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_shows_neither_a_sign_in_nor_anybody_is_no_login() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.url("static"), Site::password()).await;
    let job = client.submit("login", json!({"credential_id": id})).await;
    let job = client.ended(&job).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("element_not_found")),
        "{job}"
    );
    let message = job["failure"]["message"].as_str().unwrap();
    assert!(message.contains("neither a sign-in"), "{message}");
    // The account is as good as before.
    let account = client.get(&format!("/api/v1/credentials/{id}")).await.body;
    assert_ne!(account["status"], "invalid");
    assert!(account["signed_in_at"].is_null());
    app.stop().await;
}
