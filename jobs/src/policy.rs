//! Policies: how often and how long a kind of work is tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a job is retried. A kind has one; a job may carry its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"attempts": 5, "base_ms": 500, "cap_ms": 30000}))]
pub struct RetryPolicy {
    /// Counted attempts, the first included.
    #[schema(minimum = 1, maximum = 100)]
    pub attempts: u32,
    /// Milliseconds before the second attempt; doubles from there.
    #[schema(minimum = 1)]
    pub base_ms: u64,
    /// The longest wait between two attempts, in milliseconds.
    #[schema(minimum = 1)]
    pub cap_ms: u64,
}

impl RetryPolicy {
    /// Names the field that makes no sense, if one does not.
    ///
    /// # Errors
    /// The name of the field and what it may be.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !(1..=100).contains(&self.attempts) {
            return Err(("attempts", "must be between 1 and 100"));
        }
        if self.base_ms == 0 || self.base_ms > MAX_WAIT_MS {
            return Err(("base_ms", "must be between 1 and 86400000"));
        }
        if self.cap_ms < self.base_ms || self.cap_ms > MAX_WAIT_MS {
            return Err(("cap_ms", "must be between base_ms and 86400000"));
        }
        Ok(())
    }
}

/// A day: no retry waits longer.
const MAX_WAIT_MS: u64 = 86_400_000;

/// What a kind says about itself, in one place.
#[derive(Clone, Copy, Debug)]
pub struct KindPolicy {
    /// How its jobs are retried unless they say otherwise.
    pub retry: RetryPolicy,
    /// How long one attempt may run.
    pub timeout: Duration,
}
