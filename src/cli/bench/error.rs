//! Why a measure could not be taken.

use std::time::Duration;

use super::wire::Malformed;

/// Why a measure could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum BenchError {
    #[error(
        "{0:?} is not an address to measure: give http://host:port (of the server itself when a proxy speaks TLS before it)"
    )]
    Address(String),
    #[error("nothing could be reached at {authority}: is the deployment up?")]
    Unreachable {
        authority: String,
        source: std::io::Error,
    },
    #[error("the connection broke")]
    Broken(#[from] std::io::Error),
    #[error("the server closed the connection in the middle of an answer")]
    Closed,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("an answer of {status}: {body}")]
    Refused { status: u16, body: String },
    #[error("the answer is not of the expected shape")]
    Answer(#[source] serde_json::Error),
    #[error("a job that does nothing ended {state}: {data}")]
    Ended { state: String, data: String },
    #[error("it was not done within {} s: does a worker run? --give-up waits longer", .after.as_secs())]
    TimedOut { after: Duration },
    #[error("{0}")]
    Unusable(&'static str),
}

impl BenchError {
    pub(super) fn refused(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        Self::Refused {
            status,
            body: text.chars().take(500).collect(),
        }
    }
}
