//! `/admin/limits`: how many jobs may run at once, and how many may start in a time.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::submission::{ALL_KEYS, check_limit_key};
use computetower_jobs::{LimitId, Queue, TenantId};
use computetower_store::StoreError;
use computetower_store::limits::{LimitRow, NewLimit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Operator;
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// Nothing sensible is larger.
const LARGEST: u32 = 1_000_000;
/// A month, in seconds.
const LONGEST: u32 = 2_678_400;

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/limits", get(list).put(set))
        .route("/limits/{id}", delete(remove))
}

/// A limit to set. One of `max_running` and `rate` has to be there; `rate` and `per_seconds` come together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"queue": "chat", "max_running": 2, "rate": 30, "per_seconds": 60}))]
pub(crate) struct SetLimit {
    /// This tenant; each tenant by itself when left out.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// This queue; all queues together when left out.
    #[serde(default)]
    queue: Option<Queue>,
    /// This `limit_key`; each key by itself when left out (jobs without one count as one more); `*`: all keys together.
    #[serde(default)]
    #[schema(max_length = 200)]
    key: Option<String>,
    /// Jobs queued or running at once. 0 lets none start.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    max_running: Option<u32>,
    /// So many may start …
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate: Option<u32>,
    /// … in so many seconds. After a quiet time they may start all at once.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_678_400)]
    per_seconds: Option<u32>,
}

/// A limit.
#[derive(Serialize, ToSchema)]
#[schema(title = "Limit", example = json!({"id": "01890000-0000-7000-8000-000000000012", "tenant_id": null, "queue": "chat", "key": null, "max_running": 2, "rate": 30, "per_seconds": 60,
    "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct LimitView {
    id: LimitId,
    tenant_id: Option<TenantId>,
    queue: Option<Queue>,
    key: Option<String>,
    max_running: Option<i32>,
    rate: Option<i32>,
    per_seconds: Option<i32>,
    created_at: DateTime<Utc>,
}

impl From<LimitRow> for LimitView {
    fn from(row: LimitRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.limit.tenant,
            queue: row.limit.queue,
            key: row.limit.key,
            max_running: row.limit.max_running,
            rate: row.limit.rate,
            per_seconds: row.limit.per_seconds,
            created_at: row.created_at,
        }
    }
}

/// Lists the limits, oldest first.
#[utoipa::path(get, path = "/admin/limits", tag = "limits", security(("admin_key" = [])), responses((status = 200, body = Vec<LimitView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Operator(_): Operator,
) -> Result<Answer<Vec<LimitView>>, Problem> {
    let rows = app.store().limits().await?;
    Ok(Answer(rows.into_iter().map(LimitView::from).collect()))
}

/// Sets a limit, or changes the one for the same tenant, queue and key. What runs goes on; from then on no job starts beyond it.
#[utoipa::path(put, path = "/admin/limits", tag = "limits", security(("admin_key" = [])), request_body = SetLimit,
    responses((status = 200, body = LimitView), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn set(
    State(app): State<App>,
    Operator(_): Operator,
    Json(request): Json<SetLimit>,
) -> Result<Answer<LimitView>, Problem> {
    let new = checked(request)?;
    match app.store().set_limit(&new).await {
        Ok(row) => Ok(Answer(row.into())),
        Err(StoreError::NotFound(what)) => Err(Problem::field(
            "tenant_id",
            format!("there is no such {what}"),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Removes a limit.
#[utoipa::path(delete, path = "/admin/limits/{id}", tag = "limits", security(("admin_key" = [])), params(("id" = LimitId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(_): Operator,
    Id(id): Id<LimitId>,
) -> Result<StatusCode, Problem> {
    app.store().remove_limit(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked(request: SetLimit) -> Result<NewLimit, Problem> {
    if request.max_running.is_none() && request.rate.is_none() {
        return Err(Problem::field(
            "max_running",
            "is missing: a limit needs max_running, or rate and per_seconds",
        ));
    }
    if request.rate.is_some() != request.per_seconds.is_some() {
        return Err(Problem::field(
            "per_seconds",
            "and rate need each other: so many starts in so many seconds",
        ));
    }
    if let Some(key) = request.key.as_deref().filter(|key| *key != ALL_KEYS) {
        check_limit_key("key", key)?;
    }
    let number = |field: &'static str, value: Option<u32>, least: u32, most: u32| match value {
        Some(value) if !(least..=most).contains(&value) => Err(Problem::field(
            field,
            format!("must be between {least} and {most}"),
        )),
        Some(value) => Ok(i32::try_from(value).ok()),
        None => Ok(None),
    };
    Ok(NewLimit {
        tenant: request.tenant_id,
        queue: request.queue,
        max_running: number("max_running", request.max_running, 0, LARGEST)?,
        rate: number("rate", request.rate, 1, LARGEST)?,
        per_seconds: number("per_seconds", request.per_seconds, 1, LONGEST)?,
        key: request.key,
    })
}
