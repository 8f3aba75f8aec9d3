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
            handed += match (wiped, waiting) {
                (true, _) => hand_over(store, queue, 0.0, i64::MAX).await?,
                (false, 0) => hand_over(store, queue, EMPTY_LANE, i64::MAX).await?,
                // A long backlog waits long, and its messages are there. Only what has fewer messages than jobs has lost some.
                (false, waiting) => {
                    let missing = store.long_queued(queue, BUSY_LANE).await? - waiting;
                    if missing > 0 {
                        hand_over(store, queue, BUSY_LANE, missing).await?
                    } else {
                        0
                    }
                }
            };
        }
        Ok(handed)
    }
}

/// Hands over jobs of a queue whose message is older than that, at most so many, in slices.
async fn hand_over(
    store: &Store,
    queue: Queue,
    seconds: f64,
    most: i64,
) -> Result<usize, StoreError> {
    let began = tokio::time::Instant::now();
    let mut handed = 0;
    loop {
        // Measured from the beginning, so that a slice does not find the one before it again.
        let slice = LIMIT.min(most - i64::try_from(handed).unwrap_or(i64::MAX));
        let jobs = store
            .redispatch(queue, seconds + began.elapsed().as_secs_f64(), slice)
            .await?;
        if let Err(error) = store.lane.push(queue, End::Back, &jobs).await {
            // The new numbers stand in Postgres; a later look finds the jobs again.
            tracing::warn!(error = %crate::run::chain(&error), queue = %queue, "jobs could not be handed over again");
        }
        handed += jobs.len();
        let handed_all = i64::try_from(jobs.len()).unwrap_or(i64::MAX) < LIMIT;
        if handed_all || i64::try_from(handed).unwrap_or(i64::MAX) >= most {
            return Ok(handed);
        }
    }
}
