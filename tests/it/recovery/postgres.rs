//! Postgres that is killed while jobs run, or whose answer does not come: nothing accepted is lost.

use std::process::Command;

use computetower_jobs::{Event, EventBody, JobKind, WorkerId};
use computetower_store::StoreError;
use computetower_store::jobs::{Ending, NewJob};
use serde_json::json;

use crate::support::{TestApp, Up, until};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlive_a_killed_postgres() {
    let (up, client) = Up::start().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(
            client
                .submit("noop", json!({"progress": 5, "sleep_ms": number * 200}))
                .await,
        );
    }
    let pidfile =
        std::fs::read_to_string(up.folder().join("postgres/cluster/postmaster.pid")).unwrap();
    let postmaster = pidfile.lines().next().unwrap();
    assert!(
        Command::new("kill")
            .args(["-KILL", postmaster])
            .status()
            .unwrap()
            .success()
    );
    // While it is away, requests are refused with a reason, and accepted again by themselves.
    until("jobs are accepted again", || async {
        let reply = client.post("/api/v1/jobs", json!({"kind": "noop"})).await;
        assert!(
            matches!(reply.status, 202 | 503),
            "{} {}",
            reply.status,
            reply.body
        );
        reply.status == 202
    })
    .await;
    for id in &ids {
        // Backends outlive their postmaster for a moment, and connections that died with it may each cost one more refusal.
        until("the job has completed", || async {
            let reply = client.get(&format!("/api/v1/jobs/{id}")).await;
            assert!(matches!(reply.status, 200 | 503), "{}", reply.body);
            reply.status == 200 && reply.body["state"] == "completed"
        })
        .await;
        until("the job's events can be read", || async {
            let reply = client.get(&format!("/api/v1/jobs/{id}/events")).await;
            if reply.status == 503 {
                return false;
            }
            let told = reply.body.as_str().unwrap_or_default().to_owned();
            assert_eq!(told.matches("event: completed").count(), 1, "{told}");
            true
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_meets_an_earlier_save_of_the_same_events_is_kept_whole() {
    let app = TestApp::without_workers().await;
    let new = NewJob::now(JobKind::Noop, json!({}));
    let id = app.store.submit(app.tenant, &new).await.unwrap().id;
    let worker = WorkerId::generate();
    let job = app.store.claim(id, 1, worker).await.unwrap().unwrap();
    let event = |seq, body| Event {
        seq,
        body,
        at: chrono::Utc::now(),
    };
    let step = EventBody::Step {
        kind: "walked".to_owned(),
        detail: json!({}),
        duration_ms: 0,
    };
    let mut events = vec![event(2, step.clone()), event(3, step)];
    // A save whose answer the attempt never heard: its events go along with the end once more.
    app.store.save_events(id, job.lease, &events).await.unwrap();
    events.push(event(4, EventBody::Completed { result: json!(1) }));
    let ending = Ending::Completed(json!(1));
    app.store
        .finish(id, job.lease, &ending, &events)
        .await
        .unwrap();
    let saved = app.store.saved_events(app.tenant, id, 0).await.unwrap();
    assert!(saved.ended);
    let told: Vec<_> = saved
        .events
        .iter()
        .map(|event| (event.seq, event.body.name()))
        .collect();
    assert_eq!(
        told,
        [(1, "queued"), (2, "step"), (3, "step"), (4, "completed")]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attempt_saves_while_it_is_given_up_is_not_told_with_something_else() {
    let app = TestApp::without_workers().await;
    let new = NewJob::now(JobKind::Noop, json!({}));
    let id = app.store.submit(app.tenant, &new).await.unwrap().id;
    let claim = app.store.claim(id, 1, WorkerId::generate()).await;
    let job = claim.unwrap().unwrap();
    let event = |seq, body| Event {
        seq,
        body,
        at: chrono::Utc::now(),
    };
    // The rescue has seen up to 1. Before it is written down, the attempt saves 2 and 3.
    let said = [
        event(2, EventBody::Paused {}),
        event(3, EventBody::Resumed {}),
    ];
    app.store.save_events(id, job.lease, &said).await.unwrap();
    let end = [event(2, EventBody::Cancelled {})];
    let rescue = |end, seen| {
        let store = app.store.clone();
        async move {
            store
                .finish_for(id, job.lease, &Ending::Cancelled, end, seen)
                .await
        }
    };
    assert!(matches!(rescue(&end, 1).await, Err(StoreError::LeaseLost)));
    let saved = app.store.saved_events(app.tenant, id, 0).await.unwrap();
    assert!(!saved.ended && saved.events.len() == 3, "{saved:?}");
    let end = [event(4, EventBody::Cancelled {})];
    rescue(&end, 3).await.unwrap();
    let saved = app.store.saved_events(app.tenant, id, 0).await.unwrap();
    assert!(saved.ended && saved.events.len() == 4, "{saved:?}");
    app.stop().await;
}
