//! The command line: one file per subcommand.

mod bench;
mod client;
mod dispatcher;
mod doctor;
mod jobs;
mod keys;
mod migrate;
mod out;
mod queues;
mod sse;
mod up;
mod web;
mod worker;
mod workers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Handle;

use crate::config::{self, Config, Environment};
use crate::telemetry::{self, Traces};

/// A durable job-queue worker platform that gives web applications without an API one.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Answer in JSON: jobs, workers, queues, keys and doctor.
    #[arg(long, global = true)]
    json: bool,
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
    /// Submit, list, follow and move jobs of a running computetower.
    #[command(after_help = ASKS)]
    Jobs(jobs::Args),
    /// List the worker processes of a running computetower.
    #[command(after_help = ASKS)]
    Workers,
    /// List the queues of a running computetower, or hold one back.
    #[command(after_help = ASKS)]
    Queues(queues::Args),
    /// Measure a deployment from outside: latency, submissions, throughput, streams, recovery.
    Bench(bench::Args),
}

impl Command {
    /// The role of a process that works on requests and jobs, which are what is traced. `up` does so by its processes.
    const fn role(&self) -> Option<&'static str> {
        match self {
            Command::Web => Some("web"),
            Command::Worker(_) => Some("worker"),
            Command::Dispatcher => Some("dispatcher"),
            _ => None,
        }
    }

    /// Starts the log, and traces where they are asked for.
    fn start_telemetry(&self, runtime: &Handle) -> Option<Traces> {
        let environment = || Environment::new(&config::variable);
        let (format, filter) = config::log_settings(&environment());
        let started = self.role().and_then(|role| {
            // What is wrong with the settings is told with everything else that is, and ends the process.
            let settings = config::read_traces(environment()).ok().flatten()?;
            let host = config::host(&environment());
            Some(Traces::start(&settings, role, &host, runtime.clone()))
        });
        let (traces, failed) = match started {
            Some(Ok(traces)) => (Some(traces), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        telemetry::start(format, filter.as_deref(), traces.as_ref());
        if let Some(error) = failed {
            tracing::warn!(error = %error, "traces cannot be sent; going on without");
        }
        traces
    }
}

const ASKS: &str =
    "COMPUTETOWER_URL says where it is (http://127.0.0.1:7080), COMPUTETOWER_API_KEY opens it.";

/// Whatever keeps a command from going on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
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
        let traces = self.command.start_telemetry(runtime.handle());
        let done = runtime.block_on(self.perform());
        if let Some(traces) = traces {
            traces.flush();
        }
        // A read of standard input that never ends must not hold the process.
        runtime.shutdown_background();
        match done {
            Ok(code) => code,
            // Whoever read the answer has seen enough of it.
            Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => told(&error),
        }
    }

    async fn perform(self) -> Result<ExitCode, Failure> {
        let json = self.json;
        match self.command {
            Command::Up(args) => up::run(args).await?,
            Command::Web => web::run(&configured()?).await?,
            Command::Worker(args) => worker::run(&configured()?, args).await?,
            Command::Dispatcher => dispatcher::run(&configured()?).await?,
            Command::Migrate => migrate::run(&configured()?).await?,
            Command::Keys(args) => keys::run(&configured()?, args, json).await?,
            Command::Doctor => doctor::run(json).await?,
            Command::Bench(args) => bench::run(args, json).await?,
            Command::Jobs(args) => return asked(jobs::run(args, json).await),
            Command::Workers => {
                return asked(workers::run(json).await.map(|()| ExitCode::SUCCESS));
            }
            Command::Queues(args) => {
                return asked(queues::run(args, json).await.map(|()| ExitCode::SUCCESS));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The end of a command that asks a running computetower: 1 means that a job did not complete, so that no answer is 2.
fn asked(done: Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    match done {
        Err(error) if !is_closed_pipe(&error) => {
            told(&error);
            Ok(ExitCode::from(2))
        }
        other => other,
    }
}

fn is_closed_pipe(error: &Failure) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
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
