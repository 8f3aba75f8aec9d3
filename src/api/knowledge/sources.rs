//! `/knowledge/sources`: where knowledge comes from, and reading it again.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{CredentialId, JobId, JobState, SourceId, SyncId, TenantId};
use computetower_store::StoreError;
use computetower_store::knowledge::{NewSource, Source, SourceChange, SourceKind, SyncEntry};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::limit_of;
use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, JsonBytes, Params, read_json};
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::knowledge::start::{Reading, start};
use crate::service::submit::idempotency_key;
use crate::service::urls;

/// Characters that a name may have.
const LONGEST_NAME: usize = 200;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/knowledge/sources", post(create).get(list))
        .route(
            "/knowledge/sources/{id}",
            get(show).patch(change).delete(remove),
        )
        .route("/knowledge/sources/{id}/sync", post(sync))
        .route("/knowledge/sources/{id}/syncs", get(syncs))
}

/// A source to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "documentation", "url": "https://docs.example.com/", "options": {"max_pages": 5000, "exclude": ["/old/**"]}}))]
pub(crate) struct AddSource {
    /// `website`, `documentation`, `video` or `file` (`source_type` is the same).
    #[serde(alias = "source_type")]
    kind: String,
    /// What people call it; the URL when left out.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Where a crawl begins (`source_url` is the same). Files have none.
    #[serde(default, alias = "source_url")]
    url: Option<String>,
    /// The account with whose browser state the site is read.
    #[serde(default)]
    credential_id: Option<CredentialId>,
    /// How it is crawled.
    #[serde(default)]
    options: CrawlOptions,
}

/// What of a source changes. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"options": {"max_pages": 500}}))]
pub(crate) struct ChangeSource {
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Where a crawl begins.
    #[serde(default)]
    url: Option<String>,
    /// The account; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<CredentialId>)]
    credential_id: Option<Option<CredentialId>>,
    /// All of how it is crawled. A crawl that runs heeds it.
    #[serde(default)]
    options: Option<CrawlOptions>,
}

/// Tells null from nothing.
fn given<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<CredentialId>>, D::Error> {
    Option::<CredentialId>::deserialize(deserializer).map(Some)
}

/// A source.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000021", "name": "docs.example.com", "kind": "documentation", "url": "https://docs.example.com/",
    "options": {"max_pages": 5000}, "job_id": "01890000-0000-7000-8000-000000000001", "documents": 1170, "chunks": 9120, "languages": ["en"],
    "synced_at": "2026-01-01T00:02:00Z", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct SourceView {
    id: SourceId,
    name: String,
    /// `website`, `documentation`, `video` or `file`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_id: Option<CredentialId>,
    options: CrawlOptions,
    /// The job that reads it, or read it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<JobId>,
    /// Documents that it held when a sync last ended.
    documents: i32,
    /// Passages of these.
    chunks: i32,
    /// Their languages, as ISO 639-1.
    languages: Vec<String>,
    /// When a sync last ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        Self {
            id: source.id,
            name: source.name,
            kind: source.kind.name(),
            url: source.url,
            credential_id: source.credential,
            options: source.options,
            job_id: source.job,
            documents: source.documents,
            chunks: source.chunks,
            languages: source.languages,
            synced_at: source.synced_at,
            created_at: source.created_at,
            updated_at: source.updated_at,
        }
    }
}

