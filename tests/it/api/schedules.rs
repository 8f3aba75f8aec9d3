//! Jobs that are made again and again: checked when they are planned, made once per tick.

use chrono::{DateTime, Duration, Utc};
use computetower_jobs::Queue;
use computetower_jobs::{JobKind, ScheduleId};
use computetower_store::jobs::NewJob;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, until};

async fn plan(client: &Client, body: Value) -> String {
    let reply = client.post("/api/v1/schedules", body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

/// Every New Year, so that no tick comes by itself while the test runs.
fn yearly(name: &str) -> Value {
    json!({"name": name, "cron": "0 0 1 1 *", "job": {"kind": "noop", "payload": {"progress": 1}}})
}

async fn schedule(client: &Client, id: &str) -> Value {
    let reply = client.get(&format!("/api/v1/schedules/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn jobs_of(client: &Client, id: &str) -> Vec<Value> {
    let listed = client.get(&format!("/api/v1/jobs?schedule={id}")).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    listed.body["jobs"].as_array().unwrap().clone()
}

/// Lets the tick of three years ago be the next.
async fn fall_behind(app: &TestApp, id: &str) {
    let done = sqlx::query("update schedules set next_at = '2023-01-01' where id = $1")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .execute(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1);
}

fn moment(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_schedule_is_made_listed_changed_and_removed() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let body = json!({"name": "morning", "cron": "0 9 * * 1-5", "time_zone": "Europe/Berlin", "job": {"kind": "noop", "priority": 5}});
    let made = client.post("/api/v1/schedules", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.headers["location"], format!("/api/v1/schedules/{id}"));
    let path = format!("/api/v1/schedules/{id}");
    assert_eq!(made.body["time_zone"], "Europe/Berlin");
    assert_eq!(made.body["job"]["priority"], 5);
    let next = moment(&made.body["next_at"]);
    let hour = next.format("%H:%M").to_string();
    assert!(
        next > Utc::now() && next < Utc::now() + Duration::days(4),
        "{next}"
    );
    assert!(hour == "07:00" || hour == "08:00", "{hour}");

    let twice = client.post("/api/v1/schedules", body).await;
    assert_eq!(
        (twice.status, &twice.body["code"]),
        (409, &json!("conflict"))
    );
    let other = plan(&client, yearly("other")).await;
    let page = client.get("/api/v1/schedules?limit=1").await.body;
    assert_eq!(page["schedules"][0]["id"], other);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = client
        .get(&format!("/api/v1/schedules?limit=1&cursor={cursor}"))
        .await
        .body;
    assert_eq!(page["schedules"][0], schedule(&client, id).await);
    assert_eq!(page["next_cursor"], Value::Null);

    // The name alone does not move the next tick; a new time does; off means none.
    let renamed = client.patch(&path, json!({"name": "early"})).await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    assert_eq!(
        (&renamed.body["name"], moment(&renamed.body["next_at"])),
        (&json!("early"), next)
    );
    let moved = client
        .patch(&path, json!({"time_zone": "UTC", "cron": "*/10 * * * * *"}))
        .await
        .body;
    assert!(
        moment(&moved["next_at"]) < Utc::now() + Duration::seconds(11),
        "{moved}"
    );
    let off = client.patch(&path, json!({"enabled": false})).await.body;
    assert_eq!(
        (&off["enabled"], &off["next_at"]),
        (&json!(false), &Value::Null)
    );
    let taken = client.patch(&path, json!({"name": "other"})).await;
    assert_eq!(taken.status, 409);

    assert_eq!(client.delete(&path).await.status, 204);
    for gone in [client.get(&path).await, client.delete(&path).await] {
        assert_eq!(gone.status, 404);
    }
}

#[tokio::test]
async fn a_bad_schedule_is_refused_with_the_field() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let kept = plan(&client, yearly("kept")).await;
    let with = |field: &str, value: Value| {
        let mut body = yearly("bad");
        body[field] = value;
        body
    };
    for (body, field) in [
        (with("cron", json!("every day")), "cron"),
        (with("cron", json!("* * * *")), "cron"),
        (with("cron", json!("0 0 31 2 *")), "cron"),
        (with("cron", json!("1".repeat(300))), "cron"),
        (with("cron", json!(5)), "cron"),
        (with("time_zone", json!("Mars/Base")), "time_zone"),
        (with("name", json!("  ")), "name"),
        (with("name", json!("x".repeat(201))), "name"),
        (with("job", json!({"kind": "x"})), "job.kind"),
        (
            with("job", json!({"kind": "noop", "payload": {"progress": -1}})),
            "job.payload.progress",
        ),
        (
            with(
                "job",
                json!({"kind": "noop", "run_at": "2030-01-01T00:00:00Z"}),
            ),
            "job.run_at",
        ),
        (
            with(
                "job",
                json!({"kind": "noop", "deadline": "2099-01-01T00:00:00Z"}),
            ),
            "job.deadline",
        ),
        (
            with("job", json!({"kind": "noop", "after": [kept]})),
            "job.after",
        ),
        (
            with(
                "job",
                json!({"kind": "chat", "payload": {"model": "nope", "messages": [{"role": "user", "content": "x"}]}}),
            ),
            "job.payload.model",
        ),
        (with("colour", json!("red")), "colour"),
        (with("next_at", json!("2030-01-01T00:00:00Z")), "next_at"),
    ] {
        let reply = client.post("/api/v1/schedules", body.clone()).await;
        assert_eq!(reply.status, 422, "{body} {}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], field, "{}", reply.body);
    }
    let before = schedule(&client, &kept).await;
    for (body, field) in [
        (json!({"cron": "x"}), "cron"),
        (json!({"time_zone": "x"}), "time_zone"),
        (
            json!({"job": {"kind": "noop", "after_index": [0]}}),
            "job.after_index",
        ),
    ] {
        let reply = client
            .patch(&format!("/api/v1/schedules/{kept}"), body)
            .await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], field);
    }
    assert_eq!(schedule(&client, &kept).await, before);
    let listed = client.get("/api/v1/schedules").await.body;
    assert_eq!(listed["schedules"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn ticks_that_were_missed_make_one_job() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = plan(&client, yearly("behind")).await;
    let off = plan(&client, yearly("off")).await;
    client
        .patch(
            &format!("/api/v1/schedules/{off}"),
            json!({"enabled": false}),
        )
        .await;
    fall_behind(&app, &off).await;
    fall_behind(&app, &id).await;
    until("the job has completed", || async {
        jobs_of(&client, &id)
            .await
            .first()
            .is_some_and(|job| job["state"] == "completed")
    })
    .await;
    let after = schedule(&client, &id).await;
    assert!(moment(&after["next_at"]) > Utc::now(), "{after}");
    let jobs = jobs_of(&client, &id).await;
    assert_eq!(jobs.len(), 1, "three ticks were missed: {jobs:?}");
    assert_eq!(
        (&jobs[0]["schedule_id"], &jobs[0]["id"], &jobs[0]["payload"]),
        (&json!(id), &after["last_job"], &json!({"progress": 1}))
    );
    assert_eq!(
        jobs_of(&client, &off).await.len(),
        0,
        "a schedule that is off made a job"
    );
}

#[tokio::test]
async fn a_tick_that_several_see_makes_one_job() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = plan(&client, yearly("once")).await;
    fall_behind(&app, &id).await;
    let now = Utc::now();
    let next = now + Duration::days(1);
    let new = || Ok(NewJob::now(JobKind::Noop, json!({})));
    // Eight dispatchers have read it as due.
    let due = app.store.due_schedules(now, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    let ticks = futures::future::join_all(
        (0..8).map(|_| app.store.tick_schedule(&due[0], now, Some(next), new())),
    )
    .await;
    let made = ticks
        .iter()
        .filter(|tick| tick.as_ref().unwrap().is_some())
        .count();
    assert_eq!(made, 1);
    assert_eq!(jobs_of(&client, &id).await.len(), 1);
    assert!(app.store.due_schedules(now, 10).await.unwrap().is_empty());
    assert_eq!(app.store.due_schedules(next, 10).await.unwrap().len(), 1);

    // One that was changed after it had been read as due is not run as it was.
    fall_behind(&app, &id).await;
    let due = app.store.due_schedules(now, 10).await.unwrap();
    let changed = json!({"job": {"kind": "noop", "priority": 9}});
    client
        .patch(&format!("/api/v1/schedules/{id}"), changed)
        .await;
    let tick = app
        .store
        .tick_schedule(&due[0], now, Some(next), new())
        .await
        .unwrap();
    assert!(tick.is_none());
    assert_eq!(jobs_of(&client, &id).await.len(), 1);
    // Nor may two people change it at once without noticing.
    let text = computetower_store::schedules::ScheduleText {
        name: "other".to_owned(),
        cron: due[0].cron.clone(),
        time_zone: due[0].time_zone.clone(),
        job: due[0].job.clone(),
        enabled: true,
    };
    let late = app.store.change_schedule(&due[0], &text, None).await;
    assert!(matches!(
        late,
        Err(computetower_store::StoreError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_job_that_can_no_longer_be_accepted_is_told_and_the_schedule_goes_on() {
    let mut app = TestApp::without_workers().await;
    let (client, operator) = (app.client(), app.operator());
    let provider = operator
        .post(
            "/admin/providers",
            json!({"name": "gone", "url": "http://127.0.0.1:9/"}),
        )
        .await
        .body;
    let chat = json!({"kind": "chat", "payload": {"model": "gone", "messages": [{"role": "user", "content": "x"}]}});
    let id = plan(
        &client,
        json!({"name": "asks", "cron": "0 0 1 1 *", "job": chat}),
    )
    .await;
    let removed = operator
        .delete(&format!(
            "/admin/providers/{}",
            provider["provider_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(removed.status, 204);
    fall_behind(&app, &id).await;
    app.start_dispatcher();
    until("the tick has been tried", || async {
        schedule(&client, &id).await["last_error"].is_string()
    })
    .await;
    let after = schedule(&client, &id).await;
    let told = after["last_error"].as_str().unwrap();
    assert!(told.contains("job.payload.model"), "{told}");
    assert!(moment(&after["next_at"]) > Utc::now(), "{after}");
    assert_eq!(jobs_of(&client, &id).await.len(), 0);
    let by_hand = client
        .post(&format!("/api/v1/schedules/{id}/run"), json!({}))
        .await;
    assert_eq!(
        (by_hand.status, &by_hand.body["errors"][0]["field"]),
        (422, &json!("job.payload.model"))
    );
    // Once it works again, the error is gone.
    client
        .patch(
            &format!("/api/v1/schedules/{id}"),
            json!({"job": {"kind": "noop"}}),
        )
        .await;
    fall_behind(&app, &id).await;
    until("the job was made", || async {
        jobs_of(&client, &id).await.len() == 1
    })
    .await;
    assert_eq!(schedule(&client, &id).await["last_error"], Value::Null);
}

#[tokio::test]
async fn a_schedule_is_run_by_hand() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = plan(&client, yearly("by hand")).await;
    let next = schedule(&client, &id).await["next_at"].clone();
    client
        .patch(
            &format!("/api/v1/schedules/{id}"),
            json!({"name": "still by hand"}),
        )
        .await;
    let reply = client
        .post(&format!("/api/v1/schedules/{id}/run"), json!({}))
        .await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(reply.body["schedule_id"], id);
    let job = reply.body["id"].as_str().unwrap();
    until("it has completed", || async {
        client.job(job).await["state"] == "completed"
    })
    .await;
    let after = schedule(&client, &id).await;
    assert_eq!(
        (&after["next_at"], &after["last_job"]),
        (&next, &json!(job))
    );
}

#[tokio::test]
async fn another_tenants_schedule_is_not_there() {
    let app = TestApp::without_workers().await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let id = plan(&client, yearly("mine")).await;
    let path = format!("/api/v1/schedules/{id}");
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(
        stranger.patch(&path, json!({"name": "x"})).await.status,
        404
    );
    assert_eq!(stranger.delete(&path).await.status, 404);
    let run = stranger.post(&format!("{path}/run"), json!({})).await;
    assert_eq!(run.status, 404);
    assert_eq!(
        stranger.get("/api/v1/schedules").await.body["schedules"],
        json!([])
    );
    // The name is free for others, and a job of one is no business of the other's.
    plan(&stranger, yearly("mine")).await;
    client.post(&format!("{path}/run"), json!({})).await;
    assert_eq!(jobs_of(&client, &id).await.len(), 1);
    assert_eq!(jobs_of(&stranger, &id).await.len(), 0);
    assert!(id.parse::<ScheduleId>().is_ok());
}
