//! Jobs that wait for others: they start when those have completed, and fail when those did not.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, until};

async fn submit(client: &Client, body: Value) -> String {
    let reply = client.post("/api/v1/jobs", body).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

async fn after(client: &Client, ids: &[&str]) -> String {
    submit(client, json!({"kind": "noop", "after": ids})).await
}

async fn ended(client: &Client, id: &str) -> Value {
    until("the job has ended", || async {
        let state = client.job(id).await["state"].clone();
        matches!(state.as_str(), Some("completed" | "failed" | "cancelled"))
    })
    .await;
    client.job(id).await
}

#[tokio::test]
async fn a_job_starts_when_all_that_it_waits_for_have_completed() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let first = client.submit("noop", json!({"sleep_ms": 300})).await;
    let second = client.submit("noop", json!({"sleep_ms": 600})).await;
    let last = after(&client, &[&first, &second, &first]).await;
    let waiting = client.job(&last).await;
    assert_eq!(
        (&waiting["state"], &waiting["waits_for"]),
        (&json!("pending"), &json!(2))
    );
    let last = ended(&client, &last).await;
    assert_eq!(
        (&last["state"], &last["waits_for"]),
        (&json!("completed"), &json!(0))
    );
    for before in [&first, &second] {
        let before = client.job(before).await;
        assert!(
            last["started_at"].as_str() >= before["finished_at"].as_str(),
            "{last} {before}"
        );
    }
    // What has ended before counts at once.
    let done = after(&client, &[&first]).await;
    assert_eq!(client.job(&done).await["waits_for"], 0);
    assert_eq!(ended(&client, &done).await["state"], "completed");
}

#[tokio::test]
async fn a_failure_goes_down_the_chain_and_stops_where_any_end_will_do() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let broken = submit(
        &client,
        json!({"kind": "noop", "payload": {"fail": "invalid_credentials", "sleep_ms": 300}}),
    )
    .await;
    let second = after(&client, &[&broken]).await;
    let third = after(&client, &[&second]).await;
    let anyway = submit(
        &client,
        json!({"kind": "noop", "after": [third], "after_any_end": true}),
    )
    .await;
    // A stream of a job that waits tells its end.
    let events = client.events(&third, 0).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (events[0].name.as_str(), events[0].id),
        ("failed", 1),
        "{events:?}"
    );
    for (job, culprit) in [(&second, &broken), (&third, &second)] {
        let job = client.job(job).await;
        assert_eq!(
            (&job["state"], &job["failure"]["code"], &job["attempt"]),
            (&json!("failed"), &json!("dependency_failed"), &json!(0))
        );
        let message = job["failure"]["message"].as_str().unwrap();
        assert!(message.contains(culprit.as_str()), "{message}");
    }
    assert_eq!(ended(&client, &anyway).await["state"], "completed");
    // What has failed before fails at once whoever comes later; any end of it will do for the others.
    let late = after(&client, &[&broken]).await;
    assert_eq!(
        ended(&client, &late).await["failure"]["code"],
        "dependency_failed"
    );
    let late = submit(
        &client,
        json!({"kind": "noop", "after": [broken], "after_any_end": true}),
    )
    .await;
    assert_eq!(ended(&client, &late).await["state"], "completed");
}

#[tokio::test]
async fn a_cancelled_job_fails_those_that_wait_for_it() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let later = json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"});
    let first = submit(&client, later.clone()).await;
    let other = submit(&client, later).await;
    let last = after(&client, &[&first, &other]).await;
    client
        .post(&format!("/api/v1/jobs/{first}/cancel"), json!({}))
        .await;
    let job = ended(&client, &last).await;
    assert_eq!(job["failure"]["code"], "dependency_failed");
    // The end of the other one changes nothing any more.
    client
        .post(&format!("/api/v1/jobs/{other}/cancel"), json!({}))
        .await;
    let mut database = app.database().await;
    let left = async |database: &mut sqlx::PgConnection| -> i64 {
        sqlx::query_scalar("select (select count(*) from job_dependencies) + (select count(*) from jobs where has_dependents)")
            .fetch_one(database)
            .await
            .unwrap()
    };
    while left(&mut database).await > 0 {
        app.store.settle().await.unwrap();
    }
    assert_eq!(client.job(&last).await, job);
}

#[tokio::test]
async fn only_the_tenants_own_jobs_can_be_waited_for() {
    let app = TestApp::without_workers().await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let own = client.submit("noop", json!({})).await;
    let foreign = stranger.submit("noop", json!({})).await;
    let nobody = "01890000-0000-7000-8000-000000000000";
    let mut reasons = Vec::new();
    for id in [foreign.as_str(), nobody] {
        let body = json!({"kind": "noop", "after": [own, id]});
        let reply = client.post("/api/v1/jobs", body.clone()).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], "after[1]");
        reasons.push(reply.body["errors"][0]["reason"].clone());
        let reply = client
            .post("/api/v1/batches", json!({"jobs": [{"kind": "noop"}, body]}))
            .await;
        assert_eq!(reply.body["errors"][0]["field"], "jobs[1].after[1]");
    }
    assert_eq!(reasons[0], reasons[1], "the answer tells that a job exists");
    let many: Vec<&str> = vec![nobody; 101];
    for (body, field) in [
        (json!({"kind": "noop", "after": many}), "after"),
        (json!({"kind": "noop", "after": ["x"]}), "after[0]"),
        (json!({"kind": "noop", "after": own}), "after"),
        (json!({"kind": "noop", "after_index": [0]}), "after_index"),
    ] {
        let reply = client.post("/api/v1/jobs", body).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], field);
    }
    let jobs = client.get("/api/v1/jobs").await.body;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(jobs["jobs"][0]["id"], own);
    // The stranger's job was not marked.
    let mut database = app.database().await;
    let marked: i64 = sqlx::query_scalar("select count(*) from jobs where has_dependents")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(marked, 0);
}

