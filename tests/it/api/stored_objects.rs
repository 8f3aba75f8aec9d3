//! Pictures and screenshots go from the bucket when nothing names them any more, and not before.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{ConversationId, JobId, ProviderId};
use computetower_store::objects::{ObjectSettings, chat_files_folder, screenshot_key};
use computetower_store::openai_objects::{ObjectKind, StoredObject};
use computetower_store::{Store, StoreConfig};
use serde_json::{Value, json};
use sqlx::{Connection, Row};

use crate::support::{Client, TestApp, until};

/// Puts a picture where those of requests lie. Returns its key.
async fn picture(app: &TestApp, name: &str) -> String {
    let key = format!("{}{name}.png", chat_files_folder(app.tenant));
    let stored = app
        .store
        .store_object(app.tenant, None, &key, "image/png", name.into());
    stored.await.unwrap();
    key
}

async fn screenshot(app: &TestApp, job: JobId, name: &str) -> String {
    let key = screenshot_key(app.tenant, job, 1, name);
    let stored = app
        .store
        .store_object(app.tenant, Some(job), &key, "image/jpeg", name.into());
    stored.await.unwrap();
    key
}

async fn is_there(app: &TestApp, key: &str) -> bool {
    app.store.objects.find(key).await.unwrap().is_some()
}

async fn gone(app: &TestApp, key: &str) {
    until(&format!("{key} is gone"), || async {
        !is_there(app, key).await
    })
    .await;
    assert_eq!(looked_at_next(app, key).await, None);
}

/// When an object is looked at next. None when it is not known.
async fn looked_at_next(app: &TestApp, key: &str) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("select look_at from stored_objects where key = $1")
        .bind(key)
        .fetch_optional(&mut app.database().await)
        .await
        .unwrap()
}

/// Has all objects looked at now, and waits until that was done.
async fn look(app: &TestApp) {
    let mut database = app.database().await;
    sqlx::query("update stored_objects set look_at = now()")
        .execute(&mut database)
        .await
        .unwrap();
    until("all were looked at", || async {
        let due: i64 = sqlx::query_scalar(
            "select count(*) from stored_objects where look_at <= now() + interval '2 minutes'",
        )
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
        due == 0
    })
    .await;
}

fn asks(key: &str) -> Value {
    json!({"model": "page", "messages": [{"role": "user", "content": "x"}],
           "files": [{"turn": 0, "key": key, "name": "a.png", "sha256": "ab"}]})
}

/// Ends a job, long ago, and waits until it has gone.
async fn forgotten(app: &TestApp, client: &Client, job: &str) {
    let ended = client
        .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
        .await;
    assert!(ended.status < 300, "{}", ended.body);
    sqlx::query("update jobs set finished_at = now() - interval '31 days' where id = $1::uuid")
        .bind(job)
        .execute(&mut app.database().await)
        .await
        .unwrap();
    until("the job is gone", || async {
        client.get(&format!("/api/v1/jobs/{job}")).await.status == 404
    })
    .await;
}

