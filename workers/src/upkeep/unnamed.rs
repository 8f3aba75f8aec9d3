//! Pictures and screenshots that nothing names any more are removed from the bucket. Beside the other duties: a bucket that does not answer holds up none.

use std::time::Duration;

use computetower_store::stored_objects::LOOKED_AT;
use computetower_store::{Store, StoreError};
use tokio::sync::watch;

use super::report;

/// How often it is looked for them.
const LOOK: Duration = Duration::from_secs(5);
/// How long a look may take before it is given up; Postgres then undoes it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn remove(store: &Store, leading: watch::Receiver<bool>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let mut more = *leading.borrow();
        while more && *leading.borrow() {
            let looked = tokio::time::timeout(PATIENCE, store.remove_unnamed_objects()).await;
            let looked = looked.unwrap_or_else(|_| Err(StoreError::Interrupted));
            more = false;
            let done = match looked {
                Err(error) => Err(error),
                Ok(looked) => {
                    more = looked.seen == LOOKED_AT && looked.failed.is_none();
                    match looked.failed {
                        None => Ok(looked.removed),
                        Some(error) => {
                            // Both are counted: what has gone, and that not all could.
                            report(store, "unnamed_objects", Ok(looked.removed));
                            Err(error)
                        }
                    }
                }
            };
            report(store, "unnamed_objects", done);
        }
    }
}
