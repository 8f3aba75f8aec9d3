//! What came, read: its main content, its passages, and where it leads.

use std::collections::HashSet;

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::Address;
use computetower_crawl::fetch::{Answer, Kind, Validators, kind_by_content_type};
use computetower_crawl::fingerprint::Fingerprint;
use computetower_crawl::refresh;
use computetower_extract::{ChunkSize, Document, ExtractError, HtmlSource, chunks, html};
use computetower_store::knowledge::NewChunk;
use tokio::sync::Semaphore;
use url::Url;

use super::fetch::Got;

/// Links that are taken from one page.
const MOST_LINKS: usize = 20_000;
/// Pages that are read at once, over all crawls of the process: more would only wait for one another.
static READING: Semaphore = Semaphore::const_new(4);

/// What came.
pub(super) struct Body {
    pub(super) url: Url,
    /// Addresses that differ only in their parameters are one page.
    pub(super) ignore_query: bool,
    pub(super) answer: Answer,
}

/// A page that was read.
pub(super) struct Read {
    pub(super) document: Document,
    pub(super) chunks: Vec<NewChunk>,
    pub(super) fingerprint: Fingerprint,
    /// Where it leads, without doubles, in order.
    pub(super) links: Vec<Address>,
    /// What it names as its own address.
    pub(super) canonical: Option<Address>,
    /// Where it sends its readers at once.
    pub(super) refresh: Option<Address>,
    pub(super) content_type: Option<String>,
    pub(super) validators: Validators,
    /// Of the body.
    pub(super) bytes: u64,
}

/// Reads what came, on a thread where nobody waits.
pub(super) async fn read(body: Body) -> Result<Read, Got> {
    // Never closed.
    let permit = READING.acquire().await.ok();
    let done = tokio::task::spawn_blocking(move || {
        let read = read_now(body);
        drop(permit);
        read
    });
    // A page on which the program fails is one that cannot be read.
    done.await.unwrap_or(Err(Got::Lost(Failed::Unreadable)))
}

fn read_now(body: Body) -> Result<Read, Got> {
    let Body {
        url,
        ignore_query,
        answer,
    } = body;
    let content_type = answer.content_type.as_deref();
    if kind_by_content_type(content_type, &url) != Kind::Page {
        return Err(Got::Left(Skipped::FileType));
    }
    let source = HtmlSource {
        url: url.as_str(),
        content_type,
        ..HtmlSource::default()
    };
    let mut document = html(&answer.body, &source).map_err(|error| match error {
        ExtractError::Unsupported(_) => Got::Left(Skipped::FileType),
        ExtractError::TooLarge(_) => Got::Lost(Failed::TooLarge),
        ExtractError::Damaged(_) | ExtractError::Protected => Got::Lost(Failed::Unreadable),
    })?;
    if let Some(tag) = answer.robots_tag.as_deref().map(str::to_ascii_lowercase) {
        document.no_index |= tag.contains("noindex") || tag.contains("none");
        document.no_follow |= tag.contains("nofollow") || tag.contains("none");
    }
    let address = |text: &str| {
        let address = Address::read(text, Some(&url)).ok()?;
        Some(if ignore_query {
            address.without_query()
        } else {
            address
        })
    };
    let mut seen = HashSet::new();
    let links = document
        .links
        .iter()
        .filter(|link| !link.no_follow)
        .filter_map(|link| address(&link.url))
        .filter(|address| seen.insert(address.key()))
        .take(MOST_LINKS)
        .collect();
    let title = document.title.as_deref().unwrap_or_default();
    Ok(Read {
        fingerprint: Fingerprint::of(title, &document.markdown),
        chunks: passages(&document),
        canonical: document.canonical.as_deref().and_then(address),
        refresh: refresh::target(&answer.body, &url).and_then(|to| address(to.as_str())),
        links,
        bytes: answer.body.len() as u64,
        content_type: answer.content_type,
        validators: answer.validators,
        document,
    })
}

/// The passages of a document, as they are kept.
fn passages(document: &Document) -> Vec<NewChunk> {
    chunks(document, ChunkSize::default())
        .into_iter()
        .map(|chunk| NewChunk {
            heading_path: chunk.heading_path,
            anchor: chunk.anchor,
            text: chunk.text,
            start: i32::try_from(chunk.place.start).unwrap_or(i32::MAX),
            hash: chunk.hash,
        })
        .collect()
}
