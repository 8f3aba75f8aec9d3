//! Supervision: one task per process starts it, starts it again when it dies, and ends it and its whole group when
//! told to. Knows nothing of what a process is for.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::console::Console;
use super::keeper::signal_group;
use super::stop::{Stop, StopSignal};

/// The first pause before a process is started again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A process that lived this long begins at the first pause again.
const HEALTHY: Duration = Duration::from_secs(60);

/// How long the lines of a dead process may take to arrive; a grandchild may hold its output open.
const LAST_LINES: Duration = Duration::from_millis(300);

/// A log that is longer than this is set aside when its process starts.
const LONG_LOG: u64 = 8 * 1024 * 1024;

/// One process to be kept running.
#[derive(Debug)]
pub(super) struct Spec {
    /// How it is called in messages.
    pub(super) name: String,
    /// Program, arguments, environment and folder; standard streams and process group are set at each start.
    pub(super) command: Command,
    /// Where its output goes.
    pub(super) output: ProcessOutput,
    /// How it is told to end in good order, besides the end of its standard input.
    pub(super) ending: Ending,
    /// How long it may take to end in good order.
    pub(super) grace: Duration,
}

/// Where a process's output goes.
#[derive(Debug)]
pub(super) enum ProcessOutput {
    /// To the console, each line after the prefix.
    Console(Console, String),
    /// Onto the end of a file.
    Log(PathBuf),
}

/// How a process is told to end in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its standard input ends.
    EndOfInput,
    /// Its standard input ends and its group receives SIGTERM.
    Terminate,
}

/// How often a process has died since it was first started.
#[derive(Debug, Clone)]
pub(super) struct Deaths(watch::Receiver<u32>);

impl Deaths {
    /// The count so far.
    pub(super) fn count(&self) -> u32 {
        *self.0.borrow()
    }
}

/// Processes that are told to end together.
#[derive(Debug)]
pub(super) struct Fleet {
    tasks: JoinSet<()>,
    stop: watch::Sender<Stop>,
    signal: StopSignal,
}

impl Fleet {
    pub(super) fn new() -> Self {
        let (stop, signal) = StopSignal::new();
        Self {
            tasks: JoinSet::new(),
            stop,
            signal,
        }
    }

    /// Starts a process and keeps it running.
    pub(super) fn start(&mut self, spec: Spec) -> Deaths {
        let (deaths, counted) = watch::channel(0);
        self.tasks
            .spawn(supervise(spec, self.signal.clone(), deaths));
        Deaths(counted)
    }

    /// Ends every process, gently at first, at once when the operator insists. Returns when all of them are gone.
    pub(super) async fn end(mut self, operator: &mut StopSignal) {
        let _ = self.stop.send(Stop::Gently);
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => {
                    if ended.is_none() {
                        return;
                    }
                }
                () = operator.reached(Stop::AtOnce), if *self.stop.borrow() < Stop::AtOnce => {
                    let _ = self.stop.send(Stop::AtOnce);
                }
            }
        }
    }
}

/// The pauses between a death and the next start.
#[derive(Debug)]
struct Backoff {
    next: Duration,
}

