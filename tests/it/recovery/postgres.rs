//! Postgres that is killed while jobs run: nothing accepted is lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Client, until};

/// A whole `computetower up`, ended when dropped.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg("-TERM")
            .arg(self.0.id().to_string())
            .status();
        let _ = self.0.wait();
    }
}

fn connection(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join("connection.json")).ok()?).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlive_a_killed_postgres() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Root's private services run as another user, who has to be able to enter.
    let outer = tempfile::tempdir().unwrap();
    std::fs::set_permissions(
        outer.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let folder = outer.path().join("data");
    let log = std::fs::File::create(outer.path().join("log")).unwrap();
    let _up = Up(Command::new(env!("CARGO_BIN_EXE_computetower"))
        .args(["up", "-m", "login-worker=0,chat-worker=0"])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("COMPUTETOWER_DATA_DIR", &folder)
        .env("COMPUTETOWER_BIND", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap());
    until("up has told where it is", || async {
        connection(&folder).is_some()
    })
    .await;
    let connection = connection(&folder).unwrap();
    let client = Client::new(
        connection["address"].as_str().unwrap(),
        connection["api_key"].as_str().unwrap(),
    );
    until("up is ready", || async { client.is_ready().await }).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(
            client
                .submit("noop", json!({"progress": 5, "sleep_ms": number * 200}))
                .await,
        );
    }
    let pidfile = std::fs::read_to_string(folder.join("postgres/cluster/postmaster.pid")).unwrap();
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
