//! `noop`: no effect. For health checks, benchmarks, and trying the queue by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::failure::FailureCode;
use crate::kind::InvalidPayload;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `noop` is tried.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 5,
        base_ms: 500,
        cap_ms: 30_000,
    },
    timeout: Duration::from_secs(3_600),
};

/// The payload of a `noop` job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"progress": 3, "sleep_ms": 100}))]
pub struct Noop {
    /// How many progress events to send, evenly over the sleep.
    #[serde(default)]
    #[schema(maximum = 1000)]
    pub progress: u32,
    /// How long to sleep, in milliseconds.
    #[serde(default)]
    #[schema(maximum = 3_000_000)]
    pub sleep_ms: u64,
    /// Fail with this code instead of completing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<FailureCode>,
    /// Fail only the first so many attempts; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_times: Option<u32>,
}

impl Noop {
    pub(crate) fn check(&self) -> Result<(), InvalidPayload> {
        if self.progress > 1_000 {
            return Err(InvalidPayload::new("progress", "must be at most 1000"));
        }
        if self.sleep_ms > 3_000_000 {
            return Err(InvalidPayload::new("sleep_ms", "must be at most 3000000"));
        }
        Ok(())
    }
}
