//! A circuit breaker: an endpoint that fails again and again is left alone for a while. Pure; the time is handed in.

use std::time::{Duration, Instant};

/// Failures in a row after which it is left alone.
const MOST_FAILURES: u32 = 3;
/// For how long.
const REST: Duration = Duration::from_secs(60);

/// What is known of the endpoint.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether the endpoint may be asked. After a rest, one call at a time may try.
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // Others rest until this one is back.
                self.open_until = Some(now + REST);
                true
            }
            None => true,
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
            assert!(breaker.lets_through(start));
            breaker.failed(start);
        }
        assert!(!breaker.lets_through(start + REST / 2));
        assert!(breaker.lets_through(start + REST));
        assert!(!breaker.lets_through(start + REST), "one is trying");
        breaker.failed(start + REST);
        assert!(!breaker.lets_through(start + REST + REST / 2));
        assert!(breaker.lets_through(start + REST * 2));
        breaker.succeeded();
        assert!(breaker.lets_through(start + REST * 2));
    }
}
