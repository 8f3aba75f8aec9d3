//! One polite rate per host, whatever number of crawls asks it: how many requests may be on their way, how long is waited between two, and how long a
//! host that asked for patience is left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest pause that a robots.txt may ask for.
pub const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// The longest that a host may ask to be left alone.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How long a host is left alone that asked for patience without saying how long, the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Answers in a row after which one more request may be on its way again.
const GROW_AFTER: u32 = 20;
/// Hosts of which nothing has been heard for so long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);
/// So many hosts are remembered before those are looked for.
const MANY: usize = 1_024;

/// What a crawl wants of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests on their way at once.
    pub at_once: u32,
    /// Between the beginnings of two.
    pub delay: Duration,
}

impl Pace {
    /// The pace that a crawl and the host's robots.txt agree on: the slower one. Where the host asks for a pause, one request at a time.
    #[must_use]
    pub fn with_robots(self, crawl_delay: Option<Duration>) -> Self {
        match crawl_delay.filter(|delay| !delay.is_zero()) {
            None => self,
            Some(asked) => Self {
                at_once: 1,
                delay: self.delay.max(asked.min(LONGEST_DELAY)),
            },
        }
    }
}

/// When a request may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Now: it counts as on its way.
    Now,
    /// At that moment, as things stand.
    At(Instant),
    /// When one that is on its way has ended.
    AfterAnother,
}

/// How a request ended, for the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The host answered.
    Answered,
    /// It asked for patience (429, 503), for so long if it said so.
    Patience(Option<Duration>),
    /// Nothing was heard of it, or it does not matter.
    Silent,
}

/// One host.
#[derive(Debug)]
struct Host {
    on_the_way: u32,
    /// How many may be, after what the host asked for; the crawl's own number where it is less.
    most: u32,
    last_begun: Option<Instant>,
    closed_until: Option<Instant>,
    pause: Duration,
    answers: u32,
    heard: Instant,
}

impl Host {
    fn new(now: Instant) -> Self {
        Self {
            on_the_way: 0,
            most: u32::MAX,
            last_begun: None,
            closed_until: None,
            pause: FIRST_PAUSE,
            answers: 0,
            heard: now,
        }
    }

    fn ask(&mut self, pace: Pace, now: Instant) -> When {
        self.heard = now;
        let next = self
            .last_begun
            .map(|last| last + pace.delay)
            .max(self.closed_until);
        if let Some(next) = next.filter(|next| *next > now) {
            return When::At(next);
        }
        if self.on_the_way >= pace.at_once.min(self.most).max(1) {
            return When::AfterAnother;
        }
        self.on_the_way += 1;
        self.last_begun = Some(now);
        When::Now
    }

    fn end(&mut self, ended: Ended, now: Instant) {
        self.heard = now;
        let were = self.on_the_way;
        self.on_the_way = were.saturating_sub(1);
        match ended {
            Ended::Answered => {
                self.answers += 1;
                if self.answers >= GROW_AFTER {
                    self.answers = 0;
                    self.most = self.most.saturating_add(1);
                    self.pause = FIRST_PAUSE;
                }
            }
            Ended::Patience(asked) => {
                self.answers = 0;
                let until = now + asked.unwrap_or(self.pause).min(LONGEST_PAUSE);
                // Those that were on their way together are told the same; they count once.
                if self.closed_until.is_none_or(|closed| closed <= now) {
                    self.most = (self.most.min(were) / 2).max(1);
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                self.closed_until = self.closed_until.max(Some(until));
            }
            Ended::Silent => {}
        }
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        self.on_the_way == 0 && now.duration_since(self.heard) > FORGET_AFTER
    }
}

/// All hosts that a process asks. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Hosts {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

/// A request on its way. Dropped without a word it has ended without one.
pub struct Turn {
    hosts: Hosts,
    host: String,
    ended: Option<Ended>,
}

impl Hosts {
    /// Asks for a turn at a host (`https://a.example`) now.
    ///
    /// # Errors
    /// When there is none now: when to ask again.
    pub fn turn(&self, host: &str, pace: Pace) -> Result<Turn, When> {
        let now = Instant::now();
        let mut hosts = self.lock();
        if hosts.len() > MANY {
            hosts.retain(|_, host| !host.is_forgettable(now));
        }
        match hosts
            .entry(host.to_owned())
            .or_insert_with(|| Host::new(now))
            .ask(pace, now)
        {
            When::Now => Ok(Turn {
                hosts: self.clone(),
                host: host.to_owned(),
                ended: None,
            }),
            other => Err(other),
        }
    }

