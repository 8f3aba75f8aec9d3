//! `discovery`: finds a provider's login, chat box and answer, and proves them by asking.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::ProviderId;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `discovery` is tried.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 3,
        base_ms: 2_000,
        cap_ms: 60_000,
    },
    timeout: Duration::from_secs(300),
};

/// The payload of a `discovery` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"provider_id": "01890000-0000-7000-8000-000000000010"}))]
pub struct Discovery {
    /// Which provider: made by `POST /admin/providers`.
    pub provider_id: ProviderId,
}
