//! `logout` jobs: the page's own way out is pressed, and what was kept of the session is gone whatever comes of it.

use computetower_jobs::{CredentialId, JobId, Queue};
use computetower_store::objects::{profile_key, signing_out_key};
use computetower_test_site::Site;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, WorkerProcess, until};

/// An account that is signed in at an address.
async fn signed_in(client: &Client, url: &str) -> String {
    let account = json!({"url": url, "username": Site::user(), "password": Site::password()});
    let account = client.post("/api/v1/credentials", account).await;
    assert_eq!(account.status, 201, "{}", account.body);
    let id = account.body["id"].as_str().unwrap().to_owned();
    sign_in(client, &id).await;
    id
}

async fn sign_in(client: &Client, account: &str) {
    let job = client
        .submit("login", json!({"credential_id": account}))
        .await;
    let job = client.ended(&job).await;
    assert_eq!(job["state"], "completed", "{job}");
}

/// Asks to log out. The job's id.
async fn log_out(client: &Client, account: &str) -> String {
    let path = format!("/api/v1/credentials/{account}/logout");
    let reply = client.post(&path, json!({})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(reply.body["status"], "signing_out");
    reply.body["job_id"].as_str().unwrap().to_owned()
}

async fn ended(client: &Client, job: &str) -> Value {
    let job = client.ended(job).await;
    assert_eq!(job["state"], "completed", "{job}");
    job["result"].clone()
}

fn steps(events: &[crate::support::SseEvent], name: &str) -> usize {
    let steps = events.iter().filter(|event| event.name == "step");
    steps.filter(|event| event.data["kind"] == name).count()
}

async fn is_kept(app: &TestApp, key: &str) -> bool {
    app.store.objects.find(key).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_by_its_own_way_out_and_asks_to_sign_in_again() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    for (door, pressed, menus) in [("plain", 1, 0), ("exit-menu", 1, 2), ("exit-asked", 2, 0)] {
        let account = signed_in(&client, &site.door(door)).await;
        assert_eq!(site.door_inside(door), 1, "{door}");
        let job = log_out(&client, &account).await;
        // What was kept is forgotten at once, whenever the job runs.
        let known = client.get(&format!("/api/v1/credentials/{account}")).await;
        assert_eq!(known.status, 200);
        let credential: CredentialId = account.parse().unwrap();
        let kept = app.store.credential(app.tenant, credential).await.unwrap();
        let profile = app.store.load_profile(&kept).await.unwrap();
        assert!(profile.is_none(), "{door}");
        let result = ended(&client, &job).await;
        assert_eq!(
            (&result["page_told"], &result["outcome"]),
            (&json!(true), &json!("signed_out")),
            "{door}: {result}"
        );
        assert_eq!(
            result["validation"]["subject"], "logout",
            "{door}: {result}"
        );
        assert_eq!(site.door_inside(door), 0, "{door}: the server knows of it");
        let events = client.events(&job, 0).await;
        assert_eq!(
            steps(&events, "logout.pressed"),
            pressed,
            "{door}: {events:?}"
        );
        assert_eq!(steps(&events, "logout.opened"), menus, "{door}: {events:?}");
        let wrong = site.door_pressed(door);
        assert!(
            !wrong.contains(&"remove".to_owned()) && !wrong.contains(&"help".to_owned()),
            "{wrong:?}"
        );
        for key in [
            profile_key(app.tenant, credential),
            signing_out_key(app.tenant, job.parse().unwrap()),
        ] {
            assert!(!is_kept(&app, &key).await, "{door}: {key}");
        }
        // The account is as usable as before, with a sign-in of its own.
        let before = site.door_logins(door).len();
        sign_in(&client, &account).await;
        assert_eq!(site.door_logins(door).len(), before + 1, "{door}");
        assert_eq!(site.door_inside(door), 1, "{door}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_could_not_be_told_is_said_to_be_so() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    for (door, outcome) in [("quiet", "no_way_out"), ("exit-stuck", "not_shown")] {
        let account = signed_in(&client, &site.door(door)).await;
        let job = log_out(&client, &account).await;
        let result = ended(&client, &job).await;
        assert_eq!(
            (&result["page_told"], &result["outcome"]),
            (&json!(false), &json!(outcome)),
            "{door}: {result}"
        );
        assert_eq!(result["validation"]["passed"], false, "{door}: {result}");
        let key = profile_key(app.tenant, account.parse().unwrap());
        assert!(!is_kept(&app, &key).await, "{door}");
        assert_eq!(
            site.door_inside(door),
            1,
            "{door}: nothing was pressed by chance"
        );
        // Nothing is left that could be signed out.
        let job = log_out(&client, &account).await;
        let result = ended(&client, &job).await;
        assert_eq!(
            (&result["page_told"], &result["outcome"]),
            (&json!(false), &json!("no_session")),
            "{door}: {result}"
        );
    }
    // A session that the page has ended by itself.
    let account = signed_in(&client, &site.door("plain")).await;
    site.door_sign_everyone_out("plain");
    let job = log_out(&client, &account).await;
    let result = ended(&client, &job).await;
    assert_eq!(
        (&result["page_told"], &result["outcome"]),
        (&json!(false), &json!("was_out")),
        "{result}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_signs_out_with_what_was_laid_aside_for_it() {
    let site = Site::start().await;
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let worker = WorkerProcess::start(&app, "login").await;
    let account = signed_in(&client, &site.door("plain")).await;
    worker.kill();
    let job = log_out(&client, &account).await;
    let aside = signing_out_key(app.tenant, job.parse().unwrap());
    assert!(!is_kept(&app, &profile_key(app.tenant, account.parse().unwrap())).await);
    assert!(
        is_kept(&app, &aside).await,
        "nobody has the session any more"
    );
    // A sign-in that comes meanwhile is another session.
    let _worker = WorkerProcess::start(&app, "login").await;
    let result = ended(&client, &job).await;
    assert_eq!(result["page_told"], true, "{result}");
    assert_eq!(site.door_inside("plain"), 0);
    assert!(!is_kept(&app, &aside).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_laid_aside_goes_with_a_job_that_never_ran() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    let account = json!({"url": "http://127.0.0.1:9/", "username": "u", "password": "p"});
    let account = client.post("/api/v1/credentials", account).await.body["id"].clone();
    let id: CredentialId = account.as_str().unwrap().parse().unwrap();
    let credential = app.store.credential(app.tenant, id).await.unwrap();
    app.store.save_profile(&credential, b"{}").await.unwrap();
    let job = log_out(&client, &id.to_string()).await;
    let aside = signing_out_key(app.tenant, job.parse().unwrap());
    // Asked again, by the job's handler or by a person: a sign-in since then is left alone.
    let credential = app.store.credential(app.tenant, id).await.unwrap();
    app.store.save_profile(&credential, b"{}").await.unwrap();
    let begun: JobId = job.parse().unwrap();
    app.store.begin_logout(app.tenant, id, begun).await.unwrap();
    let credential = app.store.credential(app.tenant, id).await.unwrap();
    let profile = app.store.load_profile(&credential).await.unwrap();
    assert!(profile.is_some());
    let due = || async {
        sqlx::query("update stored_objects set look_at = now()")
            .execute(&mut app.database().await)
            .await
            .unwrap();
        app.store.remove_unnamed_objects().await.unwrap()
    };
    assert_eq!(due().await.removed, 0);
    assert!(is_kept(&app, &aside).await);
    client
        .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
        .await;
    app.start_dispatcher();
    until("it is gone", || async {
        sqlx::query("update stored_objects set look_at = now()")
            .execute(&mut app.database().await)
            .await
            .unwrap();
        !is_kept(&app, &aside).await
    })
    .await;
    // Another tenant's account is not there.
    let stranger = app.stranger().await;
    let reply = stranger
        .post(&format!("/api/v1/credentials/{id}/logout"), json!({}))
        .await;
    assert_eq!(reply.status, 404, "{}", reply.body);
    let payload = json!({"kind": "logout", "payload": {"credential_id": id}});
    assert_eq!(stranger.post("/api/v1/jobs", payload).await.status, 422);
    app.stop().await;
}
