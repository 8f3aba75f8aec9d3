//! `/batches`: many jobs in one request, how far they are, waiting for all of them, cancelling them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{BatchId, JobId, JobKind, JobState};
use computetower_store::jobs::Batch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, JsonBytes, Params, read_json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::batches::{self, SubmitBatch};
use crate::service::submit::idempotency_key;

/// Seconds that one request may wait for a batch.
const LONGEST_WAIT: u64 = 60;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/batches", post(create))
        .route("/batches/{id}", get(show))
        .route("/batches/{id}/wait", get(wait))
        .route("/batches/{id}/cancel", post(cancel))
}

/// A batch that was accepted.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000000", "jobs": [
    {"id": "01890000-0000-7000-8000-000000000001", "kind": "noop", "state": "pending"}
]}))]
pub(crate) struct AcceptedBatch {
    id: BatchId,
    /// The jobs, in the order in which they were given.
    jobs: Vec<BatchJob>,
}

/// A job of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchJob {
    id: JobId,
    kind: JobKind,
    state: JobState,
}

/// How a batch stands.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000000", "jobs": 3, "done": false,
    "states": {"pending": 1, "queued": 0, "running": 1, "paused": 0, "intervention_needed": 0, "completed": 1, "failed": 0, "cancelled": 0},
    "jobs_url": "/api/v1/jobs?batch=01890000-0000-7000-8000-000000000000", "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct BatchView {
    id: BatchId,
    /// How many jobs were accepted with it.
    jobs: i32,
    /// True once every one of them has ended.
    done: bool,
    /// How many of them stand where.
    states: BTreeMap<&'static str, i64>,
    /// Where they are listed.
    jobs_url: String,
    created_at: DateTime<Utc>,
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        let mut states: BTreeMap<&'static str, i64> =
            JobState::ALL.map(|state| (state.name(), 0)).into();
        states.extend(
            batch
                .states
                .iter()
                .map(|(state, count)| (state.name(), *count)),
        );
        Self {
            id: batch.id,
            jobs: batch.jobs,
            done: batch.is_done(),
            states,
            jobs_url: format!("/api/v1/jobs?batch={}", batch.id),
            created_at: batch.created_at,
        }
    }
}

/// Accepts up to 1,000 jobs, all of them or none. The whole body may have 4 MiB. One `Idempotency-Key` covers the batch; its jobs have none of their own.
#[utoipa::path(post, path = "/api/v1/batches", tag = "batches", security(("api_key" = [])), request_body = SubmitBatch,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body answers with the same batch; with another body, 409")),
    responses((status = 202, body = AcceptedBatch, headers(("Location" = String))), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 413, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "A field is named as in `jobs[3].payload.progress`")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let request: SubmitBatch = read_json(&body)?;
    let (id, repeated) = batches::submit(&app, caller.tenant, request, key, &body).await?;
    let jobs = app.store().batch_members(caller.tenant, id).await?;
    let jobs = jobs
        .into_iter()
        .map(|(id, kind, state)| BatchJob { id, kind, state })
        .collect();
    let mut response = (StatusCode::ACCEPTED, Json(AcceptedBatch { id, jobs })).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/api/v1/batches/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    if repeated {
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Shows how a batch stands. Its jobs: `GET /api/v1/jobs?batch=`.
#[utoipa::path(get, path = "/api/v1/batches/{id}", tag = "batches", security(("api_key" = [])), params(("id" = BatchId, Path)),
    responses((status = 200, body = BatchView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<BatchId>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(app.store().batch(caller.tenant, id).await?.into()))
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitParams {
    /// Seconds, 0 to 60; 30 when left out.
    #[param(minimum = 0, maximum = 60)]
    timeout_s: Option<u64>,
}

/// Waits until all jobs of a batch have ended, or the time is over; `done` tells which. Call it again to go on waiting.
#[utoipa::path(get, path = "/api/v1/batches/{id}/wait", tag = "batches", security(("api_key" = [])), params(("id" = BatchId, Path), WaitParams),
    responses((status = 200, body = BatchView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn wait(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<BatchId>,
    Params(params): Params<WaitParams>,
) -> Result<Json<BatchView>, Problem> {
    let seconds = params.timeout_s.unwrap_or(30);
    if seconds > LONGEST_WAIT {
        return Err(Problem::field(
            "timeout_s",
            format!("must be between 0 and {LONGEST_WAIT}"),
        ));
    }
    let batch = batches::wait(&app, caller.tenant, id, Duration::from_secs(seconds)).await?;
    Ok(Json(batch.into()))
}

/// Cancels the jobs of a batch that have not ended. Those that wait end at once; those that run are told to stop, and end within a second.
#[utoipa::path(post, path = "/api/v1/batches/{id}/cancel", tag = "batches", security(("api_key" = [])), params(("id" = BatchId, Path)),
    responses((status = 200, body = BatchView, description = "All of them have ended"), (status = 202, body = BatchView, description = "Workers were told"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<BatchId>,
) -> Result<Response, Problem> {
    app.store().cancel_batch(caller.tenant, id).await?;
    let batch = BatchView::from(app.store().batch(caller.tenant, id).await?);
    let status = if batch.done {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(batch)).into_response())
}
