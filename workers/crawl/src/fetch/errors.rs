//! What can go wrong with a request, by class.

use crate::account::Failed;
use crate::guard::PrivateAddress;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Its host has a private address that the operator does not allow.
    #[error("the host has a private address")]
    PrivateAddress,
    /// The name of the host leads nowhere.
    #[error("the host is not known")]
    Dns,
    /// No connection, or it broke.
    #[error("no connection, or it broke")]
    Connection,
    /// It took too long.
    #[error("the answer took too long")]
    Timeout,
    /// It is larger than is read.
    #[error("the answer is too large")]
    TooLarge,
    /// It is no HTTP, or cannot be unpacked.
    #[error("the answer cannot be read")]
    BadAnswer,
}

impl FetchError {
    /// By what the client says, never by its words.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = source {
            if inner.is::<PrivateAddress>() {
                return FetchError::PrivateAddress;
            }
            if inner.is::<super::resolver::NotFound>() {
                return FetchError::Dns;
            }
            source = inner.source();
        }
        if error.is_timeout() {
            FetchError::Timeout
        } else if error.is_connect() || has_io(error) {
            FetchError::Connection
        } else {
            FetchError::BadAnswer
        }
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            FetchError::Dns | FetchError::Connection | FetchError::Timeout
        )
    }

    /// Under what it is accounted.
    #[must_use]
    pub fn reason(self) -> Failed {
        match self {
            FetchError::PrivateAddress => Failed::PrivateAddress,
            FetchError::Dns => Failed::Dns,
            FetchError::Connection => Failed::Connection,
            FetchError::Timeout => Failed::Timeout,
            FetchError::TooLarge => Failed::TooLarge,
            FetchError::BadAnswer => Failed::BadAnswer,
        }
    }
}

/// Whether a broken connection is at the bottom of it.
fn has_io(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{
                BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof,
            };
            return matches!(
                io.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            );
        }
        source = inner.source();
    }
    error.is_request()
}
