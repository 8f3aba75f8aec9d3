//! The process in which hostile files are read: it takes requests on standard input and answers on standard output, within limits that it sets itself before
//! it reads a byte. What a file does to it costs that file and nothing else.

use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};

use crate::wire::{self, Head, WireError};
use crate::{ExtractError, extract};

/// What the process may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of address space, of the programs it runs as well.
    pub memory: u64,
    /// Time of the processor for one document.
    pub time: Duration,
}

/// Bytes of a file that it, or a program it runs, may write: copies for programs that read no memory.
const FILE: u64 = 128 << 20;
/// Stack for parsers, in bytes: address space until it is used.
const STACK: usize = 64 << 20;

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not limit itself, or its input or output failed.
    #[error("the extracting process cannot go on: {0}")]
    Io(#[from] io::Error),
    /// It was asked something that it does not understand.
    #[error("the extracting process was asked something wrong: {0}")]
    Wire(#[from] WireError),
}

/// Answers requests until standard input ends. Nothing but answers goes to standard output.
///
/// # Errors
/// When it cannot limit itself, or is asked what it does not understand.
pub fn serve(limits: Limits) -> Result<(), ChildError> {
    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::As, limits.memory),
        (Resource::Fsize, FILE),
    ] {
        set(resource, most, most)?;
    }
    let input = rustix::io::dup(io::stdin()).map_err(io::Error::from)?;
    let output = rustix::io::dup(io::stdout()).map_err(io::Error::from)?;
    // A parser that prints would speak in the middle of an answer.
    let nowhere =
        rustix::fs::open("/dev/null", OFlags::WRONLY, Mode::empty()).map_err(io::Error::from)?;
    rustix::stdio::dup2_stdout(&nowhere).map_err(io::Error::from)?;
    // Panics of parsers are told in the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let is_busy = Arc::new(AtomicBool::new(false));
    watch(is_busy.clone())?;
    let worker = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let mut input = BufReader::with_capacity(64 << 10, std::fs::File::from(input));
            let mut output = std::fs::File::from(output);
            while let Some((head, content)) = request(&mut input)? {
                is_busy.store(true, Ordering::Relaxed);
                limit_time(limits.time)?;
                let answer = wire::answer(&read(&head, &content))?;
                is_busy.store(false, Ordering::Relaxed);
                output.write_all(&answer)?;
            }
            Ok(())
        })?;
    worker
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("it panicked").into()))
}

/// Reads a request; none at the end of the input.
fn request(input: &mut impl Read) -> Result<Option<(Head, Vec<u8>)>, ChildError> {
    let mut lengths = [0; wire::REQUEST_LENGTHS];
    match input.read_exact(&mut lengths) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (head, content) = wire::request_lengths(lengths)?;
    let mut json = vec![0; head];
    input.read_exact(&mut json)?;
    let mut bytes = vec![0; content];
    input.read_exact(&mut bytes)?;
    Ok(Some((
        serde_json::from_slice(&json).map_err(WireError::from)?,
        bytes,
    )))
}

fn read(head: &Head, content: &[u8]) -> wire::Answer {
    let read = || match &head.path {
        Some(path) => crate::files::extract_file(path, &head.hint, &head.options),
        None => extract(content, &head.hint, &head.options),
    };
    // Parsers keep nothing between two documents that a panic could leave half done.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(ExtractError::Damaged(
            "no reader makes sense of it".to_owned(),
        ))
    })
}

/// Lets the process run for so long from now; then the system ends it.
fn limit_time(time: Duration) -> io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let used = u64::try_from(used.tv_sec).unwrap_or(0);
    let until = used + time.as_secs() + 1;
    let hard = rustix::process::getrlimit(Resource::Cpu).maximum;
    let current = Some(hard.map_or(until, |hard| hard.min(until)));
    rustix::process::setrlimit(
        Resource::Cpu,
        Rlimit {
            current,
            maximum: hard,
        },
    )?;
    Ok(())
}

/// Sets a limit, or the one that is there already when it is lower.
fn set(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(resource)
        .maximum
        .unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(current.min(hard)),
        maximum: Some(maximum.min(hard)),
    };
    rustix::process::setrlimit(resource, limit)?;
    Ok(())
}

/// Ends this process, and whatever program it runs, when nobody holds the other end of its input any more: a worker that is killed leaves nothing behind. A
/// process that somebody started by hand reads to the end of its input.
fn watch(is_busy: Arc<AtomicBool>) -> io::Result<()> {
    if rustix::process::getpgrp() != rustix::process::getpid() {
        return Ok(());
    }
    let input = rustix::io::dup(io::stdin())?;
    std::thread::Builder::new()
        .stack_size(64 << 10)
        .spawn(move || {
            loop {
                let mut asked = [PollFd::new(&input, PollFlags::empty())];
                match poll(&mut asked, None) {
                    Ok(_) => {
                        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
                        if asked[0].revents().intersects(gone) {
                            break;
                        }
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => break,
                }
            }
            if is_busy.load(Ordering::Relaxed) {
                let _ = rustix::process::kill_process_group(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
            std::process::exit(0);
        })?;
    Ok(())
}
