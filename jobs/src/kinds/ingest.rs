//! `ingest`: reads the files of a knowledge source. How it is done stands under the same name in `workers/src/kinds/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::SourceId;
use crate::kind::InvalidPayload;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `ingest` is tried.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 4,
        base_ms: 1_000,
        cap_ms: 60_000,
    },
    timeout: Duration::from_secs(3_600),
};

/// The payload of an `ingest` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source_id": "01890000-0000-7000-8000-000000000021"}))]
pub struct Ingest {
    /// Whose files are read.
    pub source_id: SourceId,
    /// The one file, by its key in the bucket; all of the source's files when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub key: Option<String>,
    /// Everything is read anew, also files that have not changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

impl Ingest {
    pub(crate) fn check(&self) -> Result<(), InvalidPayload> {
        if self
            .key
            .as_ref()
            .is_some_and(|key| !(1..=1_024).contains(&key.len()))
        {
            return Err(InvalidPayload::new("key", "must be 1 to 1024 bytes"));
        }
        Ok(())
    }
}
