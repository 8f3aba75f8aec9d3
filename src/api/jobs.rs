//! `/jobs`: submit, list, look, cancel, pause, resume, retry; steps, attempts, result.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{BatchId, EventBody, JobId, JobKind, JobState, ScheduleId};
use computetower_store::jobs::{CancelReply, JobFilter, JobRow, PauseReply};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, JsonBytes, Params, read_json};
use crate::api::problem::{Problem, ProblemBody, ProblemCode};
use crate::app::App;
use crate::service::links;
use crate::service::submit::{SubmitRequest, idempotency_key, submit};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/jobs", post(create).get(list))
        .route("/jobs/{id}", get(show))
        .route("/jobs/{id}/cancel", post(cancel))
        .route("/jobs/{id}/pause", post(pause))
        .route("/jobs/{id}/resume", post(resume))
        .route("/jobs/{id}/retry", post(retry))
        .route("/jobs/{id}/steps", get(steps))
        .route("/jobs/{id}/attempts", get(attempts))
        .route("/jobs/{id}/result", get(result))
}

/// A job that was accepted.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000001", "kind": "noop", "state": "pending", "events_url": "/api/v1/jobs/01890000-0000-7000-8000-000000000001/events"}))]
pub(crate) struct Accepted {
    id: JobId,
    kind: JobKind,
    state: JobState,
    /// Where its events are streamed.
    events_url: String,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000001", "kind": "noop", "state": "completed", "payload": {"progress": 3, "sleep_ms": 100}, "priority": 0, "attempt": 1,
    "run_at": "2026-01-01T00:00:00Z", "cancel_requested": false, "pause_requested": false, "result": {"ok": true, "attempt": 1}, "waits_for": 0,
    "created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:00.002Z", "finished_at": "2026-01-01T00:00:00.104Z"}))]
pub(crate) struct Job {
    id: JobId,
    kind: JobKind,
    state: JobState,
    payload: Value,
    priority: i16,
    /// Attempts begun so far.
    attempt: i32,
    run_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<DateTime<Utc>>,
    /// What limits may name.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_key: Option<String>,
    /// True while a cancel is under way.
    cancel_requested: bool,
    /// True while a pause is under way.
    pause_requested: bool,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<PublicFailure>,
    /// The result, once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// The batch it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    /// The schedule that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_id: Option<ScheduleId>,
    /// How many jobs have to end before it may start.
    waits_for: i32,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            state: row.state,
            payload: row.payload,
            priority: row.priority,
            attempt: row.attempt,
            run_at: row.run_at,
            deadline: row.deadline,
            limit_key: row.limit_key,
            cancel_requested: row.cancel_requested && !row.state.is_final(),
            pause_requested: row.pause_requested && !row.state.is_final(),
            failure: row.failure,
            result: row.result,
            batch_id: row.batch,
            schedule_id: row.schedule,
            // One that was cancelled while it waited does not wait any more.
            waits_for: if row.state.is_final() {
                0
            } else {
                row.waits_for
            },
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// Accepts a job. Once this answers 202, the job survives the death of any process.
#[utoipa::path(post, path = "/api/v1/jobs", tag = "jobs", security(("api_key" = [])),
    request_body(content = SubmitRequest, examples(
        ("now" = (summary = "As soon as its turn comes", value = json!({"kind": "noop", "payload": {"progress": 3, "sleep_ms": 100}}))),
        ("later" = (summary = "Later, in its time, tried in its own way, and limited together with others", value = json!({"kind": "noop", "priority": 10,
            "run_at": "2099-01-01T00:00:00Z", "deadline": "2099-01-01T01:00:00Z", "timeout_ms": 60000, "limit_key": "account-7",
            "retry": {"attempts": 3, "base_ms": 1000, "cap_ms": 60000}}))),
        ("after others" = (summary = "Once two others have ended, in whatever way", value = json!({"kind": "noop",
            "after": ["01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"], "after_any_end": true}))))),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body answers with the same job; with another body, 409")),
    responses((status = 202, body = Accepted, headers(("Location" = String))), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let request: SubmitRequest = read_json(&body)?;
    let kind = request.kind.clone();
    let submitted = submit(&app, caller.tenant, request, key, &body).await?;
    let location = format!("/api/v1/jobs/{}", submitted.id);
    let accepted = json!({ "id": submitted.id, "kind": kind, "state": submitted.state, "events_url": format!("{location}/events") });
    let mut response = (StatusCode::ACCEPTED, Json(accepted)).into_response();
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    if submitted.repeated {
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only this kind.
    kind: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only of this queue.
    queue: Option<String>,
    /// Only those whose last failure has this code.
    code: Option<String>,
    /// Only those that ended at this moment or later.
    since: Option<DateTime<Utc>>,
    /// Only those that ended before this moment.
    until: Option<DateTime<Utc>>,
    /// Only those of this batch.
    batch: Option<String>,
    /// Only those that this schedule made.
    schedule: Option<String>,
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"jobs": [{"id": "01890000-0000-7000-8000-000000000001", "kind": "noop", "state": "completed", "payload": {"progress": 3, "sleep_ms": 100}, "priority": 0, "attempt": 1,
    "run_at": "2026-01-01T00:00:00Z", "cancel_requested": false, "pause_requested": false, "result": {"ok": true, "attempt": 1}, "waits_for": 0,
    "created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:00.002Z", "finished_at": "2026-01-01T00:00:00.104Z"}], "next_cursor": "01890000-0000-7000-8000-000000000001"}))]
