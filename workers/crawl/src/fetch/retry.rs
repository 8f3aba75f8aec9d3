//! What follows from an answer: whether to ask again, and how far redirects are followed.

use std::time::{Duration, SystemTime};

use url::Url;

use super::FetchError;
use crate::account::Failed;
use crate::hosts::{Blame, LONGEST_PAUSE};

/// So often an address may lead on to another.
pub const MOST_HOPS: usize = 10;
/// So often a page is asked for before it counts as failed.
const MOST_TRIES: u32 = 4;
/// So often where the server seems to be away or asks for patience, which takes longer to pass: a minute and a half.
const MOST_PATIENT_TRIES: u32 = 5;
/// The wait before the second try; each later one is four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What happens to a page that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is asked for again after that time.
    Again(Duration),
    /// It has failed.
    Failed(Failed),
}

/// By the error, or the status of the answer that was neither a page nor a redirect. `tries` counts those there have been.
#[must_use]
pub fn next(outcome: Result<u16, FetchError>, asked: Option<Duration>, tries: u32) -> Next {
    next_of(outcome, asked, tries, Blame::Page)
}

/// The same where it is known whose the failure is. A try that is the host's counts against no page: it is not to be added to `tries`.
#[must_use]
pub fn next_of(
    outcome: Result<u16, FetchError>,
    asked: Option<Duration>,
    tries: u32,
    blame: Blame,
) -> Next {
    let (reason, is_transient) = match outcome {
        Err(error) => (error.reason(), error.is_transient()),
        Ok(404 | 410) => (Failed::NotFound, false),
        Ok(401 | 403 | 407 | 451) => (Failed::Forbidden, false),
        Ok(408) => (Failed::Timeout, true),
        Ok(429) => (Failed::RateLimited, true),
        Ok(501 | 505..=599) => (Failed::ServerError, false),
        Ok(500..=599) => (Failed::ServerError, true),
        Ok(_) => (Failed::Refused, false),
    };
    let most = match outcome {
        Ok(429 | 503) | Err(FetchError::Connection) => MOST_PATIENT_TRIES,
        _ => MOST_TRIES,
    };
    let is_over = match blame {
        Blame::Page => tries >= most,
        Blame::Host => false,
        Blame::HostForGood => true,
    };
    if !is_transient || is_over {
        return Next::Failed(reason);
    }
    let usual = FIRST_WAIT * 4_u32.pow(tries.saturating_sub(1).min(8));
    // Who says "at once" is not asked sooner than one who says nothing.
    Next::Again(asked.unwrap_or_default().max(usual).min(LONGEST_PAUSE))
}

/// What `Retry-After` says: seconds or a date.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The way from one address to where it leads.
#[derive(Clone, Debug)]
pub struct Hops {
    seen: Vec<Url>,
}

impl Hops {
    /// Begins at an address.
    #[must_use]
    pub fn from(start: &Url) -> Self {
        Self {
            seen: vec![start.clone()],
        }
    }

    /// Goes on to another.
    ///
    /// # Errors
    /// When that closes a circle, or was the last that is allowed already.
    pub fn go(&mut self, to: &Url) -> Result<(), Failed> {
        let mut bare = to.clone();
        bare.set_fragment(None);
        if self.seen.contains(&bare) {
            return Err(Failed::RedirectLoop);
        }
        if self.seen.len() > MOST_HOPS {
            return Err(Failed::TooManyRedirects);
        }
        self.seen.push(bare);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_pass_is_asked_again_and_what_may_not_is_not() {
        for status in [404, 410, 401, 403, 400, 418, 451, 501] {
            assert!(
                matches!(next(Ok(status), None, 1), Next::Failed(_)),
                "{status}"
            );
        }
        for status in [429, 500, 502, 503, 504, 408] {
            assert!(
                matches!(next(Ok(status), None, 1), Next::Again(_)),
                "{status}"
            );
        }
        assert_eq!(
            next(Ok(503), Some(Duration::from_secs(9)), 2),
            Next::Again(Duration::from_secs(9))
        );
        assert_eq!(
            next(Err(FetchError::PrivateAddress), None, 1),
            Next::Failed(Failed::PrivateAddress)
        );
        assert_eq!(
            next(Err(FetchError::TooLarge), None, 1),
            Next::Failed(Failed::TooLarge)
        );
        assert!(matches!(
            next(Err(FetchError::Timeout), None, 1),
            Next::Again(_)
        ));
    }

    #[test]
    fn tries_are_not_spent_in_a_moment_nor_on_a_host_that_is_away() {
        assert_eq!(
            next(Ok(429), Some(Duration::ZERO), 2),
            Next::Again(Duration::from_secs(4))
        );
        // A rate limit of a minute, and a server that is started again: the page is asked for after that, too.
        for outcome in [Ok(429), Ok(503), Err(FetchError::Connection)] {
            let waits = (1..).map_while(|tries| match next(outcome, None, tries) {
                Next::Again(wait) => Some(wait),
                Next::Failed(_) => None,
            });
            let together: Duration = waits.sum();
            assert!(together > Duration::from_secs(60), "{together:?}");
            assert!(together < Duration::from_secs(120), "{together:?}");
            assert!(matches!(
                next_of(outcome, None, 40, Blame::Host),
                Next::Again(_)
            ));
        }
        assert!(matches!(
            next_of(Ok(404), None, 1, Blame::Host),
            Next::Failed(_)
        ));
    }

    #[test]
    fn how_long_to_wait() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:40:37 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
    }

    proptest! {
        #[test]
        fn every_page_ends(status in 400..600_u16, asked in proptest::option::of(0..10_000_000_u64)) {
            let asked_for = asked.map(Duration::from_secs);
            prop_assert!(matches!(next(Ok(status), asked_for, MOST_PATIENT_TRIES), Next::Failed(_)));
            prop_assert!(matches!(next_of(Ok(status), asked_for, 1, Blame::HostForGood), Next::Failed(_)));
            if let Next::Again(wait) = next(Ok(status), asked.map(Duration::from_secs), 1) {
                prop_assert!(wait <= LONGEST_PAUSE);
            }
        }

        #[test]
        fn every_way_ends(ways in proptest::collection::vec(0..30_u32, 1..40)) {
            let url = |n: u32| Url::parse(&format!("https://a.example/{n}#x")).unwrap();
            let mut hops = Hops::from(&url(99));
            let gone = ways.iter().take_while(|n| hops.go(&url(**n)).is_ok()).count();
            prop_assert!(gone <= MOST_HOPS);
        }
    }
}
