//! `/validations`: how what was done on pages was judged, one by one and counted.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, JobId, ProviderId};
use computetower_store::validations::{Validation, ValidationCount, ValidationFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::auth::Reader;
use crate::api::extract::Params;
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::links;

/// What is judged.
const SUBJECTS: [&str; 4] = ["login", "logout", "send", "receive"];

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/validations", get(list))
        .route("/validations/statistics", get(statistics))
}

/// A judgement.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000020", "job_id": "01890000-0000-7000-8000-000000000001", "attempt": 1,
    "credential_id": "01890000-0000-7000-8000-000000000009", "provider_id": "01890000-0000-7000-8000-000000000010", "subject": "login", "passed": true, "unclear": false,
    "confidence": 0.95, "observation": "there is a way out: log out", "validator": "dom", "cached": false,
    "screenshot_key": "01890000-0000-7000-8000-000000000002/jobs/01890000-0000-7000-8000-000000000001/1-1-login.jpg",
    "screenshot_url": "https://objects.example.com/…", "at": "2026-01-01T00:00:05Z"}))]
pub(crate) struct ValidationView {
    id: Uuid,
    job_id: JobId,
    attempt: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_id: Option<CredentialId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<ProviderId>,
    /// `login`, `send` or `receive`.
    subject: String,
    /// Whether it did what it should.
    passed: bool,
    /// Nothing could be said: then `passed` means nothing.
    unclear: bool,
    /// 0 to 1.
    confidence: f32,
    /// What was seen.
    observation: String,
    /// By whom: `dom`, or a vision model's name. `vision` where such a model decided what the page's elements left open.
    validator: String,
    /// Of a vision model: whether it says what the page's elements say.
    #[serde(skip_serializing_if = "Option::is_none")]
    agrees: Option<bool>,
    /// Of a vision model: what the confidence of the page's elements comes to with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    combined: Option<f32>,
    /// Of a vision model: how long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i32>,
    /// The same picture had been judged a short while before, and nobody was asked.
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    screenshot_key: Option<String>,
    at: DateTime<Utc>,
}

impl From<Validation> for ValidationView {
    fn from(row: Validation) -> Self {
        Self {
            id: row.id,
            job_id: JobId(row.job_id),
            attempt: row.attempt,
            credential_id: row.credential_id.map(CredentialId),
            provider_id: row.provider_id.map(ProviderId),
            subject: row.subject,
            passed: row.passed,
            unclear: row.unclear,
            confidence: row.confidence,
            observation: row.observation,
            validator: row.validator,
            agrees: row.agrees,
            combined: row.combined,
            duration_ms: row.duration_ms,
            cached: row.cached,
            screenshot_key: row.screenshot_key,
            at: row.at,
        }
    }
}

/// Which judgements to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ValidationParams {
    /// Only of this job.
    job: Option<String>,
    /// Only with this credential.
    credential: Option<String>,
    /// Only on this provider.
    provider: Option<String>,
    /// Only of this subject: `login`, `send` or `receive`.
    subject: Option<String>,
    /// Only by this one: `dom`, or a vision model's name.
    validator: Option<String>,
    /// Only those at this moment or later.
    since: Option<DateTime<Utc>>,
    /// Only those before this moment.
    until: Option<DateTime<Utc>>,
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of judgements.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"validations": [{"id": "01890000-0000-7000-8000-000000000020", "job_id": "01890000-0000-7000-8000-000000000001", "attempt": 1, "subject": "login",
    "passed": true, "unclear": false, "confidence": 0.9, "observation": "It shows a list of conversations.", "validator": "a-vision-model", "agrees": true, "combined": 0.97,
    "duration_ms": 1240, "cached": false, "at": "2026-01-01T00:00:06Z"}], "next_cursor": "01890000-0000-7000-8000-000000000020"}))]
pub(crate) struct ValidationList {
    validations: Vec<ValidationView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Uuid>,
}

