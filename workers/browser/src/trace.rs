//! What a trace shows of the browser: a span for each main step, inside of whatever span the caller is in. Neither addresses nor texts are in them.

use std::future::Future;

use tracing::field::Empty;
use tracing::{Instrument, info_span};

use crate::error::BrowserError;

/// The target of spans that are made for traces alone. Without an exporter nothing listens to it, and no span is made.
pub const TARGET: &str = "computetower_trace";
/// The name of the spans of steps. They are parts of a trace, and never begin one.
pub const STEP: &str = "step";

/// Does a step in a span of its own.
pub(crate) async fn step<T>(
    name: &'static str,
    work: impl Future<Output = Result<T, BrowserError>>,
) -> Result<T, BrowserError> {
    let span = info_span!(target: TARGET, STEP, otel.name = name, otel.status_code = Empty);
    let done = work.instrument(span.clone()).await;
    if done.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    done
}
