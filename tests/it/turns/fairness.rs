//! One tenant's thousands do not hold up another's one.

use computetower_jobs::{JobId, Queue};
use computetower_store::jobs::TurnMemory;
use serde_json::json;
use sqlx::Row;

use super::{flood, noop, only, standing};
use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_tenant_does_not_hold_up_the_single_job_of_another() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let flooder = app.tenant;
    flood(&app, flooder, 2_000, |_| noop(json!({"sleep_ms": 5}))).await;
    until(
        "the lane is full and the rest waits in Postgres",
        || async {
            let queued = standing(&app, flooder, &["queued"]).await;
            (16..200).contains(&queued)
        },
    )
    .await;
    let other = app.store.add_tenant("other").await.unwrap();
    // Louder than the one job will ever be: between tenants that does not count.
    flood(&app, flooder, 200, |_| {
        let mut job = noop(json!({"sleep_ms": 5}));
        job.priority = 100;
        job
    })
    .await;
    let single = app.store.submit(other, &noop(json!({}))).await.unwrap();
    app.start_worker_with(&[Queue::Noop], only(1));
    until("the single job has ended", || async {
        let job = app.store.job(other, single.id).await.unwrap();
        job.state.is_final()
    })
    .await;
    let (all, since_its_turn) = started_before(&app, single.id).await;
    assert!(all < 220, "{all} of the flood went before it");
    // What lies on the lane was given in advance, and does not go first.
    assert!(
        since_its_turn <= 8,
        "{since_its_turn} went before it that lay on the lane"
    );
}

/// How many other jobs began before this one did, and how many of them after it was handed to its lane; by the record.
async fn started_before(app: &TestApp, job: JobId) -> (i64, i64) {
    let mut database = app.database().await;
    let row = sqlx::query(
        "select count(*) as everybody, count(*) filter (where a.started_at > b.queued_at) as since
         from jobs a, jobs b where b.id = $1 and a.id <> b.id and a.started_at <= b.started_at",
    )
    .bind(job.0)
    .fetch_one(&mut database)
    .await
    .unwrap();
    (row.get("everybody"), row.get("since"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_three_times_the_weight_gets_three_times_the_turns() {
    let mut app = TestApp::without_workers().await;
    let heavy = app.store.add_tenant("heavy").await.unwrap();
    let light = app.store.add_tenant("light").await.unwrap();
    let operator = app.operator();
    let path = format!("/admin/tenants/{heavy}");
    let reply = operator.put(&path, json!({"weight": 3})).await;
    assert_eq!((reply.status, &reply.body["weight"]), (200, &json!(3)));
    for wrong in [
        json!({"weight": 0}),
        json!({"weight": 101}),
        json!({}),
        json!({"weight": "2"}),
    ] {
        assert_eq!(operator.put(&path, wrong).await.status, 422);
    }
    assert_eq!(
        operator
            .put(
                &format!("/admin/tenants/{}", uuid::Uuid::new_v4()),
                json!({"weight": 2})
            )
            .await
            .status,
        404
    );
    // Both wait before anybody gives turns.
    super::everybody_takes_turns(&app).await;
    flood(&app, light, 300, |_| noop(json!({}))).await;
    flood(&app, heavy, 300, |_| noop(json!({}))).await;
    app.start_dispatcher();
    app.start_worker_with(&[Queue::Noop], only(1));
    app.drained().await;
    // Of the first 200 that were begun; within one look at a lane the order is that of the turns.
    let rows = sqlx::query("select tenant_id from jobs order by started_at limit 200")
        .fetch_all(&mut app.database().await)
        .await
        .unwrap();
    let of_heavy = rows
        .iter()
        .filter(|row| row.get::<uuid::Uuid, _>(0) == heavy.0)
        .count();
    assert!((140..=160).contains(&of_heavy), "{of_heavy} of 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_job_passes_what_its_tenant_has_waiting() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let tenant = app.tenant;
    flood(&app, tenant, 500, |_| noop(json!({"sleep_ms": 5}))).await;
    let mut urgent = noop(json!({}));
    urgent.priority = 50;
    let urgent = app.store.submit(tenant, &urgent).await.unwrap();
    app.start_worker_with(&[Queue::Noop], only(1));
    until("the urgent job has ended", || async {
        app.store
            .job(tenant, urgent.id)
            .await
            .unwrap()
            .state
            .is_final()
    })
    .await;
    let (before, _) = started_before(&app, urgent.id).await;
    assert!(before < 100, "{before} went before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_was_full_is_kept_fed_until_nobody_waits() {
    let mut app = TestApp::without_workers().await;
    flood(&app, app.tenant, 3_000, |_| noop(json!({}))).await;
    let waiting = standing(&app, app.tenant, &["pending"]).await;
    assert!(
        waiting > 2_900,
        "without a dispatcher a lane takes little: {waiting}"
    );
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    app.drained().await;
    // And then jobs go straight to their lane again.
    until("nobody goes by way of Postgres any more", || async {
        let job = app
            .store
            .submit(app.tenant, &noop(json!({})))
            .await
            .unwrap();
        job.state == computetower_jobs::JobState::Queued
    })
    .await;
    app.drained().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_gives_all_it_may_says_that_more_are_left() {
    let app = TestApp::without_workers().await;
    flood(&app, app.tenant, 1_200, |_| noop(json!({}))).await;
    let mut memory = TurnMemory::default();
    let mut given = 0;
    loop {
        let taken = app
            .store
            .take_turns(Queue::Noop, 5_000, &mut memory, true)
            .await
            .unwrap();
        given += taken.jobs.len();
        let left = standing(&app, app.tenant, &["pending"]).await;
        assert_eq!(taken.more, left > 0, "{left} left after {given}");
        if left == 0 {
            break;
        }
    }
}