pub(crate) struct JobList {
    jobs: Vec<Job>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<JobId>,
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", security(("api_key" = [])), params(ListParams), responses((status = 200, body = JobList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<JobList>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    let filter = JobFilter {
        kind: read_word("kind", params.kind)?,
        state: read_word("state", params.state)?,
        queue: read_word("queue", params.queue)?,
        code: read_word("code", params.code)?,
        since: params.since,
        until: params.until,
        batch: read_word("batch", params.batch)?,
        schedule: read_word("schedule", params.schedule)?,
        before: read_word("cursor", params.cursor)?,
        limit,
    };
    let page = app.store().jobs(caller.tenant, &filter).await?;
    Ok(Json(JobList {
        jobs: page.jobs.into_iter().map(Job::from).collect(),
        next_cursor: page.next,
    }))
}

pub(super) fn read_word<T>(field: &str, text: Option<String>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(|text| {
        text.parse()
            .map_err(|error: T::Err| Problem::field(field, error.to_string()))
    })
    .transpose()
}

/// Shows a job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Json<Value>, Problem> {
    let job = Job::from(app.store().job(caller.tenant, id).await?);
    let mut job = json!(job);
    links::add_urls(app.store(), caller.tenant, &mut job).await;
    Ok(Json(job))
}

/// Cancels a job. A waiting job ends at once; a running one is told to stop and ends within a second.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Job, description = "Cancelled"), (status = 202, body = Job, description = "Its worker was told"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
) -> Result<Response, Problem> {
    let reply = app.store().cancel(caller.tenant, id).await?;
    let job = Job::from(app.store().job(caller.tenant, id).await?);
    let status = if reply == CancelReply::Asked && !job.state.is_final() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(job)).into_response())
}

/// Pauses a job. A waiting job is held back at once; a running one is told to stop within a second, and begins a new attempt when it is resumed.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/pause", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Job, description = "Paused"), (status = 202, body = Job, description = "Its worker was told"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn pause(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
) -> Result<Response, Problem> {
    let reply = app.store().pause_job(caller.tenant, id).await?;
    let job = Job::from(app.store().job(caller.tenant, id).await?);
    let works = matches!(job.state, JobState::Running | JobState::InterventionNeeded);
    let asked = reply == PauseReply::Asked && works;
    let status = if asked {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(job)).into_response())
}

