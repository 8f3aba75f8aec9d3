//! `computetower extract`: the process in which a worker has documents read. Not for people: it speaks in frames.

use std::time::Duration;

use computetower_extract::child::{Limits, serve};

use super::Failure;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Bytes of address space.
    #[arg(long, default_value_t = 1 << 30, value_parser = clap::value_parser!(u64).range(128 << 20..))]
    memory: u64,
    /// Seconds of the processor for one document.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

/// Answers until standard input ends. Without a runtime: threads that wait for nothing would be what a limit of memory counts first.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let time = Duration::from_secs(args.seconds);
    Ok(serve(Limits {
        memory: args.memory,
        time,
    })?)
}
