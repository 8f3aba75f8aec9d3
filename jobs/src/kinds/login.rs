//! `login`: signs a credential in, judges by what the page shows, and keeps the profile.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::CredentialId;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `login` is tried.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 3,
        base_ms: 2_000,
        cap_ms: 60_000,
    },
    timeout: Duration::from_secs(120),
};

/// The payload of a `login` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credential_id": "01890000-0000-7000-8000-000000000009"}))]
pub struct Login {
    /// Whose account: made by `POST /api/v1/credentials`.
    pub credential_id: CredentialId,
}
