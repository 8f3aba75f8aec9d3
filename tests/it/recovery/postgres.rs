//! Postgres that is killed while jobs run: nothing accepted is lost.

use std::process::Command;

use serde_json::json;

use crate::support::{Up, until};

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
