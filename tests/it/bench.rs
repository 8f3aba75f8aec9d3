//! `computetower bench` against a running platform: what it says was done is what was done.

use std::process::Stdio;

use computetower_jobs::Queue;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{TestApp, WorkerProcess, until};

/// `computetower bench --json` with these arguments.
fn bench(app: &TestApp, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_computetower"))
        .args(["bench", "--json", "--url", &app.address])
        .args(arguments)
        .env_clear()
        .env("COMPUTETOWER_API_KEY", app.key())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Its one JSON object.
async fn figures(bench: Child) -> Value {
    let output = bench.wait_with_output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn in_state(app: &TestApp, wanted: &str) -> u64 {
    let counts = app.store.count_by_state().await.unwrap();
    counts
        .iter()
        .filter(|(state, _)| state.as_str() == wanted)
        .map(|(_, count)| u64::try_from(*count).unwrap())
        .sum()
}

/// The times of a measure are there and in order.
fn assert_spread(measure: &Value) {
    let at = |name: &str| {
        measure[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name} of {measure}"))
    };
    let times = [at("p50_ms"), at("p95_ms"), at("p99_ms"), at("max_ms")];
    assert!(times[0] > 0.0 && times.is_sorted(), "{measure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bench_counts_is_what_was_done() {
    let app = TestApp::start(&[Queue::Noop]).await;

    let seen = figures(bench(&app, &["latency", "--jobs", "20", "--warm-up", "3"])).await;
    assert_eq!(
        (&seen["latency"]["jobs"], in_state(&app, "completed").await),
        (&20.into(), 23)
    );
    assert_spread(&seen["latency"]);
    assert_eq!(seen["url"], app.address.as_str());
    assert!(seen["generator"]["cpu_seconds"].as_f64().unwrap() > 0.0);

    let seen = figures(bench(
        &app,
        &["submit", "--seconds", "1", "--connections", "4"],
    ))
    .await;
    let accepted = seen["submit"]["accepted"].as_u64().unwrap();
    app.drained().await;
    assert_eq!(in_state(&app, "completed").await, 23 + accepted);
    assert!(seen["submit"]["per_second"].as_f64().unwrap() > 0.0);
    assert_spread(&seen["submit"]);

    let seen = figures(bench(
        &app,
        &[
            "sustained",
            "--rate",
            "40",
            "--followed",
            "10",
            "--seconds",
            "1",
        ],
    ))
    .await;
    app.drained().await;
    assert_eq!(
        (
            &seen["sustained"]["submitted"],
            &seen["sustained"]["followed"]
        ),
        (&40.into(), &10.into())
    );
    assert_eq!(in_state(&app, "completed").await, 63 + accepted);
    assert_spread(&seen["sustained"]);

    let seen = figures(bench(
        &app,
        &["fanout", "--subscribers", "20", "--seconds", "2"],
    ))
    .await;
    let fanout = &seen["fanout"];
    let events = fanout["events"].as_u64().unwrap();
    assert!((1..=20).contains(&events), "{fanout}");
    assert_eq!(
        (&fanout["deliveries"], &fanout["missed"]),
        (&(20 * events).into(), &0.into())
    );
    assert_spread(fanout);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bench_says_when_jobs_wait_and_measures_how_they_are_done() {
    let mut app = TestApp::without_workers().await;
    let mut bench = bench(&app, &["drain", "--jobs", "50", "--connections", "4"]);
    prompted(&mut bench, "waiting:").await;
    assert_eq!(
        app.store
            .count_by_state()
            .await
            .unwrap()
            .iter()
            .map(|(_, count)| *count)
            .sum::<i64>(),
        50
    );
    assert_eq!(in_state(&app, "completed").await, 0);
    app.start_dispatcher();
    app.start_worker(&[Queue::Noop]);
    let drain = &figures(bench).await["drain"];
    assert_eq!(
        (&drain["jobs"], &drain["completed"], &drain["failed"]),
        (&50.into(), &50.into(), &0.into())
    );
    assert_eq!(drain["combined"], false);
    let (rate, seconds) = (
        drain["per_second"].as_f64().unwrap(),
        drain["seconds"].as_f64().unwrap(),
    );
    assert!((rate * seconds - 49.0).abs() < 1.0, "{drain}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bench_sees_the_jobs_of_a_killed_worker_run_again() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let victim = WorkerProcess::start(&app, "noop").await;
    let mut bench = bench(&app, &["recovery", "--jobs", "8", "--sleep-ms", "4000"]);
    prompted(&mut bench, "running:").await;
    victim.kill();
    let mut stdin = bench.stdin.take().unwrap();
    stdin.write_all(b"killed\n").await.unwrap();
    app.start_worker(&[Queue::Noop]);
    let seen = &figures(bench).await["recovery"];
    for (name, expected) in [
        ("jobs", 8),
        ("recovered", 8),
        ("unfinished", 0),
        ("failed", 0),
        ("completed_twice", 0),
    ] {
        assert_eq!(seen[name], expected, "{name} of {seen}");
    }
    assert_spread(seen);
    until("all have completed", || async {
        in_state(&app, "completed").await == 8
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bench_says_why_it_cannot_measure() {
    let app = TestApp::without_workers().await;
    let told = |arguments: &'static [&'static str]| {
        let bench = bench(&app, arguments);
        async {
            let output = bench.wait_with_output().await.unwrap();
            assert!(!output.status.success() && output.stdout.is_empty());
            String::from_utf8(output.stderr).unwrap()
        }
    };
    assert!(
        told(&["--api-key", "ct_wrong", "latency"])
            .await
            .contains("an answer of 401")
    );
    assert!(
        told(&["--give-up", "1", "latency"])
            .await
            .contains("does a worker run?")
    );
    assert!(told(&["sustained"]).await.contains("--rate"));
    assert!(told(&["latency", "--jobs", "0"]).await.contains("--jobs"));
}

/// Waits until the measure says a word on standard error.
async fn prompted(bench: &mut Child, word: &str) {
    let mut lines = BufReader::new(bench.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.starts_with(word) {
        line.clear();
        if lines.read_line(&mut line).await.unwrap() == 0 {
            let mut rest = String::new();
            lines.read_to_string(&mut rest).await.unwrap();
            panic!("bench ended: {rest}");
        }
    }
}