impl Backoff {
    fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The pause after a life of this length.
    fn after(&mut self, life: Duration) -> Duration {
        if life >= HEALTHY {
            self.next = FIRST_PAUSE;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

async fn supervise(mut spec: Spec, mut stop: StopSignal, deaths: watch::Sender<u32>) {
    let mut backoff = Backoff::new();
    loop {
        let born = Instant::now();
        match Running::start(&mut spec) {
            Ok(mut running) => {
                let died = tokio::select! {
                    status = running.child.wait() => Some(status),
                    () = stop.reached(Stop::Gently) => None,
                };
                let Some(status) = died else {
                    return running.end(&spec, &mut stop).await;
                };
                let status = described(status);
                running.sweep().await;
                tracing::warn!(process = %spec.name, status, "the process ended and will be started again");
            }
            Err(error) => {
                tracing::error!(process = %spec.name, %error, "the process could not be started");
            }
        }
        deaths.send_modify(|count| *count += 1);
        tokio::select! {
            () = tokio::time::sleep(backoff.after(born.elapsed())) => {}
            () = stop.reached(Stop::Gently) => return,
        }
    }
}

fn described(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// One life of a process.
struct Running {
    child: Child,
    /// Held open as long as the process shall live.
    input: Option<ChildStdin>,
    /// The process's own group; its number is the process's id.
    group: Option<u32>,
    lines: JoinSet<()>,
}

impl Running {
    fn start(spec: &mut Spec) -> io::Result<Self> {
        spec.command.process_group(0).stdin(Stdio::piped());
        match &spec.output {
            ProcessOutput::Console(..) => {
                spec.command.stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            ProcessOutput::Log(path) => {
                let log = open_log(path)?;
                spec.command.stdout(log.try_clone()?).stderr(log);
            }
        }
        let mut child = spec.command.spawn()?;
        let mut lines = JoinSet::new();
        if let ProcessOutput::Console(console, prefix) = &spec.output {
            if let Some(output) = child.stdout.take() {
                lines.spawn(console.clone().copy(prefix.clone(), output));
            }
            if let Some(output) = child.stderr.take() {
                lines.spawn(console.clone().copy(prefix.clone(), output));
            }
        }
        Ok(Self {
            input: child.stdin.take(),
            group: child.id(),
            child,
            lines,
        })
    }

    async fn end(mut self, spec: &Spec, stop: &mut StopSignal) {
        drop(self.input.take());
        if let (Ending::Terminate, Some(group)) = (spec.ending, self.group) {
            signal_group(group, "TERM").await;
        }
        tokio::select! {
            _ = self.child.wait() => {}
            () = tokio::time::sleep(spec.grace) => {
                tracing::warn!(process = %spec.name, "the process did not end in time and is killed");
            }
            () = stop.reached(Stop::AtOnce) => {}
        }
        self.sweep().await;
    }

    /// Kills what is left of the group, and lets the last lines through.
    async fn sweep(mut self) {
        if let Some(group) = self.group {
            signal_group(group, "KILL").await;
        }
        let _ = self.child.wait().await;
        let _ = tokio::time::timeout(LAST_LINES, async {
            while self.lines.join_next().await.is_some() {}
        })
        .await;
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|log| log.len() > LONG_LOG) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shell(script: &str, log: &Path, ending: Ending) -> Spec {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Spec {
            name: "test".to_owned(),
            command,
            output: ProcessOutput::Log(log.to_owned()),
            ending,
            grace: Duration::from_secs(30),
        }
    }

    async fn until(what: impl Fn() -> bool) {
        let mut tries = 0;
        while !what() {
            tries += 1;
            assert!(tries < 1500, "waited in vain");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_begin_again_after_a_healthy_minute() {
        let mut backoff = Backoff::new();
        let short = Duration::from_secs(2);
        let pauses: Vec<u64> = (0..7).map(|_| backoff.after(short).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.after(HEALTHY).as_secs(), 1);
        assert_eq!(backoff.after(short).as_secs(), 2);
    }

    #[tokio::test]
    async fn a_process_that_dies_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (_sender, mut operator) = StopSignal::new();
        let mut fleet = Fleet::new();
        let deaths = fleet.start(shell("echo life", &log, Ending::Terminate));
        until(|| std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() >= 2)).await;
        assert!(deaths.count() >= 1);
        fleet.end(&mut operator).await;
    }

    #[tokio::test]
    async fn ending_waits_for_the_process_to_finish_its_work() {
        for (ending, script) in [
            (
                Ending::Terminate,
                "trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.05; done",
            ),
            (Ending::EndOfInput, "echo hi; cat; echo bye"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("log");
            let (_sender, mut operator) = StopSignal::new();
            let mut fleet = Fleet::new();
            fleet.start(shell(script, &log, ending));
            until(|| std::fs::read_to_string(&log).is_ok_and(|text| text.contains("hi"))).await;
            fleet.end(&mut operator).await;
            assert!(std::fs::read_to_string(&log).unwrap().ends_with("bye\n"));
        }
    }

    #[tokio::test]
    async fn a_second_wish_kills_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (sender, mut operator) = StopSignal::new();
        let mut fleet = Fleet::new();
        // Neither the shell nor its child listens to SIGTERM.
        fleet.start(shell(
            "trap '' TERM; sh -c 'echo $$; while :; do sleep 1; done'",
            &log,
            Ending::Terminate,
        ));
        until(|| std::fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n'))).await;
        let grandchild = std::fs::read_to_string(&log).unwrap();
        sender.send(Stop::AtOnce).unwrap();
        fleet.end(&mut operator).await;
        let alive = || {
            std::process::Command::new("/bin/sh")
                .args(["-c", &format!("kill -0 {}", grandchild.trim())])
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        until(|| !alive() || zombie(grandchild.trim())).await;
    }

    fn zombie(id: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
