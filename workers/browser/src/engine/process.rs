//! One Chromium process group: started under a keeper that ends it when its owner dies, and reaped. Speaks no
//! protocol; it hands over the address of the debugging socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{flags, owner};
use crate::error::BrowserError;

/// How long Chromium may take until its debugging socket is known.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How much of its standard error is kept, in lines.
const STDERR_LINES: usize = 40;
/// The keeper: starts Chromium, waits for the end of its own standard input (we hold the other end, so it ends when
/// we do, whatever killed us), then kills its whole group, itself included.
/// It also says so when Chromium ends by itself.
const KEEPER: &str =
    r#"{ "$@"; echo "keeper: the browser ended" >&2; } & cat >/dev/null; kill -KILL 0"#;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What a Chromium is started with.
#[derive(Debug, Clone)]
pub struct LaunchConfig {
    /// The Chromium or Chrome executable.
    pub executable: PathBuf,
    /// Parent of the profile folders; each browser makes one of its own below it and deletes it in the end.
    pub data_dir: PathBuf,
    /// Further command-line arguments.
    pub extra_args: Vec<String>,
    /// Window size in pixels, width and height.
    pub window: (u32, u32),
}

/// A running process group and its profile folder. Dropping it kills and deletes both.
pub(crate) struct Process {
    /// Behind an asynchronous lock, so that whoever ends the process second waits for the first.
    child: tokio::sync::Mutex<Option<Child>>,
    leader: u32,
    profile: PathBuf,
    pub(crate) socket: String,
}

impl Process {
    /// Starts Chromium, without its sandbox only where it cannot have one.
    pub(crate) async fn start(config: &LaunchConfig) -> Result<Self, BrowserError> {
        if !config.executable.exists() {
            return Err(BrowserError::ChromiumMissing {
                path: config.executable.clone(),
            });
        }
        let root = rustix::process::geteuid().is_root();
        if root {
            tracing::warn!(
                "running as root: Chromium runs without its sandbox; run workers as an ordinary user"
            );
        }
        match Self::start_with(config, !root).await {
            Err(BrowserError::Launch { stderr, .. })
                if !root && stderr.to_lowercase().contains("sandbox") =>
            {
                tracing::warn!(%stderr, "Chromium's sandbox is not available here: starting WITHOUT it");
                Self::start_with(config, false).await
            }
            other => other,
        }
    }

    async fn start_with(config: &LaunchConfig, sandbox: bool) -> Result<Self, BrowserError> {
        let profile = make_profile(&config.data_dir)?;
        let mut child = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(&config.executable)
            .args(flags::arguments(
                &profile,
                config.window,
                sandbox,
                &config.extra_args,
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| BrowserError::Files {
                attempted: "starting sh".to_owned(),
                source,
            })?;
        let leader = child.id().unwrap_or(0);
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(remember(BufReader::new(stderr), said.clone()));
        }
        let mut process = Self {
            child: tokio::sync::Mutex::new(Some(child)),
            leader,
            profile,
            socket: String::new(),
        };
        match tokio::time::timeout(START_LIMIT, wait_for_socket(&process.profile, &said)).await {
            Ok(Ok(socket)) => {
                process.socket = socket;
                Ok(process)
            }
            outcome => {
                process.end().await;
                let reason = match outcome {
                    Ok(Err(reason)) => reason,
                    _ => format!("no debugging socket within {} s", START_LIMIT.as_secs()),
                };
                Err(BrowserError::Launch {
                    reason,
                    stderr: lines(&said),
                })
            }
        }
    }

    /// The process group's leader.
    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    /// Kills the group, reaps the child and deletes the profile folder.
    pub(crate) async fn end(&self) {
        let mut held = self.child.lock().await;
        let Some(mut child) = held.take() else {
            return;
        };
        owner::kill_group(self.leader);
        if let Err(error) = child.wait().await {
            tracing::warn!("a killed browser could not be reaped: {error}");
        }
        let profile = self.profile.clone();
        // Blocking file work; a runtime that is shutting down may refuse it, then the next sweep does it.
        let _ = tokio::task::spawn_blocking(move || owner::remove(&profile)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().take();
        if let Some(child) = child {
            owner::kill_group(self.leader);
            // tokio reaps a dropped child in the background.
            drop(child);
            let profile = std::mem::take(&mut self.profile);
            std::thread::spawn(move || owner::remove(&profile));
        }
    }
}

fn make_profile(data_dir: &Path) -> Result<PathBuf, BrowserError> {
    let name = format!(
        "chromium-{}-{}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    );
    let files = |attempted: &str| {
        let attempted = format!("{attempted} under {}", data_dir.display());
        move |source| BrowserError::Files { attempted, source }
    };
    // Chromium writes absolute paths into its profile; the sweep compares command lines with this one.
    std::fs::create_dir_all(data_dir).map_err(files("making the browsers' folder"))?;
    let data_dir = data_dir
        .canonicalize()
        .map_err(files("finding the browsers' folder"))?;
    let profile = data_dir.join(name);
    owner::remove(&profile);
    std::fs::create_dir(&profile).map_err(files("making a profile folder"))?;
    owner::mark(&profile).map_err(files("marking a profile folder"))?;
    Ok(profile)
}

async fn remember(mut stderr: impl AsyncBufReadExt + Unpin, said: Arc<Mutex<Vec<String>>>) {
    let mut line = String::new();
    while let Ok(1..) = stderr.read_line(&mut line).await {
        let mut kept = said
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() == STDERR_LINES {
            kept.remove(0);
        }
        kept.push(std::mem::take(&mut line).trim_end().to_owned());
    }
    // An end of the pipe before the socket is known means that Chromium is gone.
    said.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(String::new());
}

fn lines(said: &Mutex<Vec<String>>) -> String {
    said.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .join("\n")
        .trim()
        .to_owned()
}

/// Chromium names its port in a file, and in a line on standard error. It exits quickly when it cannot start at all.
async fn wait_for_socket(profile: &Path, said: &Mutex<Vec<String>>) -> Result<String, String> {
    let file = profile.join("DevToolsActivePort");
    loop {
        if let Ok(text) = tokio::fs::read_to_string(&file).await
            && let Some((port, path)) = text.trim().split_once('\n')
            && port.parse::<u16>().is_ok_and(|port| port != 0)
        {
            return Ok(format!("ws://127.0.0.1:{}{}", port.trim(), path.trim()));
        }
        if lines(said).contains("keeper: the browser ended") {
            return Err("it ended at once".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
