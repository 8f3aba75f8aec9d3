//! One trace from the request to the page: a job carries the span in which it was submitted, and its attempts are parts of the same trace.
//!
//! Spans are made with `tracing` under a target of their own. Where nothing exports them, nothing listens to that target and none is made.

pub use computetower_browser::trace::{STEP, TARGET};

use computetower_store::jobs::{ClaimedJob, Ending};
use computetower_store::schedules::Schedule;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, trace::Status};
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span as W3C `traceparent`, for a job that is submitted in it. `None` where there is none, or its trace is not sampled.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled()).then(|| {
        format!(
            "00-{}-{}-{:02x}",
            span.trace_id(),
            span.span_id(),
            span.trace_flags().to_u8()
        )
    })
}

/// The span that a `traceparent` names, as one of another process. `None` when it names none.
#[must_use]
pub fn remote(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let ("00", trace, span, flags, None) = (
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next(),
    ) else {
        return None;
    };
    if (trace.len(), span.len(), flags.len()) != (32, 16, 2) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

/// The span of an attempt: a child of the one in which the job was submitted, and linked to it, as messaging systems do. A job that was
/// submitted outside of any sampled trace has none.
pub(crate) fn attempt(job: &ClaimedJob) -> Span {
    let Some(submitted) = job.trace_context.as_deref().and_then(remote) else {
        return Span::none();
    };
    let queue = job.kind.queue().name();
    let span = info_span!(
        target: TARGET,
        parent: None,
        "attempt",
        otel.name = format!("job {}", job.kind),
        otel.kind = "consumer",
        otel.status_code = Empty,
        messaging.system = "computetower",
        messaging.operation.type = "process",
        messaging.operation.name = "attempt",
        messaging.destination.name = queue,
        messaging.message.id = %job.id,
        job.id = %job.id,
        job.kind = %job.kind,
        job.queue = queue,
        job.attempt = job.attempt,
        job.outcome = Empty,
        error.type = Empty,
        tenant = %job.tenant,
    );
    if !span.is_disabled() {
        span.add_link(submitted.clone());
        // It fails only for a span that has begun already.
        let _ = span.set_parent(Context::new().with_remote_span_context(submitted));
    }
    span
}

/// Says in the span of this attempt how it ended.
pub(crate) fn ended(ending: &Ending) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("job.outcome", ending.name());
    match (ending, ending.failure()) {
        (Ending::Completed(_), _) => span.set_status(Status::Ok),
        (Ending::Failed(_) | Ending::Retry(..) | Ending::Parked(_), Some(failure)) => {
            span.record("error.type", failure.code.name());
            // Messages may quote the page; the code says which kind of failure it was.
            span.set_status(Status::error(""));
        }
        _ => {}
    }
}

/// Says in the span of this attempt that its end counts for nothing: another holds the job.
pub(crate) fn dropped() {
    let span = Span::current();
    if !span.is_disabled() {
        span.record("job.outcome", "lease_lost");
        span.record("error.type", "lease_lost");
        span.set_status(Status::error(""));
    }
}

/// The span of a schedule's tick: the job that it makes begins a trace.
pub(crate) fn tick(schedule: &Schedule) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "tick",
        otel.name = "schedule tick",
        otel.kind = "producer",
        schedule.id = %schedule.id,
        tenant = %schedule.tenant,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_names_a_span_of_another_process() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let span = remote(text);
        assert!(span.as_ref().is_some_and(SpanContext::is_remote));
        assert!(span.as_ref().is_some_and(SpanContext::is_sampled));
        assert_eq!(
            span.map(|span| (span.trace_id().to_string(), span.span_id().to_string())),
            Some((
                "0af7651916cd43dd8448eb211c80319c".to_owned(),
                "b7ad6b7169203331".to_owned()
            ))
        );
    }

    #[test]
    fn what_is_no_traceparent_is_no_span() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-zaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(remote(text).is_none(), "{text}");
        }
    }

    #[test]
    fn outside_of_any_span_nothing_is_stored() {
        assert_eq!(traceparent(&Span::none()), None);
    }
}
