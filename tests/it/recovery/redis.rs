//! Redis that forgets everything.

use std::collections::HashMap;

use computetower_jobs::{Queue, WorkerId};
use computetower_store::lane::Places;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_queued_jobs_survive_a_wiped_redis() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    // A lane long enough for all of them: none waits in Postgres for its turn.
    let redis = redis::Client::open(app.config.store.redis_url.as_str()).unwrap();
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SET")
        .arg(app.store.keys().lane_cap(Queue::Noop))
        .arg(1_000)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(client.submit("noop", json!({"progress": 1})).await);
    }
    until("all are on the lane", || async {
        app.store.lane.waiting(Queue::Noop).await.unwrap() == 200
    })
    .await;
    app.wipe_redis().await;
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    app.drained().await;
    for id in &ids {
        let job = client.job(id).await;
        assert_eq!(
            (&job["state"], &job["attempt"]),
            (&json!("completed"), &json!(1)),
            "{job}"
        );
        let completed = client
            .events(id, 0)
            .await
            .iter()
            .filter(|event| event.name == "completed")
            .count();
        assert_eq!(completed, 1);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_while_workers_run_stops_nothing_for_long() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let mut ids = Vec::new();
    for number in 0..200 {
        ids.push(
            client
                .submit("noop", json!({"progress": 2, "sleep_ms": 50}))
                .await,
        );
        if number % 60 == 30 {
            app.wipe_redis().await;
        }
    }
    app.wipe_redis().await;
    app.drained().await;
    for id in &ids {
        assert_eq!(client.job(id).await["state"], "completed");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_harms_nobody() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let redis = redis::Client::open(app.config.store.redis_url.as_str()).unwrap();
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    let lane = app.store.keys().lane(Queue::Noop);
    // More than the worker has slots.
    for (number, message) in ["not json", "", "{\"job\":7}"]
        .into_iter()
        .cycle()
        .take(100)
        .enumerate()
    {
        redis::pipe()
            .hset(format!("{lane}:data"), format!("poison-{number}"), message)
            .rpush(format!("{lane}:active"), format!("poison-{number}"))
            .query_async::<()>(&mut connection)
            .await
            .unwrap();
    }
    let id = client.submit("noop", json!({})).await;
    assert_eq!(client.ended(&id).await["state"], "completed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_process_that_died_before_it_claimed_go_back_in_front() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for _ in 0..3 {
        client.submit("noop", json!({})).await;
    }
    let lane = &app.store.lane;
    until("the messages are on the lane", || async {
        lane.waiting(Queue::Noop).await.unwrap() == 3
    })
    .await;
    let (dead, other) = (WorkerId::generate(), WorkerId::generate());
    let places = |free| Places {
        free,
        kept: 0,
        kept_in_way: 0,
    };
    let taken = lane
        .take(Queue::Noop, dead, places(2), &[])
        .await
        .unwrap()
        .taken;
    assert_eq!(taken.len(), 2);
    assert_eq!(lane.waiting(Queue::Noop).await.unwrap(), 1);
    // One of them was claimed before the end.
    let claimed = std::slice::from_ref(&taken[0].id);
    lane.take(Queue::Noop, dead, places(0), claimed)
        .await
        .unwrap();
    assert_eq!(
        app.store.give_back_of_the_dead(Queue::Noop).await.unwrap(),
        1
    );
    let again = lane
        .take(Queue::Noop, other, places(5), &[])
        .await
        .unwrap()
        .taken;
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].message, taken[1].message);
    let presence = app
        .store
        .register_worker(other, "other", &HashMap::from([(Queue::Noop, 1)]), "here")
        .await
        .unwrap();
    assert_eq!(
        app.store.give_back_of_the_dead(Queue::Noop).await.unwrap(),
        0,
        "a living process keeps what it has taken"
    );
    presence.leave().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_taken_unheard_are_not_left_lying() {
    let mut app = TestApp::without_workers().await;
    app.start_worker(&[Queue::Noop]);
    let client = app.client();
    // No dispatcher runs: only the worker itself can notice.
    let workers = || async { app.store.live_workers().await.unwrap() };
    until("the worker is there", || async {
        workers().await.len() == 1
    })
    .await;
    let holder = workers().await[0].id;
    let first = client.submit("noop", json!({})).await;
    client.ended(&first).await;
    let redis = redis::Client::open(app.config.store.redis_url.as_str()).unwrap();
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    let lane = app.store.keys().lane(Queue::Noop);
    // What a broken connection leaves: the job is queued, its message in the worker's set, and the worker knows nothing of it.
    let later = json!({"kind": "noop", "run_at": "2999-01-01T00:00:00Z"});
    let id = client.post("/api/v1/jobs", later).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut postgres = PgConnection::connect(&app.config.store.database_url)
        .await
        .unwrap();
    sqlx::query("update jobs set state = 'queued', dispatch = 1, dispatched_at = now() where id = $1::text::uuid")
        .bind(&id)
        .execute(&mut postgres)
        .await
        .unwrap();
    redis::pipe()
        .hset(
            format!("{lane}:data"),
            "unheard",
            json!({"job": id, "dispatch": 1}).to_string(),
        )
        .sadd(format!("{lane}:inflight:{holder}"), "unheard")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    assert_eq!(client.ended(&id).await["state"], "completed");
    app.stop().await;
}
