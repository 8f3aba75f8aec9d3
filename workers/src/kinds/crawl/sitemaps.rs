//! The phase before links are followed: what the site's sitemaps name.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use computetower_crawl::address::{Address, origin};
use computetower_crawl::fetch::{Limit, Request};
use computetower_crawl::hosts::Ended;
use computetower_crawl::robots::Access;
use computetower_crawl::sitemap::{DEEPEST, LARGEST, MOST_SITEMAPS, Sitemap};
use computetower_jobs::Failure;
use computetower_jobs::kinds::crawl::SitemapUse;
use computetower_store::knowledge::FoundPage;
use url::Url;

use super::begin::{Crawling, add};
use super::robots;
use crate::context::JobContext;

/// How long sitemaps are read at the most.
const LONGEST: Duration = Duration::from_secs(600);
/// So often a sitemap may lead on.
const MOST_HOPS: usize = 5;

/// Reads them all and puts what they name into the frontier, one link from the start.
pub(super) async fn read(context: &JobContext, crawling: &mut Crawling) -> Result<(), Failure> {
    crawling.enter(context, "sitemap").await?;
    let site = crawling.site.clone();
    let own = site.start.origin();
    let mut named = Vec::new();
    if !site.options().ignore_robots {
        context.progress(0.0, "robots", format!("Asking {own} for its robots.txt"));
        // A site that does not say now is asked again before its first page.
        if let Access::Says(robots) = robots::ask(&site, &own).await {
            let base = Url::parse(&own).ok();
            let whole = |text: &String| Some(base.as_ref()?.join(text).ok()?.to_string());
            named.extend(robots.sitemaps.iter().take(MOST_SITEMAPS).filter_map(whole));
            site.keep_robots(&own, robots);
        }
    }
    if named.is_empty() {
        named.push(format!("{own}/sitemap.xml"));
    }
    let mut left: VecDeque<(String, u32)> = named.into_iter().map(|url| (url, 0)).collect();
    let mut seen = HashSet::new();
    let most = site
        .scope()
        .max_pages()
        .unwrap_or(u64::MAX)
        .saturating_mul(5);
    let mut entries = 0_u64;
    let began = Instant::now();
    while let Some((url, depth)) = left.pop_front() {
        let is_enough = seen.len() == MOST_SITEMAPS || entries > most;
        if is_enough || began.elapsed() > LONGEST || !seen.insert(url.clone()) {
            continue;
        }
        context.progress(
            0.0,
            "sitemap",
            format!("Reading {url}; {entries} addresses so far"),
        );
        let Some(sitemap) = one(crawling, &url).await else {
            continue;
        };
        if depth < DEEPEST {
            let base = Url::parse(&url).ok();
            let whole = |text: &String| Some(base.as_ref()?.join(text).ok()?.to_string());
            let room = MOST_SITEMAPS.saturating_sub(seen.len() + left.len());
            let named = sitemap.sitemaps.iter().take(room).filter_map(whole);
            left.extend(named.map(|url| (url, depth + 1)));
        }
        let found: Vec<FoundPage> = sitemap
            .pages
            .iter()
            .filter_map(|entry| entry_of(crawling, &entry.url))
            .collect();
        entries += found.len() as u64;
        add(context, crawling, &found).await?;
    }
    if site.options().sitemap == SitemapUse::Only && entries == 0 {
        tracing::info!(job.id = %context.job.id, "no sitemap names anything");
    }
    Ok(())
}

fn entry_of(crawling: &mut Crawling, text: &str) -> Option<FoundPage> {
    let site = crawling.site.clone();
    let mut address = Address::read(text, Some(site.start.url())).ok()?;
    if site.options().ignore_query {
        address = address.without_query();
    }
    // A sitemap may name whole other sites: none of ours to count.
    if !site.scope().is_own(address.url()) {
        return None;
    }
    crawling.knowledge.discover(&site, &address, 1, 0)
}

/// One sitemap, from the site's own hosts or wherever its robots.txt says. What cannot be had says nothing.
async fn one(crawling: &Crawling, text: &str) -> Option<Sitemap> {
    let site = &crawling.site;
    let mut url = Url::parse(text).ok()?;
    for _ in 0..=MOST_HOPS {
        let host = origin(&url);
        let turn = site.hosts.wait(&host, site.pace(&host)).await;
        let request = Request {
            url: &url,
            known: None,
            cookies: None,
            limit: Some(Limit::Cut(LARGEST)),
        };
        let answer = match site.fetcher.get(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                turn.end(Ended::of(Err(error)));
                return None;
            }
        };
        turn.end(Ended::of(Ok(&answer)));
        match answer.location {
            Some(location) => url = location,
            None if (200..300).contains(&answer.status) => {
                let read = tokio::task::spawn_blocking(move || {
                    // All of it: the room for a large body is held until it has been read.
                    let answer = answer;
                    Sitemap::read(&answer.body)
                });
                return read.await.ok();
            }
            None => return None,
        }
    }
    None
}
