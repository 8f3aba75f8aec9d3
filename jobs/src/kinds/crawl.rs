//! `crawl`: reads a site into a knowledge source. How it is done stands under the same name in `workers/src/kinds/`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::SourceId;
use crate::kind::InvalidPayload;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `crawl` is tried. A site of many thousand pages, politely, takes hours; an attempt goes on where the last one stopped.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 5,
        base_ms: 2_000,
        cap_ms: 60_000,
    },
    timeout: Duration::from_secs(86_400),
};

/// Pages that a crawl may keep at the most.
pub const MOST_PAGES: u32 = 1_000_000;
/// Links that may lie between the first page and the last.
pub const MOST_DEPTH: u32 = 1_000;
/// Patterns of a scope.
const MOST_PATTERNS: usize = 100;

/// The payload of a `crawl` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source_id": "01890000-0000-7000-8000-000000000021", "max_pages": 500}))]
pub struct Crawl {
    /// What is crawled: a source with a URL. Its options say how.
    pub source_id: SourceId,
    /// Pages that this crawl keeps at the most; the source's own number when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub max_pages: Option<u32>,
    /// How many links may lie between the first page and a page; the source's own number when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000)]
    pub max_depth: Option<u32>,
    /// Everything is read anew, without asking whether it has changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

impl Crawl {
    pub(crate) fn check(&self) -> Result<(), InvalidPayload> {
        check_pages("max_pages", self.max_pages)?;
        check_depth("max_depth", self.max_depth)
    }
}

/// How a site is crawled. Kept with the source, and read again while a crawl runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"max_pages": 5000, "exclude": ["/archive/**"], "delay_ms": 200}))]
pub struct CrawlOptions {
    /// Pages that are kept at the most. 10,000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub max_pages: Option<u32>,
    /// How many links may lie between the first page and a page. No limit but 1,000 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000)]
    pub max_depth: Option<u32>,
    /// Only addresses whose path matches one of these: `*` is a part of a path, `**` any number of parts. All below the folder of the URL when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub include: Vec<String>,
    /// No address whose path matches one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub exclude: Vec<String>,
    /// The whole host, not only what lies below the folder of the URL.
    pub whole_host: bool,
    /// Hosts below the URL's host, too.
    pub subdomains: bool,
    /// Addresses that differ only in what stands behind `?` are one page.
    pub ignore_query: bool,
    /// robots.txt is not asked: only for sites of one's own.
    pub ignore_robots: bool,
    /// What its sitemaps are for.
    pub sitemap: SitemapUse,
    /// Whether pages are opened in a browser.
    pub scripts: Scripts,
    /// Milliseconds between two requests to one host; what robots.txt asks for counts when it is more. As fast as the host answers when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 60_000)]
    pub delay_ms: Option<u32>,
    /// Requests to one host that may be on their way at once. 8 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub at_once: Option<u32>,
    /// The bodies are kept as they came, too.
    pub keep_bodies: bool,
    /// Code blocks are left out of what is kept when this is false. True when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract_code_blocks: Option<bool>,
    /// Pictures of a video are kept. False when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract_thumbnails: Option<bool>,
}

/// What sitemaps are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SitemapUse {
    /// Pages are found by them and by links.
    #[default]
    Include,
    /// By links alone.
    Skip,
    /// By sitemaps alone.
    Only,
}

/// Whether pages are opened in a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scripts {
    /// Those that are empty without one.
    #[default]
    WhereNeeded,
    /// None.
    Never,
    /// All.
    Always,
}

impl CrawlOptions {
    /// Pages that are kept when nothing is said.
    pub const USUAL_PAGES: u32 = 10_000;
    /// Requests to one host at once when nothing is said.
    pub const USUAL_AT_ONCE: u32 = 8;

    /// Names the field that is out of its range, if one is.
    ///
    /// # Errors
    /// The field and what it may be.
    pub fn check(&self) -> Result<(), InvalidPayload> {
        check_pages("max_pages", self.max_pages)?;
        check_depth("max_depth", self.max_depth)?;
        for (field, patterns) in [("include", &self.include), ("exclude", &self.exclude)] {
            if patterns.len() > MOST_PATTERNS {
                return Err(InvalidPayload::new(
                    field,
                    format!("must be at most {MOST_PATTERNS}"),
                ));
            }
            let wrong = |pattern: &String| !(1..=500).contains(&pattern.chars().count());
            if patterns.iter().any(wrong) {
                return Err(InvalidPayload::new(
                    field,
                    "must hold patterns of 1 to 500 characters",
                ));
            }
        }
        if self.delay_ms.is_some_and(|delay| delay > 60_000) {
            return Err(InvalidPayload::new("delay_ms", "must be at most 60000"));
        }
        if self.at_once.is_some_and(|n| !(1..=64).contains(&n)) {
            return Err(InvalidPayload::new("at_once", "must be between 1 and 64"));
        }
        Ok(())
    }
}

fn check_pages(field: &str, pages: Option<u32>) -> Result<(), InvalidPayload> {
    match pages {
        Some(pages) if !(1..=MOST_PAGES).contains(&pages) => Err(InvalidPayload::new(
            field,
            format!("must be between 1 and {MOST_PAGES}"),
        )),
        _ => Ok(()),
    }
}

fn check_depth(field: &str, depth: Option<u32>) -> Result<(), InvalidPayload> {
    match depth {
        Some(depth) if depth > MOST_DEPTH => Err(InvalidPayload::new(
            field,
            format!("must be at most {MOST_DEPTH}"),
        )),
        _ => Ok(()),
    }
}
