//! What a process has counted since it began, for Prometheus. One instance per [`Store`](crate::Store), so that nothing is global.
//!
//! Labels are made of enums only: queues, kinds, outcomes, codes, duties. No name, tenant or id becomes a label, so the number of series is bounded.
//! `docs/operations.md` lists every metric; a test holds the list and what is exposed equal.

pub mod pages;
mod record;

use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::{JobKind, Queue};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::error::StoreError;
use crate::jobs::{ClaimedJob, Ending};
use crate::load::QueueLoad;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The duties of the dispatcher, as they are counted.
pub const DUTIES: [&str; 12] = [
    "schedules",
    "settling",
    "turns",
    "expired_jobs",
    "lost_jobs",
    "messages_of_lost_workers",
    "lost_messages",
    "abandoned_discoveries",
    "abandoned_requests",
    "rechecks",
    "retention",
    "unnamed_objects",
];

/// From a millisecond to an hour: waits behind a backlog are long.
const WAIT_BUCKETS: [f64; 14] = [
    0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0,
];
/// From a job without an effect to an answer that takes long to write.
const RUN_BUCKETS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];

/// The counters of a process. Cheap to clone; counting never blocks on I/O.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    submitted: Family<KindLabels, Counter>,
    waited: Family<KindLabels, Histogram, fn() -> Histogram>,
    ran: Family<KindLabels, Histogram, fn() -> Histogram>,
    attempts: Family<AttemptLabels, Counter>,
    leases_lost: Family<KindLabels, Counter>,
    fenced: Family<WriteLabels, Counter>,
    empty_claims: Counter,
    upkeep: Family<DutyLabels, Counter>,
    upkeep_failures: Family<DutyLabels, Counter>,
    rescued: Family<RescueLabels, Counter>,
    published: Counter,
    dropped: Counter,
    subscribers: Gauge,
    open_sessions: Gauge,
    session_messages_sent: Counter,
    session_messages_received: Counter,
    pages: pages::PageMetrics,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    queue: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    queue: &'static str,
    kind: &'static str,
    outcome: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    write: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DutyLabels {
    duty: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RescueLabels {
    queue: &'static str,
    outcome: &'static str,
}

impl From<JobKind> for KindLabels {
    fn from(kind: JobKind) -> Self {
        Self {
            queue: kind.queue().name(),
            kind: kind.name(),
        }
    }
}

/// A write that is refused when the writer no longer holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FencedWrite {
    /// The end of an attempt.
    Finish,
    /// Events of a running attempt.
    Events,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner::new()),
        }
    }
}

impl Metrics {
    /// A job was accepted.
    pub fn submitted(&self, kind: JobKind) {
        self.inner.submitted.get_or_create(&kind.into()).inc();
    }

    /// A claim was answered: with a job, or with nothing, because the job is another worker's, was cancelled, or was dispatched again.
    pub fn claimed(&self, job: Option<&ClaimedJob>) {
        let Some(job) = job else {
            self.inner.empty_claims.inc();
            return;
        };
        if let Some(waited) = job.waited {
            let labels = job.kind.into();
            let histogram = self.inner.waited.get_or_create(&labels);
            histogram.observe(waited.as_secs_f64());
        }
    }

    /// An attempt ended and its end was recorded.
    pub fn attempt_ended(&self, kind: JobKind, ending: &Ending, ran: Duration) {
        let labels = AttemptLabels {
            queue: kind.queue().name(),
            kind: kind.name(),
            outcome: ending.name(),
            code: ending
                .failure()
                .map_or("none", |failure| failure.code.name()),
        };
        self.inner.attempts.get_or_create(&labels).inc();
        let histogram = self.inner.ran.get_or_create(&kind.into());
        histogram.observe(ran.as_secs_f64());
    }

    /// An attempt was ended because its lease was gone.
    pub fn lease_lost(&self, kind: JobKind) {
        self.inner.leases_lost.get_or_create(&kind.into()).inc();
    }

    /// A write was refused because its lease was gone. Returns what the writer is told.
    #[must_use]
    pub fn fenced(&self, write: FencedWrite) -> StoreError {
        let labels = WriteLabels {
            write: write.name(),
        };
        self.inner.fenced.get_or_create(&labels).inc();
        StoreError::LeaseLost
    }

