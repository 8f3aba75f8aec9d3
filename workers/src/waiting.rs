//! Time that an attempt spends waiting for a person. It does not count against what the attempt may take.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The shortest look whether the time is over.
const LOOK: Duration = Duration::from_millis(50);

/// How long an attempt has waited for people so far.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    spent: Duration,
    since: Option<Instant>,
}

/// A person is waited for until this is dropped.
pub(crate) struct Wait<'a>(&'a Waiting);

impl Waiting {
    /// Waits for a person from now on.
    pub(crate) fn begin(&self) -> Wait<'_> {
        self.lock().since = Some(Instant::now());
        Wait(self)
    }

    fn spent(&self) -> Duration {
        let state = self.lock();
        state.spent + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Resolves once the attempt has worked for so long, waiting for people not counted.
    pub(crate) async fn is_over(&self, limit: Duration) {
        let began = Instant::now();
        loop {
            let worked = began.elapsed().saturating_sub(self.spent());
            if worked >= limit {
                return;
            }
            sleep((limit - worked).max(LOOK)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic between two changes of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let Some(since) = state.since.take() {
            state.spent += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_for_a_person_takes_nothing_of_the_attempts_time() {
        let waiting = Waiting::default();
        let limit = Duration::from_millis(100);
        let wait = waiting.begin();
        let over = waiting.is_over(limit);
        tokio::pin!(over);
        assert!(
            tokio::time::timeout(limit * 4, &mut over).await.is_err(),
            "the time ran on while a person was waited for"
        );
        drop(wait);
        over.await;
        assert!(waiting.spent() >= limit * 4);
    }
}
