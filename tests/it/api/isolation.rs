//! Two walls between tenants: the query, and row-level security.

use computetower_jobs::Queue;
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};

use crate::support::TestApp;

#[tokio::test]
async fn another_tenants_things_are_not_there() {
    let app = TestApp::without_workers().await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let job = client.submit("noop", json!({})).await;
    let account = client
        .post(
            "/api/v1/credentials",
            json!({"url": "http://127.0.0.1:9/", "username": "ada", "password": "x"}),
        )
        .await
        .body;
    let account = account["id"].as_str().unwrap();
    for path in ["", "/events", "/steps", "/result", "/attempts"] {
        assert_eq!(
            stranger
                .get(&format!("/api/v1/jobs/{job}{path}"))
                .await
                .status,
            404,
            "{path}"
        );
    }
    for path in ["cancel", "retry"] {
        assert_eq!(
            stranger
                .post(&format!("/api/v1/jobs/{job}/{path}"), json!({}))
                .await
                .status,
            404,
            "{path}"
        );
    }
    assert_eq!(
        stranger
            .get(&format!("/api/v1/credentials/{account}"))
            .await
            .status,
        404
    );
    assert_eq!(
        stranger
            .delete(&format!("/api/v1/credentials/{account}"))
            .await
            .status,
        404
    );
    let login = stranger
        .post(
            "/api/v1/jobs",
            json!({"kind": "login", "payload": {"credential_id": account}}),
        )
        .await;
    assert_eq!(login.status, 422);
    assert_eq!(stranger.get("/api/v1/jobs").await.body["jobs"], json!([]));
    assert_eq!(stranger.get("/api/v1/credentials").await.body, json!([]));
    assert_eq!(client.job(&job).await["state"], "queued");
}

#[tokio::test]
async fn another_tenants_running_and_ended_jobs_tell_nothing() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let job = client
        .submit("noop", json!({"progress": 100, "sleep_ms": 600_000}))
        .await;
    client
        .events_until(&job, 0, |event| event.name == "progress")
        .await;
    assert_eq!(
        stranger
            .get(&format!("/api/v1/jobs/{job}/events"))
            .await
            .status,
        404,
        "while it runs"
    );
    client
        .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
        .await;
    client.events(&job, 0).await;
    assert_eq!(
        stranger
            .get(&format!("/api/v1/jobs/{job}/events"))
            .await
            .status,
        404,
        "after its end"
    );
}

#[tokio::test]
async fn the_restricted_role_sees_and_writes_only_its_tenants_rows() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let job: uuid::Uuid = client.submit("noop", json!({})).await.parse().unwrap();
    let other = app.store.add_tenant("other").await.unwrap();
    let mut connection = PgConnection::connect(&app.config.store.database_url)
        .await
        .unwrap();
    sqlx::query("set role computetower_tenant")
        .execute(&mut connection)
        .await
        .unwrap();
    let count = async |connection: &mut PgConnection| -> i64 {
        sqlx::query("select count(*) from jobs")
            .fetch_one(connection)
            .await
            .unwrap()
            .get(0)
    };
    assert_eq!(
        count(&mut connection).await,
        0,
        "without a tenant nothing is seen"
    );
    sqlx::query("select set_config('app.tenant', $1, false)")
        .bind(other.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(count(&mut connection).await, 0);
    let changed = sqlx::query("update jobs set priority = 9 where id = $1")
        .bind(job)
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0);
    let forged = sqlx::query("insert into job_events (job_id, seq, tenant_id, name, data) values ($1, 99, $2, 'completed', '{}')")
        .bind(job)
        .bind(app.tenant.0)
        .execute(&mut connection)
        .await;
    assert!(forged.is_err(), "a row of another tenant was written");
    sqlx::query("select set_config('app.tenant', $1, false)")
        .bind(app.tenant.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(count(&mut connection).await, 1);
    for forbidden in [
        "delete from jobs",
        "update api_keys set revoked_at = now()",
        "update tenants set name = 'x'",
        "select * from workers",
        "insert into tenants (id, name) values (gen_random_uuid(), 'x')",
        "delete from job_events",
    ] {
        let refused = sqlx::query(forbidden)
            .execute(&mut connection)
            .await
            .unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn every_table_with_a_tenant_is_guarded() {
    let app = TestApp::without_workers().await;
    let mut connection = PgConnection::connect(&app.config.store.database_url)
        .await
        .unwrap();
    let unguarded: Vec<String> = sqlx::query(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
           and not (c.relrowsecurity and c.relforcerowsecurity
                    and (select count(distinct p.polroles) from pg_policy p where p.polrelid = c.oid) = 2)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .map(|row| row.get(0))
    .collect();
    assert_eq!(unguarded, Vec::<String>::new());
}
