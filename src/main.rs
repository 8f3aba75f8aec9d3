//! The one binary. Processes are roles of it.

use std::process::ExitCode;

use clap::Parser;
use computetower::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