/// Adds a source. Nothing is read before a sync is asked for.
#[utoipa::path(post, path = "/api/v1/knowledge/sources", tag = "knowledge", security(("api_key" = [])), request_body = AddSource,
    responses((status = 201, body = SourceView, headers(("Location" = String))), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<AddSource>,
) -> Result<Response, Problem> {
    let kind: SourceKind = request.kind.parse().map_err(
        |error: computetower_store::knowledge::sources::UnknownSourceKind| {
            Problem::field("kind", error.to_string())
        },
    )?;
    let url = match (&request.url, kind) {
        (None, SourceKind::Website | SourceKind::Documentation) => {
            return Err(Problem::field("url", "is where the crawl begins: give it"));
        }
        (Some(_), SourceKind::File) => {
            return Err(Problem::field("url", "is not for files: upload them"));
        }
        (None, _) => None,
        (Some(url), _) => Some(checked_url(&app, url).await?),
    };
    check_options(&request.options)?;
    check_credential(&app, caller.tenant, request.credential_id).await?;
    let name = match request.name {
        Some(name) => checked_name(name)?,
        None => url.as_deref().map_or_else(|| "files".to_owned(), bare),
    };
    let new = NewSource {
        name,
        kind,
        url,
        credential: request.credential_id,
        options: request.options,
    };
    let id = app.store().add_source(caller.tenant, &new).await?;
    let source = SourceView::from(app.store().source(caller.tenant, id).await?);
    let mut response = (StatusCode::CREATED, Answer(source)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/api/v1/knowledge/sources/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

fn bare(url: &str) -> String {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    bare.trim_end_matches('/')
        .chars()
        .take(LONGEST_NAME)
        .collect()
}

fn checked_name(name: String) -> Result<String, Problem> {
    let trimmed = name.trim();
    if (1..=LONGEST_NAME).contains(&trimmed.chars().count()) {
        Ok(trimmed.to_owned())
    } else {
        Err(Problem::field(
            "name",
            format!("must have 1 to {LONGEST_NAME} characters"),
        ))
    }
}

async fn checked_url(app: &App, url: &str) -> Result<String, Problem> {
    let mut url = urls::check(url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("url", reason))?;
    url.set_fragment(None);
    Ok(url.into())
}

fn check_options(options: &CrawlOptions) -> Result<(), Problem> {
    options
        .check()
        .map_err(|invalid| Problem::field(format!("options.{}", invalid.field), invalid.reason))
}

async fn check_credential(
    app: &App,
    tenant: TenantId,
    credential: Option<CredentialId>,
) -> Result<(), Problem> {
    let Some(id) = credential else {
        return Ok(());
    };
    match app.store().credential(tenant, id).await {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound(_)) => Err(Problem::field(
            "credential_id",
            "there is no such credential",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Which sources, or entries of a history, to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of sources.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"sources": []}))]
pub(crate) struct SourceList {
    sources: Vec<SourceView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<SourceId>,
}

/// Lists sources, newest first.
#[utoipa::path(get, path = "/api/v1/knowledge/sources", tag = "knowledge", security(("api_key" = [])), params(PageParams), responses((status = 200, body = SourceList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<PageParams>,
) -> Result<Answer<SourceList>, Problem> {
    let limit = limit_of(params.limit)?;
    let before = read_word("cursor", params.cursor)?;
    let page = app.store().sources(caller.tenant, before, limit).await?;
    Ok(Answer(SourceList {
        sources: page.sources.into_iter().map(SourceView::from).collect(),
        next_cursor: page.next,
    }))
}

/// Shows a source.
#[utoipa::path(get, path = "/api/v1/knowledge/sources/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path)),
    responses((status = 200, body = SourceView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<SourceId>,
) -> Result<Answer<SourceView>, Problem> {
    Ok(Answer(app.store().source(caller.tenant, id).await?.into()))
}

/// Changes a source; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/knowledge/sources/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path)), request_body = ChangeSource,
    responses((status = 200, body = SourceView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<SourceId>,
    Json(request): Json<ChangeSource>,
) -> Result<Answer<SourceView>, Problem> {
    let before = app.store().source(caller.tenant, id).await?;
    if request.url.is_some() && before.kind == SourceKind::File {
        return Err(Problem::field("url", "is not for files: upload them"));
    }
    if let Some(options) = &request.options {
        check_options(options)?;
    }
    check_credential(&app, caller.tenant, request.credential_id.flatten()).await?;
    let url = match &request.url {
        Some(url) => Some(checked_url(&app, url).await?),
        None => None,
    };
    let change = SourceChange {
        name: request.name.map(checked_name).transpose()?,
        url,
        credential: request.credential_id,
        options: request.options,
    };
    app.store()
        .change_source(caller.tenant, id, &change)
        .await?;
    Ok(Answer(app.store().source(caller.tenant, id).await?.into()))
}

/// Removes a source with its files, documents and history. A job that reads it is cancelled.
#[utoipa::path(delete, path = "/api/v1/knowledge/sources/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<SourceId>,
) -> Result<StatusCode, Problem> {
    let source = app.store().source(caller.tenant, id).await?;
    if let Some(job) = source.job {
        match app.store().cancel(caller.tenant, job).await {
            Ok(_) | Err(StoreError::NotFound(_) | StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    app.store().remove_source(caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a source is read this time.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"full": false}))]
pub(crate) struct SyncRequest {
    /// Everything is read anew, without asking whether it has changed.
    full: bool,
    /// Pages that are kept at the most.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_pages: Option<u32>,
    /// How many links may lie between the first page and a page.
    #[schema(maximum = 1000)]
    max_depth: Option<u32>,
}

/// A job that reads a source.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"job_id": "01890000-0000-7000-8000-000000000001", "source_id": "01890000-0000-7000-8000-000000000021", "status": "queued",
    "events_url": "/api/v1/jobs/01890000-0000-7000-8000-000000000001/events"}))]
