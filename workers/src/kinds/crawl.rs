//! `crawl`: reads a site into a knowledge source.
//!
//! The frontier stands in Postgres: an attempt takes addresses in hand, and writes what became of them together with what they led to. Whatever ends an
//! attempt, an order, a crash, another worker, costs the pages in hand, which the next one takes again.

mod begin;
mod fetch;
mod judge;
mod knowledge;
mod progress;
mod read;
mod rescope;
mod robots;
mod site;
mod sitemaps;
mod work;

use computetower_jobs::kinds::crawl::{Crawl, SitemapUse};
use computetower_jobs::{Failure, FailureCode, Outcome};
use computetower_store::StoreError;
use computetower_store::knowledge::{CrawlTotals, SyncState};
use serde_json::{Value, json};

use crate::classify;
use crate::context::JobContext;
use begin::Crawling;

pub(super) async fn run(context: &JobContext, crawl: &Crawl) -> Outcome {
    match attempt(context, crawl).await {
        Ok(result) => Outcome::Completed(result),
        Err(failure) => Outcome::Failed(failure),
    }
}

async fn attempt(context: &JobContext, crawl: &Crawl) -> Result<Value, Failure> {
    let mut crawling = begin::begin(context, crawl).await?;
    if crawling.phase != "crawling" && crawling.site.options().sitemap != SitemapUse::Skip {
        sitemaps::read(context, &mut crawling).await?;
    }
    crawling.enter(context, "crawling").await?;
    work::all(context, &mut crawling).await?;
    let gone = tombstones(context, &mut crawling).await?;
    complete(context, &mut crawling, gone).await
}

/// Marks what is not there any more, where this crawl has seen all there is. Gives how many there were.
async fn tombstones(context: &JobContext, crawling: &mut Crawling) -> Result<u64, Failure> {
    let totals = totals(context).await?;
    if totals.done == 0 {
        crawling.notes["nothing"] = json!(true);
        crawling.note(context).await?;
        return Err(nothing_was_read(context).await?);
    }
    if crawling.knowledge.was_cut {
        return Ok(0);
    }
    crawling.enter(context, "tombstones").await?;
    store(context.store.documents_gone(&crawling.sync, None).await)
}

/// A site of which no page could be had has not vanished: what is known of it stays, and the next attempt begins anew.
async fn nothing_was_read(context: &JobContext) -> Result<Failure, Failure> {
    let reasons = store(
        context
            .store
            .crawl_reasons(context.job.tenant, context.job.id)
            .await,
    )?;
    let told: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{} ({})", reason.reason, reason.pages))
        .collect();
    let told = if told.is_empty() {
        "it has none".to_owned()
    } else {
        told.join(", ")
    };
    let text = format!(
        "No page of the site could be read: {told}. Look at its address and its scope, and whether the site lets crawlers in."
    );
    Ok(Failure::new(FailureCode::Network, text))
}

async fn complete(
    context: &JobContext,
    crawling: &mut Crawling,
    gone: u64,
) -> Result<Value, Failure> {
    crawling.phase = "completed".to_owned();
    crawling.counts.gone = gone;
    let totals = totals(context).await?;
    let progress = progress::of_sync(crawling, &totals);
    store(
        context
            .store
            .note_crawl(&crawling.sync, "completed", &crawling.notes)
            .await,
    )?;
    store(
        context
            .store
            .finish_sync(&crawling.sync, &progress, SyncState::Completed)
            .await,
    )?;
    store(context.store.forget_earlier_crawls(&crawling.sync).await)?;
    let reasons = store(
        context
            .store
            .crawl_reasons(context.job.tenant, context.job.id)
            .await,
    )?;
    let mut why = json!({ "failed": {}, "skipped": {} });
    for reason in reasons {
        why[reason.state][reason.reason] = json!(reason.pages);
    }
    context.progress(
        100.0,
        "completed",
        format!("{} pages are kept", totals.done),
    );
    Ok(json!({
        "source_id": crawling.sync.source,
        "sync_id": crawling.sync.id,
        "counts": progress.counts,
        "reasons": why,
    }))
}

async fn totals(context: &JobContext) -> Result<CrawlTotals, Failure> {
    let totals = context
        .store
        .crawl_totals(context.job.tenant, context.job.id);
    Ok(store(totals.await)?.unwrap_or_default())
}

/// What storage says, as a failure of the job.
fn store<T>(answer: Result<T, StoreError>) -> Result<T, Failure> {
    answer.map_err(|error| classify::store(&error))
}
