//! Gauges of what Postgres knows: made anew for each scrape, so that nothing stale is told.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::load::QueueLoad;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DepthLabels {
    queue: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    queue: &'static str,
}

/// The gauges. Without loads Postgres did not answer, and only that is told.
pub(super) fn registry(loads: Option<&[QueueLoad]>) -> Registry {
    let mut registry = Registry::with_prefix("computetower");
    let reachable: Gauge = Gauge::default();
    reachable.set(i64::from(loads.is_some()));
    registry.register(
        "record_reachable",
        "1 when Postgres answered this scrape; without it the gauges of queues are missing",
        reachable,
    );
    let jobs = Family::<DepthLabels, Gauge>::default();
    let oldest = Family::<QueueLabels, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
    let workers = Family::<QueueLabels, Gauge>::default();
    let slots = Family::<QueueLabels, Gauge>::default();
    let paused = Family::<QueueLabels, Gauge>::default();
    for load in loads.unwrap_or_default() {
        let queue = load.queue.name();
        let labels = QueueLabels { queue };
        for (state, count) in [
            ("pending", load.pending),
            ("queued", load.queued),
            ("running", load.running),
            ("paused", load.held),
            ("intervention_needed", load.parked),
        ] {
            jobs.get_or_create(&DepthLabels { queue, state }).set(count);
        }
        oldest.get_or_create(&labels).set(load.oldest_age_seconds);
        workers.get_or_create(&labels).set(load.workers);
        slots.get_or_create(&labels).set(load.slots);
        paused.get_or_create(&labels).set(i64::from(load.paused));
    }
    registry.register("jobs", "Jobs that have not ended, by state", jobs);
    registry.register_with_unit(
        "queue_oldest_age",
        "How long the longest-waiting job that is due has been due; 0 when none waits",
        Unit::Seconds,
        oldest,
    );
    registry.register("workers", "Worker processes that live", workers);
    registry.register(
        "worker_slots",
        "Jobs that the living workers can run at once",
        slots,
    );
    registry.register(
        "queue_paused",
        "1 while nothing of the queue is started",
        paused,
    );
    registry
}
