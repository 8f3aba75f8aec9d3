//! `/knowledge/explore/…`: a crawl by the name of its job.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{DocumentId, JobId, JobKind, JobState, SourceId, TenantId};
use computetower_store::jobs::{CancelReply, JobFilter, JobRow, PauseReply};
use computetower_store::knowledge::{DocumentFilter, SourceKind, SyncEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::documents::DocumentView;
use super::limit_of;
use super::sources::Started;
use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::knowledge::start::{self as reading, Reading, source_at};
use crate::service::urls;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/knowledge/explore/start", post(start))
        .route("/knowledge/explore/status/{id}", get(status))
        .route("/knowledge/explore/pause", post(pause))
        .route("/knowledge/explore/resume", post(resume))
        .route("/knowledge/explore/cancel", post(cancel))
        .route("/knowledge/explore/results/{id}", get(results))
        .route("/knowledge/explore/jobs", get(jobs))
}

/// A site to crawl.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"start_url": "https://docs.example.com/", "max_pages": 500, "max_depth": 5}))]
pub(crate) struct ExploreRequest {
    /// Where the crawl begins. A source with this address is read again; else one is made.
    start_url: String,
    /// Pages that are kept at the most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_pages: Option<u32>,
    /// How many links may lie between the first page and a page.
    #[serde(default)]
    #[schema(maximum = 1000)]
    max_depth: Option<u32>,
}

/// Starts a crawl.
#[utoipa::path(post, path = "/api/v1/knowledge/explore/start", tag = "knowledge", security(("api_key" = [])), request_body = ExploreRequest,
    responses((status = 202, body = Started), (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Another job reads the source"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<ExploreRequest>,
) -> Result<(StatusCode, Answer<Started>), Problem> {
    let mut url = urls::check(&request.start_url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("start_url", reason))?;
    url.set_fragment(None);
    let options = CrawlOptions {
        max_pages: request.max_pages,
        max_depth: request.max_depth,
        ..CrawlOptions::default()
    };
    options
        .check()
        .map_err(|invalid| Problem::field(invalid.field, invalid.reason))?;
    let kind = SourceKind::Website;
    let source = source_at(&app, caller.tenant, url.as_str(), kind, options).await?;
    let source = app.store().source(caller.tenant, source).await?;
    let way = Reading {
        max_pages: request.max_pages,
        max_depth: request.max_depth,
        ..Reading::default()
    };
    let submitted = reading::start(&app, &source, &way, None).await?;
    Ok((
        StatusCode::ACCEPTED,
        Answer(Started::new(source.id, submitted)),
    ))
}

/// How far a crawl or an ingestion is.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"job_id": "01890000-0000-7000-8000-000000000001", "source_id": "01890000-0000-7000-8000-000000000021", "status": "running", "phase": "crawling",
    "progress": 41.5, "counts": {"discovered": 1170, "done": 480, "queued": 686, "failed": 2, "skipped": 2}, "error_messages": [], "warnings": [],
    "created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:01Z"}))]
pub(crate) struct Exploration {
    job_id: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<SourceId>,
    status: JobState,
    /// A short word; `waiting` before it has begun.
    phase: String,
    /// 0 to 100.
    progress: f32,
    /// What was counted.
    counts: Value,
    error_messages: Value,
    warnings: Value,
    /// Why it failed, or what went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<PublicFailure>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<DateTime<Utc>>,
}

impl Exploration {
    fn new(job: JobRow, sync: Option<SyncEntry>) -> Self {
        let named = job.payload.get("source_id").and_then(Value::as_str);
        let named = named.and_then(|id| id.parse().ok());
        let begun = |sync: SyncEntry| {
            (
                sync.phase,
                sync.percent,
                sync.counts,
                sync.errors,
                sync.warnings,
            )
        };
        let (phase, progress, counts, error_messages, warnings) = sync.map_or_else(
            || ("waiting".to_owned(), 0.0, json!({}), json!([]), json!([])),
            begun,
        );
        Self {
            job_id: job.id,
            source_id: named,
            status: job.state,
            phase,
            progress,
            counts,
            error_messages,
            warnings,
            failure: job.failure,
            created_at: job.created_at,
            started_at: job.started_at,
            completed_at: job.finished_at,
        }
    }
}

/// A job of a tenant that reads a source, and its entry in the history.
async fn look(
    app: &App,
    tenant: TenantId,
    id: JobId,
) -> Result<(JobRow, Option<SyncEntry>), Problem> {
    let job = app.store().job(tenant, id).await?;
    if !matches!(job.kind, JobKind::Crawl | JobKind::Ingest) {
        return Err(Problem::not_found("exploration"));
    }
    let sync = app.store().sync_of(tenant, id).await?;
    Ok((job, sync))
}

/// Shows how far a crawl is.
#[utoipa::path(get, path = "/api/v1/knowledge/explore/status/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Exploration), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn status(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Answer<Exploration>, Problem> {
    let (job, sync) = look(&app, caller.tenant, id).await?;
    Ok(Answer(Exploration::new(job, sync)))
}

/// Which job.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"job_id": "01890000-0000-7000-8000-000000000001"}))]
pub(crate) struct Which {
    job_id: JobId,
}

