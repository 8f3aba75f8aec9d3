//! How an attempt ends.

use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// What a handler returns. `decide` turns everything but `Completed` into a verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The effect is done; this is the result.
    Completed(Value),
    /// It went wrong; the code's class says what happens next.
    Failed(Failure),
    /// Not now, by no fault of the job: not counted as an attempt.
    Snoozed {
        /// How long to wait.
        wait: Duration,
        /// Why, for the job's events.
        reason: String,
    },
    /// Cut off by a shutdown or a lost lease.
    Interrupted,
    /// Stopped on request, to go on when resumed: not counted as an attempt.
    Paused,
    /// Stopped on request.
    Cancelled,
}
