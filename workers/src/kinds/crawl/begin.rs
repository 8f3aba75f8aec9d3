//! The beginning of an attempt: the source, the site, and what is known of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use computetower_crawl::account::Skipped;
use computetower_crawl::address::Address;
use computetower_crawl::scope::BadRule;
use computetower_jobs::kinds::crawl::Crawl;
use computetower_jobs::{Failure, FailureCode};
use computetower_store::StoreError;
use computetower_store::knowledge::{FoundPage, KnownPage, PageState, Source, Sync};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::knowledge::Knowledge;
use super::progress::Counts;
use super::rescope;
use super::site::{Site, scope};
use super::store;
use crate::context::JobContext;

/// A crawl, as an attempt sees it.
pub(super) struct Crawling {
    pub(super) site: Arc<Site>,
    pub(super) sync: Sync,
    pub(super) crawl: Crawl,
    pub(super) phase: String,
    /// What later attempts have to know.
    pub(super) notes: Value,
    pub(super) led_on: Vec<Url>,
    /// The notes are to be written before what follows from them.
    pub(super) has_news: bool,
    pub(super) knowledge: Knowledge,
    pub(super) counts: Counts,
    /// Pages that are known are asked for with conditions: all that they led to is known.
    pub(super) conditional: bool,
    /// Why origins could not be asked for their robots.txt, and how often that was tried.
    pub(super) closed: BTreeMap<String, u32>,
    pub(super) began: Instant,
}

impl Crawling {
    /// Goes into a phase, and says so.
    pub(super) async fn enter(&mut self, context: &JobContext, phase: &str) -> Result<(), Failure> {
        phase.clone_into(&mut self.phase);
        self.note(context).await
    }

    pub(super) async fn note(&self, context: &JobContext) -> Result<(), Failure> {
        let noted = context
            .store
            .note_crawl(&self.sync, &self.phase, &self.notes);
        store(noted.await)
    }
}

/// Begins, or goes on where an earlier attempt ended.
pub(super) async fn begin(context: &JobContext, crawl: &Crawl) -> Result<Crawling, Failure> {
    let job = &context.job;
    let source = source(context, crawl).await?;
    let start = start_of(&source)?;
    // Nothing is begun by rules that cannot be read: the next crawl would take what this one has not looked at for all there is.
    scope(&start, &source, crawl, &[]).map_err(bad_rule)?;
    let sync = context
        .store
        .begin_sync(job.tenant, source.id, (job.id, job.lease), crawl.full)
        .await;
    let sync = match sync {
        Err(StoreError::Conflict(why)) => {
            return Err(Failure::new(
                FailureCode::NotReady,
                format!("Waits: {why}."),
            ));
        }
        other => store(other)?,
    };
    let mut begun = store(context.store.begin_crawl(&sync).await)?;
    if begun.notes["nothing"] == json!(true) {
        store(context.store.restart_crawl(&sync).await)?;
        begun = store(context.store.begin_crawl(&sync).await)?;
    }
    let led_on: Vec<String> =
        serde_json::from_value(begun.notes["led_on"].clone()).unwrap_or_default();
    let led_on: Vec<Url> = led_on
        .iter()
        .filter_map(|text| Url::parse(text).ok())
        .collect();
    let Some(fetcher) = context.outside.fetcher.clone() else {
        return Err(Failure::new(
            FailureCode::Unknown,
            "The worker cannot make requests; its log says why.",
        ));
    };
    let hosts = context.outside.hosts.clone();
    let site = Site::new(
        start,
        &source,
        crawl,
        &led_on,
        (fetcher, hosts, context.extraction.clone()),
    )
    .map_err(bad_rule)?;
    let mut crawling = Crawling {
        site: Arc::new(site),
        counts: Counts::of(&sync),
        sync,
        crawl: crawl.clone(),
        phase: begun.phase,
        notes: begun.notes,
        led_on,
        has_news: false,
        knowledge: Knowledge::default(),
        conditional: false,
        closed: BTreeMap::new(),
        began: Instant::now(),
    };
    context.progress(
        0.0,
        "starting",
        format!("Looking at {}", crawling.site.start.as_str()),
    );
    remember(context, &mut crawling).await?;
    seed(context, &mut crawling, begun.before).await?;
    // The scope may have been edited while nobody ran the job.
    if crawling.notes["options"] != json!(source.options) {
        rescope::place_again(context, &mut crawling).await?;
        crawling.notes["options"] = json!(source.options);
        crawling.note(context).await?;
    }
    Ok(crawling)
}

