//! Several providers behind one name: who is asked first, what another can mend, and which failure counts when none has answered. Pure.

use crate::failure::{Failure, FailureClass, FailureCode};

/// A provider that may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How to chat on its page is known.
    pub known: bool,
    /// Its last discovery failed, or its page was lately not as it was found.
    pub unhealthy: bool,
    /// The conversation that the question continues was had there.
    pub home: bool,
}

/// The order in which providers are asked: where the conversation was had, then those that are well, then those that may not be; within these as they
/// are named. Of those of which nothing is known none is asked.
#[must_use]
pub fn order(standings: &[Standing]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..standings.len())
        .filter(|at| standings[*at].known)
        .collect();
    order.sort_by_key(|at| (standings[*at].unhealthy, !standings[*at].home));
    order
}

/// Whether another provider may give the answer that this one could not.
#[must_use]
pub const fn another_may_mend(code: FailureCode) -> bool {
    match code {
        FailureCode::ElementNotFound
        | FailureCode::NavigationTimeout
        | FailureCode::Network
        | FailureCode::Captcha
        | FailureCode::SecondFactor
        | FailureCode::InvalidCredentials
        | FailureCode::SessionExpired
        | FailureCode::ProviderRateLimited
        | FailureCode::ModelError
        | FailureCode::NotReady
        | FailureCode::AnswerCut
        // Another page may take a longer question.
        | FailureCode::InvalidInput => true,
        // The job itself, this worker, or storage.
        FailureCode::BrowserCrashed
        | FailureCode::StorageUnavailable
        | FailureCode::Cancelled
        | FailureCode::DeadlineExceeded
        | FailureCode::Unknown
        | FailureCode::AttemptTimeout
        | FailureCode::WorkerLost
        | FailureCode::DependencyFailed => false,
    }
}

/// The failure after which there is most to hope for, and soonest, the later of two that are alike: by it the job is tried again, or not.
#[must_use]
pub fn most_hopeful(failures: Vec<Failure>) -> Option<Failure> {
    failures.into_iter().rev().min_by_key(|failure| {
        let rank = match failure.code.class() {
            _ if failure.given_up => 4,
            FailureClass::Interrupted | FailureClass::Transient { .. } => 0,
            FailureClass::Throttled => 1,
            FailureClass::Intervention => 2,
            FailureClass::Permanent | FailureClass::Cancelled => 3,
        };
        (rank, failure.retry_after.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failure_that_can_pass_counts_more_than_one_that_cannot() {
        let failure = |code| Failure::new(code, "x");
        let of = |codes: &[FailureCode]| {
            let failures = codes.iter().map(|code| failure(*code)).collect();
            most_hopeful(failures).map(|failure| failure.code)
        };
        use FailureCode as F;
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[F::ProviderRateLimited, F::InvalidCredentials]),
            Some(F::ProviderRateLimited)
        );
        assert_eq!(
            of(&[F::Network, F::ModelError, F::Captcha]),
            Some(F::ModelError)
        );
        let given_up = vec![failure(F::Network).given_up(), failure(F::InvalidInput)];
        assert_eq!(
            most_hopeful(given_up).map(|f| f.code),
            Some(F::InvalidInput)
        );
    }

    proptest! {
        #[test]
        fn each_that_is_known_is_asked_once_and_the_well_ones_first(flags in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..8)) {
            let standings: Vec<Standing> = flags.iter().map(|(known, unhealthy, home)| Standing { known: *known, unhealthy: *unhealthy, home: *home }).collect();
            let order = order(&standings);
            let mut seen = order.clone();
            seen.sort_unstable();
            let known: Vec<usize> = (0..standings.len()).filter(|at| standings[*at].known).collect();
            prop_assert_eq!(seen, known);
            for pair in order.windows(2) {
                let [a, b] = [standings[pair[0]], standings[pair[1]]];
                prop_assert!(a.unhealthy <= b.unhealthy);
                prop_assert!(a.unhealthy != b.unhealthy || a.home >= b.home);
                prop_assert!(a.unhealthy != b.unhealthy || a.home != b.home || pair[0] < pair[1]);
            }
        }
    }
}
