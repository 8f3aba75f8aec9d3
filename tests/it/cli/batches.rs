//! `computetower batches`: many jobs at once, and waiting for all of them.

use computetower_jobs::{BatchId, Queue};
use serde_json::json;

use crate::support::{CliRun, CutOnce, TestApp};

const CHAIN: &str = r#"{"jobs": [{"kind": "noop"}, {"kind": "noop", "after_index": [0]}]}"#;
const SUBMIT: [&str; 3] = ["batches", "submit", "-"];

/// The value of a field that stands on a line of its own.
fn field<'a>(run: &'a CliRun, name: &str) -> Option<&'a str> {
    run.out.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then_some(value.trim())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_submitted_shown_and_waited_for() {
    let mut app = TestApp::without_workers().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("batch.json");
    std::fs::write(&file, CHAIN).unwrap();
    let submit = ["batches", "submit", file.to_str().unwrap()];
    let id = CliRun::of(&app, &submit).await.said().to_owned();
    let shown = CliRun::of(&app, &["batches", "show", &id]).await;
    assert_eq!(
        (
            field(&shown, "id"),
            field(&shown, "jobs"),
            field(&shown, "done")
        ),
        (Some(id.as_str()), Some("2"), Some("false"))
    );
    assert_eq!(field(&shown, "completed"), None, "{shown:?}");
    let shown = CliRun::of(&app, &["batches", "show", &id, "--json"]).await;
    assert_eq!(shown.json()["done"], false);
    let early = CliRun::of(&app, &["batches", "wait", &id, "--timeout", "0"]).await;
    early.refused("0 of 2 jobs have ended after 0 s");
    let jobs = CliRun::of(&app, &["jobs", "list", "--batch", &id, "--json"]).await;
    assert_eq!(jobs.json()["jobs"].as_array().unwrap().len(), 2);
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    let waited = CliRun::of(&app, &["batches", "wait", &id, "--json"]).await;
    let waited = waited.json();
    assert_eq!(
        (&waited["done"], &waited["states"]["completed"]),
        (&json!(true), &json!(2))
    );
    let waited = CliRun::of(&app, &["batches", "wait", &id]).await;
    assert_eq!(waited.status, 0);
    assert_eq!(field(&waited, "completed"), Some("2"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_one_a_line_are_a_batch_and_the_exit_status_says_how_it_ended() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let lines = "{\"kind\": \"noop\"}\n\n{\"kind\": \"noop\", \"after_index\": [0]}\n";
    let wait = [&SUBMIT[..], &["--wait"]].concat();
    let run = CliRun::fed(&app, &wait, lines).await;
    assert_eq!(field(&run, "completed"), Some("2"), "{run:?}");
    assert_eq!(run.said().lines().next(), field(&run, "id"));
    let bad = "{\"kind\": \"noop\", \"payload\": {\"fail\": \"invalid_input\"}}";
    let run = CliRun::fed(&app, &[&wait[..], &["--json"]].concat(), bad).await;
    assert_eq!(run.status, 1, "{run:?}");
    let batch: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(batch["states"]["failed"], 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_cancelled_and_its_key_is_good_once() {
    let app = TestApp::without_workers().await;
    let keyed = [&SUBMIT[..], &["--idempotency-key", "once", "--json"]].concat();
    let first = CliRun::fed(&app, &keyed, CHAIN).await.json();
    assert_eq!(first["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(CliRun::fed(&app, &keyed, CHAIN).await.json(), first);
    let other = r#"{"jobs": [{"kind": "noop"}]}"#;
    CliRun::fed(&app, &keyed, other)
        .await
        .refused("409 idempotency_key_reused");
    let id = first["id"].as_str().unwrap();
    let cancelled = CliRun::of(&app, &["batches", "cancel", id]).await;
    assert_eq!(field(&cancelled, "cancelled"), Some("2"), "{cancelled:?}");
    let again = CliRun::of(&app, &["batches", "cancel", id, "--json"]).await;
    assert_eq!(again.json()["done"], true);
    assert_eq!(CliRun::of(&app, &["batches", "wait", id]).await.status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_after_a_cut() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let long = r#"{"jobs": [{"kind": "noop", "payload": {"sleep_ms": 1500, "progress": 1}}]}"#;
    let id = CliRun::fed(&app, &SUBMIT, long).await;
    let way = CutOnce::asked(&app, "/wait?").await;
    let waited = CliRun::at(&way.address, &app, &["batches", "wait", id.said()]).await;
    assert_eq!(field(&waited, "completed"), Some("1"), "{waited:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    let many = "{\"kind\": \"noop\"}\n".repeat(1001);
    let large = format!("{{\"jobs\": \"{}\"}}", "x".repeat(4 * 1024 * 1024));
    for (input, words) in [
        ("", "standard input holds no job"),
        ("[{}]", "standard input is no batch: give {\"jobs\": [...]}"),
        ("{\"jobs\": [", "standard input is not JSON"),
        (
            "{\"kind\": \"noop\"}\n{",
            "standard input, line 2 is not JSON",
        ),
        ("{\"jobs\": []}", "field \"jobs\": must have 1 to 1000 jobs"),
        (many.as_str(), "field \"jobs\": must have 1 to 1000 jobs"),
        (
            large.as_str(),
            "standard input holds more than 4194304 bytes",
        ),
        ("{\"job\": 1}", "(422 invalid_input)"),
        (
            "{\"kind\": \"noop\"}\n{\"kind\": \"noop\", \"payload\": {\"progress\": \"x\"}}",
            "field \"jobs[1].payload.progress\"",
        ),
    ] {
        CliRun::fed(&app, &SUBMIT, input).await.refused(words);
    }
    CliRun::of(&app, &["batches", "submit", "/nowhere"])
        .await
        .refused("FILE: /nowhere cannot be read");
    let none = CliRun::of(&app, &["jobs", "list", "--json"]).await.json();
    assert_eq!(none["jobs"], json!([]), "all of a batch or none");
    let unknown = BatchId::generate().to_string();
    for verb in ["show", "wait", "cancel"] {
        for format in [&[][..], &["--json"]] {
            CliRun::of(&app, &[&["batches", verb, &unknown], format].concat())
                .await
                .refused("There is no such batch. (404 not_found)");
        }
        CliRun::of(&app, &["batches", verb, "not-an-id"])
            .await
            .refused("invalid value 'not-an-id'");
    }
}
