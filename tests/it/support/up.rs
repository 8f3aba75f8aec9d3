//! A whole `computetower up` with its own data folder, as a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Client, until};

/// The running process. Asked to end when dropped.
pub(crate) struct Up {
    child: Child,
    folder: PathBuf,
    _outer: tempfile::TempDir,
}

impl Up {
    /// Starts it without browser workers, and waits until it is ready.
    pub(crate) async fn start() -> (Self, Client) {
        Self::start_with(&[]).await
    }

    /// The same, with more in its environment.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> (Self, Client) {
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
        let child = Command::new(env!("CARGO_BIN_EXE_computetower"))
            .args(["up", "-m", "login-worker=0,chat-worker=0"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("COMPUTETOWER_DATA_DIR", &folder)
            .env("COMPUTETOWER_BIND", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let up = Self {
            child,
            folder,
            _outer: outer,
        };
        until("up has told where it is", || async {
            up.connection().is_some()
        })
        .await;
        let connection = up.connection().unwrap();
        let client = Client::new(
            connection["address"].as_str().unwrap(),
            connection["api_key"].as_str().unwrap(),
        );
        until("up is ready", || async { client.is_ready().await }).await;
        (up, client)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn connection(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.folder.join("connection.json")).ok()?).ok()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The processes that work on this data folder, by their command lines.
    pub(crate) fn processes(&self) -> Vec<String> {
        let folder = self.folder.to_string_lossy().into_owned();
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let environment = std::fs::read(path.join("environ")).ok()?;
                let command = std::fs::read(path.join("cmdline")).ok()?;
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                (String::from_utf8_lossy(&environment).contains(&folder)
                    || command.contains(&folder))
                .then_some(command)
            })
            .filter(|command| !command.is_empty())
            .collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}
