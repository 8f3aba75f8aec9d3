//! The retry decision: pure, so that it can be property-tested.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, Utc};

use crate::failure::{Failure, FailureClass};
use crate::policy::RetryPolicy;

/// Interruptions that are forgiven. One more counts as a failure, so that a job that kills its worker ends.
pub const FORGIVEN_INTERRUPTIONS: u32 = 3;
/// Snoozes that are forgiven; a job without a deadline ends after that many.
pub const MAX_SNOOZES: u32 = 500;

/// The longest wait that the other side may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(86_400);

/// What a job has been through, this attempt included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Counted attempts, this one included.
    pub attempts: u32,
    /// Attempts cut off by no fault of the job, this one included when it was.
    pub interruptions: u32,
    /// Waits that were asked for, this one included when it is.
    pub snoozes: u32,
    /// After this moment nothing is tried again.
    pub deadline: Option<DateTime<Utc>>,
}

/// What happens to the job now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt at that moment.
    Retry {
        /// When.
        at: DateTime<Utc>,
    },
    /// Another attempt at that moment; this one is not counted.
    Snooze {
        /// When.
        until: DateTime<Utc>,
    },
    /// Another attempt at once; this one is not counted.
    Requeue,
    /// A person has to act.
    Park,
    /// The job has failed.
    Fail,
    /// The job was cancelled.
    Cancel,
}

/// Decides what happens after a failure. `seed` makes the jitter; the same seed gives the same verdict.
///
/// Never schedules past the deadline, never more counted attempts than the policy and the code allow.
#[must_use]
pub fn decide(
    policy: &RetryPolicy,
    history: &History,
    failure: &Failure,
    now: DateTime<Utc>,
    seed: u64,
) -> Verdict {
    let verdict = match failure.code.class() {
        FailureClass::Cancelled => Verdict::Cancel,
        _ if failure.given_up => Verdict::Fail,
        FailureClass::Permanent => Verdict::Fail,
        FailureClass::Intervention => Verdict::Park,
        FailureClass::Throttled if history.snoozes > MAX_SNOOZES => Verdict::Fail,
        FailureClass::Throttled => Verdict::Snooze {
            until: now + wait(policy, history.snoozes, failure.retry_after, seed),
        },
        FailureClass::Interrupted if history.interruptions > FORGIVEN_INTERRUPTIONS => {
            Verdict::Fail
        }
        FailureClass::Interrupted => Verdict::Requeue,
        FailureClass::Transient { limit } if history.attempts >= policy.attempts.min(limit) => {
            Verdict::Fail
        }
        FailureClass::Transient { .. } => Verdict::Retry {
            at: now + wait(policy, history.attempts, failure.retry_after, seed),
        },
    };
    let (Verdict::Retry { at } | Verdict::Snooze { until: at }) = verdict else {
        return verdict;
    };
    match history.deadline {
        Some(deadline) if at >= deadline => Verdict::Fail,
        _ => verdict,
    }
}

/// The wait after the `times`-th try: exponential with jitter, at least what the other side asked for, never above the cap
/// unless it asked for more.
fn wait(policy: &RetryPolicy, times: u32, asked: Option<Duration>, seed: u64) -> Duration {
    let cap = Duration::from_millis(policy.cap_ms);
    // The exponent is bounded: 2^32 of any base is above every cap.
    let step = times.clamp(1, 32) as usize;
    let own = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(policy.base_ms))
        .with_max_delay(cap)
        .with_factor(2.0)
        .with_max_times(step)
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
        .last()
        .unwrap_or(cap)
        .min(cap);
    own.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureCode;
    use proptest::prelude::*;

    fn any_code() -> impl Strategy<Value = FailureCode> {
        proptest::sample::select(FailureCode::ALL)
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        (1u32..20, 1u64..5_000, 0u64..600_000).prop_map(|(attempts, base_ms, more)| RetryPolicy {
            attempts,
            base_ms,
            cap_ms: base_ms + more,
        })
    }

    proptest! {
        #[test]
        fn nothing_is_planned_past_the_deadline(policy in any_policy(), code in any_code(), attempts in 1u32..30, left_ms in 0i64..10_000, seed: u64) {
            let now = Utc::now();
            let deadline = now + chrono::Duration::milliseconds(left_ms);
            let history = History { attempts, interruptions: attempts, snoozes: attempts, deadline: Some(deadline) };
            match decide(&policy, &history, &Failure::new(code, "x"), now, seed) {
                Verdict::Retry { at } | Verdict::Snooze { until: at } => prop_assert!(at < deadline),
                _ => {}
            }
        }

        #[test]
        fn no_more_attempts_than_the_policy_allows(policy in any_policy(), code in any_code(), over in 0u32..5, seed: u64) {
            let history = History { attempts: policy.attempts + over, interruptions: 0, snoozes: 0, deadline: None };
            let verdict = decide(&policy, &history, &Failure::new(code, "x"), Utc::now(), seed);
            let retried = matches!(verdict, Verdict::Retry { .. });
            prop_assert!(!retried);
        }

        #[test]
        fn waits_stay_between_base_and_cap(policy in any_policy(), attempts in 1u32..40, seed: u64) {
            let waited = wait(&policy, attempts, None, seed);
            prop_assert!(waited >= Duration::from_millis(policy.base_ms));
            prop_assert!(waited <= Duration::from_millis(policy.cap_ms));
        }

        #[test]
        fn what_must_not_be_retried_is_not(policy in any_policy(), seed: u64) {
            let history = History { attempts: 1, interruptions: 0, snoozes: 0, deadline: None };
            for code in [FailureCode::InvalidCredentials, FailureCode::InvalidInput, FailureCode::DeadlineExceeded] {
                prop_assert_eq!(decide(&policy, &history, &Failure::new(code, "x"), Utc::now(), seed), Verdict::Fail);
            }
            for code in [FailureCode::SecondFactor, FailureCode::Captcha, FailureCode::Network, FailureCode::ProviderRateLimited] {
                prop_assert_eq!(decide(&policy, &history, &Failure::new(code, "x").given_up(), Utc::now(), seed), Verdict::Fail);
            }
        }

        #[test]
        fn the_other_side_is_given_the_time_it_asked_for(policy in any_policy(), asked_ms in 0u64..100_000, seed: u64) {
            let mut failure = Failure::new(FailureCode::ProviderRateLimited, "x");
            failure.retry_after = Some(Duration::from_millis(asked_ms));
            let now = Utc::now();
            let history = History { attempts: 1, interruptions: 0, snoozes: 1, deadline: None };
            let Verdict::Snooze { until } = decide(&policy, &history, &failure, now, seed) else {
                return Err(TestCaseError::fail("not a snooze"));
            };
            prop_assert!(until >= now + Duration::from_millis(asked_ms));
        }
    }

    #[test]
    fn a_job_that_kills_its_workers_ends() {
        let policy = RetryPolicy {
            attempts: 5,
            base_ms: 10,
            cap_ms: 20,
        };
        let lost = Failure::new(FailureCode::WorkerLost, "x");
        let history = |interruptions| History {
            attempts: 1,
            interruptions,
            snoozes: 0,
            deadline: None,
        };
        assert_eq!(
            decide(
                &policy,
                &history(FORGIVEN_INTERRUPTIONS),
                &lost,
                Utc::now(),
                1
            ),
            Verdict::Requeue
        );
        assert_eq!(
            decide(
                &policy,
                &history(FORGIVEN_INTERRUPTIONS + 1),
                &lost,
                Utc::now(),
                1
            ),
            Verdict::Fail
        );
    }
}