    /// A duty of the dispatcher did so many things, or failed.
    pub fn upkeep(&self, duty: &'static str, done: Option<usize>) {
        let labels = DutyLabels { duty };
        match done {
            Some(count) => {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.inner.upkeep.get_or_create(&labels).inc_by(count);
            }
            None => {
                self.inner.upkeep_failures.get_or_create(&labels).inc();
            }
        }
    }

    /// A job whose worker was gone was taken from it.
    pub fn rescued(&self, queue: Queue, ending: &Ending) {
        let labels = RescueLabels {
            queue: queue.name(),
            outcome: ending.name(),
        };
        self.inner.rescued.get_or_create(&labels).inc();
    }

    pub(crate) fn published(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.inner.published.inc_by(events);
    }

    pub(crate) fn dropped(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.inner.dropped.inc_by(events);
    }

    /// Counts a subscriber for as long as the value lives.
    pub(crate) fn subscriber(&self) -> Subscribed {
        self.inner.subscribers.inc();
        Subscribed(self.inner.subscribers.clone())
    }

    /// Counts a WebSocket of a chat session for as long as the value lives.
    #[must_use]
    pub fn open_session(&self) -> OpenSession {
        self.inner.open_sessions.inc();
        OpenSession(self.inner.open_sessions.clone())
    }

    /// A client of a chat session was told something.
    pub fn session_message_sent(&self) {
        self.inner.session_messages_sent.inc();
    }

    /// A client of a chat session said something.
    pub fn session_message_received(&self) {
        self.inner.session_messages_received.inc();
    }

    /// Everything counted, in the OpenMetrics text format. `record` adds what Postgres knows; `Some(None)` says that it did not answer.
    #[must_use]
    pub fn text(&self, record: Option<Option<&[QueueLoad]>>) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &self.inner.registry);
        if let Some(loads) = record {
            let _ = encode_registry(&mut text, &record::registry(loads));
        }
        let _ = encode_eof(&mut text);
        text
    }
}

/// A subscriber that is counted.
pub(crate) struct Subscribed(Gauge);

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// An open WebSocket that is counted.
pub struct OpenSession(Gauge);

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl FencedWrite {
    const fn name(self) -> &'static str {
        match self {
            FencedWrite::Finish => "finish",
            FencedWrite::Events => "events",
        }
    }
}

impl Ending {
    /// The outcome, as it is counted.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Ending::Completed(_) => "completed",
            Ending::Failed(_) => "failed",
            Ending::Cancelled => "cancelled",
            Ending::Retry(..) => "retry",
            Ending::Snoozed(..) => "snoozed",
            Ending::Requeued(_) => "requeued",
            Ending::HandedBack(_) => "handed_back",
            Ending::Parked(_) => "parked",
            Ending::Paused => "paused",
        }
    }
}

impl Inner {
    fn new() -> Self {
        let mut inner = Self {
            registry: Registry::with_prefix("computetower"),
            submitted: Family::default(),
            waited: Family::new_with_constructor(|| Histogram::new(WAIT_BUCKETS)),
            ran: Family::new_with_constructor(|| Histogram::new(RUN_BUCKETS)),
            attempts: Family::default(),
            leases_lost: Family::default(),
            fenced: Family::default(),
            empty_claims: Counter::default(),
            upkeep: Family::default(),
            upkeep_failures: Family::default(),
            rescued: Family::default(),
            published: Counter::default(),
            dropped: Counter::default(),
            subscribers: Gauge::default(),
            open_sessions: Gauge::default(),
            session_messages_sent: Counter::default(),
            session_messages_received: Counter::default(),
            pages: pages::PageMetrics::default(),
        };
        inner.begin();
        inner.register();
        inner
    }

