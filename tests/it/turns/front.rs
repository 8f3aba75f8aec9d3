//! The front of a lane: whoever has nothing else waiting goes there, and finds a place; and nobody is kept waiting for good by it.

use computetower_jobs::{JobId, JobState, Queue, WorkerId};
use computetower_store::jobs::TurnMemory;
use computetower_store::lane::{End, Places};
use serde_json::json;

use super::{flood, noop};
use crate::support::{TestApp, until};

/// Which of these messages are taken, in order: true for one from the front.
async fn taken(app: &TestApp, free: usize, kept: usize) -> Vec<bool> {
    let takings = app
        .store
        .lane
        .take(
            Queue::Noop,
            WorkerId::generate(),
            Places {
                free,
                kept,
                kept_in_way: kept,
            },
            &[],
        )
        .await
        .unwrap();
    takings.taken.iter().map(|taken| taken.front).collect()
}

async fn put(app: &TestApp, end: End, many: usize) {
    let jobs: Vec<_> = (0..many).map(|_| (JobId::generate(), 1)).collect();
    app.store.lane.push(Queue::Noop, end, &jobs).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_kept_are_taken_from_the_front_alone() {
    let app = TestApp::without_workers().await;
    put(&app, End::Back, 10).await;
    assert_eq!(taken(&app, 5, 2).await, [false; 3]);
    assert!(taken(&app, 2, 2).await.is_empty());
    put(&app, End::Front, 3).await;
    assert_eq!(taken(&app, 2, 2).await, [true; 2]);
    assert_eq!(taken(&app, 4, 2).await, [true, false]);
    assert_eq!(app.store.lane.waiting(Queue::Noop).await.unwrap(), 6);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_behind_make_way_for_a_moment_after_one_from_the_front() {
    let app = TestApp::without_workers().await;
    let holder = WorkerId::generate();
    let take = async |free| {
        let places = Places {
            free,
            kept: 1,
            kept_in_way: 6,
        };
        let takings = app.store.lane.take(Queue::Noop, holder, places, &[]).await;
        let takings = takings.unwrap();
        (takings.taken.len(), takings.made_way)
    };
    put(&app, End::Back, 40).await;
    assert_eq!(take(4).await, (3, false));
    put(&app, End::Front, 1).await;
    assert_eq!(take(4).await, (3, false));
    assert!(app.store.lane.makes_way(Queue::Noop).await.unwrap());
    assert_eq!(take(8).await, (2, true));
    assert_eq!(take(6).await, (0, true));
    // A crowd at the front is no reason to keep the others away.
    put(&app, End::Front, 30).await;
    assert_eq!(take(8).await, (8, false));
    while taken(&app, 1, 1).await == [true] {}
    until("the others go on as before", || async {
        take(3).await == (2, false)
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_four_places_one_is_for_those_behind() {
    let app = TestApp::without_workers().await;
    put(&app, End::Back, 10).await;
    put(&app, End::Front, 20).await;
    let mut fronts = 0;
    // One place at a time, as on a lane with few slots.
    for _ in 0..8 {
        fronts += usize::from(taken(&app, 1, 0).await == [true]);
    }
    assert_eq!(fronts, 6);
    let many = taken(&app, 8, 0).await;
    assert_eq!(many.iter().filter(|front| **front).count(), 6, "{many:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_jobs_of_a_newcomer_need_no_dispatcher_while_others_wait() {
    let app = TestApp::without_workers().await;
    flood(&app, app.tenant, 300, |_| noop(json!({}))).await;
    app.store.say_backlog(Queue::Noop, true).await.unwrap();
    let newcomer = app.store.add_tenant("newcomer").await.unwrap();
    until("the lane is known to have no room", || async {
        let more = app.store.submit(app.tenant, &noop(json!({}))).await;
        more.unwrap().state == JobState::Pending
    })
    .await;
    while taken(&app, 100, 0).await.len() == 100 {}
    let first = app.store.submit(newcomer, &noop(json!({}))).await.unwrap();
    assert_eq!(first.state, JobState::Queued);
    until("it is at the front", || async {
        taken(&app, 1, 1).await == [true]
    })
    .await;
    // It waits still, as far as anybody knows: the next takes its turn.
    let second = app.store.submit(newcomer, &noop(json!({}))).await.unwrap();
    assert_eq!(second.state, JobState::Pending);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_that_finds_the_lane_empty_is_no_newcomer() {
    let app = TestApp::without_workers().await;
    super::everybody_takes_turns(&app).await;
    let few = app.store.add_tenant("few").await.unwrap();
    flood(&app, app.tenant, 100, |_| noop(json!({}))).await;
    flood(&app, few, 3, |_| noop(json!({}))).await;
    let mut memory = TurnMemory::default();
    let taken = app
        .store
        .take_turns(Queue::Noop, 80, &mut memory, true)
        .await
        .unwrap();
    let ahead = taken.jobs.iter().filter(|job| job.ahead).count();
    assert_eq!((taken.jobs.len(), ahead), (80, 3));
    app.stop().await;
}