/// Resumes a paused job: it is due now, and takes its turn.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/resume", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
) -> Result<Json<Job>, Problem> {
    app.store().resume_job(caller.tenant, id).await?;
    Ok(Json(Job::from(app.store().job(caller.tenant, id).await?)))
}

/// Lets a failed, cancelled or parked job take its turn again, with its counters at zero.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 202, body = Job), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn retry(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
) -> Result<Response, Problem> {
    app.store().retry(caller.tenant, id).await?;
    let job = Job::from(app.store().job(caller.tenant, id).await?);
    Ok((StatusCode::ACCEPTED, Json(job)).into_response())
}

/// A recorded thing that an attempt did.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"seq": 4, "kind": "signed_in", "detail": {"by": "the stored profile"}, "duration_ms": 812, "at": "2026-01-01T00:00:01Z"}))]
pub(crate) struct Step {
    /// The number of its event.
    seq: i64,
    kind: String,
    detail: Value,
    duration_ms: u64,
    at: DateTime<Utc>,
}

/// Lists what the attempts of a job did, in order.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/steps", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)), responses((status = 200, body = Vec<Step>),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn steps(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Json<Vec<Step>>, Problem> {
    let events = app.store().events_after(caller.tenant, id, 0).await?;
    Ok(Json(
        events
            .events
            .into_iter()
            .filter_map(|event| match event.body {
                EventBody::Step {
                    kind,
                    detail,
                    duration_ms,
                } => Some(Step {
                    seq: event.seq,
                    kind,
                    detail,
                    duration_ms,
                    at: event.at,
                }),
                _ => None,
            })
            .collect(),
    ))
}

/// An attempt and how it ended.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"attempt": 1, "worker": "host-4711-9f2c", "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:05Z", "outcome": "pending",
    "failure": {"code": "network", "message": "The page did not answer."}}))]
pub(crate) struct Attempt {
    attempt: i32,
    worker: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    /// The state in which it left the job.
    outcome: Option<String>,
    failure: Option<PublicFailure>,
}

/// Lists the attempts of a job with every one's failure.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/attempts", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)), responses((status = 200, body = Vec<Attempt>),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn attempts(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Json<Vec<Attempt>>, Problem> {
    app.store().job(caller.tenant, id).await?;
    let rows = app.store().attempts(caller.tenant, id).await?;
    Ok(Json(
        rows.into_iter()
            .map(|row| Attempt {
                attempt: row.attempt,
                worker: row.worker,
                started_at: row.started_at,
                ended_at: row.ended_at,
                outcome: row.outcome,
                // Reading it as a public failure leaves the operators' text out.
                failure: row
                    .failure
                    .and_then(|failure| serde_json::from_value(failure).ok()),
            })
            .collect(),
    ))
}

/// Answers with the result of a job that has ended.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/result", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = Value, description = "state, and result or failure; how what was done was judged", example = json!({
                  "id": "01890000-0000-7000-8000-000000000001", "state": "completed", "result": {"ok": true, "attempt": 1}, "failure": null, "validations": []})),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "It has not ended yet"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn result(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Json<Value>, Problem> {
    let job = app.store().job(caller.tenant, id).await?;
    if !job.state.is_final() {
        return Err(Problem::new(
            ProblemCode::Conflict,
            format!(
                "The job is {}; it has no result yet. Follow its events.",
                job.state
            ),
        ));
    }
    let mut body =
        json!({ "id": job.id, "state": job.state, "result": job.result, "failure": job.failure });
    let validations = app.store().validations(caller.tenant, id).await?;
    body["validations"] = validations
        .into_iter()
        .map(|v| {
            json!({ "subject": v.subject, "passed": v.passed, "confidence": v.confidence, "observation": v.observation,
                    "validator": v.validator, "unclear": v.unclear, "agrees": v.agrees, "combined": v.combined, "screenshot_key": v.screenshot_key, "at": v.at })
        })
        .collect();
    links::add_urls(app.store(), caller.tenant, &mut body).await;
    Ok(Json(body))
}
