//! Many jobs in one request: all or none, waited for, cancelled.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, until};

async fn count(client: &Client) -> usize {
    client.get("/api/v1/jobs?limit=200").await.body["jobs"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_batch_is_accepted_in_order_waited_for_and_listed() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let jobs = json!({"jobs": [
        {"kind": "noop"}, {"kind": "noop", "payload": {"sleep_ms": 300}}, {"kind": "noop", "after_index": [0, 1], "priority": 100},
    ]});
    let reply = client.post("/api/v1/batches", jobs).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap();
    assert_eq!(reply.headers["location"], format!("/api/v1/batches/{id}"));
    let ids: Vec<String> = reply.body["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(reply.body["jobs"][0]["kind"], "noop");
    assert_eq!(client.job(&ids[2]).await["batch_id"], *id);

    let done = client
        .get(&format!("/api/v1/batches/{id}/wait?timeout_s=60"))
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(
        (
            &done.body["done"],
            &done.body["jobs"],
            &done.body["states"]["completed"]
        ),
        (&json!(true), &json!(3), &json!(3))
    );
    assert_eq!(
        client.get(&format!("/api/v1/batches/{id}")).await.body,
        done.body
    );
    let (second, last) = (client.job(&ids[1]).await, client.job(&ids[2]).await);
    assert!(
        last["started_at"].as_str() >= second["finished_at"].as_str(),
        "the last job went before the one that it names: {last} {second}"
    );

    // A job that does not belong to it is not listed.
    client.submit("noop", json!({})).await;
    let mut seen = Vec::new();
    let mut path = format!("/api/v1/jobs?batch={id}&limit=2");
    loop {
        let page = client.get(&path).await.body;
        for job in page["jobs"].as_array().unwrap() {
            seen.push(job["id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/jobs?batch={id}&limit=2&cursor={cursor}"),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn one_bad_job_refuses_the_whole_batch() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let good = json!({"kind": "noop"});
    let fourth = |bad: Value| json!({"jobs": [good, good, good, bad]});
    for (body, field) in [
        (
            fourth(json!({"kind": "noop", "payload": {"progress": "x"}})),
            "jobs[3].payload.progress",
        ),
        (fourth(json!({"kind": "x"})), "jobs[3].kind"),
        (
            fourth(json!({"kind": "noop", "priority": 1000})),
            "jobs[3].priority",
        ),
        (
            fourth(
                json!({"kind": "chat", "payload": {"model": "nope", "messages": [{"role": "user", "content": "x"}]}}),
            ),
            "jobs[3].payload.model",
        ),
        (
            fourth(json!({"kind": "noop", "after_index": [0, 3]})),
            "jobs[3].after_index[1]",
        ),
        (
            fourth(json!({"kind": "noop", "after_index": [7]})),
            "jobs[3].after_index[0]",
        ),
        (
            fourth(json!({"kind": "noop", "after": ["01890000-0000-7000-8000-000000000000"]})),
            "jobs[3].after[0]",
        ),
        (
            fourth(json!({"kind": "noop", "idempotency_key": "x"})),
            "jobs[3].idempotency_key",
        ),
        (
            fourth(json!({"kind": "noop", "after_index": [-1]})),
            "jobs[3].after_index[0]",
        ),
        (fourth(json!(7)), "jobs[3]"),
        (json!({"jobs": []}), "jobs"),
        (json!({"jobs": vec![good.clone(); 1_001]}), "jobs"),
    ] {
        let reply = client.post("/api/v1/batches", body).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], field, "{}", reply.body);
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.starts_with(field), "{detail}");
    }
    let long = json!({"jobs": [{"kind": "noop", "payload": {"x": "y".repeat(5_000_000)}}]});
    assert_eq!(client.post("/api/v1/batches", long).await.status, 413);
    assert_eq!(
        client.post("/api/v1/batches", json!([good])).await.status,
        422
    );
    assert_eq!(count(&client).await, 0);
}

#[tokio::test]
async fn the_same_key_and_body_is_the_same_batch() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let submit = async |path: &str, key: &str, body: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        client.post_with(path, &headers, body.to_owned()).await
    };
    let two = r#"{"jobs": [{"kind": "noop"}, {"kind": "noop"}]}"#;
    let first = submit("/api/v1/batches", "order", two).await;
    let again = submit("/api/v1/batches", "order", two).await;
    assert_eq!((first.status, again.status), (202, 202), "{}", again.body);
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    // Another body, or a single job under the key of a batch, or a batch under the key of a job.
    let one = r#"{"jobs": [{"kind": "noop"}]}"#;
    submit("/api/v1/jobs", "single", r#"{"kind": "noop"}"#).await;
    for (path, key, body) in [
        ("/api/v1/batches", "order", one),
        ("/api/v1/jobs", "order", r#"{"kind": "noop"}"#),
        ("/api/v1/batches", "single", two),
    ] {
        let reply = submit(path, key, body).await;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (409, &json!("idempotency_key_reused")),
            "{path} {key}"
        );
    }
    assert_eq!(count(&client).await, 3);
    // Ten at once make one batch.
    let many =
        futures::future::join_all((0..10).map(|_| submit("/api/v1/batches", "at once", two))).await;
    for reply in &many {
        assert_eq!(reply.status, 202, "{}", reply.body);
        assert_eq!(reply.body["id"], many[0].body["id"]);
    }
    assert_eq!(count(&client).await, 5);
}

#[tokio::test]
async fn a_wait_ends_with_the_batch_or_with_its_time() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    let jobs = vec![json!({"kind": "noop", "payload": {"sleep_ms": 50}}); 20];
    let batch = client
        .post("/api/v1/batches", json!({ "jobs": jobs }))
        .await
        .body;
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    // Nothing runs it: the answer is how it stands.
    for time in [0, 1] {
        let open = client.get(&format!("{path}/wait?timeout_s={time}")).await;
        assert_eq!(
            (
                open.status,
                &open.body["done"],
                &open.body["states"]["pending"]
            ),
            (200, &json!(false), &json!(20))
        );
    }
    for wrong in ["timeout_s=61", "timeout_s=-1", "timeout_s=x", "colour=red"] {
        let reply = client.get(&format!("{path}/wait?{wrong}")).await;
        assert_eq!(reply.status, 422, "{wrong}");
    }
    // Several wait while it runs; all of them hear of the end.
    let waiting = format!("{path}/wait?timeout_s=60");
    let waiters = futures::future::join_all((0..5).map(|_| client.get(&waiting)));
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    for reply in waiters.await {
        assert_eq!(
            (&reply.body["done"], &reply.body["states"]["completed"]),
            (&json!(true), &json!(20)),
            "{}",
            reply.body
        );
    }
}

