//! Sources: made, changed, read, removed; and nobody else's.

use serde_json::json;

use super::{files_source, upload};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_made_changed_and_removed_by_its_tenant_alone() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let made = client.post("/api/v1/knowledge/sources", json!({"source_type": "documentation", "source_url": "http://127.0.0.1:9/docs/#top", "options": {"max_pages": 50, "exclude": ["/old/**"]}})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["url"], "http://127.0.0.1:9/docs/");
    assert_eq!(made.body["name"], "127.0.0.1:9/docs");
    let path = format!(
        "/api/v1/knowledge/sources/{}",
        made.body["id"].as_str().unwrap()
    );
    let changed = client
        .patch(
            &path,
            json!({"name": "manual", "options": {"max_depth": 3}}),
        )
        .await;
    assert_eq!(
        (&changed.body["name"], &changed.body["options"]["max_depth"]),
        (&json!("manual"), &json!(3)),
        "{}",
        changed.body
    );
    assert_eq!(changed.body["options"].get("max_pages"), None);

    let stranger = app.stranger().await;
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(
        stranger.patch(&path, json!({"name": "mine"})).await.status,
        404
    );
    assert_eq!(stranger.delete(&path).await.status, 404);
    for rest in ["sync", "syncs", "documents", "export", "files"] {
        let path = format!("{path}/{rest}");
        let reply = if rest == "sync" {
            stranger.post(&path, json!({})).await
        } else {
            stranger.get(&path).await
        };
        assert_eq!(reply.status, 404, "{rest}");
    }
    assert_eq!(
        stranger.get("/api/v1/knowledge/sources").await.body["sources"],
        json!([])
    );
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_source_is_refused_with_its_field() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for (body, field) in [
        (json!({"kind": "film"}), "kind"),
        (json!({"kind": "website"}), "url"),
        (json!({"kind": "website", "url": "ftp://x/"}), "url"),
        (json!({"kind": "website", "url": "http://10.0.0.1/"}), "url"),
        (json!({"kind": "file", "url": "http://127.0.0.1/"}), "url"),
        (json!({"kind": "file", "name": " "}), "name"),
        (
            json!({"kind": "file", "options": {"at_once": 0}}),
            "options.at_once",
        ),
        (
            json!({"kind": "file", "credential_id": "01890000-0000-7000-8000-000000000009"}),
            "credential_id",
        ),
    ] {
        let reply = client.post("/api/v1/knowledge/sources", body.clone()).await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (422, &json!(field)),
            "{body}: {}",
            reply.body
        );
    }
    for (body, field) in [
        (json!({"source_type": "website"}), "source_url"),
        (
            json!({"source_type": "website", "source_url": "http://10.0.0.1/"}),
            "source_url",
        ),
        (
            json!({"source_type": "website", "source_url": "http://127.0.0.1/", "options": {"max_pages": 0}}),
            "options.max_pages",
        ),
        (
            json!({"source_type": "file", "source_url": "http://127.0.0.1/"}),
            "source_url",
        ),
        (
            json!({"source_type": "file", "s3_reference": {"key": "k", "bucket": "another"}}),
            "s3_reference.bucket",
        ),
    ] {
        let reply = client
            .post("/api/v1/knowledge/ingest/start", body.clone())
            .await;
        assert_eq!(
            (reply.status, &reply.body["errors"][0]["field"]),
            (422, &json!(field)),
            "{body}: {}",
            reply.body
        );
    }
    let source = files_source(&client).await;
    let empty = client
        .post(
            &format!("/api/v1/knowledge/sources/{source}/sync"),
            json!({}),
        )
        .await;
    assert_eq!(empty.status, 422, "{}", empty.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_reads_a_source_and_can_be_held_back_and_cancelled() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    assert_eq!(
        upload(&client, &source, &[("a.md", b"# A\n\nText.\n")])
            .await
            .status,
        201
    );
    let path = format!("/api/v1/knowledge/sources/{source}/sync");
    let started = client.post(&path, json!({})).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let job = json!({"job_id": started.body["job_id"]});
    assert_eq!(client.post(&path, json!({})).await.status, 409);
    let stranger = app.stranger().await;
    for (what, state) in [
        ("pause", "paused"),
        ("resume", "pending"),
        ("cancel", "cancelled"),
    ] {
        let path = format!("/api/v1/knowledge/explore/{what}");
        assert_eq!(
            stranger.post(&path, job.clone()).await.status,
            404,
            "{what}"
        );
        let reply = client.post(&path, job.clone()).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.body);
        let now = reply.body["status"].as_str().unwrap();
        assert!(
            now == state || (state == "pending" && now == "queued"),
            "{what}: {now}"
        );
    }
    let listed = client
        .get("/api/v1/knowledge/explore/jobs?status=cancelled")
        .await;
    assert_eq!(
        listed.body["jobs"][0]["job_id"], job["job_id"],
        "{}",
        listed.body
    );
    assert_eq!(
        client.post(&path, json!({})).await.status,
        202,
        "the source is free again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_started_by_its_address_and_is_one_source() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let start = json!({"source_type": "documentation", "source_url": "http://127.0.0.1:9/", "options": {"max_pages": 5}});
    let first = client
        .post("/api/v1/knowledge/ingest/start", start.clone())
        .await;
    assert_eq!(first.status, 202, "{}", first.body);
    let second = client
        .post(
            "/api/v1/knowledge/explore/start",
            json!({"start_url": "http://127.0.0.1:9/"}),
        )
        .await;
    assert_eq!(second.status, 409, "{}", second.body);
    assert_eq!(
        client.get("/api/v1/knowledge/sources").await.body["sources"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let job = client.job(first.body["job_id"].as_str().unwrap()).await;
    assert_eq!(
        (&job["kind"], &job["payload"]["max_pages"]),
        (&json!("crawl"), &json!(5))
    );
    let schedule = client.post("/api/v1/schedules", json!({"name": "nightly", "cron": "0 3 * * *", "job": {"kind": "crawl", "payload": {"source_id": first.body["source_id"]}}})).await;
    assert_eq!(schedule.status, 201, "{}", schedule.body);
}
