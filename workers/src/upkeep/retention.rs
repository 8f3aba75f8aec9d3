//! Old things are removed in slices, so that neither Redis nor Postgres grows for ever.

use computetower_jobs::Queue;
use computetower_store::{Store, StoreError};

/// Finished messages removed from a lane in one call.
const SLICE: usize = 1_000;
/// Calls in one sweep of a lane.
const CALLS: usize = 50;
/// Days for which a finished job is kept.
const KEEP_DAYS: i32 = 30;

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let mut removed = 0;
    for queue in Queue::ALL {
        for _ in 0..CALLS {
            let slice = store.lane.trim(queue, SLICE).await?;
            removed += slice;
            if slice < SLICE {
                break;
            }
        }
    }
    removed += usize::try_from(store.forget_old_jobs(KEEP_DAYS).await?).unwrap_or_default();
    removed += usize::try_from(store.forget_old_batches(KEEP_DAYS).await?).unwrap_or_default();
    removed += usize::try_from(store.forget_old_workers().await?).unwrap_or_default();
    Ok(removed)
}