#[tokio::test]
async fn a_cancelled_batch_ends_running_and_waiting_jobs() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    // Hours of sleep: only the cancel can end it within the test's patience.
    let long = json!({"kind": "noop", "payload": {"sleep_ms": 3_000_000}});
    let later = json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"});
    let after = json!({"kind": "noop", "after_index": [0, 1]});
    let outside = client
        .post("/api/v1/batches", json!({"jobs": [long, later, after]}))
        .await
        .body;
    let path = format!("/api/v1/batches/{}", outside["id"].as_str().unwrap());
    let running = outside["jobs"][0]["id"].as_str().unwrap();
    client
        .events_until(running, 0, |event| event.name == "started")
        .await;
    let reply = client.post(&format!("{path}/cancel"), json!({})).await;
    assert!(matches!(reply.status, 200 | 202), "{}", reply.body);
    let done = client.get(&format!("{path}/wait?timeout_s=60")).await.body;
    assert_eq!(
        (&done["done"], &done["states"]["cancelled"]),
        (&json!(true), &json!(3)),
        "{done}"
    );
    let waited = outside["jobs"][1]["id"].as_str().unwrap();
    assert_eq!(
        client.events(waited, 0).await.last().unwrap().name,
        "cancelled"
    );
    // Once more is no error.
    let again = client.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!((again.status, again.body), (200, done));
}

#[tokio::test]
async fn another_tenants_batch_is_not_there() {
    let app = TestApp::without_workers().await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let batch = client
        .post("/api/v1/batches", json!({"jobs": [{"kind": "noop"}]}))
        .await
        .body;
    let id = batch["id"].as_str().unwrap();
    for path in ["", "/wait"] {
        let reply = stranger.get(&format!("/api/v1/batches/{id}{path}")).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    let reply = stranger
        .post(&format!("/api/v1/batches/{id}/cancel"), json!({}))
        .await;
    assert_eq!(reply.status, 404);
    let listed = stranger.get(&format!("/api/v1/jobs?batch={id}")).await.body;
    assert_eq!(listed["jobs"], json!([]));
    assert_eq!(
        client.get(&format!("/api/v1/batches/{id}")).await.body["states"]["pending"],
        1
    );
    assert_eq!(client.get("/api/v1/batches/nothing").await.status, 404);
}

#[tokio::test]
async fn batches_without_jobs_are_forgotten_with_age() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for _ in 0..2 {
        let reply = client
            .post("/api/v1/batches", json!({"jobs": [{"kind": "noop"}]}))
            .await;
        assert_eq!(reply.status, 202);
    }
    let mut database = app.database().await;
    sqlx::query("update batches set created_at = now() - interval '40 days'")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query("delete from jobs where id = (select min(id::text)::uuid from jobs)")
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(app.store.forget_old_batches(30).await.unwrap(), 1);
    assert_eq!(app.store.forget_old_batches(30).await.unwrap(), 0);
    until("the other is still there", || async {
        count(&client).await == 1
    })
    .await;
}

#[tokio::test]
async fn a_thousand_jobs_may_wait_for_one() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let mut jobs = vec![json!({"kind": "noop", "after_index": [0]}); 1_000];
    jobs[0] = json!({"kind": "noop"});
    let batch = client
        .post("/api/v1/batches", json!({ "jobs": jobs }))
        .await;
    assert_eq!(batch.status, 202, "{}", batch.body);
    let members = batch.body["jobs"].as_array().unwrap();
    assert_eq!(members.len(), 1_000);
    let first: uuid::Uuid = members[0]["id"].as_str().unwrap().parse().unwrap();
    let mut database = app.database().await;
    let waiting = async |database: &mut sqlx::PgConnection| -> i64 {
        sqlx::query_scalar("select count(*) from jobs where waits_for > 0 and state = 'pending'")
            .fetch_one(database)
            .await
            .unwrap()
    };
    assert_eq!(waiting(&mut database).await, 999);
    // It fails: all the others do, each with its event.
    sqlx::query("update jobs set state = 'failed', finished_at = now() where id = $1")
        .bind(first)
        .execute(&mut database)
        .await
        .unwrap();
    let mut failed = 0;
    loop {
        let settled = app.store.settle().await.unwrap();
        failed += settled.failed.len();
        if settled.progress == 0 {
            break;
        }
    }
    assert_eq!((failed, waiting(&mut database).await), (999, 0));
    let path = format!("/api/v1/batches/{}", batch.body["id"].as_str().unwrap());
    let done = client.get(&path).await.body;
    assert_eq!(
        (&done["done"], &done["states"]["failed"]),
        (&json!(true), &json!(1_000))
    );
}
