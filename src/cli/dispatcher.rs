//! `computetower dispatcher`: hands jobs over when they are due and rescues lost ones, until it is told to end.

use computetower_store::Store;
use computetower_workers::upkeep::run_dispatcher;

use super::Failure;
use crate::config::Config;
use crate::metrics_server;
use crate::stop;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let shutdown = stop::on_signals(config.until_stdin_closes)?;
    let store = Store::connect(&config.store).await?;
    metrics_server::start(&config.metrics, &store, &shutdown).await?;
    tracing::info!("dispatcher ready");
    run_dispatcher(store.clone(), shutdown).await;
    store.publisher.flush().await;
    Ok(())
}
