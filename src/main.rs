//! The one binary. Processes are roles of it.

use std::process::ExitCode;

use clap::Parser;
use computetower::cli::Cli;

/// Gives memory back to the system some seconds after a flood of jobs is over; the system's own allocator keeps it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
