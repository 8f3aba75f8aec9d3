//! Whether a job that is accepted now may go straight onto its lane. When it may not, it takes its turn: the dispatcher feeds the lane.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use computetower_jobs::Queue;

use crate::lane::connection::PatientConnection;
use crate::redis_keys::RedisKeys;

/// Messages that may wait on a lane of which no dispatcher has said more.
const UNTOLD_CAP: i64 = 32;
/// For how long a look at a lane holds. Several processes that look at the same time may together exceed the cap by so much as they accept meanwhile.
const FRESH: Duration = Duration::from_millis(20);
/// How long Redis may take to tell.
const ANSWER: Duration = Duration::from_millis(100);
/// For how long it is not asked again when it did not.
const AWAY: Duration = Duration::from_millis(500);

#[derive(Clone, Copy)]
struct Look {
    room: usize,
    answers: bool,
    until: Instant,
}

/// Who may go onto a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// So many, behind what waits.
    pub(crate) back: usize,
    /// Those for whose tenants nothing else waits, to the front. Only where the lane can be reached.
    pub(crate) front: bool,
}

/// What this process knows of the room on each lane. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate {
    redis: PatientConnection,
    keys: RedisKeys,
    looks: Arc<Mutex<HashMap<Queue, Look>>>,
}

impl Gate {
    pub(crate) fn new(redis: PatientConnection, keys: RedisKeys) -> Self {
        // Nobody waits for a Redis that is away: the job is accepted all the same, and takes its turn later.
        Self {
            redis: redis.with_patience(Duration::ZERO),
            keys,
            looks: Arc::default(),
        }
    }

    /// Takes room for up to `wanted` messages and tells for how many there is some.
    pub(crate) async fn take(&self, queue: Queue, wanted: usize) -> Admitted {
        if wanted == 0 {
            return Admitted::default();
        }
        if let Some(taken) = self.take_known(queue, wanted) {
            return taken;
        }
        let looked = tokio::time::timeout(ANSWER, self.look(queue)).await;
        let (room, answers, holds) = match looked {
            Ok(Ok(room)) => (room, true, FRESH),
            _ => (0, false, AWAY),
        };
        let taken = room.min(wanted);
        let look = Look {
            room: room - taken,
            answers,
            until: Instant::now() + holds,
        };
        self.looks().insert(queue, look);
        Admitted {
            back: taken,
            front: answers,
        }
    }

    /// From a look that is fresh and found enough; `None` when the lane has to be looked at.
    fn take_known(&self, queue: Queue, wanted: usize) -> Option<Admitted> {
        let mut looks = self.looks();
        let look = looks.get_mut(&queue)?;
        if look.until < Instant::now() {
            return None;
        }
        // A lane that was full a moment ago is not asked again for each job.
        let taken = look.room.min(wanted);
        look.room -= taken;
        Some(Admitted {
            back: taken,
            front: look.answers,
        })
    }

    async fn look(&self, queue: Queue) -> redis::RedisResult<usize> {
        let (front, waiting, cap, backlog): (i64, i64, Option<i64>, bool) = redis::pipe()
            .llen(super::front_list(&self.keys, queue))
            .llen(super::apalis_names(&self.keys, queue).active_jobs_list())
            .get(self.keys.lane_cap(queue))
            .exists(self.keys.backlog(queue))
            .query_async(&mut self.redis.clone())
            .await?;
        if backlog {
            return Ok(0);
        }
        let room = cap.unwrap_or(UNTOLD_CAP) - waiting - front;
        Ok(usize::try_from(room).unwrap_or_default())
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<Queue, Look>> {
        // The map is sound whatever panicked while it was held.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
