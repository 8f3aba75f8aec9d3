//! The command line: one file per subcommand.

mod bench;
mod dispatcher;
mod doctor;
mod keys;
mod migrate;
mod up;
mod web;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config, Environment};
use crate::telemetry;

/// A durable job-queue worker platform that gives web applications without an API one.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything on this machine: private services, the API, workers.
    Up(up::Args),
    /// Serve the API.
    Web,
    /// Take jobs from queues.
    Worker(worker::Args),
    /// Hand jobs over when they are due, and rescue lost ones.
    Dispatcher,
    /// Apply the database migrations.
    Migrate,
    /// Make a key for the API.
    Keys(keys::Args),
    /// Look whether all that is needed is there.
    Doctor,
    /// Measure a deployment from outside: latency, submissions, throughput, streams, recovery.
    Bench(bench::Args),
}

/// Whatever keeps a command from going on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let (format, filter) = config::log_settings(&Environment::new(&config::variable));
        telemetry::start(format, filter.as_deref());
        // Only this provider is compiled in; a second installation in one process is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = match self.command {
            // What measures takes no more than one core from what is measured.
            Command::Bench(_) => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = match builder.enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return told(&error.into()),
        };
        let done = runtime.block_on(async {
            match self.command {
                Command::Up(args) => up::run(args).await,
                Command::Web => web::run(&configured()?).await,
                Command::Worker(args) => worker::run(&configured()?, args).await,
                Command::Dispatcher => dispatcher::run(&configured()?).await,
                Command::Migrate => migrate::run(&configured()?).await,
                Command::Keys(args) => keys::run(&configured()?, args).await,
                Command::Doctor => doctor::run().await,
                Command::Bench(args) => bench::run(args).await,
            }
        });
        // A read of standard input that never ends must not hold the process.
        runtime.shutdown_background();
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => told(&error),
        }
    }
}

fn configured() -> Result<Config, Failure> {
    Ok(config::read(Environment::new(&config::variable))?)
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command goes to the person who typed it"
)]
fn told(error: &Failure) -> ExitCode {
    eprintln!("computetower: {error}");
    let mut source = error.source();
    while let Some(inner) = source {
        eprintln!("  because: {inner}");
        source = inner.source();
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_makes_sense() {
        super::Cli::command().debug_assert();
    }
}
