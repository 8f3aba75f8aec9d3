//! One polite rate per host, whatever number of crawls asks it: how many requests may be on their way, how long is waited between two, and how long a
//! host that asked for patience, or does not answer, is left alone.
//!
//! A host is a name with its port where that is not the usual one: with and without TLS, with and without `www.`, it is the same machine. Where crawls
//! of one host have different paces the slowest is kept by all, and each gets its turn in the order in which they came.

mod host;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address::Key;
use crate::fetch::{Answer, FetchError};
use host::Host;

/// The longest pause that a robots.txt may ask for.
pub const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// The longest that a host may ask to be left alone.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// So many hosts are remembered before those are looked for that can be forgotten.
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
    /// No connection, or an answer that says that the server fails.
    Failing,
    /// Nothing was heard of it, or it does not matter.
    Silent,
}

impl Ended {
    /// By what came.
    #[must_use]
    pub fn of(came: Result<&Answer, FetchError>) -> Self {
        match came {
            Ok(answer) => match answer.status {
                429 | 503 => Ended::Patience(answer.retry_after),
                500 | 502 | 504 | 506..=599 => Ended::Failing,
                _ => Ended::Answered,
            },
            Err(FetchError::Connection | FetchError::Dns) => Ended::Failing,
            // A page may be slow where others are not.
            Err(_) => Ended::Silent,
        }
    }
}

/// Whose a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The page's: the try counts against it.
    Page,
    /// The host's, of which nothing else comes either: the try counts against no page.
    Host,
    /// The host's, and it has been waited for long enough.
    HostForGood,
}

/// All hosts that a process asks. Cheap to clone; all clones are one, and each is one asker: a crawl keeps its own, so that none is starved by another.
pub struct Hosts {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
    askers: Arc<AtomicU64>,
    asker: u64,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            hosts: Arc::default(),
            askers: Arc::new(AtomicU64::new(1)),
            asker: 0,
        }
    }
}

impl Clone for Hosts {
    fn clone(&self) -> Self {
        Self {
            hosts: self.hosts.clone(),
            askers: self.askers.clone(),
            asker: self.askers.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// A request on its way. Dropped without a word it has ended without one.
pub struct Turn {
    hosts: Arc<Mutex<HashMap<String, Host>>>,
    host: String,
    has_ended: bool,
}

impl Hosts {
    /// Asks for a turn at a host (`https://a.example`) now.
    ///
    /// # Errors
    /// When there is none now: when to ask again.
    pub fn turn(&self, host: &str, pace: Pace) -> Result<Turn, When> {
        let now = Instant::now();
        let name = name_of(host);
        let mut hosts = lock(&self.hosts);
        if hosts.len() > MANY {
            hosts.retain(|_, host| !host.is_forgettable(now));
        }
        let host = hosts
            .entry(name.to_owned())
            .or_insert_with(|| Host::new(now));
        match host.ask(self.asker, pace, now) {
            When::Now => Ok(Turn {
                hosts: self.hosts.clone(),
                host: name.to_owned(),
                has_ended: false,
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

    /// Whether a host has been waited for in vain for minutes: what waits for it now need not be asked for. After a while it may be tried again.
    #[must_use]
    pub fn is_given_up(&self, host: &str) -> bool {
        lock(&self.hosts)
            .get(name_of(host))
            .is_some_and(|host| host.is_given_up(Instant::now()))
    }
}

impl Turn {
    /// Says how the request ended.
    pub fn end(mut self, ended: Ended) {
        self.ends(ended, None);
    }

    /// Says how the request for a page ended, and learns whose the failure is, if it was one.
    #[must_use]
    pub fn end_of(mut self, page: Key, ended: Ended) -> Blame {
        self.ends(ended, Some(page))
    }

    fn ends(&mut self, ended: Ended, page: Option<Key>) -> Blame {
        self.has_ended = true;
        let mut hosts = lock(&self.hosts);
        hosts
            .get_mut(&self.host)
            .map_or(Blame::Page, |host| host.end(ended, page, Instant::now()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.has_ended {
            self.ends(Ended::Silent, None);
        }
    }
}

fn lock(hosts: &Mutex<HashMap<String, Host>>) -> MutexGuard<'_, HashMap<String, Host>> {
    // Nothing can panic between two changes of the state.
    hosts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host of an origin.
fn name_of(origin: &str) -> &str {
    let name = origin.split_once("://").map_or(origin, |(_, name)| name);
    match name.strip_prefix("www.") {
        Some(bare) if bare.contains('.') => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
