//! The site of a crawl: its scope, its pace, and what its robots.txt files say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use computetower_crawl::address::Address;
use computetower_crawl::fetch::Fetcher;
use computetower_crawl::hosts::{Hosts, Pace};
use computetower_crawl::robots::Robots;
use computetower_crawl::scope::{BadRule, Scope, ScopeRules, folder_of};
use computetower_jobs::kinds::crawl::{Crawl, CrawlOptions};
use computetower_store::knowledge::{Source, SourceKind};
use url::Url;

use crate::extraction::Extraction;

/// So many origins' robots.txt are remembered; another one is asked for again.
const MOST_ROBOTS: usize = 200;

/// What all requests of a crawl share. What may change while it runs is behind a lock that is never held for long.
pub(super) struct Site {
    pub(super) start: Address,
    pub(super) fetcher: Fetcher,
    pub(super) hosts: Hosts,
    /// In which pages are read.
    pub(super) extraction: Arc<Extraction>,
    state: Mutex<State>,
}

struct State {
    options: CrawlOptions,
    scope: Arc<Scope>,
    robots: HashMap<String, Arc<Robots>>,
}

impl Site {
    pub(super) fn new(
        start: Address,
        source: &Source,
        crawl: &Crawl,
        led_on: &[Url],
        (fetcher, hosts, extraction): (Fetcher, Hosts, Arc<Extraction>),
    ) -> Result<Self, BadRule> {
        let scope = scope(&start, source, crawl, led_on)?;
        let state = State {
            options: source.options.clone(),
            scope: Arc::new(scope),
            robots: HashMap::new(),
        };
        Ok(Self {
            start,
            fetcher,
            hosts,
            extraction,
            state: Mutex::new(state),
        })
    }

    /// Heeds what somebody has changed. True when that may change where addresses lie.
    pub(super) fn change(
        &self,
        source: &Source,
        crawl: &Crawl,
        led_on: &[Url],
    ) -> Result<bool, BadRule> {
        if self.lock().options == source.options {
            return Ok(false);
        }
        let scope = scope(&self.start, source, crawl, led_on)?;
        let mut state = self.lock();
        state.options = source.options.clone();
        state.scope = Arc::new(scope);
        Ok(true)
    }

    /// The start led on to that address.
    pub(super) fn leads_on_to(&self, url: &Url) {
        let mut state = self.lock();
        let mut scope = (*state.scope).clone();
        scope.leads_on_to(url);
        state.scope = Arc::new(scope);
    }

    pub(super) fn options(&self) -> CrawlOptions {
        self.lock().options.clone()
    }

    pub(super) fn scope(&self) -> Arc<Scope> {
        self.lock().scope.clone()
    }

    /// What the robots.txt of an origin says; `None` while it has not been asked.
    pub(super) fn robots(&self, origin: &str) -> Option<Arc<Robots>> {
        let state = self.lock();
        if state.options.ignore_robots {
            return Some(Arc::default());
        }
        state.robots.get(origin).cloned()
    }

    pub(super) fn keep_robots(&self, origin: &str, robots: Robots) {
        let own = self.start.origin();
        let mut state = self.lock();
        if state.robots.len() >= MOST_ROBOTS && !state.robots.contains_key(origin) {
            let other = state.robots.keys().find(|name| **name != own).cloned();
            other.map(|other| state.robots.remove(&other));
        }
        state.robots.insert(origin.to_owned(), Arc::new(robots));
    }

    /// How an origin is asked.
    pub(super) fn pace(&self, origin: &str) -> Pace {
        let state = self.lock();
        let pace = Pace {
            at_once: state.options.at_once.unwrap_or(CrawlOptions::USUAL_AT_ONCE),
            delay: Duration::from_millis(state.options.delay_ms.unwrap_or(0).into()),
        };
        if state.options.ignore_robots {
            return pace;
        }
        let robots = state.robots.get(origin);
        pace.with_robots(robots.and_then(|robots| robots.crawl_delay))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic between two changes of the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A website is crawled whole, a documentation below its folder, where its options do not say otherwise.
pub(super) fn scope(
    start: &Address,
    source: &Source,
    crawl: &Crawl,
    led_on: &[Url],
) -> Result<Scope, BadRule> {
    let options = &source.options;
    let whole = options.whole_host || source.kind == SourceKind::Website;
    let rules = ScopeRules {
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        subdomains: options.subdomains,
        path_prefix: (!whole).then(|| folder_of(start.url())),
        max_depth: crawl.max_depth.or(options.max_depth),
        max_pages: Some(
            crawl
                .max_pages
                .or(options.max_pages)
                .unwrap_or(CrawlOptions::USUAL_PAGES)
                .into(),
        ),
    };
    let mut scope = Scope::new(start.url(), &rules)?;
    for url in led_on {
        scope.leads_on_to(url);
    }
    Ok(scope)
}
