//! Workers and dispatchers as processes of their own, to be killed.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{TestApp, until};

/// A worker process. Killed when dropped.
pub(crate) struct WorkerProcess {
    child: Child,
}

impl WorkerProcess {
    /// Starts one and waits until it has announced itself.
    pub(crate) async fn start(app: &TestApp, queues: &str) -> Self {
        Self::start_with(app, queues, &[]).await
    }

    /// The same, with more in its environment.
    pub(crate) async fn start_with(app: &TestApp, queues: &str, settings: &[(&str, &str)]) -> Self {
        let worker = Self {
            child: spawn(app, &["worker", "--queues", queues], settings),
        };
        let pid = i32::try_from(worker.child.id()).unwrap();
        until("the worker has announced itself", || async {
            app.store
                .live_workers()
                .await
                .unwrap()
                .iter()
                .any(|row| row.pid == pid)
        })
        .await;
        worker
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A dispatcher process. Killed when dropped.
pub(crate) struct DispatcherProcess {
    child: Child,
}

impl DispatcherProcess {
    pub(crate) fn start(app: &TestApp) -> Self {
        Self {
            child: spawn(app, &["dispatcher"], &[]),
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for DispatcherProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(app: &TestApp, arguments: &[&str], settings: &[(&str, &str)]) -> Child {
    command(app, arguments, settings).spawn().unwrap()
}

fn command(app: &TestApp, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_computetower"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .envs(app.environment())
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command
}

/// A process of any role whose log is kept. Killed when dropped.
pub(crate) struct LoggedProcess {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl LoggedProcess {
    /// Starts it, and waits until its log says a word.
    pub(crate) async fn start(
        app: &TestApp,
        arguments: &[&str],
        settings: &[(&str, &str)],
        word: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let child = command(app, arguments, settings)
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let process = Self {
            child,
            log,
            _folder: folder,
        };
        until(word, || async { process.log().contains(word) }).await;
        process
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> (ExitStatus, String) {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        assert!(asked.unwrap().success());
        let mut ended = None;
        let deadline = tokio::time::Instant::now() + super::PATIENCE;
        while ended.is_none() {
            assert!(tokio::time::Instant::now() < deadline, "it does not end");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            ended = self.child.try_wait().unwrap();
        }
        (ended.unwrap(), self.log())
    }
}

impl Drop for LoggedProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
