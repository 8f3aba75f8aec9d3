//! Jobs whose time has come go to their lanes.

use std::collections::HashMap;

use computetower_jobs::{JobId, Queue};
use computetower_store::lane::End;
use computetower_store::{Store, StoreError};

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let due = store.dispatch_due(500).await?;
    let mut by_queue: HashMap<(Queue, bool), Vec<(JobId, i32)>> = HashMap::new();
    for job in &due {
        store
            .publisher
            .publish_between(job.id, job.attempt, job.event.clone());
        by_queue
            .entry((job.queue, job.urgent))
            .or_default()
            .push((job.id, job.dispatch));
    }
    for ((queue, urgent), jobs) in &by_queue {
        let end = if *urgent { End::Front } else { End::Back };
        store.lane.ring(*queue, end, jobs).await;
    }
    Ok(due.len())
}
