//! A circuit breaker: an endpoint that fails again and again is left alone for a while. Pure; the time is handed in.

use std::time::{Duration, Instant};

/// Failures in a row after which it is left alone.
const MOST_FAILURES: u32 = 3;
/// For how long.
const REST: Duration = Duration::from_secs(60);

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It rests.
    Shut,
    /// It may.
    Open,
    /// It may, and tells whether the rest is over.
    Trial,
}

/// What is known of the endpoint.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether the endpoint may be asked. After a rest, one call at a time may try.
    pub(super) fn way(&mut self, now: Instant) -> Way {
        match self.open_until {
            Some(until) if now < until => Way::Shut,
            Some(_) => {
                // Others rest until this one is back.
                self.open_until = Some(now + REST);
                Way::Trial
            }
            None => Way::Open,
        }
    }

    /// A call that was let through was not made: if it was the trial, another may be.
    pub(super) fn not_made(&mut self, way: Way, now: Instant) {
        if way == Way::Trial && self.open_until.is_some() {
            self.open_until = Some(now);
        }
    }

    /// It answered.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= MOST_FAILURES {
            self.open_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_failures_in_a_row_it_rests_and_then_one_call_tries() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        breaker.failed(start);
        breaker.failed(start);
        breaker.succeeded();
        for _ in 0..MOST_FAILURES {
            assert_ne!(breaker.way(start), Way::Shut);
            breaker.failed(start);
        }
        assert_eq!(breaker.way(start + REST / 2), Way::Shut);
        assert_ne!(breaker.way(start + REST), Way::Shut);
        assert_eq!(breaker.way(start + REST), Way::Shut, "one is trying");
        breaker.failed(start + REST);
        assert_eq!(breaker.way(start + REST + REST / 2), Way::Shut);
        assert_ne!(breaker.way(start + REST * 2), Way::Shut);
        breaker.succeeded();
        assert_ne!(breaker.way(start + REST * 2), Way::Shut);
    }

    #[test]
    fn a_trial_that_was_not_made_is_left_to_another() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..MOST_FAILURES {
            breaker.failed(start);
        }
        let over = start + REST;
        let way = breaker.way(over);
        assert_eq!((way, breaker.way(over)), (Way::Trial, Way::Shut));
        // Whoever was let through before it opened has nothing to give back.
        breaker.not_made(Way::Open, over);
        assert_eq!(breaker.way(over), Way::Shut);
        breaker.not_made(way, over);
        assert_eq!(
            (breaker.way(over), breaker.way(over)),
            (Way::Trial, Way::Shut)
        );
    }
}
