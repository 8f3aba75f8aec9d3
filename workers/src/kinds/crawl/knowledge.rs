//! What a crawl knows of the site so far: which addresses, which texts, and what brings nothing new. Bounded: some hundred bytes a page.

use std::collections::{HashMap, HashSet};

use chrono::{Datelike, Utc};
use computetower_crawl::account::Skipped;
use computetower_crawl::address::{Address, Key, likely_one};
use computetower_crawl::fetch::{Kind, kind_by_address};
use computetower_crawl::fingerprint::Fingerprint;
use computetower_crawl::scope::Place;
use computetower_crawl::traps::{Traps, goes_on};
use computetower_store::knowledge::{FoundPage, KnownPage, PageState, Replaced};
use url::Url;

use super::site::Site;

/// Addresses of other sites that are written down; what comes after them is not.
const MOST_EXTERNAL: usize = 100_000;

/// What is known.
#[derive(Default)]
pub(super) struct Knowledge {
    known: HashSet<[u8; 16]>,
    /// By text, which page says it.
    owners: HashMap<[u8; 16], Owner>,
    /// By page, the text that it is known for.
    texts: HashMap<[u8; 16], ([u8; 16], Option<u64>)>,
    pub(super) traps: Traps,
    /// Those that were left out as too far away or a trap: found nearer by, they are not.
    left: HashSet<[u8; 16]>,
    external: usize,
    /// Pages that are kept.
    pub(super) kept: u64,
    /// Pages were left out because there were as many as were asked for.
    pub(super) was_cut: bool,
}

struct Owner {
    key: [u8; 16],
    url: String,
}

/// What a page's links are to the crawl.
#[derive(Default)]
pub(super) struct Discovered {
    pub(super) found: Vec<FoundPage>,
    pub(super) replaced: Vec<Replaced>,
    /// Links that lead into the site, known ones too.
    pub(super) inside: usize,
    /// Addresses of other sites.
    pub(super) outside: Vec<String>,
}

/// From where links are looked at.
pub(super) struct From<'a> {
    pub(super) url: &'a Url,
    pub(super) depth: u32,
}

impl Knowledge {
    /// Notes a page that was left out as too far away or a trap.
    pub(super) fn leave(&mut self, key: [u8; 16]) {
        self.left.insert(key);
    }

    /// Takes in what stands in the frontier already. `is_own` says whether it is this crawl's own.
    pub(super) fn remember(&mut self, page: &KnownPage, is_own: bool) {
        self.known.insert(page.key);
        let is_done = page.state == PageState::Done.name();
        if is_own {
            let is_left = [Skipped::Depth, Skipped::Trap];
            if is_left
                .iter()
                .any(|reason| page.reason.as_deref() == Some(reason.name()))
            {
                self.left.insert(page.key);
            }
            self.kept += u64::from(is_done);
            self.was_cut |= page.reason.as_deref() == Some(Skipped::PageLimit.name());
            self.external += usize::from(page.state == PageState::External.name());
        }
        if let (true, Some(exact)) = (is_done, page.exact) {
            self.own(page.key, &page.url, exact, page.near);
        }
    }

    pub(super) fn knows(&self, key: Key) -> bool {
        self.known.contains(&key.0)
    }

    /// Learns an address; true when it is new.
    pub(super) fn learn(&mut self, key: Key) -> bool {
        self.known.insert(key.0)
    }

    /// A page says this text from now on.
    pub(super) fn own(&mut self, key: [u8; 16], url: &str, exact: [u8; 16], near: Option<u64>) {
        self.disown(key);
        self.texts.insert(key, (exact, near));
        self.owners.entry(exact).or_insert_with(|| Owner {
            key,
            url: url.to_owned(),
        });
    }

    /// What a page is known to say: the same, and nearly the same.
    pub(super) fn text_of(&self, key: [u8; 16]) -> Option<([u8; 16], Option<u64>)> {
        self.texts.get(&key).copied()
    }

    /// What the page said it says no more.
    pub(super) fn disown(&mut self, key: [u8; 16]) {
        if let Some((exact, _)) = self.texts.remove(&key)
            && self
                .owners
                .get(&exact)
                .is_some_and(|owner| owner.key == key)
        {
            self.owners.remove(&exact);
        }
    }

