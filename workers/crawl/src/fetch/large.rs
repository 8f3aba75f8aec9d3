//! Large bodies: few are held at once, one of an origin, and who sends one has to be quick.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many large bodies are held at once.
const AT_ONCE: usize = 2;
/// The least that comes of one, in bytes a second.
const LEAST_RATE: f64 = 64.0 * 1024.0;

/// Leave to hold a large body, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_origin: Option<OwnedSemaphorePermit>,
}

/// Who holds large bodies. All clones are one.
#[derive(Clone)]
pub(super) struct Large {
    all: Arc<Semaphore>,
    origins: Arc<Mutex<HashMap<String, Weak<Semaphore>>>>,
}

impl Default for Large {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            origins: Arc::default(),
        }
    }
}

impl Large {
    /// Waits until one more of that origin may be held.
    pub(super) async fn permit(&self, origin: &str) -> Permit {
        // Neither is ever closed. The origin's own first: who waits for it is in nobody else's way.
        let of_origin = self.of(origin).acquire_owned().await.ok();
        Permit {
            _of_all: self.all.clone().acquire_owned().await.ok(),
            _of_origin: of_origin,
        }
    }

    fn of(&self, origin: &str) -> Arc<Semaphore> {
        // Nothing can panic between two changes of the state.
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = origins.get(origin).and_then(Weak::upgrade) {
            return known;
        }
        origins.retain(|_, one| one.strong_count() > 0);
        let one = Arc::new(Semaphore::new(1));
        origins.insert(origin.to_owned(), Arc::downgrade(&one));
        one
    }
}

/// How quickly a body comes, looked at from time to time.
pub(super) struct Rate {
    every: Duration,
    since: Instant,
    bytes: usize,
}

impl Rate {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            since: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts what came; false when it was too little for too long.
    pub(super) fn came(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes += bytes;
        let passed = now.duration_since(self.since);
        if passed < self.every {
            return true;
        }
        // Far below what a float holds exactly.
        let is_quick = self.bytes as f64 >= LEAST_RATE * passed.as_secs_f64();
        (self.since, self.bytes) = (now, 0);
        is_quick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_drips_is_too_slow() {
        let mut rate = Rate::new(Duration::from_secs(10));
        let began = rate.since;
        assert!(rate.came(1, began + Duration::from_secs(9)));
        assert!(!rate.came(1, began + Duration::from_secs(10)));
        assert!(rate.came(10 * 64 * 1024, began + Duration::from_secs(20)));
        assert!(!rate.came(10 * 64 * 1024, began + Duration::from_secs(31)));
    }
}
