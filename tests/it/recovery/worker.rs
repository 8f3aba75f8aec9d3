//! Workers that die or are told to end.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::json;
use std::collections::HashSet;

use crate::api::discovered;
use crate::support::{TestApp, WorkerProcess, until};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_killed_worker_are_done_elsewhere_once() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let victim = WorkerProcess::start(&app, "noop").await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(
            client
                .submit("noop", json!({"progress": 10, "sleep_ms": 1_000}))
                .await,
        );
    }
    until("the victim runs some", || async {
        app.store
            .live_workers()
            .await
            .unwrap()
            .iter()
            .any(|worker| worker.running.len() >= 5)
    })
    .await;
    victim.kill();
    app.start_worker(&[Queue::Noop]);
    for id in &ids {
        let events = client.events(id, 0).await;
        let numbers: Vec<i64> = events.iter().map(|event| event.id).collect();
        let unique: HashSet<i64> = numbers.iter().copied().collect();
        assert_eq!(
            unique.len(),
            numbers.len(),
            "a number came twice: {numbers:?}"
        );
        assert!(numbers.is_sorted());
        assert_eq!(
            events
                .iter()
                .filter(|event| event.name == "completed")
                .count(),
            1
        );
        assert_eq!(client.job(id).await["state"], "completed");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_that_wakes_up_changes_nothing() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let frozen = WorkerProcess::start(&app, "noop").await;
    let id = client
        .submit("noop", json!({"progress": 20, "sleep_ms": 4_000}))
        .await;
    client
        .events_until(&id, 0, |event| event.name == "progress")
        .await;
    signal(frozen.pid(), "STOP");
    // Its process lives and holds its lock: only the lease tells that it does nothing.
    app.start_worker(&[Queue::Noop]);
    until("another worker has the job", || async {
        client.job(&id).await["attempt"] == 2
    })
    .await;
    signal(frozen.pid(), "CONT");
    let events = client.events(&id, 0).await;
    let job = client.job(&id).await;
    assert_eq!(
        (&job["state"], &job["result"]["attempt"]),
        (&json!("completed"), &json!(2)),
        "{job}"
    );
    let second = events
        .iter()
        .position(|event| event.name == "started" && event.data["attempt"] == 2)
        .unwrap();
    let progress = events[second..]
        .iter()
        .filter(|event| event.name == "progress")
        .count();
    assert_eq!(
        progress, 20,
        "the frozen worker's words are not heard among the new one's"
    );
    let numbers: Vec<i64> = events.iter().map(|event| event.id).collect();
    let expected: Vec<i64> = (1..=i64::try_from(events.len()).unwrap()).collect();
    assert_eq!(numbers, expected);
    app.stop().await;
}

fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .status()
        .unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_ends() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let id = client.submit("noop", json!({"sleep_ms": 3_000_000})).await;
    for attempt in 1..=4 {
        let victim = WorkerProcess::start(&app, "noop").await;
        until("the job runs", || async {
            let job = client.job(&id).await;
            job["state"] == "running" && job["attempt"] == attempt
        })
        .await;
        victim.kill();
        until("the job was rescued", || async {
            client.job(&id).await["state"] != "running"
        })
        .await;
    }
    let job = client.job(&id).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("worker_lost")),
        "{job}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_end_hands_its_jobs_back() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let client = app.client();
    let leaver = WorkerProcess::start(&app, "noop").await;
    let id = client
        .submit("noop", json!({"sleep_ms": 30_000, "progress": 300}))
        .await;
    client
        .events_until(&id, 0, |event| event.name == "started")
        .await;
    let told = std::process::Command::new("kill")
        .arg("-TERM")
        .arg(leaver.pid().to_string())
        .status()
        .unwrap();
    assert!(told.success());
    until("the job was handed back", || async {
        client.job(&id).await["state"] == "queued"
    })
    .await;
    let attempts = client
        .get(&format!("/api/v1/jobs/{id}/attempts"))
        .await
        .body;
    let why = attempts[0]["failure"]["message"].as_str().unwrap();
    assert!(why.contains("shut down"), "handed back, not rescued: {why}");
    assert_eq!(
        (&attempts[0]["outcome"], &attempts[0]["failure"]["code"]),
        (&json!("queued"), &json!("worker_lost"))
    );
    client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_was_typed_before_the_worker_died_is_not_typed_again() {
    let site = Site::start().await;
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    app.start_worker(&[Queue::Login]);
    discovered(&app, &site, "kept-sse").await;
    let client = app.client();
    let victim = WorkerProcess::start(&app, "chat").await;
    let question = "Please stall, so that there is time to die";
    let id = client
        .submit(
            "chat",
            json!({"model": "kept-sse", "messages": [{"role": "user", "content": question}]}),
        )
        .await;
    client
        .events_until(&id, 0, |event| event.name == "chunk")
        .await;
    let chromium_of_victim = chromium_children(victim.pid());
    assert!(!chromium_of_victim.is_empty());
    victim.kill();
    until("the dead worker's Chromium is gone too", || async {
        chromium_of_victim.iter().all(|pid| !alive(*pid))
    })
    .await;
    app.start_worker(&[Queue::Chat]);
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job}");
    let bare = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
    };
    assert_eq!(
        bare(job["result"]["content"].as_str().unwrap()),
        bare(&echo::answer(question))
    );
    assert_eq!(
        site.asked("kept-sse")
            .iter()
            .filter(|asked| *asked == question)
            .count(),
        1,
        "typed once"
    );
    app.stop().await;
}

/// Chromium processes that a process started, with all theirs.
fn chromium_children(pid: u32) -> Vec<u32> {
    let table = std::process::Command::new("ps")
        .args(["-eo", "pid=,ppid=,args="])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let rows: Vec<(u32, u32, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((
                words.next()?.parse().ok()?,
                words.next()?.parse().ok()?,
                line,
            ))
        })
        .collect();
    let mut found = vec![pid];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(rows.iter().filter(|row| row.1 == parent).map(|row| row.0));
        at += 1;
    }
    found.retain(|child| {
        rows.iter()
            .any(|(id, _, line)| id == child && line.contains("--user-data-dir"))
    });
    found
}

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