    /// Which other page says exactly this.
    pub(super) fn says_the_same(
        &self,
        address: &Address,
        fingerprint: &Fingerprint,
    ) -> Option<&str> {
        let owner = self.owners.get(&fingerprint.exact)?;
        if owner.key == address.key().0 {
            return None;
        }
        // A few words may well be those of another page, unless their addresses are two names of one.
        let is_one = || Url::parse(&owner.url).is_ok_and(|url| likely_one(&url, address.url()));
        (!fingerprint.is_short || is_one()).then_some(owner.url.as_str())
    }

    /// Whether a page is known to say nearly this; `None` while nothing is known of what it says.
    pub(super) fn says_nearly(&self, key: Key, fingerprint: &Fingerprint) -> Option<bool> {
        let (exact, near) = self.texts.get(&key.0)?;
        let other = Fingerprint {
            exact: *exact,
            near: near.unwrap_or_default(),
            is_short: near.is_none(),
        };
        Some(fingerprint.is_near(&other))
    }

    /// An address that is found, if it is new.
    pub(super) fn discover(
        &mut self,
        site: &Site,
        address: &Address,
        depth: u32,
        points: u16,
    ) -> Option<FoundPage> {
        if !self.learn(address.key()) {
            return None;
        }
        let (state, reason) = self.place(site, address, depth, points);
        if state == PageState::External {
            self.external += 1;
            if self.external > MOST_EXTERNAL {
                return None;
            }
        }
        if matches!(reason, Some(Skipped::Depth | Skipped::Trap)) {
            self.left.insert(address.key().0);
        }
        Some(FoundPage {
            key: address.key().0,
            url: address.as_str().to_owned(),
            host: address.origin(),
            state,
            reason: reason.map(Skipped::name),
            depth,
            points,
            exact: None,
            near: None,
        })
    }

    /// Where an address lies.
    pub(super) fn place(
        &self,
        site: &Site,
        address: &Address,
        depth: u32,
        points: u16,
    ) -> (PageState, Option<Skipped>) {
        let url = address.url();
        match site.scope().place(url, depth) {
            Place::External => return (PageState::External, None),
            Place::Left(reason) => return (PageState::Skipped, Some(reason)),
            Place::Inside => {}
        }
        let forbidden = || {
            site.robots(&address.origin())
                .is_some_and(|robots| !robots.allows(url))
        };
        let reason = if kind_by_address(url) == Some(Kind::Other) {
            Some(Skipped::FileType)
        } else if forbidden() {
            Some(Skipped::Robots)
        } else if self.traps.is_trap(url, points, this_year()) {
            Some(Skipped::Trap)
        } else {
            None
        };
        match reason {
            Some(reason) => (PageState::Skipped, Some(reason)),
            None => (PageState::Queued, None),
        }
    }

    /// The links of a page that lead to new addresses within the site: what it brings.
    pub(super) fn new_inside(&self, site: &Site, links: &[Address]) -> Vec<Url> {
        let scope = site.scope();
        links
            .iter()
            .filter(|link| !self.knows(link.key()) && scope.place(link.url(), 0) == Place::Inside)
            .map(|link| link.url().clone())
            .collect()
    }

    /// The links of a page. `points` are those of what it leads to.
    pub(super) fn follow(
        &mut self,
        site: &Site,
        from: &From<'_>,
        links: &[Address],
        points: u16,
    ) -> Discovered {
        let mut all = Discovered::default();
        let scope = site.scope();
        for link in links {
            if scope.is_own(link.url()) {
                all.inside += 1;
            } else {
                all.outside.push(link.as_str().to_owned());
            }
            let depth = if goes_on(from.url, link.url()) {
                from.depth
            } else {
                from.depth + 1
            };
            if self.left.contains(&link.key().0) {
                if self.place(site, link, depth, points) == (PageState::Queued, None) {
                    self.left.remove(&link.key().0);
                    all.replaced.push(Replaced {
                        key: link.key().0,
                        state: PageState::Queued,
                        reason: None,
                        depth,
                    });
                }
                continue;
            }
            all.found.extend(self.discover(site, link, depth, points));
        }
        all
    }
}

fn this_year() -> u16 {
    u16::try_from(Utc::now().year()).unwrap_or(u16::MAX - 1)
}