/// Lists how what was done on pages was judged, newest first.
#[utoipa::path(get, path = "/api/v1/validations", tag = "validations", security(("api_key" = [])), params(ValidationParams),
    responses((status = 200, body = ValidationList), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<ValidationParams>,
) -> Result<Json<Value>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    if let Some(subject) = &params.subject
        && !SUBJECTS.contains(&subject.as_str())
    {
        return Err(Problem::field(
            "subject",
            "must be login, logout, send or receive",
        ));
    }
    let filter = ValidationFilter {
        job: read_word("job", params.job)?,
        credential: read_word("credential", params.credential)?,
        provider: read_word("provider", params.provider)?,
        subject: params.subject,
        validator: params.validator,
        since: params.since,
        until: params.until,
        before: read_word("cursor", params.cursor)?,
        limit,
    };
    let (rows, next_cursor) = app.store().list_validations(caller.tenant, &filter).await?;
    let list = ValidationList {
        validations: rows.into_iter().map(ValidationView::from).collect(),
        next_cursor,
    };
    let mut body = json!(list);
    links::add_urls(app.store(), caller.tenant, &mut body).await;
    Ok(Json(body))
}

/// Which judgements to count.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountParams {
    /// Only with this credential.
    credential: Option<String>,
    /// Only on this provider.
    provider: Option<String>,
    /// Only those at this moment or later.
    since: Option<DateTime<Utc>>,
    /// Only those before this moment.
    until: Option<DateTime<Utc>>,
}

/// Judgements of one credential, provider, subject and judge, counted.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"credential_id": "01890000-0000-7000-8000-000000000009", "provider_id": null, "subject": "login", "validator": "a-vision-model", "count": 20, "passed": 18,
    "failed": 1, "unclear": 1, "agreed": 18, "disagreed": 1, "cached": 3, "mean_confidence": 0.91, "mean_duration_ms": 1312.5, "last_at": "2026-01-01T00:00:06Z"}))]
pub(crate) struct ValidationCountView {
    /// Null for a page without an account.
    credential_id: Option<CredentialId>,
    /// Null for a `login` job.
    provider_id: Option<ProviderId>,
    /// `login`, `send` or `receive`.
    subject: String,
    /// `dom`, or a vision model's name.
    validator: String,
    count: i64,
    passed: i64,
    failed: i64,
    unclear: i64,
    /// Of a vision model: how often it said what the page's elements say.
    agreed: i64,
    /// Of a vision model: how often it said the contrary.
    disagreed: i64,
    /// Those for which nobody had to be asked.
    cached: i64,
    /// 0 to 1.
    mean_confidence: f64,
    /// Of those that were asked for.
    mean_duration_ms: Option<f64>,
    last_at: DateTime<Utc>,
}

impl From<ValidationCount> for ValidationCountView {
    fn from(row: ValidationCount) -> Self {
        Self {
            credential_id: row.credential_id.map(CredentialId),
            provider_id: row.provider_id.map(ProviderId),
            subject: row.subject,
            validator: row.validator,
            count: row.count,
            passed: row.passed,
            failed: row.count - row.passed - row.unclear,
            unclear: row.unclear,
            agreed: row.agreed,
            disagreed: row.disagreed,
            cached: row.cached,
            mean_confidence: row.mean_confidence,
            mean_duration_ms: row.mean_duration_ms,
            last_at: row.last_at,
        }
    }
}

/// Counts judgements by credential, provider, subject and judge.
#[utoipa::path(get, path = "/api/v1/validations/statistics", tag = "validations", security(("api_key" = [])), params(CountParams),
    responses((status = 200, body = Vec<ValidationCountView>), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn statistics(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<CountParams>,
) -> Result<Json<Vec<ValidationCountView>>, Problem> {
    let filter = ValidationFilter {
        credential: read_word("credential", params.credential)?,
        provider: read_word("provider", params.provider)?,
        since: params.since,
        until: params.until,
        ..ValidationFilter::default()
    };
    let rows = app
        .store()
        .validation_statistics(caller.tenant, &filter)
        .await?;
    Ok(Json(
        rows.into_iter().map(ValidationCountView::from).collect(),
    ))
}
