//! Worker processes that live.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::WorkerId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::auth::Reader;
use crate::api::problem::Problem;
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new().route("/workers", get(list))
}

/// A worker process.
#[derive(Serialize, ToSchema)]
pub(crate) struct Worker {
    id: WorkerId,
    /// Machine, process id and a random part.
    name: String,
    /// The queues it takes jobs from.
    queues: Vec<String>,
    /// Jobs that it runs now, over all tenants.
    running: i64,
    started_at: DateTime<Utc>,
    heartbeat_at: DateTime<Utc>,
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
            .map(|worker| Worker {
                id: worker.id,
                name: worker.name,
                queues: worker.queues,
                running: worker.running,
                started_at: worker.started_at,
                heartbeat_at: worker.heartbeat_at,
            })
            .collect(),
    ))
}
