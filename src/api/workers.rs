//! Worker processes that live, and draining one.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, WorkerId};
use computetower_store::workers::WorkerRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::auth::{Operator, Reader};
use crate::api::extract::Id;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new().route("/workers", get(list))
}

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/workers", get(list_with_jobs))
        .route("/workers/{id}/drain", post(drain))
}

/// A worker process.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000011", "name": "host-4711-9f2c", "queues": ["chat"], "slots": {"chat": 8}, "running": 1, "draining": false,
    "started_at": "2026-01-01T00:00:00Z", "heartbeat_at": "2026-01-01T00:00:01Z", "jobs": ["01890000-0000-7000-8000-000000000001"]}))]
pub(crate) struct Worker {
    id: WorkerId,
    /// Machine, process id and a random part.
    name: String,
    /// The queues it takes jobs from.
    queues: Vec<String>,
    /// How many jobs of each queue it runs at once.
    slots: BTreeMap<String, u32>,
    /// Jobs that it runs now, over all tenants.
    running: usize,
    /// True once it takes no more jobs and ends with those that it runs.
    draining: bool,
    started_at: DateTime<Utc>,
    heartbeat_at: DateTime<Utc>,
    /// The jobs that it runs now; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<JobId>>,
}

impl Worker {
    fn of(row: WorkerRow, with_jobs: bool) -> Self {
        Self {
            id: row.id,
            name: row.name,
            queues: row.queues,
            slots: row.slots,
            running: row.running.len(),
            draining: row.draining,
            started_at: row.started_at,
            heartbeat_at: row.heartbeat_at,
            jobs: with_jobs.then_some(row.running),
        }
    }
}

/// Lists workers that live, newest first.
#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", security(("api_key" = [])), responses((status = 200, body = Vec<Worker>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(_): Reader,
) -> Result<Json<Vec<Worker>>, Problem> {
    let workers = app.store().live_workers().await?;
    Ok(Json(
        workers
            .into_iter()
            .map(|worker| Worker::of(worker, false))
            .collect(),
    ))
}

/// Lists workers that live, newest first, with the jobs that each runs.
#[utoipa::path(get, path = "/admin/workers", tag = "workers", security(("admin_key" = [])), responses((status = 200, body = Vec<Worker>)))]
pub(crate) async fn list_with_jobs(
    State(app): State<App>,
    Operator(_): Operator,
) -> Result<Json<Vec<Worker>>, Problem> {
    let workers = app.store().live_workers().await?;
    Ok(Json(
        workers
            .into_iter()
            .map(|worker| Worker::of(worker, true))
            .collect(),
    ))
}

/// Drains a worker: within a second it takes no more jobs; it finishes those that it runs, however long they take, and its process ends.
#[utoipa::path(post, path = "/admin/workers/{id}/drain", tag = "workers", security(("admin_key" = [])), params(("id" = WorkerId, Path)),
    responses((status = 202, description = "It was told"), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn drain(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<WorkerId>,
) -> Result<StatusCode, Problem> {
    app.store().drain_worker(id).await?;
    Ok(StatusCode::ACCEPTED)
}
