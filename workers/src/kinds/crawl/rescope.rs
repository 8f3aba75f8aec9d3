//! A scope that somebody edits while the crawl runs.

use computetower_crawl::account::Skipped;
use computetower_crawl::address::Address;
use computetower_jobs::Failure;
use computetower_store::knowledge::{PageState, Placed, Replaced};

use serde_json::json;

use super::begin::{Crawling, bad_rule, source};
use super::store;
use crate::context::JobContext;

/// Reasons that are the scope's.
const OF_SCOPE: [Skipped; 3] = [Skipped::Excluded, Skipped::OutOfScope, Skipped::Depth];

/// Heeds what has been changed of the source.
pub(super) async fn look(context: &JobContext, crawling: &mut Crawling) -> Result<(), Failure> {
    let source = source(context, &crawling.crawl).await?;
    let changed = crawling
        .site
        .change(&source, &crawling.crawl, &crawling.led_on);
    if !changed.map_err(bad_rule)? {
        return Ok(());
    }
    place_again(context, crawling).await?;
    crawling.notes["options"] = json!(source.options);
    crawling.note(context).await
}

/// Puts what waits, and what was left out by the old scope, where the new one has it.
pub(super) async fn place_again(
    context: &JobContext,
    crawling: &mut Crawling,
) -> Result<(), Failure> {
    let reasons: Vec<String> = OF_SCOPE
        .iter()
        .map(|reason| reason.name().to_owned())
        .collect();
    let mut after = 0;
    loop {
        let part = context
            .store
            .placed_pages(&crawling.sync, &reasons, after)
            .await;
        let part = store(part)?;
        let Some(last) = part.last() else {
            return Ok(());
        };
        after = last.id;
        let moved: Vec<Replaced> = part
            .iter()
            .filter_map(|page| replaced(crawling, page))
            .collect();
        store(context.store.replace_pages(&crawling.sync, &moved).await)?;
    }
}

/// Where it lies now, if that is somewhere else.
fn replaced(crawling: &Crawling, page: &Placed) -> Option<Replaced> {
    let address = Address::read(&page.url, None).ok()?;
    let (state, reason) = crawling
        .knowledge
        .place(&crawling.site, &address, page.depth, 0);
    let reason = reason.map(Skipped::name);
    let is_same = page.state == state.name() && page.reason.as_deref() == reason;
    (!is_same).then_some(Replaced {
        key: page.key,
        state,
        reason,
        depth: page.depth,
    })
}

/// Whether a page in hand is still to be asked for.
pub(super) fn is_wanted(crawling: &Crawling, address: &Address, depth: u32) -> Result<(), Skipped> {
    match crawling.knowledge.place(&crawling.site, address, depth, 0) {
        (PageState::Queued, _) => Ok(()),
        (_, Some(reason)) => Err(reason),
        (_, None) => Err(Skipped::OutOfScope),
    }
}
