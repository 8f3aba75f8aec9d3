//! Jobs that have ended are told to the jobs that wait for them, down the whole chain.

use std::time::Duration;

use computetower_store::{Store, StoreError};

/// How long one look may take: other duties have their turn, too. What is left waits for the next.
const LONGEST: Duration = Duration::from_secs(1);

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let began = tokio::time::Instant::now();
    let mut done = 0;
    loop {
        let settled = store.settle().await?;
        for (job, attempt, event) in settled.failed {
            store.publisher.publish_between(job, attempt, event);
        }
        store.ring_turn(settled.ready).await;
        done += settled.progress;
        if settled.progress == 0 || began.elapsed() > LONGEST {
            return Ok(done);
        }
    }
}
