//! What becomes of a page that came, and of what it leads to.

use std::time::Duration;

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::Address;
use computetower_crawl::scope::Place;
use computetower_crawl::traps::{Brought, MOST_POINTS};
use computetower_jobs::kinds::crawl::{CrawlOptions, Scripts, SitemapUse};
use computetower_store::knowledge::{
    EndedPage, FoundPage, NewDocument, PageState, Replaced, TakenPage,
};
use serde_json::json;
use url::Url;

use super::begin::Crawling;
use super::fetch::Got;
use super::knowledge::From;
use super::read::Read;

/// Points against each address that leads on to another origin: ten in a row are too many.
const LEADS_ON: u16 = MOST_POINTS / 10;
/// So often a page waits for the one that it names as its own.
const MOST_LOOKS: u32 = 3;

/// What is to be written together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) ended: Vec<EndedPage>,
    pub(super) found: Vec<FoundPage>,
    pub(super) replaced: Vec<Replaced>,
    pub(super) documents: Vec<NewDocument>,
    /// Documents that are there as they were.
    pub(super) unchanged: Vec<String>,
    /// Documents whose pages could not be had this time.
    pub(super) spared: Vec<String>,
    pub(super) bytes: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.found.is_empty() && self.replaced.is_empty()
    }
}

/// A page, under the address at which it was found.
struct Page<'a> {
    address: &'a Address,
    depth: u32,
    points: u16,
    looks: u32,
}

/// What becomes of an address.
struct Verdict {
    state: PageState,
    reason: Option<&'static str>,
    other: Option<String>,
    wait: Option<Duration>,
}

impl Verdict {
    fn skipped(reason: Skipped, other: Option<&str>) -> Self {
        Self {
            state: PageState::Skipped,
            reason: Some(reason.name()),
            other: other.map(str::to_owned),
            wait: None,
        }
    }

    fn ended(self, key: [u8; 16]) -> EndedPage {
        EndedPage {
            key,
            state: self.state,
            reason: self.reason,
            other: self.other,
            wait: self.wait,
            tried: false,
            exact: None,
            near: None,
        }
    }
}

/// Judges what came of an address.
pub(super) fn judge(
    crawling: &mut Crawling,
    taken: &TakenPage,
    address: &Address,
    got: Got,
    batch: &mut Batch,
) {
    let ended = match got {
        Got::Read { at, read } if at.key() == address.key() => {
            let page = Page {
                address,
                depth: taken.depth,
                points: taken.points,
                looks: taken.looks,
            };
            let (exact, near) = (read.fingerprint.exact, near(&read));
            let verdict = page_came(crawling, &page, *read, batch);
            let is_done = verdict.state == PageState::Done;
            EndedPage {
                exact: is_done.then_some(exact),
                near: near.filter(|_| is_done),
                ..verdict.ended(taken.key)
            }
        }
        Got::Read { at, read } => {
            led_on(crawling, taken, &at);
            if crawling.knowledge.knows(at.key()) {
                // That address has its own turn, or had it.
            } else {
                elsewhere(crawling, taken, &at, *read, batch);
            }
            Verdict::skipped(Skipped::Redirect, Some(at.as_str())).ended(taken.key)
        }
        Got::Unchanged => {
            let text = taken.exact.map(|exact| (exact, taken.near));
            let text = text.or_else(|| crawling.knowledge.text_of(taken.key));
            if let Some((exact, near)) = text {
                crawling.knowledge.own(taken.key, &taken.url, exact, near);
            }
            crawling.knowledge.kept += 1;
            batch.unchanged.push(taken.url.clone());
            let verdict = Verdict {
                state: PageState::Done,
                reason: None,
                other: None,
                wait: None,
            };
            EndedPage {
                exact: text.map(|(exact, _)| exact),
                near: text.and_then(|(_, near)| near),
                ..verdict.ended(taken.key)
            }
        }
        Got::Leads(to) => {
            let points = taken.points.saturating_add(LEADS_ON);
            if points >= MOST_POINTS {
                lost(taken, Failed::TooManyRedirects, batch)
            } else {
                led_on(crawling, taken, &to);
                let site = crawling.site.clone();
                let found = crawling.knowledge.discover(&site, &to, taken.depth, points);
                batch.found.extend(found);
                Verdict::skipped(Skipped::Redirect, Some(to.as_str())).ended(taken.key)
            }
        }
        Got::Left(reason) => Verdict::skipped(reason, None).ended(taken.key),
        Got::Lost(reason) => lost(taken, reason, batch),
        Got::Again { wait, counts } => EndedPage {
            tried: counts,
            ..Verdict {
                state: PageState::Queued,
                reason: None,
                other: None,
                wait: Some(wait),
            }
            .ended(taken.key)
        },
    };
    if ended.state != PageState::Done && ended.state != PageState::Queued {
        crawling.knowledge.disown(taken.key);
    }
    batch.ended.push(ended);
}

