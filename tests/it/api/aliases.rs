//! Names behind which several providers stand, and providers with several accounts.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn an_alias_is_made_changed_listed_and_removed_and_is_one_tenants() {
    let app = TestApp::without_workers().await;
    let operator = app.operator();
    for name in ["one", "two"] {
        let body = json!({"name": name, "url": "http://127.0.0.1:9/"});
        assert_eq!(operator.post("/admin/providers", body).await.status, 202);
    }
    let made = operator
        .put(
            "/admin/aliases/both",
            json!({"models": ["one", "two/Parrot-2"]}),
        )
        .await;
    assert_eq!(
        (made.status, &made.body["models"]),
        (201, &json!(["one", "two/Parrot-2"])),
        "{}",
        made.body
    );
    let changed = operator
        .put("/admin/aliases/both", json!({"models": ["two"]}))
        .await;
    assert_eq!(
        (changed.status, &changed.body["models"]),
        (200, &json!(["two"])),
        "{}",
        changed.body
    );
    assert_eq!(
        operator.get("/admin/aliases/both").await.body["models"],
        json!(["two"])
    );
    assert_eq!(
        operator
            .get("/admin/aliases")
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let models = app.client().get("/v1/models").await.body;
    assert_eq!(models["data"][0]["id"], "both", "{models}");
    assert_eq!(app.client().get("/v1/models/both").await.status, 200);
    for (name, body, status, field) in [
        ("one", json!({"models": ["two"]}), 409, None),
        ("a%20b", json!({"models": ["two"]}), 404, None),
        ("new", json!({"models": []}), 422, Some("models")),
        (
            "new",
            json!({"models": vec!["one"; 21]}),
            422,
            Some("models"),
        ),
        (
            "new",
            json!({"models": ["one", "one"]}),
            422,
            Some("models[1]"),
        ),
        (
            "new",
            json!({"models": ["two/Parrot-2", "one", "two/Parrot-3"]}),
            422,
            Some("models[2]"),
        ),
        (
            "new",
            json!({"models": ["one", "three"]}),
            422,
            Some("models[1]"),
        ),
        ("new", json!({"models": ["both"]}), 422, Some("models[0]")),
        (
            "new",
            json!({"models": ["o\u{0}ne"]}),
            422,
            Some("models[0]"),
        ),
        ("new", json!({"models": "one"}), 422, Some("models")),
        (
            "new",
            json!({"models": ["one"], "weight": 3}),
            422,
            Some("weight"),
        ),
        ("new", json!({}), 422, Some("models")),
    ] {
        let reply = operator
            .put(&format!("/admin/aliases/{name}"), body.clone())
            .await;
        assert_eq!(reply.status, status, "{name} {body}: {}", reply.body);
        if let Some(field) = field {
            assert!(
                reply.body["errors"].to_string().contains(field)
                    || reply.body.to_string().contains(field),
                "{body}: {}",
                reply.body
            );
        }
    }
    let taken = operator
        .post(
            "/admin/providers",
            json!({"name": "both", "url": "http://127.0.0.1:9/"}),
        )
        .await;
    assert_eq!(taken.status, 409, "{}", taken.body);
    let stranger = app.stranger().await;
    assert_eq!(stranger.get("/v1/models/both").await.status, 404);
    assert_eq!(stranger.get("/v1/models").await.body["data"], json!([]));
    let chat = json!({"model": "both", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(
        stranger
            .post("/v1/chat/completions", chat.clone())
            .await
            .status,
        404
    );
    assert_eq!(
        stranger
            .post("/api/v1/jobs", json!({"kind": "chat", "payload": chat}))
            .await
            .status,
        422
    );
    assert_eq!(
        app.client().get("/admin/aliases").await.status,
        401,
        "operators alone"
    );
    assert_eq!(operator.delete("/admin/aliases/both").await.status, 204);
    assert_eq!(operator.delete("/admin/aliases/both").await.status, 404);
    assert_eq!(operator.get("/admin/aliases/both").await.status, 404);
}

#[tokio::test]
async fn a_provider_gets_more_accounts_and_loses_them() {
    let app = TestApp::without_workers().await;
    let operator = app.operator();
    let body =
        json!({"name": "desk", "url": "http://127.0.0.1:9/", "username": "ada", "password": "x"});
    let provider = operator.post("/admin/providers", body).await.body["provider_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/admin/providers/{provider}/credentials");
    let key = async || {
        app.store
            .provider_named(app.tenant, "desk")
            .await
            .unwrap()
            .limit_key()
    };
    assert!(key().await.starts_with("credential:"));
    let added = operator
        .post(&path, json!({"username": "grace", "password": "y"}))
        .await;
    assert_eq!(
        (added.status, &added.body["username"], &added.body["status"]),
        (201, &json!("grace"), &json!("active")),
        "{}",
        added.body
    );
    assert!(!added.body.to_string().contains("\"y\""));
    assert!(
        key().await.starts_with("provider:"),
        "limits count all of its accounts together"
    );
    let first = app.client().get("/api/v1/credentials").await.body;
    let first = first
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["username"] == "ada")
        .unwrap()["id"]
        .clone();
    for (body, status) in [
        (json!({"credential_id": first}), 409),
        (json!({"credential_id": first, "password": "y"}), 422),
        (json!({"credential_id": uuid::Uuid::new_v4()}), 422),
        (json!({"username": "grace"}), 422),
        (
            json!({"username": "grace", "email": "g@x", "password": "y"}),
            422,
        ),
        (json!({"username": "g".repeat(1001), "password": "y"}), 422),
        (json!({"password": "y", "totp_secret": "no base32!"}), 422),
        (json!({"password": ""}), 422),
        (json!({"password": "y", "colour": 3}), 422),
    ] {
        let reply = operator.post(&path, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    let usernames = async || {
        let list = operator.get(&path).await.body;
        let names: Vec<String> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["username"].as_str().unwrap().to_owned())
            .collect();
        names
    };
    assert_eq!(usernames().await, ["ada", "grace"]);
    // Another tenant's account or provider is not there.
    let other = app.store.add_tenant("other").await.unwrap();
    let theirs = operator
        .post_with(
            &path,
            &[
                ("computetower-tenant", &other.to_string()),
                ("content-type", "application/json"),
            ],
            r#"{"password": "y"}"#,
        )
        .await;
    assert_eq!(theirs.status, 404, "{}", theirs.body);
    let stranger = app.stranger().await;
    let account = stranger
        .post(
            "/api/v1/credentials",
            json!({"url": "http://127.0.0.1:9/", "username": "eve", "password": "z"}),
        )
        .await
        .body;
    let stolen = operator
        .post(&path, json!({"credential_id": account["id"]}))
        .await;
    assert_eq!(stolen.status, 422, "{}", stolen.body);
    // The one that it began with goes: the other takes its place.
    assert_eq!(
        operator
            .delete(&format!("{path}/{}", first.as_str().unwrap()))
            .await
            .status,
        204
    );
    assert_eq!(
        operator.delete(&format!("{path}/nonsense")).await.status,
        404
    );
    assert_eq!(usernames().await, ["grace"]);
    assert!(key().await.starts_with("credential:"));
    assert_eq!(
        app.client()
            .get("/api/v1/credentials")
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        2,
        "credentials stay"
    );
}

#[tokio::test]
async fn two_credentials_with_one_secret_type_no_code_twice() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let mut ids = Vec::new();
    for secret in [
        "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp",
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    ] {
        let body = json!({"url": "http://127.0.0.1:9/", "username": "ada", "password": "x", "totp_secret": secret});
        let reply = client.post("/api/v1/credentials", body).await;
        ids.push(reply.body["id"].as_str().unwrap().parse().unwrap());
    }
    let take = async |at: usize, step| {
        app.store
            .take_totp_step(app.tenant, ids[at], step)
            .await
            .unwrap()
    };
    assert!(take(0, 7).await);
    assert!(!take(1, 7).await, "it is the same code");
    assert!(take(1, 8).await);
    assert!(!take(0, 8).await);
    assert!(take(2, 7).await, "another secret has other codes");
}