async fn after(app: &App, tenant: TenantId, id: JobId) -> Result<Answer<Exploration>, Problem> {
    let (job, sync) = look(app, tenant, id).await?;
    Ok(Answer(Exploration::new(job, sync)))
}

/// Holds a crawl back. What it has read stays, and it goes on from there.
#[utoipa::path(post, path = "/api/v1/knowledge/explore/pause", tag = "knowledge", security(("api_key" = [])), request_body = Which,
    responses((status = 200, body = Exploration), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(which): Json<Which>,
) -> Result<Answer<Exploration>, Problem> {
    look(&app, caller.tenant, which.job_id).await?;
    let _: PauseReply = app.store().pause_job(caller.tenant, which.job_id).await?;
    after(&app, caller.tenant, which.job_id).await
}

/// Lets a crawl that was held back go on.
#[utoipa::path(post, path = "/api/v1/knowledge/explore/resume", tag = "knowledge", security(("api_key" = [])), request_body = Which,
    responses((status = 200, body = Exploration), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(which): Json<Which>,
) -> Result<Answer<Exploration>, Problem> {
    look(&app, caller.tenant, which.job_id).await?;
    app.store().resume_job(caller.tenant, which.job_id).await?;
    after(&app, caller.tenant, which.job_id).await
}

/// Ends a crawl. What it has read stays.
#[utoipa::path(post, path = "/api/v1/knowledge/explore/cancel", tag = "knowledge", security(("api_key" = [])), request_body = Which,
    responses((status = 200, body = Exploration), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(which): Json<Which>,
) -> Result<Answer<Exploration>, Problem> {
    look(&app, caller.tenant, which.job_id).await?;
    let _: CancelReply = app.store().cancel(caller.tenant, which.job_id).await?;
    after(&app, caller.tenant, which.job_id).await
}

/// Which pages of the results.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a crawl has found so far.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"job_id": "01890000-0000-7000-8000-000000000001", "status": "completed", "pages": [], "links": 84, "external_links": ["https://en.wikipedia.org/wiki/Timsort"], "errors": []}))]
pub(crate) struct Results {
    job_id: JobId,
    status: JobState,
    /// What its source holds, in the order in which it was first read.
    pages: Vec<DocumentView>,
    /// How many links of these pages lead into the source.
    links: i64,
    /// Where these pages link to outside of the source, each address once.
    external_links: BTreeSet<String>,
    /// What went wrong, the first 100.
    errors: Value,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<DocumentId>,
}

/// Shows what a crawl has found, page by page.
#[utoipa::path(get, path = "/api/v1/knowledge/explore/results/{id}", tag = "knowledge", security(("api_key" = [])), params(("id" = JobId, Path), ResultParams),
    responses((status = 200, body = Results), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn results(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
    Params(params): Params<ResultParams>,
) -> Result<Answer<Results>, Problem> {
    let filter = DocumentFilter {
        after: read_word("cursor", params.cursor)?,
        limit: limit_of(params.limit)?,
        ..DocumentFilter::default()
    };
    let (job, sync) = look(&app, caller.tenant, id).await?;
    let mut results = Results {
        job_id: id,
        status: job.state,
        pages: Vec::new(),
        links: 0,
        external_links: BTreeSet::new(),
        errors: json!([]),
        next_cursor: None,
    };
    let Some(sync) = sync else {
        return Ok(Answer(results));
    };
    let page = app
        .store()
        .documents(caller.tenant, sync.source, filter)
        .await?;
    for document in &page.documents {
        results.links += i64::from(document.links_inside);
        let outside = document.links_outside.as_array().into_iter().flatten();
        let outside = outside.filter_map(Value::as_str).map(str::to_owned);
        results.external_links.extend(outside);
    }
    results.pages = page.documents.into_iter().map(DocumentView::from).collect();
    results.next_cursor = page.next;
    results.errors = sync.errors;
    Ok(Answer(results))
}

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExploreParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only in this state.
    status: Option<String>,
}

/// Crawls and ingestions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"jobs": []}))]
pub(crate) struct Explorations {
    jobs: Vec<Exploration>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<JobId>,
}

/// Lists crawls and ingestions, newest first.
#[utoipa::path(get, path = "/api/v1/knowledge/explore/jobs", tag = "knowledge", security(("api_key" = [])), params(ExploreParams),
    responses((status = 200, body = Explorations), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn jobs(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<ExploreParams>,
) -> Result<Answer<Explorations>, Problem> {
    let filter = JobFilter {
        queue: Some(computetower_jobs::Queue::Knowledge),
        state: read_word("status", params.status)?,
        before: read_word("cursor", params.cursor)?,
        limit: limit_of(params.limit)?,
        ..JobFilter::default()
    };
    let page = app.store().jobs(caller.tenant, &filter).await?;
    let mut found = Vec::with_capacity(page.jobs.len());
    let ids: Vec<JobId> = page.jobs.iter().map(|job| job.id).collect();
    let mut syncs = app.store().syncs_of(caller.tenant, &ids).await?;
    for job in page.jobs {
        let sync = syncs.remove(&job.id);
        found.push(Exploration::new(job, sync));
    }
    Ok(Answer(Explorations {
        jobs: found,
        next_cursor: page.next,
    }))
}
