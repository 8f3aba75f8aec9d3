//! Why a call to a running computetower brought nothing, in words that say what to do.

use serde::Deserialize;
use url::Url;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody can be asked without one.
    #[error(
        "COMPUTETOWER_API_KEY is not set: set it to a key that `computetower up` printed, or that `computetower keys` makes"
    )]
    NoKey,
    /// Operators show a key of their own.
    #[error(
        "COMPUTETOWER_ADMIN_KEY is not set, and this is for operators: set it to the admin key that `computetower up` printed, or that `computetower web` was started with"
    )]
    NoAdminKey,
    /// Nothing listens, or not there.
    #[error(
        "nothing answers at {url}: start computetower with `computetower up`, or set COMPUTETOWER_URL to the address where it is"
    )]
    NotThere {
        /// The address that was tried.
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    /// The request went out, its answer did not come back whole.
    #[error("{url} did not answer; whether it did what was asked is not known")]
    NoAnswer {
        /// The address that was tried.
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    /// The platform said no.
    #[error(transparent)]
    Refused(Refusal),
    /// Something answered that does not speak this API.
    #[error(
        "{url} answered {status} with something that is not JSON: does COMPUTETOWER_URL name a computetower?"
    )]
    NotOurs {
        /// The address that was tried.
        url: Url,
        /// What it answered.
        status: u16,
    },
}

impl CallError {
    /// True when the same call may bring something a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            CallError::NotThere { .. } | CallError::NoAnswer { .. } => true,
            CallError::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
            CallError::NotOurs { status, .. } => *status >= 500,
            CallError::NoKey | CallError::NoAdminKey => false,
        }
    }
}

/// A problem document (`application/problem+json`).
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedField>,
    #[serde(default)]
    request_id: String,
}

#[derive(Debug, Deserialize)]
struct RefusedField {
    field: String,
    reason: String,
}

impl std::error::Error for Refusal {}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.detail, self.status, self.code)?;
        for RefusedField { field, reason } in &self.errors {
            write!(f, "\n  field {field:?}: {reason}")?;
        }
        if self.status >= 500 {
            write!(f, "\n  request id {}", self.request_id)?;
        }
        Ok(())
    }
}