    /// Series begin at 0 rather than with the first count, so that a rate over them is right from the beginning.
    fn begin(&self) {
        for kind in JobKind::ALL {
            let labels = KindLabels::from(kind);
            drop(self.submitted.get_or_create(&labels));
            drop(self.waited.get_or_create(&labels));
            drop(self.ran.get_or_create(&labels));
            drop(self.leases_lost.get_or_create(&labels));
            drop(self.attempts.get_or_create(&AttemptLabels {
                queue: labels.queue,
                kind: labels.kind,
                outcome: "completed",
                code: "none",
            }));
        }
        for write in [FencedWrite::Finish, FencedWrite::Events] {
            drop(self.fenced.get_or_create(&WriteLabels {
                write: write.name(),
            }));
        }
        for duty in DUTIES {
            drop(self.upkeep.get_or_create(&DutyLabels { duty }));
            drop(self.upkeep_failures.get_or_create(&DutyLabels { duty }));
        }
        for queue in Queue::ALL {
            drop(self.rescued.get_or_create(&RescueLabels {
                queue: queue.name(),
                outcome: "requeued",
            }));
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "jobs_submitted",
            "Jobs that this process accepted",
            self.submitted.clone(),
        );
        registry.register_with_unit(
            "job_wait",
            "From the moment a job was due to the start of its first attempt",
            Unit::Seconds,
            self.waited.clone(),
        );
        registry.register_with_unit(
            "attempt_run",
            "From the claim of a job to the recorded end of the attempt's work",
            Unit::Seconds,
            self.ran.clone(),
        );
        registry.register(
            "attempts",
            "Attempts that ended, by outcome and failure code",
            self.attempts.clone(),
        );
        registry.register(
            "leases_lost",
            "Attempts that were dropped because their lease was gone",
            self.leases_lost.clone(),
        );
        registry.register(
            "fence_rejects",
            "Writes that were refused because the writer's lease was gone",
            self.fenced.clone(),
        );
        registry.register(
            "empty_claims",
            "Messages for which there was nothing to claim: dispatched again, cancelled, or taken by another worker",
            self.empty_claims.clone(),
        );
        registry.register(
            "upkeep_actions",
            "Things that the dispatcher's duties did",
            self.upkeep.clone(),
        );
        registry.register(
            "upkeep_failures",
            "Times that a duty of the dispatcher failed",
            self.upkeep_failures.clone(),
        );
        registry.register(
            "jobs_rescued",
            "Jobs taken from a worker that was gone",
            self.rescued.clone(),
        );
        registry.register(
            "events_published",
            "Events handed to Redis",
            self.published.clone(),
        );
        registry.register(
            "events_dropped",
            "Events that did not reach Redis; subscribers read them from Postgres",
            self.dropped.clone(),
        );
        registry.register(
            "event_subscribers",
            "Streams that follow a job now",
            self.subscribers.clone(),
        );
        registry.register(
            "active_sessions",
            "WebSockets of chat sessions that are open now",
            self.open_sessions.clone(),
        );
        registry.register(
            "websocket_messages_sent",
            "Frames that clients of chat sessions were told",
            self.session_messages_sent.clone(),
        );
        registry.register(
            "websocket_messages_received",
            "Frames that clients of chat sessions sent",
            self.session_messages_received.clone(),
        );
        self.pages.register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_jobs::{Failure, FailureCode};

    #[test]
    fn an_attempt_is_counted_by_its_outcome_and_code() {
        let metrics = Metrics::default();
        let failure = Failure::new(FailureCode::Network, "x");
        let ending = Ending::Retry(chrono::Utc::now(), failure);
        metrics.attempt_ended(JobKind::Chat, &ending, Duration::from_secs(2));
        let text = metrics.text(None);
        for line in [
            "computetower_attempts_total{queue=\"chat\",kind=\"chat\",outcome=\"retry\",code=\"network\"} 1",
            "computetower_attempt_run_seconds_bucket{le=\"2.5\",queue=\"chat\",kind=\"chat\"} 1",
            "computetower_attempt_run_seconds_bucket{le=\"1.0\",queue=\"chat\",kind=\"chat\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_subscriber_is_counted_while_it_lives() {
        let metrics = Metrics::default();
        let one = metrics.subscriber();
        assert!(
            metrics
                .text(None)
                .contains("computetower_event_subscribers 1\n")
        );
        drop(one);
        assert!(
            metrics
                .text(None)
                .contains("computetower_event_subscribers 0\n")
        );
    }
}
