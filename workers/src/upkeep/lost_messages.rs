//! Queued jobs whose message is gone from the lane are handed over again: Redis was wiped or away, or a process died between record and message.

use computetower_jobs::Queue;
use computetower_store::lane::End;
use computetower_store::{Store, StoreError};

/// Seconds for which a message may be on its way when its lane is empty.
const EMPTY_LANE: f64 = 2.0;
/// Seconds after which a queued job is handed over again even though its lane is busy.
const BUSY_LANE: f64 = 120.0;
/// Messages that one look puts back.
const LIMIT: i64 = 2_000;

/// Watches over the lanes.
#[derive(Default)]
pub(super) struct Watch {
    seen_redis: bool,
}

impl Watch {
    pub(super) async fn run(&mut self, store: &Store) -> Result<usize, StoreError> {
        // Unreachable Redis is not wiped Redis: the error ends this look, and the next one decides.
        let wiped = !store.lane.is_as_it_was().await? && self.seen_redis;
        self.seen_redis = true;
        if wiped {
            tracing::warn!("Redis has lost its data; queued jobs are handed over again");
        }
        let mut handed = 0;
        for queue in Queue::ALL {
            let waiting = store.lane.waiting(queue).await?;
            let seconds = match (wiped, waiting) {
                (true, _) => 0.0,
                (false, 0) => EMPTY_LANE,
                (false, _) => BUSY_LANE,
            };
            handed += hand_over(store, queue, seconds).await?;
        }
        Ok(handed)
    }
}

/// Hands over all jobs of a queue whose message is older than that, in slices.
async fn hand_over(store: &Store, queue: Queue, seconds: f64) -> Result<usize, StoreError> {
    let began = tokio::time::Instant::now();
    let mut handed = 0;
    loop {
        // Measured from the beginning, so that a slice does not find the one before it again.
        let jobs = store
            .redispatch(queue, seconds + began.elapsed().as_secs_f64(), LIMIT)
            .await?;
        if let Err(error) = store.lane.push(queue, End::Back, &jobs).await {
            // The new numbers stand in Postgres; a later look finds the jobs again.
            tracing::warn!(error = %crate::run::chain(&error), queue = %queue, "jobs could not be handed over again");
        }
        handed += jobs.len();
        if i64::try_from(jobs.len()).unwrap_or(i64::MAX) < LIMIT {
            return Ok(handed);
        }
    }
}
