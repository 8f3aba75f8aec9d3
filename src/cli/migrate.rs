//! `computetower migrate`: applies the migrations under a lock.

use computetower_store::Store;

use super::Failure;
use crate::config::Config;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    Store::migrate(&config.store).await?;
    tracing::info!("the database is up to date");
    Ok(())
}
