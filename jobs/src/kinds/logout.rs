//! `logout`: signs a credential out on its web app, after its browser state was forgotten here.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::CredentialId;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `logout` is tried.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 3,
        base_ms: 2_000,
        cap_ms: 30_000,
    },
    timeout: Duration::from_secs(150),
};

/// The payload of a `logout` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credential_id": "01890000-0000-7000-8000-000000000009"}))]
pub struct Logout {
    /// Whose account.
    pub credential_id: CredentialId,
}
