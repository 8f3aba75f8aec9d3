//! What a handler may touch.

use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::{EventBody, WorkerId};
use computetower_store::Store;
use computetower_store::jobs::ClaimedJob;
use serde_json::Value;

use crate::browsers::Browsers;
use crate::extraction::Extraction;
use crate::feed::Feed;
use crate::outside::Outside;
use crate::running::Stop;
use crate::waiting::Waiting;

/// One attempt, as its handler sees it.
#[derive(Clone)]
pub(crate) struct JobContext {
    /// Everything durable.
    pub(crate) store: Store,
    /// The process that runs it.
    pub(crate) worker: WorkerId,
    /// The process's browsers.
    pub(crate) browsers: Arc<Browsers>,
    /// What the operator lends besides.
    pub(crate) outside: Outside,
    /// Where pages and files are read.
    pub(crate) extraction: Arc<Extraction>,
    /// The job under lease.
    pub(crate) job: ClaimedJob,
    /// Its events.
    pub(crate) feed: Feed,
    /// By which it is told to stop.
    pub(crate) stop: Stop,
    /// The time that it has waited for people.
    pub(crate) waiting: Arc<Waiting>,
    /// Whether there is another way than this one: then nobody is asked to help, and nobody is waited for long.
    pub(crate) has_another_way: bool,
}

impl JobContext {
    /// Tells how far it is.
    pub(crate) fn progress(&self, percent: f32, phase: &str, message: impl Into<String>) {
        self.feed.emit(EventBody::Progress {
            percent,
            phase: phase.to_owned(),
            message: message.into(),
            t: chrono::Utc::now().timestamp_millis(),
        });
    }

    /// Tells what was done.
    pub(crate) fn step(&self, kind: &str, detail: Value, took: Duration) {
        self.feed.emit(EventBody::Step {
            kind: kind.to_owned(),
            detail,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
    }
}
