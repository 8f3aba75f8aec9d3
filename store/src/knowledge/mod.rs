//! Knowledge: sources, what was read from them, by what it is found, and the history of how it was read.

pub mod documents;
pub mod files;
pub mod frontier;
pub mod keep;
pub mod query;
pub mod search;
pub mod sources;
pub mod syncs;
pub mod words;

pub use documents::{Document, DocumentFilter, DocumentPage, Validator};
pub use files::{FileClass, KnowledgeFile};
pub use frontier::{
    Begun, CrawlTotals, EndedPage, FoundPage, FrontierFilter, FrontierPage, FrontierRow, KnownPage,
    PageState, Placed, ReasonCount, Replaced, TakenPage,
};
pub use keep::{BodyPlace, Change, Kept, NewChunk, NewDocument};
pub use search::{Hit, SearchFilter};
pub use sources::{NewSource, Source, SourceChange, SourceKind, SourcePage};
pub use syncs::{Sync, SyncEntry, SyncPage, SyncProgress, SyncState, Trigger};

use computetower_jobs::{JobId, LeaseToken};
use sqlx::PgConnection;

use crate::error::StoreError;

/// Holds the job's row for the transaction, so that nobody takes the job away while the attempt writes.
async fn hold(tx: &mut PgConnection, job: JobId, lease: LeaseToken) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        "select id from jobs where id = $1 and lease_token = $2 and state = 'running' for share",
        job.0,
        lease.0
    )
    .fetch_optional(tx)
    .await?
    .map(|_| ())
    .ok_or(StoreError::LeaseLost)
}
