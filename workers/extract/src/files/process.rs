//! Programs of others that read a file for us, each within limits of time, memory and output.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit};

/// What a run may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From start to end.
    pub time: Duration,
    /// Bytes of standard output; more ends the run.
    pub output: usize,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of each file it writes.
    pub file: u64,
}

/// Why a run gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such program on this machine.
    #[error("{0} is not installed")]
    Missing(String),
    /// It could not be started.
    #[error("{0} could not be started: {1}")]
    Start(String, std::io::Error),
    /// It took too long.
    #[error("{0} took more than {1} seconds")]
    Time(String, u64),
    /// It wrote too much.
    #[error("{0} wrote more than {1} bytes")]
    Output(String, usize),
    /// It failed: what it said last.
    #[error("{0} failed: {1}")]
    Failed(String, String),
}

/// How much of what a program says about its failure is kept, in bytes.
const LAST_WORDS: usize = 2000;

/// Runs a program that is found on the system's search path to its end, with `input` as its standard input, and returns its standard output.
///
/// # Errors
/// When it cannot be started, does not end well, takes too long or says too much; it has ended by then.
pub fn run(
    program: &str,
    args: &[&std::ffi::OsStr],
    input: &[u8],
    bounds: Bounds,
) -> Result<Vec<u8>, RunError> {
    let name = program.to_owned();
    let until = Instant::now() + bounds.time;
    let mut child = Command::new(program)
        .args(args)
        .env("OMP_THREAD_LIMIT", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RunError::Missing(name.clone()),
            _ => RunError::Start(name.clone(), error),
        })?;
    limit(child.id(), bounds);
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let (told, hear) = mpsc::channel();
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            let _ = child.kill();
            return Err(RunError::Failed(name.clone(), "it has no pipes".to_owned()));
        };
        // A program that needs no more of its input closes it; that is no failure.
        scope.spawn(move || drop(stdin.write_all(input)));
        let complaints = scope.spawn(move || {
            let mut said = Vec::new();
            let mut stderr = stderr;
            let mut piece = [0_u8; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut piece) {
                said.extend_from_slice(piece.get(..read).unwrap_or_default());
                if said.len() > 2 * LAST_WORDS {
                    said.drain(..said.len() - LAST_WORDS);
                }
            }
            said
        });
        scope.spawn(move || {
            let mut answer = Vec::new();
            let most = bounds.output as u64 + 1;
            let read = stdout.take(most).read_to_end(&mut answer);
            let _ = told.send(read.map(|_| answer));
        });
        let answer = hear.recv_timeout(until.saturating_duration_since(Instant::now()));
        let full = matches!(&answer, Ok(Ok(answer)) if answer.len() > bounds.output);
        if full {
            let _ = child.kill();
            let _ = child.wait();
            return Err(RunError::Output(name.clone(), bounds.output));
        }
        let ended = match &answer {
            Ok(_) => wait(&mut child, until),
            Err(_) => None,
        };
        let Some(status) = ended else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(RunError::Time(name.clone(), bounds.time.as_secs()));
        };
        match answer {
            Ok(Ok(answer)) if status.success() => Ok(answer),
            _ => {
                let said = complaints.join().unwrap_or_default();
                let said = String::from_utf8_lossy(&said);
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                let last = last.map_or_else(|| status.to_string(), |line| line.trim().to_owned());
                Err(RunError::Failed(name.clone(), last))
            }
        }
    })
}

/// Waits for a process that has closed its output: it ends at once or is stuck.
fn wait(child: &mut std::process::Child, until: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            _ => return None,
        }
    }
}

/// Limits a process that has just been started. What it could do before that is little: it has been given nothing on its input, and the programs that are run here start no
/// others. In an extracting process they have its limits from their start.
fn limit(process: u32, bounds: Bounds) {
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
        return;
    };
    for (resource, most) in [
        (Resource::As, bounds.memory),
        (Resource::Cpu, bounds.time.as_secs().max(1)),
        (Resource::Fsize, bounds.file),
        (Resource::Core, 0),
    ] {
        // The limits that this process has itself are inherited and may be lower, which is refused here and fine.
        let _ = rustix::process::prlimit(
            Some(pid),
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        time: Duration::from_secs(20),
        output: 1000,
        memory: 512 << 20,
        file: 1 << 20,
    };

    fn sh(script: &str, input: &[u8], bounds: Bounds) -> Result<Vec<u8>, RunError> {
        let args = ["-c".as_ref(), script.as_ref()];
        run("sh", &args, input, bounds)
    }

    #[test]
    fn a_program_is_held_to_its_bounds() {
        assert_eq!(sh("cat", b"abc", BOUNDS).unwrap(), b"abc");
        let brief = Bounds {
            time: Duration::from_millis(200),
            ..BOUNDS
        };
        assert!(matches!(
            sh("exec sleep 600", b"", brief),
            Err(RunError::Time(..))
        ));
        assert!(matches!(
            sh("exec >&-; exec sleep 600", b"", brief),
            Err(RunError::Time(..))
        ));
        assert!(matches!(sh("yes", b"", BOUNDS), Err(RunError::Output(..))));
        let failed = sh("echo first >&2; echo why >&2; exit 3", b"", BOUNDS);
        assert!(matches!(failed, Err(RunError::Failed(_, why)) if why == "why"));
        let file = tempfile::NamedTempFile::new().unwrap();
        // It waits for its input, which comes once it is limited.
        let script = format!(
            "read go; exec head -c 9000000 /dev/zero > {}",
            file.path().display()
        );
        assert!(sh(&script, b"go\n", BOUNDS).is_err());
        assert!(file.path().metadata().unwrap().len() <= BOUNDS.file);
        assert!(matches!(
            run("computetower-no-such-program", &[], b"", BOUNDS),
            Err(RunError::Missing(_))
        ));
    }
}
