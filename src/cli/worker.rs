//! `computetower worker`: takes jobs from queues until it is told to end.

use std::collections::HashMap;

use computetower_jobs::Queue;
use computetower_store::Store;
use computetower_workers::{WorkerOptions, run_worker};

use super::Failure;
use crate::config::Config;
use crate::metrics_server;
use crate::stop;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The queues to take jobs from, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    queues: Vec<Queue>,
    /// Jobs at once, per queue.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: Option<u16>,
}

pub(super) async fn run(config: &Config, args: Args) -> Result<(), Failure> {
    let shutdown = stop::on_signals(config.until_stdin_closes)?;
    let store = Store::connect(&config.store).await?;
    metrics_server::start(&config.metrics, &store, &shutdown).await?;
    let concurrency: HashMap<Queue, usize> = args
        .concurrency
        .map(|number| {
            args.queues
                .iter()
                .map(|queue| (*queue, usize::from(number)))
                .collect()
        })
        .unwrap_or_default();
    let options = WorkerOptions {
        queues: args.queues,
        concurrency,
        grace: config.grace,
        host: config.host.clone(),
        browser: config.browser.clone(),
        outside: config.outside.clone(),
        extraction: config.extraction.clone(),
    };
    run_worker(store, options, shutdown).await?;
    Ok(())
}