/// The start may lead out of the scope that was made for it: where it leads is what was meant.
fn led_on(crawling: &mut Crawling, taken: &TakenPage, to: &Address) {
    let is_start = taken.key == crawling.site.start.key().0 || taken.depth == 0 && taken.points > 0;
    let scope = crawling.site.scope();
    let is_elsewhere = scope.place(to.url(), 0) != Place::Inside || scope.is_narrowed_by(to.url());
    if is_start && is_elsewhere {
        crawling.site.leads_on_to(to.url());
        crawling.led_on.push(to.url().clone());
        let led_on: Vec<&str> = crawling.led_on.iter().map(Url::as_str).collect();
        crawling.notes["led_on"] = json!(led_on);
        crawling.has_news = true;
    }
}

pub(super) fn lost(taken: &TakenPage, reason: Failed, batch: &mut Batch) -> EndedPage {
    // Only what is said to be gone is gone.
    if reason != Failed::NotFound {
        batch.spared.push(taken.url.clone());
    }
    EndedPage {
        state: PageState::Failed,
        reason: Some(reason.name()),
        ..Verdict::skipped(Skipped::Trap, None).ended(taken.key)
    }
}

/// The page stands at another address of the origin, which nobody has named before.
fn elsewhere(
    crawling: &mut Crawling,
    taken: &TakenPage,
    at: &Address,
    read: Read,
    batch: &mut Batch,
) {
    let site = crawling.site.clone();
    let found = crawling
        .knowledge
        .discover(&site, at, taken.depth, taken.points);
    let Some(mut found) = found else { return };
    if found.state == PageState::Queued {
        let page = Page {
            address: at,
            depth: taken.depth,
            points: taken.points,
            looks: 0,
        };
        let (exact, near) = (read.fingerprint.exact, near(&read));
        let verdict = page_came(crawling, &page, read, batch);
        found.state = verdict.state;
        found.reason = verdict.reason;
        if verdict.state == PageState::Done {
            (found.exact, found.near) = (Some(exact), near);
        }
    }
    // Before what it leads to, as it was found.
    batch.found.push(found);
}

/// What becomes of a page that was read. What it leads to goes into the batch, and so does the document that it is.
fn page_came(
    crawling: &mut Crawling,
    page: &Page<'_>,
    mut read: Read,
    batch: &mut Batch,
) -> Verdict {
    let site = crawling.site.clone();
    let options = site.options();
    batch.bytes += read.bytes;
    let verdict = verdict(crawling, page, &read, &options, batch);
    if verdict.state == PageState::Queued {
        return verdict;
    }
    if read.document.no_follow && !options.ignore_robots || options.sitemap == SitemapUse::Only {
        read.links.clear();
    }
    read.links.extend(read.refresh.clone());
    let new_links = crawling.knowledge.new_inside(&site, &read.links);
    let brought = Brought {
        text: &read.document.markdown,
        same_text: verdict.reason == Some(Skipped::Duplicate.name()),
        new_links: &new_links,
    };
    let points = crawling
        .knowledge
        .traps
        .judge(page.address.url(), page.points, &brought);
    let from = From {
        url: page.address.url(),
        depth: page.depth,
    };
    let discovered = crawling.knowledge.follow(&site, &from, &read.links, points);
    batch.found.extend(discovered.found);
    batch.replaced.extend(discovered.replaced);
    if verdict.state == PageState::Done {
        crawling.knowledge.own(
            page.address.key().0,
            page.address.as_str(),
            read.fingerprint.exact,
            near(&read),
        );
        crawling.knowledge.kept += 1;
        let inside = i32::try_from(discovered.inside).unwrap_or(i32::MAX);
        batch
            .documents
            .push(document(page.address, read, inside, discovered.outside));
    }
    verdict
}

