//! What this process runs, and how each of it is told to stop.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use computetower_jobs::{JobId, LeaseToken};
use computetower_store::jobs::LeaseState;
use tokio_util::sync::CancellationToken;

/// Why an attempt has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Somebody cancelled the job.
    Cancelled,
    /// Somebody paused the job.
    Paused,
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

    /// Whether somebody cancelled the job.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.reason.get() == Some(&StopReason::Cancelled)
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
    /// Set once everything was told to stop: what comes in later is told at once.
    shut_down: std::sync::atomic::AtomicBool,
    /// Orders to stop jobs that did not run here: one of them may be on its way in.
    early: Mutex<VecDeque<(JobId, StopReason, Instant)>>,
}

/// For how long, and how many, orders for jobs that do not run here are remembered.
const EARLY: (Duration, usize) = (Duration::from_secs(10), 1_000);

impl Running {
    /// Notes an attempt until the guard is dropped. `asked` is when its claim was begun: orders since then are for it.
    pub(crate) fn enter(
        self: &Arc<Self>,
        job: JobId,
        lease: LeaseToken,
        asked: Instant,
    ) -> (Stop, RunningGuard) {
        let stop = Stop::default();
        if let Some((_, older)) = self.lock().insert(job, (lease, stop.clone())) {
            // This process lost the job and got it back: the older attempt has nothing to say any more.
            older.stop(StopReason::LeaseLost);
        }
        let early = self.early();
        let heard = early
            .iter()
            .find(|(ordered, _, at)| *ordered == job && *at >= asked);
        if let Some((_, reason, _)) = heard {
            stop.stop(*reason);
        }
        drop(early);
        if self.shut_down.load(std::sync::atomic::Ordering::SeqCst) {
            stop.stop(StopReason::Shutdown);
        }
        (
            stop,
            RunningGuard {
                running: self.clone(),
                job,
                lease,
            },
        )
    }

    /// Stops a job if it runs here, or is about to.
    pub(crate) fn order(&self, job: JobId, reason: StopReason) {
        {
            let mut early = self.early();
            early.retain(|(_, _, at)| at.elapsed() < EARLY.0);
            if early.len() >= EARLY.1 {
                early.pop_front();
            }
            early.push_back((job, reason, Instant::now()));
        }
        if let Some((_, stop)) = self.lock().get(&job) {
            stop.stop(reason);
        }
    }

    fn early(&self) -> MutexGuard<'_, VecDeque<(JobId, StopReason, Instant)>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops everything, also what is still on its way in.
    pub(crate) fn shut_down(&self) {
        self.shut_down
            .store(true, std::sync::atomic::Ordering::SeqCst);
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
                    } else if state.pause_requested {
                        stop.stop(StopReason::Paused);
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
        let (old_stop, _old) = running.enter(old, LeaseToken::generate(), Instant::now());
        let before = running.leases();
        let (new_stop, _new) = running.enter(new, LeaseToken::generate(), Instant::now());
        running.compare(&before, &[]);
        assert_eq!(old_stop.stopped().await, StopReason::LeaseLost);
        assert!(!new_stop.token.is_cancelled());
    }

    #[tokio::test]
    async fn an_order_that_comes_during_the_claim_is_heard_and_one_from_before_is_not() {
        let running = Arc::new(Running::default());
        let job = JobId::generate();
        running.order(job, StopReason::Cancelled);
        let (stop, guard) = running.enter(job, LeaseToken::generate(), Instant::now());
        assert!(!stop.token.is_cancelled());
        drop(guard);
        let asked = Instant::now();
        running.order(job, StopReason::Paused);
        let (stop, _guard) = running.enter(job, LeaseToken::generate(), asked);
        assert_eq!(stop.stopped().await, StopReason::Paused);
    }

    #[tokio::test]
    async fn an_attempt_that_comes_in_after_the_order_to_end_is_stopped() {
        let running = Arc::new(Running::default());
        running.shut_down();
        let (stop, _guard) =
            running.enter(JobId::generate(), LeaseToken::generate(), Instant::now());
        assert_eq!(stop.stopped().await, StopReason::Shutdown);
    }

    #[tokio::test]
    async fn an_older_attempt_of_the_same_job_is_stopped() {
        let running = Arc::new(Running::default());
        let job = JobId::generate();
        let (older, _older) = running.enter(job, LeaseToken::generate(), Instant::now());
        let (_newer, _newer_guard) = running.enter(job, LeaseToken::generate(), Instant::now());
        assert_eq!(older.stopped().await, StopReason::LeaseLost);
    }
}