pub(crate) struct Started {
    pub(super) job_id: JobId,
    pub(super) source_id: SourceId,
    pub(super) status: JobState,
    /// Where its events are streamed.
    pub(super) events_url: String,
}

impl Started {
    pub(super) fn new(source: SourceId, submitted: computetower_store::jobs::Submitted) -> Self {
        Self {
            job_id: submitted.id,
            source_id: source,
            status: submitted.state,
            events_url: format!("/api/v1/jobs/{}/events", submitted.id),
        }
    }
}

/// Reads a source, for the first time or again. Only what has changed is written.
#[utoipa::path(post, path = "/api/v1/knowledge/sources/{id}/sync", tag = "knowledge", security(("api_key" = [])),
    params(("id" = SourceId, Path), ("Idempotency-Key" = Option<String>, Header)), request_body = SyncRequest,
    responses((status = 202, body = Started), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Another job reads it"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn sync(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<SourceId>,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Result<(StatusCode, Answer<Started>), Problem> {
    let request: SyncRequest = read_json(&body)?;
    let source = app.store().source(caller.tenant, id).await?;
    let once = idempotency_key(&headers)?.map(|key| (key, Sha256::digest(&body).to_vec()));
    let reading = Reading {
        max_pages: request.max_pages,
        max_depth: request.max_depth,
        full: request.full,
        key: None,
    };
    let submitted = start(&app, &source, &reading, once).await?;
    Ok((StatusCode::ACCEPTED, Answer(Started::new(id, submitted))))
}

/// An entry of the sync history.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000022", "job_id": "01890000-0000-7000-8000-000000000001", "status": "completed", "trigger_type": "initial",
    "phase": "done", "progress": 100.0, "counts": {"done": 1170, "failed": 2, "new": 1170}, "error_messages": [], "warnings": [],
    "started_at": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T00:02:00Z"}))]
pub(crate) struct SyncView {
    id: SyncId,
    job_id: JobId,
    /// The state of its job.
    status: String,
    /// `initial` or `resync`.
    trigger_type: String,
    phase: String,
    /// 0 to 100.
    progress: f32,
    /// What was counted.
    counts: Value,
    /// What went wrong, the first 100.
    error_messages: Value,
    /// What is not as it should be, the first 100.
    warnings: Value,
    started_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
}

impl From<SyncEntry> for SyncView {
    fn from(sync: SyncEntry) -> Self {
        Self {
            id: sync.id,
            job_id: sync.job,
            status: sync.state,
            trigger_type: sync.trigger,
            phase: sync.phase,
            progress: sync.percent,
            counts: sync.counts,
            error_messages: sync.errors,
            warnings: sync.warnings,
            started_at: sync.started_at,
            completed_at: sync.completed_at,
        }
    }
}

/// A page of the sync history.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"syncs": []}))]
pub(crate) struct SyncList {
    syncs: Vec<SyncView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<SyncId>,
}

/// Lists how a source was read, newest first.
#[utoipa::path(get, path = "/api/v1/knowledge/sources/{id}/syncs", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path), PageParams),
    responses((status = 200, body = SyncList), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn syncs(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<SourceId>,
    Params(params): Params<PageParams>,
) -> Result<Answer<SyncList>, Problem> {
    let limit = limit_of(params.limit)?;
    let before = read_word("cursor", params.cursor)?;
    app.store().source(caller.tenant, id).await?;
    let page = app
        .store()
        .syncs(caller.tenant, Some(id), before, limit)
        .await?;
    Ok(Answer(SyncList {
        syncs: page.syncs.into_iter().map(SyncView::from).collect(),
        next_cursor: page.next,
    }))
}
