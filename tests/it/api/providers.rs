//! Registering chat pages.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_provider_is_registered_with_a_discovery_job_and_its_name_is_its_own() {
    let app = TestApp::without_workers().await;
    let operator = app.operator();
    let body =
        json!({"name": "desk", "url": "http://127.0.0.1:9/", "username": "ada", "password": "x"});
    let reply = operator.post("/admin/providers", body.clone()).await;
    assert_eq!(
        (reply.status, &reply.body["status"]),
        (202, &json!("discovering")),
        "{}",
        reply.body
    );
    let job = app
        .client()
        .job(reply.body["job_id"].as_str().unwrap())
        .await;
    assert_eq!(
        (&job["kind"], &job["payload"]["provider_id"]),
        (&json!("discovery"), &reply.body["provider_id"])
    );
    let again = operator.post("/admin/providers", body).await;
    assert_eq!(
        (again.status, &again.body["code"]),
        (409, &json!("conflict"))
    );
    assert_eq!(
        app.client()
            .get("/api/v1/credentials")
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        1,
        "a refused registration leaves no account behind"
    );
    let id = reply.body["provider_id"].as_str().unwrap();
    assert_eq!(
        operator.get(&format!("/admin/providers/{id}")).await.body["name"],
        "desk"
    );
    assert_eq!(
        operator
            .get("/admin/providers")
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        operator
            .post(&format!("/admin/providers/{id}/discover"), json!({}))
            .await
            .status,
        202
    );
    assert_eq!(
        operator
            .delete(&format!("/admin/providers/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(
        operator.get(&format!("/admin/providers/{id}")).await.status,
        404
    );
    // A URL is enough.
    let bare = operator
        .post(
            "/admin/providers",
            json!({"url": "http://127.0.0.1:9/chat"}),
        )
        .await;
    assert_eq!(bare.status, 202);
}

#[tokio::test]
async fn providers_that_make_no_sense_are_refused() {
    let app = TestApp::without_workers().await;
    let operator = app.operator();
    for (body, field) in [
        (json!({"name": "x"}), ""),
        (json!({"name": "x y", "url": "http://127.0.0.1:9/"}), "name"),
        (json!({"name": "", "url": "http://127.0.0.1:9/"}), "name"),
        (json!({"url": "javascript:alert(1)"}), "url"),
        (json!({"url": "http://169.254.169.254/"}), "url"),
        (json!({"url": "http://a:b@127.0.0.1:9/"}), "url"),
        (
            json!({"url": "http://127.0.0.1:9/", "username": "ada"}),
            "password",
        ),
        (
            json!({"url": "http://127.0.0.1:9/", "script": "x"}),
            "script",
        ),
    ] {
        let reply = operator.post("/admin/providers", body.clone()).await;
        assert_eq!(
            (reply.status, reply.body["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{body} {}",
            reply.body
        );
    }
}
