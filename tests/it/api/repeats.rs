//! What is noted of requests that come again, and of what was kept of them.

use std::time::Duration;

use computetower_jobs::{JobId, JobKind, JobState};
use computetower_store::StoreError;
use computetower_store::jobs::NewJob;
use computetower_store::openai_objects::{ObjectFilter, ObjectKind, StoredObject};
use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn a_request_that_was_repeated_is_not_told_by_the_one_before() {
    let app = TestApp::without_workers().await;
    let (store, tenant) = (&app.store, app.tenant);
    let first = store.note_request(tenant, b"digest", 0).await.unwrap();
    let second = store.repeat_request(tenant, b"digest", 1).await.unwrap();
    assert_eq!(second.unwrap().key, first.key);
    // The news of the first comes late.
    store.request_told(tenant, &first).await.unwrap();
    let told: Option<i32> =
        sqlx::query_scalar("select 1 from openai_requests where told_at is not null")
            .fetch_optional(&mut app.database().await)
            .await
            .unwrap();
    assert_eq!(told, None);
    let third = store.repeat_request(tenant, b"digest", 2).await.unwrap();
    assert_eq!(third.unwrap().key, first.key);
    app.stop().await;
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_any_more_is_cancelled_without_its_process() {
    let app = TestApp::without_workers().await;
    let (store, tenant) = (&app.store, app.tenant);
    let mut jobs = Vec::new();
    for digest in [b"left", b"back"] {
        let request = store.note_request(tenant, digest, 0).await.unwrap();
        let new = NewJob {
            idempotency: Some((request.key.clone(), digest.to_vec())),
            ..NewJob::now(JobKind::Noop, json!({}))
        };
        jobs.push(store.submit(tenant, &new).await.unwrap().id);
        let patience = Duration::from_secs(60);
        store
            .request_left(tenant, &request, patience)
            .await
            .unwrap();
    }
    assert_eq!(store.cancel_abandoned().await.unwrap(), 0);
    sqlx::query("update openai_requests set waits_until = waits_until - interval '2 minutes'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    let back = store.repeat_request(tenant, b"back", 1).await.unwrap();
    assert!(back.is_some());
    assert_eq!(store.cancel_abandoned().await.unwrap(), 1);
    let states = [
        store.job(tenant, jobs[0]).await.unwrap().state,
        store.job(tenant, jobs[1]).await.unwrap().state,
    ];
    assert_eq!(states[0], JobState::Cancelled);
    assert_ne!(states[1], JobState::Cancelled);
    app.stop().await;
}

#[tokio::test]
async fn what_is_kept_again_changes_nothing() {
    let app = TestApp::without_workers().await;
    let (store, tenant) = (&app.store, app.tenant);
    let kind = ObjectKind::Completion;
    let of = |object: Value| StoredObject {
        id: JobId::generate(),
        model: "m".to_owned(),
        object,
        input: json!([]),
        messages: None,
        metadata: json!({}),
    };
    let one = of(json!({"id": "x", "metadata": {}}));
    store.keep_object(tenant, kind, &one).await.unwrap();
    let noted = json!({"a": "b"});
    store
        .note_metadata(tenant, kind, one.id, &noted)
        .await
        .unwrap();
    store.keep_object(tenant, kind, &one).await.unwrap();
    let found = store.object(tenant, kind, one.id).await.unwrap();
    assert_eq!(
        (found.metadata, &found.object["metadata"]),
        (noted.clone(), &noted)
    );

    store.forget_object(tenant, kind, one.id).await.unwrap();
    store.keep_object(tenant, kind, &one).await.unwrap();
    let gone = store.object(tenant, kind, one.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    let again = store.forget_object(tenant, kind, one.id).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))));
    let filter = ObjectFilter {
        limit: 10,
        ..ObjectFilter::default()
    };
    assert!(
        store
            .objects(tenant, kind, &filter)
            .await
            .unwrap()
            .is_empty()
    );

    // What failed is replaced by what did not.
    let mut failed = of(json!({"status": "failed"}));
    store.keep_object(tenant, kind, &failed).await.unwrap();
    failed.object = json!({"status": "completed"});
    store.keep_object(tenant, kind, &failed).await.unwrap();
    let found = store.object(tenant, kind, failed.id).await.unwrap();
    assert_eq!(found.object["status"], "completed");
    app.stop().await;
}
