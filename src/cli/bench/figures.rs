//! From samples to figures.

use std::time::Duration;

use serde::Serialize;

/// Where the middle and the ends of some times lie, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Spread {
    /// Nothing when there are no samples.
    pub(super) fn of(mut samples: Vec<Duration>) -> Option<Self> {
        samples.sort_unstable();
        Some(Self {
            p50_ms: milliseconds(percentile(&samples, 50)?),
            p95_ms: milliseconds(percentile(&samples, 95)?),
            p99_ms: milliseconds(percentile(&samples, 99)?),
            max_ms: milliseconds(*samples.last()?),
        })
    }
}

/// The least sample that at least so many of a hundred do not exceed (nearest rank).
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Milliseconds with three digits after the point: clocks here are no finer.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// How many a second, with one digit after the point.
pub(super) fn per_second(count: usize, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    (count as f64 / time.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(samples: &[u64]) -> Vec<Duration> {
        samples.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let hundred = millis(&(1..=100).collect::<Vec<_>>());
        for percent in [1, 50, 95, 99, 100] {
            let expected = Duration::from_millis(u64::try_from(percent).unwrap());
            assert_eq!(percentile(&hundred, percent), Some(expected));
        }
        // Of few samples the worst is the 99th: it must not be left out.
        assert_eq!(
            percentile(&millis(&[1, 2, 900]), 99),
            Some(Duration::from_millis(900))
        );
        assert_eq!(
            percentile(&millis(&[1, 2, 900]), 50),
            Some(Duration::from_millis(2))
        );
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(Spread::of(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn so_many_of_a_hundred_do_not_exceed_it(samples in prop::collection::vec(0_u64..1000, 1..300), percent in 1_usize..=100) {
            let mut samples = millis(&samples);
            samples.sort_unstable();
            let found = percentile(&samples, percent).unwrap();
            let within = samples.iter().filter(|sample| **sample <= found).count();
            prop_assert!(within * 100 >= samples.len() * percent);
            let below = samples.iter().filter(|sample| **sample < found).count();
            prop_assert!(below * 100 < samples.len() * percent);
        }
    }

    #[test]
    fn rates_and_times_are_rounded_not_cut() {
        assert!((milliseconds(Duration::from_nanos(1_234_567)) - 1.235).abs() < 1e-9);
        assert!((per_second(10, Duration::from_millis(1500)) - 6.7).abs() < 1e-9);
        assert!(per_second(10, Duration::ZERO).abs() < 1e-9);
    }
}
