//! Dispatchers that die, and messages that are lost while a lane looks busy.

use std::collections::HashMap;

use computetower_jobs::{Queue, WorkerId};
use computetower_store::Store;
use computetower_workers::upkeep::run_dispatcher;
use serde_json::json;
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::{everybody_takes_turns, flood, noop, standing};
use crate::support::{DispatcherProcess, TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn another_dispatcher_goes_on_when_the_leader_is_killed() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    everybody_takes_turns(&app).await;
    app.start_worker(&[Queue::Noop]);
    let leader = DispatcherProcess::start(&app);
    let first = client.submit("noop", json!({})).await;
    assert_eq!(client.job(&first).await["state"], "pending");
    client.ended(&first).await;
    let _next = DispatcherProcess::start(&app);
    flood(&app, app.tenant, 300, |_| noop(json!({"sleep_ms": 100}))).await;
    leader.kill();
    flood(&app, app.tenant, 100, |_| noop(json!({}))).await;
    app.drained().await;
    let twice: i64 =
        sqlx::query("select count(*) from jobs where attempt <> 1 or state <> 'completed'")
            .fetch_one(&mut app.database().await)
            .await
            .unwrap()
            .get(0);
    assert_eq!(twice, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_nothing_is_moved_and_the_other_duties_go_on() {
    let mut app = TestApp::without_workers().await;
    everybody_takes_turns(&app).await;
    let mut elsewhere = app.config.store.clone();
    // Nobody listens there.
    elsewhere.redis_url = "redis://127.0.0.1:1".to_owned();
    let (store, end) = (
        Store::connect(&elsewhere).await.unwrap(),
        CancellationToken::new(),
    );
    let dispatcher = tokio::spawn(run_dispatcher(store, end.clone()));
    flood(&app, app.tenant, 20, |_| noop(json!({}))).await;
    let soon = chrono::Utc::now() + chrono::Duration::milliseconds(100);
    let mut hopeless = noop(json!({}));
    hopeless.deadline = Some(soon);
    let hopeless = app.store.submit(app.tenant, &hopeless).await.unwrap();
    until("its deadline was noticed", || async {
        app.store
            .job(app.tenant, hopeless.id)
            .await
            .unwrap()
            .state
            .is_final()
    })
    .await;
    let untouched: i64 =
        sqlx::query("select count(*) from jobs where state = 'pending' and dispatch = 0")
            .fetch_one(&mut app.database().await)
            .await
            .unwrap()
            .get(0);
    assert_eq!(untouched, 20);
    end.cancel();
    dispatcher.await.unwrap();
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    app.drained().await;
    assert_eq!(standing(&app, app.tenant, &["completed"]).await, 20);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_job_is_handed_over_again_while_workers_are_free_although_its_lane_is_not_empty() {
    let mut app = TestApp::without_workers().await;
    let id = app.client().submit("noop", json!({})).await;
    let redis = redis::Client::open(app.config.store.redis_url.as_str()).unwrap();
    let mut connection = redis.get_multiplexed_async_connection().await.unwrap();
    let lane = app.store.keys().lane(Queue::Noop);
    // The job's message is gone, and another lies there instead: as many messages as jobs.
    redis::pipe()
        .del(format!("{lane}:active"))
        .rpush(format!("{lane}:active"), "somebody-elses")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    sqlx::query("update jobs set dispatched_at = now() - interval '121 seconds'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    app.start_dispatcher();
    // Without a worker that has a slot for it, it is not stuck: it waits.
    let probe = chrono::Utc::now() + chrono::Duration::milliseconds(3_000);
    let mut passing = noop(json!({}));
    passing.run_at = Some(chrono::Utc::now() + chrono::Duration::days(1));
    passing.deadline = Some(probe);
    let passing = app.store.submit(app.tenant, &passing).await.unwrap();
    until("the dispatcher has looked for seconds", || async {
        app.store
            .job(app.tenant, passing.id)
            .await
            .unwrap()
            .state
            .is_final()
    })
    .await;
    assert_eq!(dispatch_of(&app, &id).await, 1);
    // A worker with free slots that fetches nothing, as one whose connection to Redis hangs.
    let slots = HashMap::from([(Queue::Noop, 2)]);
    let mut presence = app
        .store
        .register_worker(WorkerId::generate(), "idle", &slots, "test")
        .await
        .unwrap();
    let beating = tokio::spawn(async move {
        loop {
            presence.beat().await.unwrap();
            tokio::time::sleep(computetower_store::workers::BEAT).await;
        }
    });
    until("it was handed over again", || async {
        dispatch_of(&app, &id).await == 2
    })
    .await;
    beating.abort();
    app.start_worker(&[Queue::Noop]);
    assert_eq!(app.client().ended(&id).await["state"], "completed");
    app.stop().await;
}

async fn dispatch_of(app: &TestApp, id: &str) -> i32 {
    sqlx::query("select dispatch from jobs where id = $1")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .fetch_one(&mut app.database().await)
        .await
        .unwrap()
        .get(0)
}
