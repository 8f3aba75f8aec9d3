//! `computetower completions`: what a shell reads to complete the commands.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "computetower", &mut script);
    out::line(String::from_utf8_lossy(&script).trim_end())
}
