//! Signs of life, for whatever watches the process.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::api::problem::Problem;
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
}

/// The process lives.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = Value, description = "The process lives", example = json!({"status": "ok", "version": "0.1.0"}))))]
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Postgres, Redis and the object store answer.
#[utoipa::path(get, path = "/ready", tag = "health",
    responses((status = 200, body = Value, description = "All services answer", example = json!({"status": "ready"})),
              (status = 503, description = "One does not", body = crate::api::problem::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Value>, Problem> {
    app.store().ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
