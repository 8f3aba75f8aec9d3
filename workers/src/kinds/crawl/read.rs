//! What came, read: its main content, its passages, and where it leads.

use std::collections::HashSet;
use std::time::Duration;

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::Address;
use computetower_crawl::fetch::{Answer, Kind, Validators, kind_by_content_type};
use computetower_crawl::fingerprint::Fingerprint;
use computetower_crawl::refresh;
use computetower_crawl::robots::RobotsTag;
use computetower_extract::files::Hint;
use computetower_extract::{ChunkSize, Document, ExtractError, chunks};
use computetower_store::knowledge::NewChunk;
use url::Url;

use super::fetch::Got;
use crate::extraction::{Content, Extraction, ExtractionError};

/// Links that are taken from one page.
const MOST_LINKS: usize = 20_000;
/// How long a page waits for which there is no process to read it in.
const NO_CHILD: Duration = Duration::from_secs(5);

/// What came.
pub(super) struct Body {
    pub(super) url: Url,
    /// The name by which pages speak to this crawler.
    pub(super) token: String,
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

/// Reads what came, in a process that a hostile page may end.
pub(super) async fn read(extraction: &Extraction, body: Body) -> Result<Read, Got> {
    let content_type = body.answer.content_type.clone();
    let kind = kind_by_content_type(content_type.as_deref(), &body.url);
    if !matches!(kind, Kind::Page | Kind::Document) {
        return Err(Got::Left(Skipped::FileType));
    }
    let hint = Hint {
        name: None,
        content_type,
        url: Some(body.url.to_string()),
    };
    let document = extraction.read(Content::Bytes(&body.answer.body), hint);
    let document = document.await.map_err(|error| match error {
        ExtractionError::Document(ExtractError::Unsupported(_)) => Got::Left(Skipped::FileType),
        ExtractionError::Document(ExtractError::TooLarge(_)) => Got::Lost(Failed::TooLarge),
        ExtractionError::Document(ExtractError::Damaged(_) | ExtractError::Protected) => {
            Got::Lost(Failed::Unreadable)
        }
        ExtractionError::Child(error) => {
            tracing::warn!(error = %error, "no process to read a page in");
            Got::Again {
                wait: NO_CHILD,
                counts: true,
            }
        }
    })?;
    let done = tokio::task::spawn_blocking(move || taken_apart(body, document));
    // A page on which the program fails is one that cannot be read.
    done.await.map_err(|_| Got::Lost(Failed::Unreadable))
}

/// What is kept of a document, and where it leads.
fn taken_apart(body: Body, mut document: Document) -> Read {
    let Body {
        url,
        token,
        ignore_query,
        answer,
    } = body;
    let tag = RobotsTag::read(answer.robots_tag.as_deref().unwrap_or_default(), &token);
    document.no_index |= tag.no_index;
    document.no_follow |= tag.no_follow;
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
    Read {
        fingerprint: Fingerprint::of(title, &document.markdown),
        chunks: passages(&document),
        canonical: document.canonical.as_deref().and_then(address),
        refresh: refresh::target(&answer.body, &url).and_then(|to| address(to.as_str())),
        links,
        bytes: answer.body.len() as u64,
        content_type: answer.content_type,
        validators: answer.validators,
        document,
    }
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
