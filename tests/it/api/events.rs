//! Event streams: each event once, in order, whatever happens to the connection or to Redis.

use computetower_jobs::{Event, EventBody, JobId, Queue};
use computetower_store::events::Notice;
use serde_json::json;

use sqlx::Connection;

use crate::support::{Client, SseEvent, TestApp, until};

/// Reads a job's events over connections that are cut after a few each.
async fn read_with_cuts(client: &Client, id: &str, mut seed: u64) -> Vec<SseEvent> {
    let mut events: Vec<SseEvent> = Vec::new();
    while !events
        .last()
        .is_some_and(|event| matches!(event.name.as_str(), "completed" | "failed" | "cancelled"))
    {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut left = 1 + (seed >> 33) % 12;
        let after = events.last().map_or(0, |event| event.id);
        let more = client
            .events_until(id, after, |_| {
                left -= 1;
                left == 0
            })
            .await;
        events.extend(more);
    }
    events
}

fn assert_each_once(events: &[SseEvent]) {
    let numbers: Vec<i64> = events.iter().map(|event| event.id).collect();
    let expected: Vec<i64> = (1..=i64::try_from(events.len()).unwrap()).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn clients_that_reconnect_at_random_see_every_event_once_in_order() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client
        .submit("noop", json!({"progress": 200, "sleep_ms": 1500}))
        .await;
    let readers = (1..=8).map(|seed| {
        println!("seed {seed}");
        read_with_cuts(&client, &id, seed)
    });
    for events in futures::future::join_all(readers).await {
        assert_each_once(&events);
        assert_eq!(
            events
                .iter()
                .filter(|event| event.name == "progress")
                .count(),
            200
        );
        assert_eq!(events.last().unwrap().name, "completed");
    }
    // And after the end, from any number on.
    let late = client.events(&id, 150).await;
    assert_eq!(late.first().unwrap().id, 151);
    assert_eq!(late.last().unwrap().name, "completed");
    assert!(client.events(&id, late.last().unwrap().id).await.is_empty());
}

#[tokio::test]
async fn the_end_is_told_after_it_is_recorded() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client
        .submit("noop", json!({"progress": 1, "sleep_ms": 400}))
        .await;
    client
        .events_until(&id, 0, |event| event.name == "started")
        .await;
    let job: JobId = id.parse().unwrap();
    let mut heard = app.store.hub().await.subscribe(job).await;
    // Whoever wants to record the end has to wait for this.
    let mut database = app.database().await;
    let mut held = database.begin().await.unwrap();
    sqlx::query("select 1 from jobs where id = $1::text::uuid for update")
        .bind(&id)
        .execute(&mut *held)
        .await
        .unwrap();
    until("somebody waits to record the end", || async {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%with ended%'",
        )
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
        waiting > 0
    })
    .await;
    // What is said after all that was said before.
    let mark = Event {
        seq: 999,
        body: EventBody::Paused {},
        at: chrono::Utc::now(),
    };
    let mut redis = redis::Client::open(app.config.store.redis_url.as_str())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    redis::cmd("PUBLISH")
        .arg(app.store.keys().events(job))
        .arg(serde_json::to_string(&mark).unwrap())
        .query_async::<i64>(&mut redis)
        .await
        .unwrap();
    loop {
        match heard.next().await {
            Notice::Event(event) if event.seq == mark.seq => break,
            Notice::Event(event) => assert!(!event.body.is_final(), "{event:?}"),
            Notice::Resync => panic!("something was missed"),
        }
    }
    held.rollback().await.unwrap();
    let events = client.events(&id, 0).await;
    assert_eq!(events.last().unwrap().name, "completed");
    app.stop().await;
}

#[tokio::test]
async fn redis_forgets_a_job_when_it_ends_and_hears_nobody_who_comes_late() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client.submit("noop", json!({"progress": 3})).await;
    let events = client.events(&id, 0).await;
    assert_eq!(events.last().unwrap().name, "completed");
    let job: JobId = id.parse().unwrap();
    let mut redis = redis::Client::open(app.config.store.redis_url.as_str())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let mut left = async || -> (bool, i64) {
        redis::pipe()
            .exists(app.store.keys().events(job))
            .ttl(app.store.keys().fence(job))
            .query_async(&mut redis)
            .await
            .unwrap()
    };
    let (stream, seconds) = left().await;
    assert!(!stream && (1..=60).contains(&seconds), "{seconds}");
    // A dispatcher that was held up tells now what it did before the attempt.
    let late = Event {
        seq: 99,
        body: EventBody::Queued { dispatch: 1 },
        at: chrono::Utc::now(),
    };
    app.store.publisher.publish_between(job, 0, late.clone());
    app.store.publisher.flush().await;
    assert!(!left().await.0);
    // And somebody whom no fence stops any more.
    app.store.publisher.publish_between(job, 9, late);
    app.store.publisher.flush().await;
    assert!(left().await.0);
    assert_eq!(client.events(&id, 0).await.len(), events.len());
    app.stop().await;
}

#[tokio::test]
async fn wiping_redis_in_the_middle_loses_no_event() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client
        .submit("noop", json!({"progress": 100, "sleep_ms": 2000}))
        .await;
    let reader = read_with_cuts(&client, &id, 7);
    let wipes = async {
        for wanted in [20, 50, 80] {
            client
                .events_until(&id, 0, |event| event.id >= wanted)
                .await;
            app.wipe_redis().await;
        }
    };
    let (events, ()) = tokio::join!(reader, wipes);
    assert_each_once(&events);
    assert_eq!(
        events
            .iter()
            .filter(|event| event.name == "progress")
            .count(),
        100
    );
}

#[tokio::test]
async fn a_stream_that_waits_hears_what_comes_from_elsewhere() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = client.submit("noop", json!({})).await;
    let listening = client.events(&id, 0);
    let cancel = async {
        client
            .events_until(&id, 0, |event| event.name == "queued")
            .await;
        client
            .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
            .await
    };
    let (events, reply) = tokio::join!(listening, cancel);
    assert_eq!(reply.status, 200);
    assert_eq!(
        events
            .iter()
            .map(|event| event.name.as_str())
            .collect::<Vec<_>>(),
        ["queued", "cancelled"]
    );
}

#[tokio::test]
async fn a_wrong_place_to_go_on_from_is_refused() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = client.submit("noop", json!({})).await;
    for query in ["after=x", "after=-1"] {
        assert_eq!(
            client
                .get(&format!("/api/v1/jobs/{id}/events?{query}"))
                .await
                .status,
            422,
            "{query}"
        );
    }
    let unknown = uuid::Uuid::now_v7();
    assert_eq!(
        client
            .get(&format!("/api/v1/jobs/{unknown}/events"))
            .await
            .status,
        404
    );
}