pub(super) async fn source(context: &JobContext, crawl: &Crawl) -> Result<Source, Failure> {
    match context
        .store
        .source(context.job.tenant, crawl.source_id)
        .await
    {
        Err(StoreError::NotFound(_)) => Err(Failure::new(
            FailureCode::InvalidInput,
            "The source is not there any more.",
        )),
        other => store(other),
    }
}

fn start_of(source: &Source) -> Result<Address, Failure> {
    let text = source.url.as_deref().unwrap_or_default();
    let address = Address::read(text, None).map_err(|error| {
        Failure::new(
            FailureCode::InvalidInput,
            format!("The source's address {text:?} cannot be crawled: {error}."),
        )
    })?;
    Ok(if source.options.ignore_query {
        address.without_query()
    } else {
        address
    })
}

pub(super) fn bad_rule(error: BadRule) -> Failure {
    Failure::new(
        FailureCode::InvalidInput,
        format!("The source's scope cannot be used: {error}."),
    )
}

/// Learns what earlier attempts have found.
async fn remember(context: &JobContext, crawling: &mut Crawling) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let part = context.store.known_pages(crawling.sync.job.0, after).await;
        let part = store(part)?;
        let Some(last) = part.last() else {
            return Ok(());
        };
        after = last.id;
        for page in &part {
            crawling.knowledge.remember(page, true);
        }
    }
}

/// Puts the start into the frontier, and all that the crawl before knew: what has not changed is not read again, and so says not where it leads.
async fn seed(
    context: &JobContext,
    crawling: &mut Crawling,
    before: Option<Uuid>,
) -> Result<(), Failure> {
    let site = crawling.site.clone();
    let full = crawling.crawl.full;
    if crawling.notes["seeded"] != json!(true) {
        let start = site.start.clone();
        let found = crawling.knowledge.discover(&site, &start, 0, 0);
        let found: Vec<FoundPage> = found.into_iter().collect();
        add(context, crawling, &found).await?;
        let mut after = 0;
        while let Some(before) = before {
            let part = store(context.store.known_pages(before, after).await)?;
            let Some(last) = part.last() else { break };
            after = last.id;
            let found: Vec<FoundPage> = part
                .iter()
                .filter_map(|page| again(crawling, &site, page))
                .collect();
            add(context, crawling, &found).await?;
        }
        crawling.notes["seeded"] = json!(true);
        crawling.notes["conditional"] = json!(before.is_some() && !full);
        crawling.note(context).await?;
    } else if let Some(before) = before {
        // What the crawl before knew of texts stands in its own rows.
        let mut after = 0;
        loop {
            let part = store(context.store.known_pages(before, after).await)?;
            let Some(last) = part.last() else { break };
            after = last.id;
            for page in &part {
                crawling.knowledge.remember(page, false);
            }
        }
    }
    crawling.conditional = crawling.notes["conditional"] == json!(true);
    Ok(())
}

/// An address that the crawl before knew.
fn again(crawling: &mut Crawling, site: &Site, page: &KnownPage) -> Option<FoundPage> {
    let address = Address::read(&page.url, None).ok()?;
    let mut found = crawling.knowledge.discover(site, &address, page.depth, 0);
    if let Some(found) = &mut found {
        (found.exact, found.near) = (page.exact, page.near);
        // Its way cannot be seen any more; found on a better one, it is looked at after all.
        if page.reason.as_deref() == Some(Skipped::Trap.name()) && found.state == PageState::Queued
        {
            found.state = PageState::Skipped;
            found.reason = Some(Skipped::Trap.name());
            crawling.knowledge.leave(page.key);
        }
    }
    crawling.knowledge.remember(page, false);
    found
}

pub(super) async fn add(
    context: &JobContext,
    crawling: &Crawling,
    found: &[FoundPage],
) -> Result<(), Failure> {
    for part in found.chunks(1_000) {
        store(context.store.end_pages(&crawling.sync, &[], part, 0).await)?;
    }
    Ok(())
}
