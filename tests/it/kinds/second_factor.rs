//! Second factors of `login` jobs: codes made from a secret, and what people are asked for.

use std::collections::HashSet;

use computetower_jobs::Queue;
use computetower_store::accounts::Scope;
use computetower_test_site::Site;
use serde_json::{Value, json};

use crate::support::{CliRun, Client, SseEvent, TestApp, WorkerProcess};

async fn account(client: &Client, url: &str, totp: Option<&str>) -> String {
    let mut body = json!({"url": url, "username": Site::user(), "password": Site::password()});
    if let Some(totp) = totp {
        body["totp_secret"] = json!(totp);
    }
    let reply = client.post("/api/v1/credentials", body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["has_totp"], totp.is_some());
    reply.body["id"].as_str().unwrap().to_owned()
}

async fn login(client: &Client, credential: &str) -> String {
    client
        .submit("login", json!({"credential_id": credential}))
        .await
}

/// Follows a job until it asks for a person, and returns what it says.
async fn asked(client: &Client, job: &str) -> Value {
    let events = client
        .events_until(job, 0, |event| {
            event.name == "intervention_needed" || event.name == "failed"
        })
        .await;
    let last = events.last().unwrap();
    assert_eq!(last.name, "intervention_needed", "{last:?}");
    last.data.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_made_from_the_secret_and_never_typed_twice() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let secret = Site::totp_secret();
    let address = format!(
        "otpauth://totp/Doors:ada?secret={}&period=30",
        secret.to_lowercase()
    );
    // The second sign-in comes within the first one's step of time, mostly: it waits for the next.
    for (door, totp) in [("totp", secret.as_str()), ("totp-digits", address.as_str())] {
        let id = account(&client, &site.door(door), Some(totp)).await;
        for _ in 0..2 {
            let job = login(&client, &id).await;
            let job = client.ended(&job).await;
            assert_eq!(job["state"], "completed", "{door}: {job}");
            site.door_sign_everyone_out(door);
            let steps = client
                .get(&format!(
                    "/api/v1/jobs/{}/steps",
                    job["id"].as_str().unwrap()
                ))
                .await;
            assert!(
                !steps.body.to_string().contains(&secret),
                "a secret was told"
            );
        }
        let codes = site.door_codes(door);
        let different: HashSet<&String> = codes.iter().map(|(code, _)| code).collect();
        assert_eq!((different.len(), codes.len()), (2, 2), "{door}: {codes:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_fails_clearly_and_a_changed_one_works() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(
        &client,
        &site.door("totp"),
        Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
    )
    .await;
    let job = login(&client, &id).await;
    let job = client.ended(&job).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"], &job["attempt"]),
        (&json!("failed"), &json!("invalid_credentials"), &json!(1)),
        "{job}"
    );
    // The code of the present step and one of a neighbour, and no more.
    assert_eq!(site.door_codes("totp").len(), 2);
    let path = format!("/api/v1/credentials/{id}");
    assert_eq!(client.get(&path).await.body["status"], "invalid");
    for (body, field) in [
        (json!({}), ""),
        (json!({"password": ""}), "password"),
        (json!({"totp_secret": "no"}), "totp_secret"),
        (json!({"username": "x"}), ""),
    ] {
        let refused = client.patch(&path, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.body);
        if !field.is_empty() {
            assert_eq!(refused.body["errors"][0]["field"], field);
        }
    }
    let stranger = app.stranger().await;
    let change = json!({"totp_secret": Site::totp_secret()});
    assert_eq!(stranger.patch(&path, change.clone()).await.status, 404);
    let changed = client.patch(&path, change).await;
    assert_eq!(
        (changed.status, &changed.body["status"]),
        (200, &json!("active")),
        "{}",
        changed.body
    );
    let job = login(&client, &id).await;
    assert_eq!(client.ended(&job).await["state"], "completed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_a_step_off_is_tried_once() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("totp-skew"), Some(&Site::totp_secret())).await;
    let job = login(&client, &id).await;
    let job = client.ended(&job).await;
    assert_eq!(
        job["state"],
        "completed",
        "{job} {:?}",
        site.door_codes("totp-skew")
    );
    let taken: Vec<bool> = site
        .door_codes("totp-skew")
        .iter()
        .map(|(_, taken)| *taken)
        .collect();
    assert_eq!(taken, [false, true]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_and_the_code_lands_on_the_open_page() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let stranger = app.stranger().await;
    let id = account(&client, &site.door("sms"), None).await;
    let job = login(&client, &id).await;
    let path = format!("/api/v1/jobs/{job}/intervention");
    let told = asked(&client, &job).await;
    assert!(
        told["screenshot_url"].as_str().unwrap().starts_with("http"),
        "{told}"
    );
    assert!(
        told["reason"].as_str().unwrap().contains("second factor"),
        "{told}"
    );
    assert_eq!(client.job(&job).await["state"], "intervention_needed");
    let waiting = client
        .get("/api/v1/jobs?state=intervention_needed")
        .await
        .body;
    assert_eq!(waiting["jobs"][0]["id"], json!(job), "{waiting}");
    let running = client.get("/api/v1/jobs?state=running").await.body;
    assert_eq!(running["jobs"], json!([]), "{running}");
    let shown = client.get(&path).await.body;
    assert_eq!(
        (&shown["id"], &shown["state"]),
        (&told["intervention_id"], &json!("open")),
        "{shown}"
    );
    for (body, status) in [
        (json!({}), 422),
        (json!({"code": ""}), 422),
        (json!({"code": "1", "done": true}), 422),
        (json!({"code": 123}), 422),
        (json!({"done": false}), 422),
        (json!({"answer": "1"}), 422),
    ] {
        assert_eq!(
            client.post(&path, body.clone()).await.status,
            status,
            "{body}"
        );
    }
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(
        stranger
            .post(&path, json!({"code": Site::code()}))
            .await
            .status,
        404
    );
    let answered = client
        .post(&path, json!({"code": format!(" {} ", Site::code())}))
        .await;
    assert_eq!(
        (answered.status, &answered.body["state"]),
        (200, &json!("answered")),
        "{}",
        answered.body
    );
    let ended = client.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["attempt"]),
        (&json!("completed"), &json!(1)),
        "{ended}"
    );
    assert_eq!(
        site.door_logins("sms").len(),
        1,
        "the password went out once"
    );
    assert_eq!(client.post(&path, json!({"code": "1"})).await.status, 409);
    // The code is not kept.
    let mut database = app.database().await;
    let kept: i64 =
        sqlx::query_scalar("select count(*) from interventions where answer is not null")
            .fetch_one(&mut database)
            .await
            .unwrap();
    assert_eq!(kept, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_link_answers_without_a_key() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("push"), None).await;
    let job = login(&client, &id).await;
    let told = asked(&client, &job).await;
    let link = told["answer_url"].as_str().unwrap().to_owned();
    // Who may only read is not given the means to answer.
    let reader = client.with_key(&app.new_key(app.tenant, &[Scope::Read]).await);
    let asks = |event: &SseEvent| event.name == "intervention_needed";
    let read = reader.events_until(&job, 0, asks).await;
    let read = &read.last().unwrap().data;
    assert!(
        read["answer_url"].is_null() && read["reason"].is_string(),
        "{read}"
    );
    let nobody = client.with_key("");
    let shown = nobody.get(&link).await;
    assert_eq!(
        (shown.status, &shown.body["job_id"]),
        (200, &json!(job)),
        "{}",
        shown.body
    );
    assert!(shown.body["screenshot_url"].is_string() && shown.body["reason"].is_string());
    let (address, token) = link.split_once("?token=").unwrap();
    let (until, signature) = token.split_once('.').unwrap();
    let later: i64 = until.parse::<i64>().unwrap() + 1;
    for bad in [
        format!("{address}?token={later}.{signature}"),
        format!("{address}?token={until}."),
        format!("{address}?token=x"),
        format!("/api/v1/interventions/01890000-0000-7000-8000-000000000012?token={token}"),
    ] {
        assert_eq!(nobody.get(&bad).await.status, 403, "{bad}");
        assert_eq!(
            nobody.post(&bad, json!({"done": true})).await.status,
            403,
            "{bad}"
        );
    }
    assert_eq!(nobody.get(address).await.status, 422);
    site.approve("push");
    assert_eq!(nobody.post(&link, json!({"done": true})).await.status, 200);
    assert_eq!(client.ended(&job).await["state"], "completed");
    assert_eq!(nobody.post(&link, json!({"done": true})).await.status, 409);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_and_no_answer_at_all_end_the_job() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("sms"), None).await;
    let job = login(&client, &id).await;
    asked(&client, &job).await;
    let path = format!("/api/v1/jobs/{job}/intervention");
    assert_eq!(
        client.post(&path, json!({"code": "000000"})).await.status,
        200
    );
    let ended = client.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["failure"]["code"]),
        (&json!("failed"), &json!("second_factor")),
        "{ended}"
    );
    assert_eq!(site.door_codes("sms").len(), 1);
    let account = client.get(&format!("/api/v1/credentials/{id}")).await.body;
    assert_eq!(
        account["status"], "active",
        "a mistyped code is not the account's fault"
    );

    let job = login(&client, &id).await;
    asked(&client, &job).await;
    let mut database = app.database().await;
    sqlx::query("update interventions set expires_at = now() where answered_at is null")
        .execute(&mut database)
        .await
        .unwrap();
    let late = client
        .post(
            &format!("/api/v1/jobs/{job}/intervention"),
            json!({"code": "1"}),
        )
        .await;
    assert_eq!(late.status, 409, "{}", late.body);
    let ended = client.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["failure"]["code"]),
        (&json!("failed"), &json!("second_factor")),
        "{ended}"
    );
    // One that waits can be cancelled.
    let job = login(&client, &id).await;
    asked(&client, &job).await;
    let cancelled = client
        .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
        .await;
    assert!(matches!(cancelled.status, 200 | 202), "{}", cancelled.body);
    assert_eq!(client.ended(&job).await["state"], "cancelled");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_while_a_person_is_asked_is_followed_by_one_that_asks_anew() {
    let site = Site::start().await;
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let id = account(&client, &site.door("sms"), None).await;
    let victim = WorkerProcess::start(&app, "login").await;
    let job = login(&client, &id).await;
    let first = asked(&client, &job).await;
    victim.kill();
    app.start_worker(&[Queue::Login]);
    let events = client
        .events_until(&job, 0, |event| {
            event.name == "intervention_needed"
                && event.data["intervention_id"] != first["intervention_id"]
        })
        .await;
    assert_eq!(events.last().unwrap().name, "intervention_needed");
    // The page of the first question is gone: nobody can answer it any more.
    let link = first["answer_url"].as_str().unwrap();
    let late = client.post(link, json!({"code": Site::code()})).await;
    assert_eq!(late.status, 409, "{}", late.body);
    let said = CliRun::of(&app, &["jobs", "answer", &job, "--code", Site::code()]).await;
    assert_eq!(said.said(), "answered: the job goes on");
    let ended = client.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["attempt"]),
        (&json!("completed"), &json!(2)),
        "{ended}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_the_picture_beside_a_form() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("picture"), None).await;
    let job = login(&client, &id).await;
    let told = asked(&client, &job).await;
    assert_eq!(told["failure"]["code"], "captcha");
    assert!(site.door_logins("picture").is_empty(), "submitted before");
    let path = format!("/api/v1/jobs/{job}/intervention");
    let answered = client.post(&path, json!({"code": "x7k2p"})).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let ended = client.ended(&job).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(site.door_logins("picture").len(), 1);
    app.stop().await;
}