async fn with_a_page() -> TestApp {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let page = json!({"name": "page", "url": "http://127.0.0.1:9/"});
    let made = app.operator().post("/admin/providers", page).await;
    assert_eq!(made.status, 202, "{}", made.body);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_goes_when_no_job_response_or_schedule_names_it() {
    let app = with_a_page().await;
    let client = app.client();
    let [asked, planned, unnamed] = [
        picture(&app, "asked").await,
        picture(&app, "planned").await,
        picture(&app, "unnamed").await,
    ];
    let job = client.submit("chat", asks(&asked)).await;
    let response = StoredObject {
        id: JobId::generate(),
        model: "page".into(),
        object: json!({"id": "resp_1", "status": "completed"}),
        input: json!([]),
        messages: Some(serde_json::from_value::<Chat>(asks(&asked)).unwrap()),
        metadata: json!({}),
    };
    let kept = app
        .store
        .keep_object(app.tenant, ObjectKind::Response, &response);
    kept.await.unwrap();
    let schedule = json!({"name": "yearly", "cron": "0 0 1 1 *", "job": {"kind": "chat", "payload": asks(&planned)}});
    let schedule = client.post("/api/v1/schedules", schedule).await;
    assert_eq!(schedule.status, 201, "{}", schedule.body);

    look(&app).await;
    gone(&app, &unnamed).await;
    assert!(is_there(&app, &asked).await && is_there(&app, &planned).await);

    // What a request under way may be about to name stays for its time, and what a stored response goes on from for longer.
    forgotten(&app, &client, &job).await;
    let next = looked_at_next(&app, &asked).await.unwrap() - Utc::now();
    assert!(
        next < chrono::Duration::minutes(21) && next > chrono::Duration::minutes(15),
        "{next}"
    );
    look(&app).await;
    assert!(is_there(&app, &asked).await);
    let id = response.id.to_string().replace('-', "");
    let deleted = client.delete(&format!("/v1/responses/resp_{id}")).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    let next = looked_at_next(&app, &asked).await.unwrap() - Utc::now();
    assert!(
        next < chrono::Duration::minutes(21) && next > chrono::Duration::minutes(15),
        "{next}"
    );
    assert!(is_there(&app, &asked).await);
    look(&app).await;
    gone(&app, &asked).await;

    let id = schedule.body["id"].as_str().unwrap();
    assert!(is_there(&app, &planned).await);
    assert_eq!(
        client
            .delete(&format!("/api/v1/schedules/{id}"))
            .await
            .status,
        204
    );
    look(&app).await;
    gone(&app, &planned).await;
    let counted = app.store.metrics.text(None);
    assert!(
        counted.contains("computetower_upkeep_actions_total{duty=\"unnamed_objects\"} 3"),
        "{counted}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_old_lets_its_pictures_go() {
    let app = with_a_page().await;
    let key = picture(&app, "old").await;
    let response = StoredObject {
        id: JobId::generate(),
        model: "page".into(),
        object: json!({}),
        input: json!([]),
        messages: Some(serde_json::from_value::<Chat>(asks(&key)).unwrap()),
        metadata: json!({}),
    };
    let kept = app
        .store
        .keep_object(app.tenant, ObjectKind::Response, &response);
    kept.await.unwrap();
    look(&app).await;
    assert!(is_there(&app, &key).await);
    sqlx::query("update openai_objects set at = now() - interval '31 days'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    until(
        "the response is gone, and its picture is looked at soon",
        || async {
            looked_at_next(&app, &key).await.unwrap() - Utc::now() < chrono::Duration::minutes(21)
        },
    )
    .await;
    look(&app).await;
    gone(&app, &key).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn screenshots_go_with_their_job_except_what_the_history_shows() {
    let app = with_a_page().await;
    let client = app.client();
    let picture = picture(&app, "asked").await;
    let job = client.submit("chat", asks(&picture)).await;
    let id: JobId = job.parse().unwrap();
    let other: JobId = client.submit("noop", json!({})).await.parse().unwrap();
    let [shown, evidence, others] = [
        screenshot(&app, id, "receive").await,
        screenshot(&app, id, "failure").await,
        screenshot(&app, other, "failure").await,
    ];
    sqlx::query(
        "insert into chat_exchanges (id, tenant_id, conversation_id, provider_id, model, question, answer, question_tokens, answer_tokens, said, validation)
         values ($1, $2, $3, $4, 'page', 'x', 'y', 1, 1, '', jsonb_build_object('screenshot_key', $5::text))",
    )
    .bind(id.0)
    .bind(app.tenant.0)
    .bind(ConversationId::generate().0)
    .bind(ProviderId::generate().0)
    .bind(&shown)
    .execute(&mut app.database().await)
    .await
    .unwrap();
    look(&app).await;
    forgotten(&app, &client, &job).await;
    // Without being told to look.
    gone(&app, &evidence).await;
    look(&app).await;
    assert!(is_there(&app, &shown).await && is_there(&app, &others).await);
    let deleted = client.delete("/api/v1/chat/history?q=x").await;
    assert_eq!(deleted.body, json!({"deleted": 1}));
    gone(&app, &shown).await;
    assert!(is_there(&app, &others).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bucket_does_not_remove_is_tried_again() {
    let app = TestApp::without_workers().await;
    let nowhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let settings = app.config.store.clone();
    let cut_off = StoreConfig {
        objects: ObjectSettings {
            endpoint: Some(dead),
            ..settings.objects.clone()
        },
        ..settings
    };
    let cut_off = Store::connect(&cut_off).await.unwrap();
    let keys = [picture(&app, "one").await, picture(&app, "two").await];
    let look = async |store: &Store| {
        sqlx::query("update stored_objects set look_at = now()")
            .execute(&mut app.database().await)
            .await
            .unwrap();
        store.remove_unnamed_objects().await.unwrap()
    };
    let looked = look(&cut_off).await;
    assert!(
        looked.seen == 2 && looked.removed == 0 && looked.failed.is_some(),
        "{looked:?}"
    );
    for key in &keys {
        let next = looked_at_next(&app, key).await.unwrap() - Utc::now();
        assert!(
            next > chrono::Duration::seconds(30) && next < chrono::Duration::seconds(61),
            "{next}"
        );
        assert!(is_there(&app, key).await);
    }
    assert_eq!(
        app.store.remove_unnamed_objects().await.unwrap().seen,
        0,
        "not before its time"
    );
    let looked = look(&app.store).await;
    assert!(looked.removed == 2 && looked.failed.is_none(), "{looked:?}");
    for key in &keys {
        gone(&app, key).await;
    }

    // A browser state whose account was removed meanwhile goes in the same way.
    let account =
        json!({"label": "a", "url": "http://127.0.0.1:9/", "username": "u", "password": "p"});
    let account = app.client().post("/api/v1/credentials", account).await;
    let id = account.body["id"].as_str().unwrap().parse().unwrap();
    let credential = app.store.credential(app.tenant, id).await.unwrap();
    app.store.save_profile(&credential, b"{}").await.unwrap();
    let key = computetower_store::objects::profile_key(app.tenant, id);
    assert!(is_there(&app, &key).await);
    cut_off.remove_credential(app.tenant, id).await.unwrap();
    assert!(is_there(&app, &key).await);
    assert_eq!(look(&app.store).await.removed, 1);
    gone(&app, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_comes_again_while_it_is_removed_is_there_afterwards() {
    let app = TestApp::without_workers().await;
    let key = picture(&app, "again").await;
    let mut database = app.database().await;
    // As the removal does: the row is locked until the object has gone.
    let mut removal = database.begin().await.unwrap();
    sqlx::query("select from stored_objects where key = $1 for update")
        .bind(&key)
        .execute(&mut *removal)
        .await
        .unwrap();
    let again = {
        let (store, tenant, key) = (app.store.clone(), app.tenant, key.clone());
        tokio::spawn(async move {
            store
                .store_object(tenant, None, &key, "image/png", b"again".to_vec())
                .await
        })
    };
    until("it waits for the removal", || async {
        let waiting = sqlx::query("select count(*) as n from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into stored_objects%' and datname = current_database()")
            .fetch_one(&mut app.database().await)
            .await
            .unwrap();
        waiting.get::<i64, _>("n") > 0
    })
    .await;
    app.store.objects.delete(&key).await.unwrap();
    sqlx::query("delete from stored_objects where key = $1")
        .bind(&key)
        .execute(&mut *removal)
        .await
        .unwrap();
    removal.commit().await.unwrap();
    again.await.unwrap().unwrap();
    assert!(is_there(&app, &key).await);
    let next = looked_at_next(&app, &key).await.unwrap() - Utc::now();
    assert!(next.to_std().unwrap() > Duration::from_secs(3_600));
}
