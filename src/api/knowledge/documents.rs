//! `/knowledge/sources/{id}/documents` and `/knowledge/documents/{id}`: what was read.

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{DocumentId, SourceId};
use computetower_store::knowledge::{Document, DocumentFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{export, limit_of};
use crate::api::auth::Reader;
use crate::api::extract::{Id, Params};
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/knowledge/sources/{id}/documents", get(list))
        .route("/knowledge/sources/{id}/export", get(self::export))
        .route("/knowledge/documents/{id}", get(show))
}

/// A page or a file that was read.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000023", "source_id": "01890000-0000-7000-8000-000000000021", "key": "https://docs.example.com/howto/sorting.html",
    "url": "https://docs.example.com/howto/sorting.html", "title": "Sorting Techniques", "language": "en", "content_type": "text/html", "bytes": 48213,
    "headings": [{"level": 1, "text": "Sorting Techniques", "anchor": "sorting"}], "links_inside": 84, "links_outside": ["https://en.wikipedia.org/wiki/Timsort"],
    "metadata": {}, "warnings": [], "changed_at": "2026-01-01T00:01:10Z"}))]
pub(crate) struct DocumentView {
    pub(super) id: DocumentId,
    pub(super) source_id: SourceId,
    /// What it is within its source: an address, or the key of a file.
    pub(super) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    /// Of the body as it came.
    pub(super) bytes: i64,
    /// Level, text and anchor of each.
    pub(super) headings: Value,
    /// How many links lead into the source.
    pub(super) links_inside: i32,
    /// Addresses outside, the first 200.
    pub(super) links_outside: Value,
    pub(super) metadata: Value,
    /// What could not be read of it.
    pub(super) warnings: Value,
    pub(super) changed_at: DateTime<Utc>,
    /// Since when it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gone_at: Option<DateTime<Utc>>,
    /// The main content, where one document was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) markdown: Option<String>,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            source_id: document.source,
            key: document.key,
            url: document.url,
            title: document.title,
            language: document.language,
            content_type: document.content_type,
            bytes: document.bytes,
            headings: document.headings,
            links_inside: document.links_inside,
            links_outside: document.links_outside,
            metadata: document.metadata,
            warnings: document.warnings,
            changed_at: document.changed_at,
            gone_at: document.gone_at,
            markdown: None,
        }
    }
}

/// Which documents to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// True: those that are not there any more, instead of those that are.
    gone: Option<bool>,
}

/// A page of documents.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"documents": []}))]
pub(crate) struct DocumentList {
    documents: Vec<DocumentView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<DocumentId>,
}

/// Lists what was read from a source, in the order in which it was first read.
#[utoipa::path(get, path = "/api/v1/knowledge/sources/{id}/documents", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path), DocumentParams),
    responses((status = 200, body = DocumentList), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<SourceId>,
    Params(params): Params<DocumentParams>,
) -> Result<Answer<DocumentList>, Problem> {
    let filter = DocumentFilter {
        after: read_word("cursor", params.cursor)?,
        limit: limit_of(params.limit)?,
        gone: params.gone.unwrap_or_default(),
        with_markdown: false,
    };
    app.store().source(caller.tenant, id).await?;
    let page = app.store().documents(caller.tenant, id, filter).await?;
    Ok(Answer(DocumentList {
        documents: page.documents.into_iter().map(DocumentView::from).collect(),
        next_cursor: page.next,
    }))
}

/// Shows a document with its main content.
#[utoipa::path(get, path = "/api/v1/knowledge/documents/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = DocumentId, Path)),
    responses((status = 200, body = DocumentView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<DocumentId>,
) -> Result<Answer<DocumentView>, Problem> {
    let document = app.store().document(caller.tenant, id).await?;
    let markdown = app.store().markdown_of(&document).await?;
    let mut view = DocumentView::from(document);
    view.markdown = Some(markdown);
    Ok(Answer(view))
}

/// In which form.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// `jsonl`: a line for each document, with its Markdown. `zip`: a file for each. `jsonl` when left out.
    format: Option<String>,
}

/// All that was read from a source: as lines of JSON, or as Markdown files in a zip.
#[utoipa::path(get, path = "/api/v1/knowledge/sources/{id}/export", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path), ExportParams),
    responses((status = 200, description = "A line for each document, or a zip", content(
                  (String = "application/x-ndjson", example = "{\"id\": \"01890000-0000-7000-8000-000000000023\", \"url\": \"https://docs.example.com/\", \"markdown\": \"# Manual\"}\n"),
                  (Vec<u8> = "application/zip", example = "manual.md"))),
              (status = 404, body = ProblemBody, content_type = "application/problem+json"), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn export(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<SourceId>,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    app.store().source(caller.tenant, id).await?;
    match params.format.as_deref() {
        None | Some("jsonl") => Ok(export::lines(app, caller.tenant, id)),
        Some("zip") => Ok(export::zip(app, caller.tenant, id)),
        Some(_) => Err(Problem::field("format", "must be jsonl or zip")),
    }
}
