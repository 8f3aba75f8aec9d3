//! The command line: one file per subcommand.

mod batches;
mod bench;
mod call_error;
mod client;
mod completions;
mod dispatcher;
mod doctor;
mod extract;
mod history;
mod input;
mod jobs;
mod keys;
mod knowledge;
mod limits;
mod migrate;
mod out;
mod queues;
mod scale;
mod schedules;
mod sse;
mod tenants;
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
    /// Answer in JSON: all commands that say something, but for completions.
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
    /// Submit many jobs to a running computetower at once, and wait for all of them.
    #[command(after_help = ASKS)]
    Batches(batches::Args),
    /// Make, list and change schedules of a running computetower: jobs at the ticks of a cron expression.
    #[command(after_help = ASKS)]
    Schedules(schedules::Args),
    /// List, search, show, export and delete what was asked and answered on chat pages.
    #[command(after_help = ASKS)]
    History(history::Args),
    /// Add sites and files to a running computetower as sources of knowledge, read them, search and export what was read.
    #[command(after_help = ASKS)]
    Knowledge(knowledge::Args),
    /// List the worker processes of a running computetower, or drain one.
    #[command(after_help = ASKS_EITHER)]
    Workers(workers::Args),
    /// List the queues of a running computetower, or hold one back.
    #[command(after_help = ASKS_EITHER)]
    Queues(queues::Args),
    /// For operators: limit how many jobs run at once, and how many start in a time.
    #[command(after_help = OPERATES)]
    Limits(limits::Args),
    /// For operators: weigh a tenant against others, or hold it back.
    #[command(after_help = OPERATES)]
    Tenants(tenants::Args),
    /// For operators: advice how many workers each queue should have.
    #[command(after_help = OPERATES)]
    Scale(scale::Args),
    /// Measure a deployment from outside: latency, submissions, throughput, streams, recovery.
    Bench(bench::Args),
    /// Print what a shell reads to complete these commands, for example `computetower completions bash`.
    Completions(completions::Args),
    /// Read pages and files for a worker, which starts this itself.
    #[command(hide = true)]
    Extract(extract::Args),
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
const OPERATES: &str = "COMPUTETOWER_URL says where it is (http://127.0.0.1:7080), COMPUTETOWER_ADMIN_KEY opens it to operators.";
const ASKS_EITHER: &str = "COMPUTETOWER_URL says where it is (http://127.0.0.1:7080), COMPUTETOWER_API_KEY opens it; \
    what is marked for operators is opened by COMPUTETOWER_ADMIN_KEY.";

/// Stack of a thread of the runtime, in bytes. What a page needs is many steps deep, and a build without optimisation keeps each step's values apart: two
/// megabytes, the usual, were too little. It is address space, not memory, until it is used.
const STACK: usize = 16 << 20;

/// Whatever keeps a command from going on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    /// Runs the command to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        if let Command::Extract(args) = &self.command {
            return extract::run(args).map_or_else(|error| told(&error), |()| ExitCode::SUCCESS);
        }
        // Only this provider is compiled in; a second installation in one process is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = match self.command {
            // What measures takes no more than one core from what is measured.
            Command::Bench(_) => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        builder.thread_stack_size(STACK);
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
            Command::Completions(args) => completions::run(&args)?,
            // It has run by then, without a runtime.
            Command::Extract(_) => {}
            Command::Jobs(args) => return asked(jobs::run(args, json).await),
            Command::Batches(args) => return asked(batches::run(args, json).await),
            Command::Schedules(args) => return done(schedules::run(args, json).await),
            Command::History(args) => return done(history::run(args, json).await),
            Command::Knowledge(args) => return asked(knowledge::run(args, json).await),
            Command::Workers(args) => return done(workers::run(args, json).await),
            Command::Queues(args) => return done(queues::run(args, json).await),
            Command::Limits(args) => return done(limits::run(args, json).await),
            Command::Tenants(args) => return done(tenants::run(args, json).await),
            Command::Scale(args) => return done(scale::run(args, json).await),
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

/// The same, of a command that asks and follows nothing.
fn done(done: Result<(), Failure>) -> Result<ExitCode, Failure> {
    asked(done.map(|()| ExitCode::SUCCESS))
}

fn is_closed_pipe(error: &Failure) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn configured() -> Result<Config, Failure> {
    Ok(config::read(Environment::new(&config::variable))?)
}

/// The last word of a command, to the person who typed it.
fn told(error: &Failure) -> ExitCode {
    out::aside(&format!("computetower: {error}"));
    let mut source = error.source();
    while let Some(inner) = source {
        out::aside(&format!("  because: {inner}"));
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
