//! Queues: what waits and what runs, pause and resume; for a tenant its own part, for operators all of it.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use computetower_jobs::Queue;
use computetower_store::pauses::Pause;
use computetower_store::queues::QueueRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::auth::{Operator, Reader, Writer};
use crate::api::extract::Id;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/queues", get(list))
        .route("/queues/{queue}/pause", post(pause))
        .route("/queues/{queue}/resume", post(resume))
}

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/queues", get(list_all))
        .route("/queues/{queue}/pause", post(pause_for_all))
        .route("/queues/{queue}/resume", post(resume_for_all))
}

/// A queue as it stands.
#[derive(Serialize, ToSchema)]
#[schema(title = "Queue", example = json!({"queue": "chat", "pending": 12, "queued": 8, "running": 8, "oldest_age_seconds": 3.2, "paused": false, "slots": 8}))]
pub(crate) struct QueueView {
    queue: Queue,
    /// Jobs that wait for their time, their turn, or other jobs.
    pending: i64,
    /// Jobs that the next free worker takes.
    queued: i64,
    /// Jobs that run.
    running: i64,
    /// For how many seconds the oldest job that could run has waited.
    oldest_age_seconds: Option<f64>,
    /// True while no more jobs are handed to workers.
    paused: bool,
    /// Jobs that all workers together run at once, whoever they belong to.
    slots: i64,
}

impl From<QueueRow> for QueueView {
    fn from(row: QueueRow) -> Self {
        Self {
            queue: row.queue,
            pending: row.pending,
            queued: row.queued,
            running: row.running,
            oldest_age_seconds: row.oldest_age_seconds,
            paused: row.paused,
            slots: row.slots,
        }
    }
}

/// Lists the queues with the caller's jobs in them.
#[utoipa::path(get, path = "/api/v1/queues", tag = "queues", security(("api_key" = [])), responses((status = 200, body = Vec<QueueView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
) -> Result<Json<Vec<QueueView>>, Problem> {
    let rows = app.store().queues(Some(caller.tenant)).await?;
    Ok(Json(rows.into_iter().map(QueueView::from).collect()))
}

/// Pauses the caller's part of a queue: none of its jobs starts until it is resumed. What runs goes on.
#[utoipa::path(post, path = "/api/v1/queues/{queue}/pause", tag = "queues", security(("api_key" = [])), params(("queue" = Queue, Path)),
    responses((status = 200, body = QueueView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(queue): Id<Queue>,
) -> Result<Json<QueueView>, Problem> {
    app.store().pause(Pause::Own(caller.tenant, queue)).await?;
    shown(&app, Some(caller.tenant), queue).await
}

/// Resumes the caller's part of a queue.
#[utoipa::path(post, path = "/api/v1/queues/{queue}/resume", tag = "queues", security(("api_key" = [])), params(("queue" = Queue, Path)),
    responses((status = 200, body = QueueView, description = "`paused` is still true while an operator's pause stands"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(queue): Id<Queue>,
) -> Result<Json<QueueView>, Problem> {
    app.store().resume(Pause::Own(caller.tenant, queue)).await?;
    shown(&app, Some(caller.tenant), queue).await
}

/// Lists the queues with everybody's jobs in them.
#[utoipa::path(get, path = "/admin/queues", tag = "queues", security(("admin_key" = [])), responses((status = 200, body = Vec<QueueView>)))]
pub(crate) async fn list_all(
    State(app): State<App>,
    Operator(_): Operator,
) -> Result<Json<Vec<QueueView>>, Problem> {
    let rows = app.store().queues(None).await?;
    Ok(Json(rows.into_iter().map(QueueView::from).collect()))
}

/// Pauses a queue for everybody.
#[utoipa::path(post, path = "/admin/queues/{queue}/pause", tag = "queues", security(("admin_key" = [])), params(("queue" = Queue, Path)),
    responses((status = 200, body = QueueView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause_for_all(
    State(app): State<App>,
    Operator(_): Operator,
    Id(queue): Id<Queue>,
) -> Result<Json<QueueView>, Problem> {
    app.store().pause(Pause::Queue(queue)).await?;
    shown(&app, None, queue).await
}

/// Resumes a queue for everybody. What tenants paused themselves stays paused.
#[utoipa::path(post, path = "/admin/queues/{queue}/resume", tag = "queues", security(("admin_key" = [])), params(("queue" = Queue, Path)),
    responses((status = 200, body = QueueView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume_for_all(
    State(app): State<App>,
    Operator(_): Operator,
    Id(queue): Id<Queue>,
) -> Result<Json<QueueView>, Problem> {
    app.store().resume(Pause::Queue(queue)).await?;
    shown(&app, None, queue).await
}

async fn shown(
    app: &App,
    tenant: Option<computetower_jobs::TenantId>,
    queue: Queue,
) -> Result<Json<QueueView>, Problem> {
    let rows = app.store().queues(tenant).await?;
    let row = rows.into_iter().find(|row| row.queue == queue);
    row.map(|row| Json(row.into()))
        .ok_or_else(|| Problem::not_found("queue"))
}
