//! Logs: text for people, JSON for machines, one line each on standard error. And traces, where they are asked for.

mod traces;

pub use traces::Traces;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged when nothing else is asked for. The libraries named here print whole protocol messages, cookies included, or a line per job. Spans
/// that are made for traces are no part of the log.
const QUIET: &str = "info,computetower_trace=off,chromiumoxide=off,async_tungstenite=off,tungstenite=off,apalis=warn,apalis_core=warn,apalis_redis=warn,s3s=warn,s3s_fs=warn,aws_config=warn";

/// Starts logging, and tracing where traces go somewhere. `filter` is in the syntax of `RUST_LOG`.
pub fn start(format: LogFormat, filter: Option<&str>, traces: Option<&Traces>) {
    let filter = wanted(filter);
    if let Some(traces) = traces {
        return start_both(format, filter, traces);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A log line that cannot be written is lost. Told on standard error, which is where it could not be written, it would end the task that logged it.
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// What is asked for is added to the quiet list, so that asking for `debug` does not print secrets of a protocol.
fn wanted(filter: Option<&str>) -> EnvFilter {
    let filter = match filter {
        Some(asked) if !asked.trim().is_empty() => format!("{QUIET},{asked}"),
        _ => QUIET.to_owned(),
    };
    EnvFilter::builder().parse_lossy(filter)
}

/// Each with a filter of its own: a log without spans, and traces without log lines.
fn start_both(format: LogFormat, filter: EnvFilter, traces: &Traces) {
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false);
    let log = match format {
        LogFormat::Text => log.with_ansi(false).boxed(),
        LogFormat::Json => log.json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .with(traces.layer())
        .try_init();
}

#[cfg(test)]
mod tests {
    use computetower_workers::trace::TARGET;
    use tracing::info_span;

    use super::*;

    #[test]
    fn without_an_exporter_no_span_is_made_for_traces_whatever_is_logged() {
        for asked in [None, Some("trace"), Some("computetower=debug")] {
            let log = tracing_subscriber::registry().with(wanted(asked));
            tracing::subscriber::with_default(log, || {
                assert!(
                    info_span!(target: TARGET, "attempt").is_disabled(),
                    "{asked:?}"
                );
                assert!(!info_span!("another").is_disabled(), "{asked:?}");
            });
        }
    }
}
