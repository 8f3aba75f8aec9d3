//! Queued jobs whose message is gone from the lane are handed over again: Redis was wiped or away, or a process died between record and message.

use std::collections::HashMap;
use std::time::Duration;

use computetower_jobs::Queue;
use computetower_store::lane::End;
use computetower_store::{Store, StoreError};
use tokio::time::Instant;

/// Seconds for which a message may be on its way when its lane is empty.
const EMPTY_LANE: f64 = 2.0;
/// Seconds after which a queued job is stuck.
const STUCK: f64 = 120.0;
/// How long workers have to have had free slots all the while: one that is just between two jobs tells nothing.
const FREE: Duration = Duration::from_secs(2);
/// Messages that one look puts back.
const LIMIT: i64 = 2_000;

/// Watches over the lanes.
#[derive(Default)]
pub(super) struct Watch {
    seen_redis: bool,
    /// Since when workers have had free slots while jobs were stuck.
    free: HashMap<Queue, Instant>,
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
                (true, _) => hand_over(store, queue, End::Back, 0.0, i64::MAX).await?,
                (false, 0) => hand_over(store, queue, End::Back, EMPTY_LANE, i64::MAX).await?,
                (false, waiting) => self.unstick(store, queue, waiting).await?,
            };
        }
        Ok(handed)
    }

    /// A lane that is not empty: its messages may all be there, and only wait. When workers have had free slots for a while, they are not what
    /// the stuck jobs wait for, and all of those are handed over again; when all slots are taken, as many as there are too few messages.
    async fn unstick(
        &mut self,
        store: &Store,
        queue: Queue,
        waiting: i64,
    ) -> Result<usize, StoreError> {
        let queued = store.long_queued(queue, STUCK).await?;
        if queued == 0 || store.free_slots(queue).await? == 0 {
            self.free.remove(&queue);
        } else {
            let since = *self.free.entry(queue).or_insert_with(Instant::now);
            if since.elapsed() >= FREE {
                tracing::warn!(queue = %queue, "jobs are stuck although workers have free slots; they are handed over again");
                // They have waited longest.
                return hand_over(store, queue, End::Front, STUCK, i64::MAX).await;
            }
        }
        let missing = queued - waiting;
        if missing <= 0 {
            return Ok(0);
        }
        hand_over(store, queue, End::Front, STUCK, missing).await
    }
}

/// Hands over jobs of a queue whose message is older than that, at most so many, in slices.
async fn hand_over(
    store: &Store,
    queue: Queue,
    end: End,
    seconds: f64,
    most: i64,
) -> Result<usize, StoreError> {
    let began = Instant::now();
    let mut handed = 0;
    loop {
        // Measured from the beginning, so that a slice does not find the one before it again.
        let slice = LIMIT.min(most - i64::try_from(handed).unwrap_or(i64::MAX));
        let jobs = store
            .redispatch(queue, seconds + began.elapsed().as_secs_f64(), slice)
            .await?;
        if let Err(error) = store.lane.push(queue, end, &jobs).await {
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
