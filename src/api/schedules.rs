//! `/schedules`: jobs that are made again and again, by a cron expression in a time zone.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, ScheduleId, SubmitRequest};
use computetower_store::schedules::Schedule;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::jobs::{Job, read_word};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::schedules::{self, ChangeSchedule, NewSchedule};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/schedules", post(create).get(list))
        .route("/schedules/{id}", get(show).patch(change).delete(remove))
        .route("/schedules/{id}/run", post(run))
}

/// A schedule.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000008", "name": "morning question", "cron": "0 9 * * 1-5", "time_zone": "Europe/Berlin",
    "job": {"kind": "chat", "payload": {"model": "helpdesk", "messages": [{"role": "user", "content": "What is new today?"}]}, "priority": 0},
    "enabled": true, "next_at": "2026-01-05T08:00:00Z", "last_at": "2026-01-02T08:00:00Z", "last_job": "01890000-0000-7000-8000-000000000001",
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct ScheduleView {
    id: ScheduleId,
    name: String,
    cron: String,
    time_zone: String,
    /// The job that each tick makes.
    #[schema(value_type = SubmitRequest)]
    job: Value,
    enabled: bool,
    /// The next tick; absent while it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<DateTime<Utc>>,
    /// When it last made a job, or could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<DateTime<Utc>>,
    /// The last job that it made; all of them: `GET /api/v1/jobs?schedule=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_job: Option<JobId>,
    /// Why the last tick made no job.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        Self {
            id: schedule.id,
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            job: schedule.job,
            enabled: schedule.enabled,
            next_at: schedule.next_at,
            last_at: schedule.last_at,
            last_job: schedule.last_job,
            last_error: schedule.last_error,
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
        }
    }
}

/// Makes a schedule. Each tick makes one job; ticks that were missed make one together.
#[utoipa::path(post, path = "/api/v1/schedules", tag = "schedules", security(("api_key" = [])), request_body = NewSchedule,
    responses((status = 201, body = ScheduleView, headers(("Location" = String))), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<NewSchedule>,
) -> Result<Response, Problem> {
    let id = schedules::create(&app, caller.tenant, request).await?;
    let schedule = ScheduleView::from(app.store().schedule(caller.tenant, id).await?);
    let mut response = (StatusCode::CREATED, Answer(schedule)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/api/v1/schedules/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// Which schedules to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScheduleParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of schedules.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"schedules": [{"id": "01890000-0000-7000-8000-000000000008", "name": "every night", "cron": "0 3 * * *", "time_zone": "UTC", "job": {"kind": "noop", "priority": 0},
    "enabled": false, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}]}))]
pub(crate) struct ScheduleList {
    schedules: Vec<ScheduleView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<ScheduleId>,
}

/// Lists schedules, newest first.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", security(("api_key" = [])), params(ScheduleParams), responses((status = 200, body = ScheduleList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<ScheduleParams>,
) -> Result<Answer<ScheduleList>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    let before = read_word("cursor", params.cursor)?;
    let page = app.store().schedules(caller.tenant, before, limit).await?;
    Ok(Answer(ScheduleList {
        schedules: page.schedules.into_iter().map(ScheduleView::from).collect(),
        next_cursor: page.next,
    }))
}

/// Shows a schedule.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "schedules", security(("api_key" = [])), params(("id" = ScheduleId, Path)),
    responses((status = 200, body = ScheduleView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<ScheduleId>,
) -> Result<Answer<ScheduleView>, Problem> {
    Ok(Answer(
        app.store().schedule(caller.tenant, id).await?.into(),
    ))
}

/// Changes a schedule; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/schedules/{id}", tag = "schedules", security(("api_key" = [])), params(("id" = ScheduleId, Path)), request_body = ChangeSchedule,
    responses((status = 200, body = ScheduleView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<ScheduleId>,
    Json(request): Json<ChangeSchedule>,
) -> Result<Answer<ScheduleView>, Problem> {
    schedules::change(&app, caller.tenant, id, request).await?;
    Ok(Answer(
        app.store().schedule(caller.tenant, id).await?.into(),
    ))
}

/// Removes a schedule. The jobs that it has made stay.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "schedules", security(("api_key" = [])), params(("id" = ScheduleId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<ScheduleId>,
) -> Result<StatusCode, Problem> {
    app.store().remove_schedule(caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a schedule's job now, whether it is on or off. Its ticks stay as they are.
#[utoipa::path(post, path = "/api/v1/schedules/{id}/run", tag = "schedules", security(("api_key" = [])), params(("id" = ScheduleId, Path)),
    responses((status = 202, body = Job), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "The job can no longer be accepted")))]
pub(crate) async fn run(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<ScheduleId>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let job = schedules::run(&app, caller.tenant, id).await?;
    let job = Job::from(app.store().job(caller.tenant, job).await?);
    Ok((StatusCode::ACCEPTED, Answer(job)))
}