    /// Waits for a turn at a host.
    pub async fn wait(&self, host: &str, pace: Pace) -> Turn {
        loop {
            match self.turn(host, pace) {
                Ok(turn) => return turn,
                Err(When::At(at)) => tokio::time::sleep_until(at.into()).await,
                // Nobody tells when another ends: asked again soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        // Nothing can panic between two changes of the state.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Says how the request ended.
    pub fn end(mut self, ended: Ended) {
        self.ended = Some(ended);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(host) = self.hosts.lock().get_mut(&self.host) {
            host.end(self.ended.unwrap_or(Ended::Silent), Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACE: Pace = Pace {
        at_once: 4,
        delay: Duration::ZERO,
    };

    #[test]
    fn so_many_are_on_their_way_at_once() {
        let hosts = Hosts::default();
        let turns: Vec<Turn> = (0..4)
            .map(|_| hosts.turn("http://a.example", PACE).ok().unwrap())
            .collect();
        assert_eq!(
            hosts.turn("http://a.example", PACE).err(),
            Some(When::AfterAnother)
        );
        assert!(
            hosts.turn("http://b.example", PACE).is_ok(),
            "another host has its own"
        );
        drop(turns);
        assert!(hosts.turn("http://a.example", PACE).is_ok());
    }

    #[test]
    fn a_pause_that_robots_ask_for_is_kept_up_to_a_limit() {
        let asked = PACE.with_robots(Some(Duration::from_secs(5)));
        assert_eq!((asked.at_once, asked.delay), (1, Duration::from_secs(5)));
        assert_eq!(
            PACE.with_robots(Some(Duration::from_secs(86_400))).delay,
            LONGEST_DELAY
        );
        assert_eq!(PACE.with_robots(None), PACE);
        let now = Instant::now();
        let mut host = Host::new(now);
        assert_eq!(host.ask(asked, now), When::Now);
        host.end(Ended::Answered, now);
        assert_eq!(
            host.ask(asked, now + Duration::from_secs(4)),
            When::At(now + Duration::from_secs(5))
        );
        assert_eq!(host.ask(asked, now + Duration::from_secs(5)), When::Now);
    }

    #[test]
    fn a_host_that_asks_for_patience_is_left_alone_and_then_asked_less() {
        let now = Instant::now();
        let mut host = Host::new(now);
        (0..4).for_each(|_| assert_eq!(host.ask(PACE, now), When::Now));
        (0..4).for_each(|_| host.end(Ended::Patience(Some(Duration::from_secs(9))), now));
        assert_eq!(host.ask(PACE, now), When::At(now + Duration::from_secs(9)));
        let later = now + Duration::from_secs(9);
        assert_eq!(host.ask(PACE, later), When::Now);
        assert_eq!(host.ask(PACE, later), When::Now);
        assert_eq!(
            host.ask(PACE, later),
            When::AfterAnother,
            "half of those that were too many"
        );
        host.end(Ended::Patience(Some(Duration::from_secs(1_000_000))), later);
        assert_eq!(host.ask(PACE, later), When::At(later + LONGEST_PAUSE));
    }

    proptest! {
        #[test]
        fn never_more_on_their_way_nor_sooner_than_agreed(at_once in 1..6_u32, delay in 0..50_u64, steps in proptest::collection::vec((0..4_u8, 0..100_u64), 1..200)) {
            let pace = Pace { at_once, delay: Duration::from_millis(delay) };
            let mut now = Instant::now();
            let mut host = Host::new(now);
            let (mut on_the_way, mut last): (u32, Option<Instant>) = (0, None);
            for (what, passed) in steps {
                now += Duration::from_millis(passed);
                match what {
                    0 if on_the_way > 0 => {
                        on_the_way -= 1;
                        host.end(Ended::Answered, now);
                    }
                    1 if on_the_way > 0 => {
                        on_the_way -= 1;
                        host.end(Ended::Patience(None), now);
                        prop_assert!(host.ask(pace, now) != When::Now);
                    }
                    _ => {
                        if host.ask(pace, now) == When::Now {
                            on_the_way += 1;
                            prop_assert!(on_the_way <= at_once);
                            prop_assert!(last.is_none_or(|last| now.duration_since(last) >= pace.delay));
                            last = Some(now);
                        }
                    }
                }
            }
        }
    }
}