fn verdict(
    crawling: &mut Crawling,
    page: &Page<'_>,
    read: &Read,
    options: &CrawlOptions,
    batch: &mut Batch,
) -> Verdict {
    if read.document.no_index && !options.ignore_robots {
        return Verdict::skipped(Skipped::NoIndex, None);
    }
    // A page with a text of its own is kept, and where it leads is a link.
    if let Some(to) = read.refresh.as_ref().filter(|_| read.fingerprint.is_short) {
        return Verdict::skipped(Skipped::Redirect, Some(to.as_str()));
    }
    if let Some(verdict) = canonical(crawling, page, read, batch) {
        return verdict;
    }
    if read.document.needs_scripts && options.scripts != Scripts::Never {
        return Verdict::skipped(Skipped::NeedsScripts, None);
    }
    if let Some(other) = crawling
        .knowledge
        .says_the_same(page.address, &read.fingerprint)
    {
        return Verdict::skipped(Skipped::Duplicate, Some(other));
    }
    Verdict {
        state: PageState::Done,
        reason: None,
        other: None,
        wait: None,
    }
}

/// A page that names another address as its own is left out once that one is known to say the same: some sites name their front page on every page.
fn canonical(
    crawling: &mut Crawling,
    page: &Page<'_>,
    read: &Read,
    batch: &mut Batch,
) -> Option<Verdict> {
    let own = read.canonical.as_ref()?;
    if own.key() == page.address.key() {
        return None;
    }
    let site = crawling.site.clone();
    if crawling
        .knowledge
        .place(&site, own, page.depth, page.points)
        != (PageState::Queued, None)
    {
        return None;
    }
    match crawling.knowledge.says_nearly(own.key(), &read.fingerprint) {
        Some(true) => Some(Verdict::skipped(Skipped::Canonical, Some(own.as_str()))),
        Some(false) => None,
        None if page.looks >= MOST_LOOKS => None,
        None => {
            let found = crawling
                .knowledge
                .discover(&site, own, page.depth, page.points);
            batch.found.extend(found);
            Some(Verdict {
                state: PageState::Queued,
                reason: None,
                other: None,
                wait: Some(Duration::from_millis(500 << page.looks)),
            })
        }
    }
}

fn near(read: &Read) -> Option<u64> {
    (!read.fingerprint.is_short).then_some(read.fingerprint.near)
}

fn document(
    address: &Address,
    read: Read,
    links_inside: i32,
    links_outside: Vec<String>,
) -> NewDocument {
    let headings = read.document.headings.iter().map(
        |heading| json!({ "level": heading.level, "text": heading.text, "anchor": heading.anchor }),
    );
    NewDocument {
        key: address.as_str().to_owned(),
        url: Some(address.as_str().to_owned()),
        headings: headings.collect(),
        title: read.document.title,
        language: read.document.language,
        markdown: read.document.markdown,
        content_type: read.content_type,
        bytes: i64::try_from(read.bytes).unwrap_or(i64::MAX),
        etag: read.validators.etag,
        last_modified: read.validators.last_modified,
        links_inside,
        links_outside,
        metadata: read.document.metadata,
        warnings: read.document.warnings,
        body: None,
        chunks: read.chunks,
    }
}