#[tokio::test]
async fn a_job_with_a_key_waits_once() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let first = client.submit("noop", json!({})).await;
    let body = json!({"kind": "noop", "after": [first]}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "once"),
    ];
    let replies = futures::future::join_all(
        (0..10).map(|_| client.post_with("/api/v1/jobs", &headers, body.clone())),
    )
    .await;
    for reply in &replies {
        assert_eq!(reply.status, 202, "{}", reply.body);
        assert_eq!(reply.body["id"], replies[0].body["id"]);
    }
    let mut database = app.database().await;
    let waits: i64 = sqlx::query_scalar("select count(*) from job_dependencies")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(waits, 1);
}

#[tokio::test]
async fn a_job_accepted_while_its_predecessors_end_is_never_left_waiting() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let rounds = (0..40).map(|_| async {
        let first = client.submit("noop", json!({})).await;
        let second = client.submit("noop", json!({})).await;
        // They end at this very moment.
        let one = after(&client, &[&first, &second]).await;
        let two = after(&client, &[&second, &one]).await;
        [one, two]
    });
    let waiting: Vec<String> = futures::future::join_all(rounds)
        .await
        .into_iter()
        .flatten()
        .collect();
    for id in &waiting {
        assert_eq!(ended(&client, id).await["state"], "completed");
    }
}

#[tokio::test]
async fn every_end_is_counted_once_whoever_settles() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let first = client
        .post(
            "/api/v1/batches",
            json!({"jobs": vec![json!({"kind": "noop"}); 60]}),
        )
        .await
        .body;
    let ids: Vec<&str> = first["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap())
        .collect();
    let mut last = Vec::new();
    for _ in 0..40 {
        last.push(after(&client, &ids).await);
    }
    let mut database = app.database().await;
    // All but one end; as by a worker that died right after it had recorded the end.
    sqlx::query("update jobs set state = 'completed', finished_at = now() where batch_id is not null and id <> $1")
        .bind(ids[0].parse::<uuid::Uuid>().unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    let settle = async || {
        // Several at once, as when two dispatchers take each other for dead; a pass that finds all of it held leaves it to the others.
        futures::future::join_all(
            (0..6).map(|_| async { while app.store.settle().await.unwrap().progress > 0 {} }),
        )
        .await;
        while app.store.settle().await.unwrap().progress > 0 {}
    };
    settle().await;
    for id in &last {
        assert_eq!(client.job(id).await["waits_for"], 1);
    }
    sqlx::query("update jobs set state = 'completed', finished_at = now() where id = $1")
        .bind(ids[0].parse::<uuid::Uuid>().unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    settle().await;
    for id in &last {
        let job = client.job(id).await;
        assert_eq!(
            (&job["waits_for"], &job["state"]),
            (&json!(0), &json!("pending"))
        );
    }
    let left: i64 = sqlx::query_scalar("select (select count(*) from job_dependencies) + (select count(*) from jobs where has_dependents)")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_is_held_by_somebody_else_is_settled_later() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let first = client.submit("noop", json!({})).await;
    let held = after(&client, &[&first]).await;
    let free = after(&client, &[&first]).await;
    let mut database = app.database().await;
    sqlx::query("update jobs set state = 'completed', finished_at = now() where id = $1")
        .bind(first.parse::<uuid::Uuid>().unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    let mut other = app.database().await;
    for statement in [
        "begin",
        &format!("select 1 from jobs where id = '{held}' for update"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&mut other)
            .await
            .unwrap();
    }
    // It neither waits for the one that is held nor forgets it.
    while app.store.settle().await.unwrap().progress > 0 {}
    assert_eq!(client.job(&free).await["waits_for"], 0);
    assert_eq!(client.job(&held).await["waits_for"], 1);
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    while app.store.settle().await.unwrap().progress > 0 {}
    assert_eq!(client.job(&held).await["waits_for"], 0);
}

#[tokio::test]
async fn a_job_that_is_retried_by_hand_waits_no_more() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let first = submit(
        &client,
        json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"}),
    )
    .await;
    // It fails once, so that it comes back to wait for its turn.
    let last = json!({"kind": "noop", "after": [first], "payload": {"fail": "network", "fail_times": 1},
                      "retry": {"attempts": 2, "base_ms": 1, "cap_ms": 1}});
    let last = submit(&client, last).await;
    client
        .post(&format!("/api/v1/jobs/{last}/cancel"), json!({}))
        .await;
    client
        .post(&format!("/api/v1/jobs/{last}/retry"), json!({}))
        .await;
    assert_eq!(ended(&client, &last).await["state"], "completed");
    // The first one ends at last, and badly: that is no business of the other's.
    client
        .post(&format!("/api/v1/jobs/{first}/cancel"), json!({}))
        .await;
    until("the end was settled", || async {
        let mut database = app.database().await;
        let marked: i64 = sqlx::query_scalar("select count(*) from jobs where has_dependents")
            .fetch_one(&mut database)
            .await
            .unwrap();
        marked == 0
    })
    .await;
    assert_eq!(client.job(&last).await["state"], "completed");
}
