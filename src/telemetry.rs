//! Logs: text for people, JSON for machines, one line each on standard error.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged when nothing else is asked for. The libraries named here print whole protocol messages, cookies included, or a line per job.
const QUIET: &str = "info,chromiumoxide=off,async_tungstenite=off,tungstenite=off,apalis=warn,apalis_core=warn,apalis_redis=warn,s3s=warn,s3s_fs=warn,aws_config=warn";

/// Starts logging. `filter` is in the syntax of `RUST_LOG`.
pub fn start(format: LogFormat, filter: Option<&str>) {
    // What is asked for is added to the quiet list, so that asking for `debug` does not print secrets of a protocol.
    let filter = match filter {
        Some(asked) if !asked.trim().is_empty() => format!("{QUIET},{asked}"),
        _ => QUIET.to_owned(),
    };
    let filter = EnvFilter::builder().parse_lossy(filter);
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
