//! Accounts: passwords go in and never come out.

use serde_json::json;
use sqlx::{Connection, PgConnection, Row};

use crate::support::TestApp;

#[tokio::test]
async fn a_password_is_sealed_and_never_shown() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let password = "correct horse battery staple";
    let reply = client.post("/api/v1/credentials", json!({"url": "http://127.0.0.1:9/", "email": "ada@example.test", "password": password})).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap();
    assert_eq!(
        (&reply.body["username"], &reply.body["status"]),
        (&json!("ada@example.test"), &json!("active"))
    );
    for answer in [
        reply.body.to_string(),
        client
            .get(&format!("/api/v1/credentials/{id}"))
            .await
            .body
            .to_string(),
        client.get("/api/v1/credentials").await.body.to_string(),
    ] {
        assert!(!answer.contains("horse"), "{answer}");
    }
    let mut connection = PgConnection::connect(&app.config.store.database_url)
        .await
        .unwrap();
    let stored: Vec<u8> = sqlx::query("select secret from credentials")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    assert!(!stored.windows(5).any(|window| window == b"horse"));
    let opened = app
        .store
        .password(app.tenant, id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(opened.reveal(), password);
    // Copied to another row, it does not open.
    let other = client
        .post(
            "/api/v1/credentials",
            json!({"url": "http://127.0.0.1:9/", "username": "bob", "password": "y"}),
        )
        .await
        .body;
    let other = other["id"].as_str().unwrap();
    sqlx::query("update credentials set secret = $1 where id = $2")
        .bind(&stored)
        .bind(other.parse::<uuid::Uuid>().unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    assert!(
        app.store
            .password(app.tenant, other.parse().unwrap())
            .await
            .is_err()
    );
    assert_eq!(
        client
            .delete(&format!("/api/v1/credentials/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(
        client
            .get(&format!("/api/v1/credentials/{id}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn accounts_that_make_no_sense_are_refused() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for (body, field) in [
        (
            json!({"url": "ftp://127.0.0.1/", "username": "a", "password": "b"}),
            "url",
        ),
        (
            json!({"url": "http://10.0.0.1/", "username": "a", "password": "b"}),
            "url",
        ),
        (
            json!({"url": "nonsense", "username": "a", "password": "b"}),
            "url",
        ),
        (
            json!({"url": "http://127.0.0.1:9/", "username": "a", "password": ""}),
            "password",
        ),
        (
            json!({"url": "http://127.0.0.1:9/", "username": "a", "email": "b", "password": "c"}),
            "email",
        ),
        (
            json!({"url": "http://127.0.0.1:9/", "username": "a", "password": 7}),
            "password",
        ),
    ] {
        let reply = client.post("/api/v1/credentials", body).await;
        assert_eq!(
            (reply.status, reply.body["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            reply.body
        );
        assert!(!reply.body.to_string().contains("\"c\""));
    }
}

#[tokio::test]
async fn the_secret_of_an_authenticator_app_is_checked_sealed_and_never_shown() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let body = |totp: &str| json!({"url": "http://127.0.0.1:9/", "username": "ada", "password": "x", "totp_secret": totp});
    for bad in [
        "",
        "short",
        "GEZDGNBVGY3TQOJ1",
        "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ",
    ] {
        let refused = client.post("/api/v1/credentials", body(bad)).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (422, &json!("totp_secret")),
            "{}",
            refused.body
        );
        assert!(
            !refused.body.to_string().contains("GEZDG"),
            "{}",
            refused.body
        );
    }
    let reply = client
        .post("/api/v1/credentials", body(&secret.to_lowercase()))
        .await;
    assert_eq!(
        (reply.status, &reply.body["has_totp"]),
        (201, &json!(true)),
        "{}",
        reply.body
    );
    let list = client.get("/api/v1/credentials").await.body.to_string();
    assert!(!list.to_uppercase().contains("GEZDG"), "{list}");
    let mut connection = PgConnection::connect(&app.config.store.database_url)
        .await
        .unwrap();
    let stored: Vec<u8> = sqlx::query("select totp from credentials")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    assert!(
        !stored
            .windows(5)
            .any(|window| window.eq_ignore_ascii_case(b"GEZDG"))
    );
    let id = reply.body["id"].as_str().unwrap().parse().unwrap();
    let opened = app.store.totp(app.tenant, id).await.unwrap().unwrap();
    assert_eq!(opened.reveal(), secret.to_lowercase());
    assert!(app.store.take_totp_step(app.tenant, id, 7).await.unwrap());
    assert!(!app.store.take_totp_step(app.tenant, id, 7).await.unwrap());
    assert!(app.store.take_totp_step(app.tenant, id, 6).await.unwrap());
    // Taken away again.
    let path = format!("/api/v1/credentials/{id}");
    let changed = client.patch(&path, json!({"totp_secret": null})).await;
    assert_eq!(
        (changed.status, &changed.body["has_totp"]),
        (200, &json!(false)),
        "{}",
        changed.body
    );
}

#[tokio::test]
async fn an_account_whose_sign_ins_are_not_accepted_is_left_alone_for_a_while() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let reply = client
        .post(
            "/api/v1/credentials",
            json!({"url": "http://127.0.0.1:9/", "username": "ada", "password": "x"}),
        )
        .await;
    let id = reply.body["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..3 {
        app.store
            .note_sign_in_trouble(app.tenant, id)
            .await
            .unwrap();
        assert_eq!(app.store.sign_in_pause(app.tenant, id).await.unwrap(), None);
    }
    app.store
        .note_sign_in_trouble(app.tenant, id)
        .await
        .unwrap();
    let pause = app
        .store
        .sign_in_pause(app.tenant, id)
        .await
        .unwrap()
        .unwrap();
    assert!((800..=900).contains(&pause.as_secs()), "{pause:?}");
    // Whoever gives another password may try at once.
    let path = format!("/api/v1/credentials/{id}");
    assert_eq!(
        client.patch(&path, json!({"password": "y"})).await.status,
        200
    );
    assert_eq!(app.store.sign_in_pause(app.tenant, id).await.unwrap(), None);
}
