//! Old things are removed in slices, so that Postgres does not grow for ever; what is in Redis goes by itself.

use computetower_store::{Store, StoreError};

/// Days for which a finished job is kept.
const KEEP_DAYS: i32 = 30;
/// Days for which a conversation can be continued on the page where it was had.
const KEEP_THREADS_DAYS: i32 = 7;
/// Days for which a stored response or completion is kept.
const KEEP_OBJECTS_DAYS: i32 = 30;
/// Days for which a chat session that nobody uses is kept.
const KEEP_SESSIONS_DAYS: i32 = 7;

/// Days for which it is known how much a tenant has asked the vision model.
const KEEP_VISION_USAGE_DAYS: i32 = 100;
/// Days for which the log of the solver of challenges is kept.
const KEEP_CAPTCHA_USES_DAYS: i32 = 365;

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let mut removed = 0;
    removed += usize::try_from(store.forget_old_jobs(KEEP_DAYS).await?).unwrap_or_default();
    removed += usize::try_from(store.forget_old_batches(KEEP_DAYS).await?).unwrap_or_default();
    removed +=
        usize::try_from(store.forget_old_threads(KEEP_THREADS_DAYS).await?).unwrap_or_default();
    removed +=
        usize::try_from(store.forget_old_objects(KEEP_OBJECTS_DAYS).await?).unwrap_or_default();
    removed += usize::try_from(store.forget_old_exchanges().await?).unwrap_or_default();
    removed += usize::try_from(store.forget_old_requests().await?).unwrap_or_default();
    let sessions = store.forget_old_chat_sessions(KEEP_SESSIONS_DAYS).await?;
    removed += usize::try_from(sessions).unwrap_or_default();
    let usage = store
        .forget_old_vision_usage(KEEP_VISION_USAGE_DAYS)
        .await?;
    let uses = store
        .forget_old_captcha_uses(KEEP_CAPTCHA_USES_DAYS)
        .await?;
    removed += usize::try_from(usage + uses).unwrap_or_default();
    removed += usize::try_from(store.forget_old_workers().await?).unwrap_or_default();
    removed += usize::try_from(store.forget_full_buckets().await?).unwrap_or_default();
    Ok(removed)
}
