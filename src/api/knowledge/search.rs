//! `/knowledge/search`: the passages that answer a question.

use axum::extract::State;
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{DocumentId, SourceId};
use computetower_store::StoreError;
use computetower_store::knowledge::{Hit, SearchFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::Reader;
use crate::api::extract::Params;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// Characters that a question may have.
const LONGEST: usize = 1_000;
/// Passages of one question that can be turned over.
const DEEPEST: i64 = 1_000;
/// Sources that can be named.
const MOST_SOURCES: usize = 50;

pub(super) fn router() -> Router<App> {
    Router::new().route("/knowledge/search", get(search))
}

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// A question, or words. "Words in quotes" have to stand together; what comes after a dash must not be there.
    #[param(max_length = 1000)]
    q: String,
    /// Ids of sources, with commas between them; all sources when left out.
    source: Option<String>,
    /// Only documents of this language, as ISO 639-1.
    language: Option<String>,
    /// Only documents whose address begins so.
    url_prefix: Option<String>,
    /// 1 to 100, 10 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A passage that was found.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"document_id": "01890000-0000-7000-8000-000000000023", "source_id": "01890000-0000-7000-8000-000000000021", "title": "Sorting Techniques",
    "url": "https://docs.example.com/howto/sorting.html#key-functions", "heading_path": ["Sorting Techniques", "Key Functions"],
    "text": "The list.sort() method and the functions sorted(), min() … have a key parameter.", "snippet": "The list.<mark>sort</mark>() method …",
    "score": 4.2, "language": "en", "changed_at": "2026-01-01T00:01:10Z"}))]
pub(crate) struct Passage {
    document_id: DocumentId,
    source_id: SourceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Where it can be read, with the fragment that leads to the passage where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The headings above it, outermost first.
    heading_path: Vec<String>,
    /// The passage, Markdown.
    text: String,
    /// A part of it as HTML: `<mark>` around the words that were looked for, all else escaped.
    snippet: String,
    /// Higher is better; only to be compared within one answer.
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// When the document last changed.
    changed_at: DateTime<Utc>,
}

impl From<Hit> for Passage {
    fn from(hit: Hit) -> Self {
        let url = hit.url.map(|url| match &hit.anchor {
            Some(anchor) => format!("{url}#{anchor}"),
            None => url,
        });
        Self {
            document_id: hit.document,
            source_id: hit.source,
            title: hit.title,
            url,
            heading_path: hit.heading_path,
            text: hit.text,
            snippet: hit.snippet,
            score: hit.score,
            language: hit.language,
            changed_at: hit.changed_at,
        }
    }
}

/// Passages, best first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"results": []}))]
pub(crate) struct SearchResults {
    results: Vec<Passage>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Searches what was read.
#[utoipa::path(get, path = "/api/v1/knowledge/search", tag = "knowledge", security(("api_key" = [])), params(SearchParams),
    responses((status = 200, body = SearchResults), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn search(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<SearchParams>,
) -> Result<Answer<SearchResults>, Problem> {
    let length = params.q.chars().count();
    if params.q.trim().is_empty() || length > LONGEST {
        return Err(Problem::field(
            "q",
            format!("must have 1 to {LONGEST} characters"),
        ));
    }
    let limit = params.limit.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 100"));
    }
    let offset: i64 = match params.cursor.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(offset)) if (0..=DEEPEST).contains(&offset) => offset,
        Some(_) => {
            return Err(Problem::field(
                "cursor",
                "must be the next_cursor of a page",
            ));
        }
    };
    let sources = sources(params.source.as_deref())?;
    for source in &sources {
        match app.store().source(caller.tenant, *source).await {
            Ok(_) => {}
            Err(StoreError::NotFound(_)) => return Err(Problem::not_found("source")),
            Err(error) => return Err(error.into()),
        }
    }
    let filter = SearchFilter {
        sources,
        language: params.language,
        url_prefix: params.url_prefix,
        offset,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let mut hits = app
        .store()
        .search_knowledge(caller.tenant, &params.q.replace('\0', " "), &filter)
        .await?;
    let most = usize::try_from(limit).unwrap_or_default();
    let more = hits.len() > most && offset + limit <= DEEPEST;
    hits.truncate(most);
    Ok(Answer(SearchResults {
        results: hits.into_iter().map(Passage::from).collect(),
        next_cursor: more.then(|| (offset + limit).to_string()),
    }))
}

fn sources(said: Option<&str>) -> Result<Vec<SourceId>, Problem> {
    let ids: Vec<&str> = said
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    if ids.len() > MOST_SOURCES {
        return Err(Problem::field(
            "source",
            format!("must name at most {MOST_SOURCES}"),
        ));
    }
    ids.into_iter()
        .map(|id| {
            id.parse().map_err(|_| {
                Problem::field("source", "must be ids of sources, with commas between them")
            })
        })
        .collect()
}
