//! One process that reads documents: its start, a question and its answer, and its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use computetower_extract::wire::{self, Answer};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};

use super::ExtractionSettings;

/// Content up to so many bytes goes in one write with what stands before it.
const TOGETHER: usize = 256 << 10;
/// How much of what a child says last is kept, in bytes.
const LAST_WORDS: usize = 4 << 10;
/// How long a child that is let go may take to end by itself, and one that closed its output to be gone.
const PARTING: Duration = Duration::from_secs(5);

/// A process.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
    /// None once it is let go.
    input: Option<ChildStdin>,
    output: ChildStdout,
    said: Arc<Mutex<Vec<u8>>>,
    listening: tokio::task::JoinHandle<()>,
    served: u32,
}

/// How a child ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Its limit of time.
    Time,
    /// Its limit of memory.
    Memory,
    /// Its stack.
    Nesting,
    /// Its limit of files.
    Disk,
    /// Something else that killed it.
    Crash(String),
    /// It went by itself, or is still there.
    Unclear,
}

impl Child {
    /// Starts one, in a process group of its own, which knows nothing of this process's environment but where programs are.
    pub(super) fn start(settings: &ExtractionSettings) -> io::Result<Self> {
        let mut command = Command::new(&settings.program);
        command
            .arg("extract")
            .arg(format!("--memory={}", settings.memory))
            .arg(format!("--seconds={}", settings.deadline.as_secs().max(1)))
            .env_clear()
            .envs(
                settings
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            // One thread per child: others wait for the processor, too.
            .env("RAYON_NUM_THREADS", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let (Some(input), Some(output), Some(mut complaints)) = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        ) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let said: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keep = said.clone();
        let listening = tokio::spawn(async move {
            let mut piece = [0; 1024];
            while let Ok(read @ 1..) = complaints.read(&mut piece).await {
                let mut said = keep.lock().unwrap_or_else(PoisonError::into_inner);
                said.extend_from_slice(piece.get(..read).unwrap_or_default());
                let more = said.len().saturating_sub(LAST_WORDS);
                said.drain(..more);
            }
        });
        let group = process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let input = Some(input);
        Ok(Self {
            process,
            group,
            input,
            output,
            said,
            listening,
            served: 0,
        })
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// How many documents it has read.
    pub(super) const fn served(&self) -> u32 {
        self.served
    }

    pub(super) fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Asks for one document.
    pub(super) async fn ask(&mut self, mut start: Vec<u8>, content: &[u8]) -> io::Result<Answer> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        if content.len() <= TOGETHER {
            start.extend_from_slice(content);
            input.write_all(&start).await?;
        } else {
            input.write_all(&start).await?;
            input.write_all(content).await?;
        }
        let mut length = [0; wire::ANSWER_LENGTH];
        self.output.read_exact(&mut length).await?;
        let length = wire::answer_length(length).map_err(io::Error::other)?;
        let mut json = vec![0; length];
        self.output.read_exact(&mut json).await?;
        self.served += 1;
        wire::read_answer(&json).map_err(io::Error::other)
    }

    /// Closes its input, by which it ends, and sees to it that it does.
    pub(super) fn release(mut self) {
        drop(self.input.take());
        // Where nobody can wait for it, it is killed as it is dropped.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(PARTING, self.process.wait()).await;
            });
        }
    }

    /// How it ended. One that lives is killed.
    pub(super) async fn end(mut self) -> Ended {
        let status = match tokio::time::timeout(PARTING, self.process.wait()).await {
            Ok(Ok(status)) => status,
            _ => return Ended::Unclear,
        };
        // Its complaints end with it, unless a program that it ran holds them open.
        let _ = tokio::time::timeout(Duration::from_millis(500), &mut self.listening).await;
        let said = self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        classify(status, &String::from_utf8_lossy(&said))
    }
}

fn classify(status: ExitStatus, said: &str) -> Ended {
    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    match () {
        () if by(Signal::XCPU) => Ended::Time,
        () if by(Signal::XFSZ) => Ended::Disk,
        () if said.contains("has overflowed its stack") => Ended::Nesting,
        // What the runtime says when there is no memory; and what the system does when there is none on the machine.
        () if said.contains("memory allocation of") || by(Signal::KILL) => Ended::Memory,
        () if status.signal().is_some() => Ended::Crash(status.to_string()),
        () => Ended::Unclear,
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // With it go the programs that it runs. A process that has been waited for has no group to kill any more.
        if self.process.id().is_some()
            && let Some(group) = self.group
        {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}
