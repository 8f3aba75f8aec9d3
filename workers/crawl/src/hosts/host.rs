//! One host: who asks it, and how it answers. Time is given, so that all of it can be tried out.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Blame, Ended, LONGEST_PAUSE, Pace, When};
use crate::address::Key;

/// How long a host is left alone that asked for patience without saying how long, the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest that a host is left alone that does not answer.
const LONGEST_CLOSING: Duration = Duration::from_secs(60);
/// Different pages that fail in a row before it is the host that fails.
const MOST_FAILING: usize = 5;
/// So often a host is closed before it is given up: after about four minutes.
const MOST_CLOSINGS: u32 = 8;
/// Answers in a row after which one more request may be on its way again.
const GROW_AFTER: u32 = 20;
/// Hosts of which nothing has been heard for so long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);
/// Who has not asked for so long does not count any more.
const ASKS_NO_MORE: Duration = Duration::from_secs(30);
/// How much later than it was told may somebody come who is waited for.
const COMES: Duration = Duration::from_millis(250);
/// How soon somebody may ask again before whom another has his turn.
const SOON: Duration = Duration::from_millis(20);

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    on_the_way: u32,
    /// How many may be, after what the host asked for; the crawl's own number where it is less.
    most: u32,
    last_begun: Option<Instant>,
    closed_until: Option<Instant>,
    pause: Duration,
    answers: u32,
    heard: Instant,
    askers: Vec<Asker>,
    /// The pages that have failed since it answered.
    failing: HashSet<Key>,
    closings: u32,
}

/// Somebody who asks.
#[derive(Clone, Copy, Debug)]
struct Asker {
    id: u64,
    pace: Pace,
    /// When it asked last.
    asked: Instant,
    /// Since when it waits, and when it was told to come.
    waits: Option<(Instant, Instant)>,
}

impl Host {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            on_the_way: 0,
            most: u32::MAX,
            last_begun: None,
            closed_until: None,
            pause: FIRST_PAUSE,
            answers: 0,
            heard: now,
            askers: Vec::new(),
            failing: HashSet::new(),
            closings: 0,
        }
    }

    pub(super) fn ask(&mut self, id: u64, pace: Pace, now: Instant) -> When {
        self.heard = now;
        let since = self.comes(id, pace, now);
        let when = self.when(id, since, now);
        let waits = match when {
            When::Now => None,
            When::At(at) => Some((since, at)),
            When::AfterAnother => Some((since, now + SOON)),
        };
        if let Some(asker) = self.askers.iter_mut().find(|asker| asker.id == id) {
            asker.waits = waits;
        }
        if when == When::Now {
            self.on_the_way += 1;
            self.last_begun = Some(now);
        }
        when
    }

    /// Notes that somebody asks. Gives since when it has waited.
    fn comes(&mut self, id: u64, pace: Pace, now: Instant) -> Instant {
        self.askers
            .retain(|asker| now.duration_since(asker.asked) <= ASKS_NO_MORE);
        match self.askers.iter_mut().find(|asker| asker.id == id) {
            Some(asker) => {
                (asker.pace, asker.asked) = (pace, now);
                asker.waits.map_or(now, |(since, _)| since)
            }
            None => {
                self.askers.push(Asker {
                    id,
                    pace,
                    asked: now,
                    waits: None,
                });
                now
            }
        }
    }

    fn when(&self, id: u64, since: Instant, now: Instant) -> When {
        let paces = || self.askers.iter().map(|asker| asker.pace);
        let delay = paces().map(|pace| pace.delay).max().unwrap_or_default();
        let at_once = paces().map(|pace| pace.at_once).min().unwrap_or(1);
        let next = self
            .last_begun
            .map(|last| last + delay)
            .max(self.closed_until);
        if let Some(next) = next.filter(|next| *next > now) {
            return When::At(next);
        }
        // A host that did not answer is tried with one request.
        let most = if self.closings > 0 { 1 } else { self.most };
        if self.on_the_way >= at_once.min(most).max(1) {
            return When::AfterAnother;
        }
        let is_before = |other: &Asker| {
            other.id != id
                && other
                    .waits
                    .is_some_and(|(waits_since, due)| waits_since < since && now <= due + COMES)
        };
        if self.askers.iter().any(is_before) {
            return When::At(now + SOON);
        }
        When::Now
    }

    pub(super) fn end(&mut self, ended: Ended, page: Option<Key>, now: Instant) -> Blame {
        self.heard = now;
        let were = self.on_the_way;
        self.on_the_way = were.saturating_sub(1);
        let was_open = self.closed_until.is_none_or(|closed| closed <= now);
        match ended {
            Ended::Answered => {
                self.failing.clear();
                self.closings = 0;
                self.answers += 1;
                if self.answers >= GROW_AFTER {
                    self.answers = 0;
                    self.most = self.most.saturating_add(1);
                    self.pause = FIRST_PAUSE;
                }
                Blame::Page
            }
            Ended::Patience(asked) => {
                self.answers = 0;
                // It may ask for more than it is given anyway, and not for less.
                let pause = asked.unwrap_or_default().max(self.pause);
                let until = now + pause.min(LONGEST_PAUSE);
                // Those that were on their way together are told the same; they count once.
                if was_open {
                    self.most = (self.most.min(were) / 2).max(1);
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                self.closed_until = self.closed_until.max(Some(until));
                self.fails(page, was_open, now)
            }
            Ended::Failing => {
                self.answers = 0;
                self.fails(page, was_open, now)
            }
            Ended::Silent => Blame::Page,
        }
    }

    /// One more has failed. Many different ones in a row are the host's fault: it is left alone for longer and longer.
    fn fails(&mut self, page: Option<Key>, was_open: bool, now: Instant) -> Blame {
        if let Some(page) = page.filter(|_| self.failing.len() < MOST_FAILING) {
            self.failing.insert(page);
        }
        if self.failing.len() < MOST_FAILING {
            return Blame::Page;
        }
        // Those that were on their way when it was closed change nothing.
        if was_open || self.closings == 0 {
            let pause = FIRST_PAUSE * 2_u32.pow(self.closings.min(8));
            self.closings += 1;
            self.closed_until = self
                .closed_until
                .max(Some(now + pause.min(LONGEST_CLOSING)));
        }
        if self.closings > MOST_CLOSINGS {
            Blame::HostForGood
        } else {
            Blame::Host
        }
    }

    pub(super) fn is_given_up(&self, now: Instant) -> bool {
        self.closings > MOST_CLOSINGS && self.closed_until.is_some_and(|closed| closed > now)
    }

    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        self.on_the_way == 0 && now.duration_since(self.heard) > FORGET_AFTER
    }
}
