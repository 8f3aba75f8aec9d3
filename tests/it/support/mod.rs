//! What tests share: a platform of their own each, a client, and ways to wait for conditions.

mod app;
mod cli;
mod client;
mod collector;
mod outside;
mod process;
mod socket;
mod up;

pub(crate) use app::{ADMIN_KEY, TestApp};
pub(crate) use cli::{CliRun, CutOnce};
pub(crate) use client::{Client, Reply, SseEvent};
pub(crate) use collector::{Collector, Seen};
pub(crate) use outside::Outside;
pub(crate) use process::{DispatcherProcess, LoggedProcess, WorkerProcess};
pub(crate) use socket::Socket;
pub(crate) use up::Up;

use std::future::Future;
use std::time::Duration;

/// How long a condition may take before the test gives up.
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
