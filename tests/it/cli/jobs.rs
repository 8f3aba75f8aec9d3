//! `computetower jobs`: submitting, following, listing, moving.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{CliRun, CutOnce, TestApp, until};

const NOOP: [&str; 3] = ["jobs", "submit", "noop"];

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_submitted_watched_and_shown() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let run = CliRun::of(
        &app,
        &[
            &NOOP[..],
            &["--payload", r#"{"progress": 2}"#, "--priority", "-3"],
        ]
        .concat(),
    )
    .await;
    let id = run.said();
    let watched = CliRun::of(&app, &["jobs", "watch", id]).await;
    let words: Vec<&str> = watched
        .said()
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(
        words,
        ["queued", "started", "progress", "progress", "completed"]
    );
    // From a number on; and after the last one there is nothing, but still an end.
    let late = CliRun::of(&app, &["jobs", "watch", id, "--after", "4"]).await;
    assert_eq!(late.said().lines().count(), 1);
    let after = CliRun::of(&app, &["jobs", "watch", id, "--after", "5"]).await;
    assert_eq!(after.said(), "");
    let events: Vec<Value> = CliRun::of(&app, &["--json", "jobs", "watch", id])
        .await
        .said()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (events.len(), &events[4]["event"], &events[4]["id"]),
        (5, &json!("completed"), &json!(5))
    );
    let shown = CliRun::of(&app, &["jobs", "show", id, "--json"])
        .await
        .json();
    assert_eq!(
        (&shown["priority"], &shown["attempts"][0]["outcome"]),
        (&json!(-3), &json!("completed"))
    );
    let shown = CliRun::of(&app, &["jobs", "show", id]).await;
    assert!(shown.said().contains("ATTEMPT"), "{}", shown.out);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_says_how_a_job_ended() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let wait = CliRun::of(&app, &[&NOOP[..], &["--wait", "--json"]].concat()).await;
    assert_eq!(wait.json()["state"], "completed");
    let fails = [
        &NOOP[..],
        &["--payload", r#"{"fail": "invalid_input"}"#, "--wait"],
    ]
    .concat();
    let failed = CliRun::of(&app, &fails).await;
    assert_eq!(failed.status, 1, "{failed:?}");
    assert!(
        failed.out.contains("failed     invalid_input: "),
        "{failed:?}"
    );
    let long = [&NOOP[..], &["--payload", r#"{"sleep_ms": 600000}"#]].concat();
    let id = CliRun::of(&app, &long).await.said().to_owned();
    let watch = ["jobs", "watch", &id];
    let (watched, cancelled) = tokio::join!(CliRun::of(&app, &watch), async {
        let client = app.client();
        until("it runs", || async {
            client.job(&id).await["state"] == "running"
        })
        .await;
        CliRun::of(&app, &["jobs", "cancel", &id]).await
    });
    assert_eq!(
        (watched.status, cancelled.status),
        (1, 0),
        "{watched:?} {cancelled:?}"
    );
    assert!(watched.out.trim_end().ends_with("cancelled"), "{watched:?}");
    let again = CliRun::of(&app, &["jobs", "retry", &id]).await;
    assert!(
        ["pending", "queued", "running"].contains(&again.said()),
        "{again:?}"
    );
    CliRun::of(&app, &["jobs", "cancel", &id]).await.said();
    app.drained().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_made_again_and_no_event_comes_twice() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let way = CutOnce::before(&app, "event: progress").await;
    let payload = r#"{"progress": 5, "sleep_ms": 1500}"#;
    let id = CliRun::of(&app, &[&NOOP[..], &["--payload", payload]].concat()).await;
    let watched = CliRun::at(&way.address, &app, &["jobs", "watch", id.said()]).await;
    let numbers: Vec<&str> = watched
        .said()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert!(watched.err.contains("connecting again"), "{watched:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_comes_from_a_file_or_standard_input_and_has_to_be_json() {
    let app = TestApp::without_workers().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload.json");
    std::fs::write(&file, r#"{"progress": 7}"#).unwrap();
    let named = format!("@{}", file.display());
    let id = CliRun::of(&app, &[&NOOP[..], &["--payload", &named]].concat()).await;
    assert_eq!(app.client().job(id.said()).await["payload"]["progress"], 7);
    let piped = [&NOOP[..], &["--payload", "-"]].concat();
    let id = CliRun::fed(&app, &piped, r#"{"progress": 8}"#).await;
    assert_eq!(app.client().job(id.said()).await["payload"]["progress"], 8);
    for (payload, why) in [
        ("{progress}", "--payload: it is not JSON"),
        ("@/nowhere", "--payload: /nowhere cannot be read"),
    ] {
        let run = CliRun::of(&app, &[&NOOP[..], &["--payload", payload]].concat()).await;
        assert_eq!(run.status, 2);
        assert!(run.err.contains(why), "{run:?}");
    }
    // The same key is the same job.
    let keyed = [&NOOP[..], &["--idempotency-key", "once"]].concat();
    let first = CliRun::of(&app, &keyed).await;
    assert_eq!(first.said(), CliRun::of(&app, &keyed).await.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_over_pages_and_filters_are_the_servers() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for _ in 0..203 {
        client.submit("noop", json!({})).await;
    }
    let all = CliRun::of(&app, &["jobs", "list", "--all"]).await;
    assert_eq!(all.said().lines().count(), 204);
    let some = CliRun::of(&app, &["jobs", "list", "--limit", "201", "--json"]).await;
    let some = some.json();
    assert_eq!(some["jobs"].as_array().unwrap().len(), 201);
    assert!(some["next_cursor"].is_string());
    let none = CliRun::of(
        &app,
        &["jobs", "list", "--kind", "chat", "--state", "queued"],
    )
    .await;
    assert_eq!(none.said().lines().count(), 1);
    let wrong = CliRun::of(&app, &["jobs", "list", "--state", "asleep"]).await;
    assert!(
        wrong.status == 2 && wrong.err.contains("field \"state\": unknown job state"),
        "{wrong:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_paused_and_resumed() {
    let app = TestApp::without_workers().await;
    let id = CliRun::of(&app, &NOOP).await.said().to_owned();
    assert_eq!(
        CliRun::of(&app, &["jobs", "pause", &id]).await.said(),
        "paused"
    );
    assert_eq!(app.client().job(&id).await["state"], "paused");
    let again = CliRun::of(&app, &["jobs", "pause", &id, "--json"]).await;
    let again = again.json();
    assert_eq!(
        (&again["id"], &again["state"]),
        (&json!(id), &json!("paused"))
    );
    let resumed = CliRun::of(&app, &["jobs", "resume", &id]).await;
    assert!(
        ["pending", "queued"].contains(&resumed.said()),
        "{resumed:?}"
    );
    CliRun::of(&app, &["jobs", "pause", &id]).await.said();
    let resumed = CliRun::of(&app, &["jobs", "resume", &id, "--json"]).await;
    assert_ne!(resumed.json()["state"], "paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_told_to_pause() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client.submit("noop", json!({"sleep_ms": 600_000})).await;
    until("it runs", || async {
        client.job(&id).await["state"] == "running"
    })
    .await;
    let told = CliRun::of(&app, &["jobs", "pause", &id]).await;
    // Its worker may have heard before the answer was made.
    assert!(
        ["running, told to pause", "paused"].contains(&told.said()),
        "{told:?}"
    );
    until("it is paused", || async {
        client.job(&id).await["state"] == "paused"
    })
    .await;
    CliRun::of(&app, &["jobs", "cancel", &id]).await.said();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_not_possible_is_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    let unknown = computetower_jobs::JobId::generate().to_string();
    let ended = CliRun::of(&app, &NOOP).await.said().to_owned();
    CliRun::of(&app, &["jobs", "cancel", &ended]).await.said();
    for verb in ["pause", "resume"] {
        for format in [&[][..], &["--json"]] {
            let run = CliRun::of(&app, &[&["jobs", verb, &unknown], format].concat()).await;
            run.refused("There is no such job. (404 not_found)");
            let run = CliRun::of(&app, &[&["jobs", verb, &ended], format].concat()).await;
            run.refused("the job has cancelled already (409 conflict)");
        }
        let run = CliRun::of(&app, &["jobs", verb, "not-an-id"]).await;
        run.refused("invalid value 'not-an-id'");
    }
}
