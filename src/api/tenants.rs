//! `/admin/tenants`: a tenant's weight, and its pause.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::TenantId;
use computetower_store::accounts::TenantRow;
use computetower_store::pauses::Pause;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Operator;
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/tenants/{id}", get(show).put(change))
        .route("/tenants/{id}/pause", post(pause))
        .route("/tenants/{id}/resume", post(resume))
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(title = "Tenant", example = json!({"id": "01890000-0000-7000-8000-000000000007", "name": "acme", "weight": 2, "paused": false, "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct TenantView {
    id: TenantId,
    name: String,
    /// One with weight 2 gets two turns where others get one.
    weight: i32,
    /// True while none of its jobs starts.
    paused: bool,
    created_at: DateTime<Utc>,
}

impl From<TenantRow> for TenantView {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            weight: row.weight,
            paused: row.paused,
            created_at: row.created_at,
        }
    }
}

/// What can be changed of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"weight": 2}))]
pub(crate) struct ChangeTenant {
    /// One with weight 2 gets two turns where others get one.
    #[schema(minimum = 1, maximum = 100)]
    weight: i32,
}

/// Shows a tenant.
#[utoipa::path(get, path = "/admin/tenants/{id}", tag = "tenants", security(("admin_key" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<TenantId>,
) -> Result<Answer<TenantView>, Problem> {
    Ok(Answer(app.store().tenant(id).await?.into()))
}

/// Changes a tenant's weight.
#[utoipa::path(put, path = "/admin/tenants/{id}", tag = "tenants", security(("admin_key" = [])), params(("id" = TenantId, Path)), request_body = ChangeTenant,
    responses((status = 200, body = TenantView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<TenantId>,
    Json(request): Json<ChangeTenant>,
) -> Result<Answer<TenantView>, Problem> {
    if !(1..=100).contains(&request.weight) {
        return Err(Problem::field("weight", "must be between 1 and 100"));
    }
    app.store().weigh_tenant(id, request.weight).await?;
    Ok(Answer(app.store().tenant(id).await?.into()))
}

/// Pauses a tenant: none of its jobs starts until it is resumed. What runs goes on.
#[utoipa::path(post, path = "/admin/tenants/{id}/pause", tag = "tenants", security(("admin_key" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<TenantId>,
) -> Result<Answer<TenantView>, Problem> {
    app.store().pause(Pause::Tenant(id)).await?;
    Ok(Answer(app.store().tenant(id).await?.into()))
}

/// Resumes a tenant.
#[utoipa::path(post, path = "/admin/tenants/{id}/resume", tag = "tenants", security(("admin_key" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<TenantId>,
) -> Result<Answer<TenantView>, Problem> {
    app.store().resume(Pause::Tenant(id)).await?;
    Ok(Answer(app.store().tenant(id).await?.into()))
}
