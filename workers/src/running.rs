//! What this process runs, and how each of it is told to stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use computetower_jobs::{JobId, LeaseToken};
use computetower_store::jobs::LeaseState;
use tokio_util::sync::CancellationToken;

/// Why an attempt has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Somebody cancelled the job.
    Cancelled,
    /// Another attempt owns the job now.
    LeaseLost,
    /// The process ends.
    Shutdown,
}

/// Tells one attempt to stop. The first reason stays.
#[derive(Clone, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    /// Stops the attempt.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Resolves once the attempt has to stop.
    pub(crate) async fn stopped(&self) -> StopReason {
        self.token.cancelled().await;
        *self.reason.get_or_init(|| StopReason::Shutdown)
    }
}

/// All attempts of the process.
#[derive(Default)]
pub(crate) struct Running {
    attempts: Mutex<HashMap<JobId, (LeaseToken, Stop)>>,
}

impl Running {
    /// Notes an attempt until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, job: JobId, lease: LeaseToken) -> (Stop, RunningGuard) {
        let stop = Stop::default();
        self.lock().insert(job, (lease, stop.clone()));
        (
            stop,
            RunningGuard {
                running: self.clone(),
                job,
                lease,
            },
        )
    }

    /// Stops a job if it runs here.
    pub(crate) fn cancel(&self, job: JobId) {
        if let Some((_, stop)) = self.lock().get(&job) {
            stop.stop(StopReason::Cancelled);
        }
    }

    /// Stops everything.
    pub(crate) fn shut_down(&self) {
        for (_, stop) in self.lock().values() {
            stop.stop(StopReason::Shutdown);
        }
    }

    /// How many attempts run.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The attempts that run right now.
    pub(crate) fn leases(&self) -> Vec<(JobId, LeaseToken)> {
        self.lock()
            .iter()
            .map(|(job, (lease, _))| (*job, *lease))
            .collect()
    }

    /// Compares with what Postgres says: `before` is what ran before Postgres was asked, so that an attempt that began meanwhile is left alone.
    pub(crate) fn compare(&self, before: &[(JobId, LeaseToken)], held: &[LeaseState]) {
        let held: HashMap<JobId, &LeaseState> =
            held.iter().map(|state| (state.job, state)).collect();
        let attempts = self.lock();
        for (job, lease) in before {
            let Some((current, stop)) = attempts.get(job) else {
                continue;
            };
            if current != lease {
                continue;
            }
            match held.get(job) {
                Some(state) if state.lease == *lease => {
                    if state.cancel_requested {
                        stop.stop(StopReason::Cancelled);
                    }
                }
                _ => stop.stop(StopReason::LeaseLost),
            }
        }
    }

    /// Resolves when nothing runs any more, or the time is over.
    pub(crate) async fn drained(&self, limit: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + limit;
        while self.count() > 0 {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, (LeaseToken, Stop)>> {
        // The map is sound whatever panicked while it was held.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an attempt off the list when dropped.
pub(crate) struct RunningGuard {
    running: Arc<Running>,
    job: JobId,
    lease: LeaseToken,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        let mut attempts = self.running.lock();
        if attempts
            .get(&self.job)
            .is_some_and(|(lease, _)| *lease == self.lease)
        {
            attempts.remove(&self.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_whose_lease_is_gone_is_stopped_and_one_that_began_meanwhile_is_not() {
        let running = Arc::new(Running::default());
        let (old, new) = (JobId::generate(), JobId::generate());
        let (old_stop, _old) = running.enter(old, LeaseToken::generate());
        let before = running.leases();
        let (new_stop, _new) = running.enter(new, LeaseToken::generate());
        running.compare(&before, &[]);
        assert_eq!(old_stop.stopped().await, StopReason::LeaseLost);
        assert!(!new_stop.token.is_cancelled());
    }
}
