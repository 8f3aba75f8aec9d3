//! A platform of its own for each batch: what the integration tests have.
#![allow(dead_code, reason = "shared with the integration tests")]

#[path = "../it/support/app.rs"]
mod app;
#[path = "../it/support/client.rs"]
mod client;

pub(crate) use app::TestApp;
pub(crate) use client::Client;

use std::future::Future;
use std::time::Duration;

/// How long a condition may take before the program gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a condition holds.
pub(crate) async fn until<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
