//! What is paused takes no turns, and goes on when it is resumed.

use computetower_jobs::Queue;
use serde_json::{Value, json};
use sqlx::Row;

use super::{flood, noop, standing};
use crate::support::{Client, TestApp, until};

fn noop_queue(queues: &Value) -> Value {
    let all = queues.as_array().unwrap();
    all.iter()
        .find(|queue| queue["queue"] == "noop")
        .unwrap()
        .clone()
}

async fn posted(client: &Client, path: &str) -> Value {
    let reply = client.post(path, json!({})).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_pauses_its_own_part_of_a_queue() {
    let mut app = TestApp::without_workers().await;
    let (client, stranger) = (app.client(), app.stranger().await);
    // Their messages are on the lane already.
    flood(&app, app.tenant, 10, |_| noop(json!({}))).await;
    assert_eq!(standing(&app, app.tenant, &["queued"]).await, 10);
    for _ in 0..2 {
        let queue = posted(&client, "/api/v1/queues/noop/pause").await;
        assert_eq!(
            (&queue["paused"], &queue["pending"], &queue["queued"]),
            (&json!(true), &json!(10), &json!(0))
        );
        assert!(queue["oldest_age_seconds"].as_f64().is_some(), "{queue}");
    }
    let later = client.submit("noop", json!({})).await;
    assert_eq!(client.job(&later).await["state"], "pending");
    let theirs = noop_queue(&stranger.get("/api/v1/queues").await.body);
    assert_eq!(
        (
            &theirs["paused"],
            &theirs["pending"],
            &theirs["oldest_age_seconds"]
        ),
        (&json!(false), &json!(0), &json!(null))
    );
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    let job = stranger.submit("noop", json!({})).await;
    assert_eq!(stranger.ended(&job).await["state"], "completed");
    // The worker has looked at all messages before the stranger's: none of them was good any more.
    assert_eq!(standing(&app, app.tenant, &["pending"]).await, 11);
    let begun: i64 = sqlx::query("select count(*) from jobs where tenant_id = $1 and attempt > 0")
        .bind(app.tenant.0)
        .fetch_one(&mut app.database().await)
        .await
        .unwrap()
        .get(0);
    assert_eq!(begun, 0);
    for _ in 0..2 {
        let queue = posted(&client, "/api/v1/queues/noop/resume").await;
        assert_eq!(
            (&queue["paused"], &queue["slots"]),
            (&json!(false), &json!(256))
        );
    }
    app.drained().await;
    for path in ["tea/pause", "tea/resume"] {
        assert_eq!(
            client
                .post(&format!("/api/v1/queues/{path}"), json!({}))
                .await
                .status,
            404
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_pauses_a_queue_or_a_tenant_and_what_runs_goes_on() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let (client, stranger, operator) = (app.client(), app.stranger().await, app.operator());
    let running = client
        .submit("noop", json!({"progress": 20, "sleep_ms": 1_000}))
        .await;
    client
        .events_until(&running, 0, |event| event.name == "progress")
        .await;
    let queue = posted(&operator, "/admin/queues/noop/pause").await;
    assert_eq!(
        (&queue["paused"], &queue["running"]),
        (&json!(true), &json!(1))
    );
    let (mine, theirs) = (
        client.submit("noop", json!({})).await,
        stranger.submit("noop", json!({})).await,
    );
    let events = client.events(&running, 0).await;
    assert_eq!(events.last().unwrap().name, "completed");
    assert_eq!(
        (
            &client.job(&mine).await["state"],
            &stranger.job(&theirs).await["state"]
        ),
        (&json!("pending"), &json!("pending"))
    );
    assert_eq!(
        noop_queue(&operator.get("/admin/queues").await.body)["pending"],
        2
    );
    assert_eq!(
        noop_queue(&client.get("/api/v1/queues").await.body)["paused"],
        true
    );
    // What the operator paused is not the tenant's to resume.
    assert_eq!(
        posted(&client, "/api/v1/queues/noop/resume").await["paused"],
        true
    );
    posted(&operator, &format!("/admin/tenants/{}/pause", app.tenant)).await;
    posted(&operator, "/admin/queues/noop/resume").await;
    assert_eq!(stranger.ended(&theirs).await["state"], "completed");
    assert_eq!(client.job(&mine).await["state"], "pending");
    let tenant = operator
        .get(&format!("/admin/tenants/{}", app.tenant))
        .await
        .body;
    assert_eq!(
        (&tenant["paused"], &tenant["weight"]),
        (&json!(true), &json!(1))
    );
    let tenant = posted(&operator, &format!("/admin/tenants/{}/resume", app.tenant)).await;
    assert_eq!(tenant["paused"], false);
    assert_eq!(client.ended(&mine).await["state"], "completed");
    let nobody = uuid::Uuid::new_v4();
    for path in [
        format!("/admin/tenants/{nobody}/pause"),
        "/admin/queues/tea/pause".to_owned(),
    ] {
        assert_eq!(operator.post(&path, json!({})).await.status, 404, "{path}");
        assert_eq!(client.post(&path, json!({})).await.status, 401, "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_slips_in_during_a_pause_is_swept_back() {
    let mut app = TestApp::without_workers().await;
    let id = app.client().submit("noop", json!({})).await;
    // As a process does that looked for pauses a moment too early.
    sqlx::query("insert into pauses (id, queue) values (gen_random_uuid(), 'noop')")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!(app.client().job(&id).await["state"], "queued");
    app.start_dispatcher();
    until("it waits", || async {
        app.client().job(&id).await["state"] == "pending"
    })
    .await;
    app.start_worker(&[Queue::Noop]);
    posted(&app.operator(), "/admin/queues/noop/resume").await;
    assert_eq!(app.client().ended(&id).await["attempt"], 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_is_paused_at_once() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    let (paused, cancelled) = (
        client.submit("noop", json!({})).await,
        client.submit("noop", json!({})).await,
    );
    for id in [&paused, &cancelled] {
        for _ in 0..2 {
            assert_eq!(
                posted(&client, &format!("/api/v1/jobs/{id}/pause")).await["state"],
                "paused"
            );
        }
    }
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    let other = client.submit("noop", json!({})).await;
    client.ended(&other).await;
    assert_eq!(client.job(&paused).await["state"], "paused");
    assert_eq!(
        posted(&client, &format!("/api/v1/jobs/{cancelled}/cancel")).await["state"],
        "cancelled"
    );
    posted(&client, &format!("/api/v1/jobs/{paused}/resume")).await;
    let events = client.events(&paused, 0).await;
    let told: Vec<(i64, &str)> = events
        .iter()
        .map(|event| (event.id, event.name.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "queued"),
            (2, "paused"),
            (3, "resumed"),
            (4, "queued"),
            (5, "started"),
            (6, "completed")
        ]
    );
    for id in [&paused, &cancelled] {
        for order in ["pause", "resume"] {
            assert_eq!(
                client
                    .post(&format!("/api/v1/jobs/{id}/{order}"), json!({}))
                    .await
                    .status,
                409,
                "{order}"
            );
        }
    }
    let stranger = app.stranger().await;
    for order in ["pause", "resume"] {
        assert_eq!(
            stranger
                .post(&format!("/api/v1/jobs/{other}/{order}"), json!({}))
                .await
                .status,
            404,
            "{order}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_job_that_was_never_queued_can_be_paused() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let later = json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"});
    let id = client.post("/api/v1/jobs", later).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    posted(&client, &format!("/api/v1/jobs/{id}/pause")).await;
    // Resumed, it is due.
    posted(&client, &format!("/api/v1/jobs/{id}/resume")).await;
    let events = client.events(&id, 0).await;
    let told: Vec<(i64, &str)> = events
        .iter()
        .map(|event| (event.id, event.name.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "paused"),
            (2, "resumed"),
            (3, "queued"),
            (4, "started"),
            (5, "completed")
        ]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_stops_where_it_is_and_the_attempt_does_not_count() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    // Its second counted attempt would be one too many.
    let body = json!({"kind": "noop", "payload": {"sleep_ms": 3_000_000, "progress": 10},
                      "retry": {"attempts": 1, "base_ms": 1, "cap_ms": 1}});
    let id = client.post("/api/v1/jobs", body).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .events_until(&id, 0, |event| event.name == "started")
        .await;
    let reply = client
        .post(&format!("/api/v1/jobs/{id}/pause"), json!({}))
        .await;
    assert!(matches!(reply.status, 200 | 202), "{}", reply.body);
    let events = client
        .events_until(&id, 0, |event| event.name == "paused")
        .await;
    assert_eq!(events.last().unwrap().name, "paused");
    until("it is paused", || async {
        client.job(&id).await["state"] == "paused"
    })
    .await;
    let attempts = client
        .get(&format!("/api/v1/jobs/{id}/attempts"))
        .await
        .body;
    assert_eq!(
        (&attempts[0]["outcome"], &attempts[0]["failure"]),
        (&json!("paused"), &json!(null))
    );
    let row = sqlx::query("select counted, pause_requested from jobs where id = $1")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!((row.get::<i32, _>(0), row.get::<bool, _>(1)), (0, false));
    posted(&client, &format!("/api/v1/jobs/{id}/resume")).await;
    client
        .events_until(&id, 0, |event| {
            event.name == "started" && event.data["attempt"] == 2
        })
        .await;
    assert_eq!(client.job(&id).await["state"], "running");
    client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    assert_eq!(client.ended(&id).await["state"], "cancelled");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_no_worker_heard_is_heard_when_the_job_is_claimed_again() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let victim = crate::support::WorkerProcess::start(&app, "noop").await;
    let id = client.submit("noop", json!({"sleep_ms": 3_000_000})).await;
    client
        .events_until(&id, 0, |event| event.name == "started")
        .await;
    // The row alone: the order itself is lost, and so is the worker.
    sqlx::query("update jobs set pause_requested = true where id = $1")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .execute(&mut app.database().await)
        .await
        .unwrap();
    victim.kill();
    app.start_worker(&[Queue::Noop]);
    until("it is paused", || async {
        client.job(&id).await["state"] == "paused"
    })
    .await;
    app.stop().await;
}
