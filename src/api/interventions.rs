//! `/jobs/{id}/intervention` and `/interventions/{id}`: what a job asks of a person, and the answer. The second needs no key, but the token of the link
//! in the job's event.

use axum::extract::State;
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{FailureCode, InterventionId, JobId};
use computetower_store::interventions::{HumanAnswer, Intervention};
use computetower_store::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::problem::{Problem, ProblemBody, ProblemCode};
use crate::app::App;

/// Characters that a code may have.
const LONGEST: usize = 100;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/jobs/{id}/intervention", get(show).post(answer))
        .route(
            "/interventions/{id}",
            get(show_by_link).post(answer_by_link),
        )
}

/// What a job asks of a person.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000012", "job_id": "01890000-0000-7000-8000-000000000001", "attempt": 1, "code": "second_factor",
    "reason": "The page asks for a second factor: Enter the code that we have sent", "state": "open", "screenshot_url": "https://objects.example.com/…",
    "asked_at": "2026-01-01T00:00:05Z", "expires_at": "2026-01-01T00:15:05Z"}))]
pub(crate) struct InterventionView {
    id: InterventionId,
    job_id: JobId,
    /// The attempt that asked.
    attempt: i32,
    /// What the job fails with when nobody answers: `second_factor` or `captcha`.
    code: FailureCode,
    /// What the page asks for.
    reason: String,
    /// `open`; `answered`; or `over`: it has expired, or its attempt has ended.
    state: &'static str,
    /// The page as it looked; good for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    screenshot_url: Option<String>,
    asked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<DateTime<Utc>>,
}

/// The answer to what a job asks: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub(crate) struct GiveAnswer {
    /// The code that the page asks for, or the text of its picture.
    #[serde(default)]
    code: Option<String>,
    /// True: what the page asks for was done elsewhere, for example confirmed on a phone.
    #[serde(default)]
    done: bool,
}

/// What a link carries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkParams {
    /// As in the link.
    token: String,
}

impl GiveAnswer {
    fn checked(self) -> Result<HumanAnswer, Problem> {
        match (self.code, self.done) {
            (Some(_), true) => Err(Problem::field(
                "done",
                "cannot be said beside a code: give one of them",
            )),
            (None, false) => Err(Problem::field(
                "code",
                "is missing: give the code, or \"done\": true",
            )),
            (None, true) => Ok(HumanAnswer::Done),
            (Some(code), false) => {
                let code = Secret::new(code.trim().to_owned());
                let length = code.reveal().chars().count();
                if length == 0 || length > LONGEST {
                    let reason = format!("must have 1 to {LONGEST} characters");
                    return Err(Problem::field("code", reason));
                }
                if code.reveal().chars().any(char::is_control) {
                    return Err(Problem::field("code", "must be one line"));
                }
                Ok(HumanAnswer::Code(code))
            }
        }
    }
}

async fn view(app: &App, intervention: Intervention) -> Answer<InterventionView> {
    let screenshot_url = match &intervention.screenshot_key {
        // Only the tenant's own, whatever the row says.
        Some(key) if key.starts_with(&format!("{}/", intervention.tenant)) => {
            app.store().objects.presigned(key).await.ok()
        }
        _ => None,
    };
    let state = match (intervention.answered_at, intervention.open) {
        (Some(_), _) => "answered",
        (None, true) => "open",
        (None, false) => "over",
    };
    Answer(InterventionView {
        id: intervention.id,
        job_id: intervention.job,
        attempt: intervention.attempt,
        code: intervention.code,
        reason: intervention.reason,
        state,
        screenshot_url,
        asked_at: intervention.asked_at,
        expires_at: intervention.expires_at,
        answered_at: intervention.answered_at,
    })
}

/// Shows what a job asked of a person last.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/intervention", tag = "interventions", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = InterventionView),
              (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such job, or it has asked for nothing")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Answer<InterventionView>, Problem> {
    let last = app.store().last_intervention(caller.tenant, id).await?;
    let last = last.ok_or_else(|| Problem::not_found("intervention"))?;
    Ok(view(&app, last).await)
}

/// Answers what a job asks of a person. Its page is still open: the code goes into it.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/intervention", tag = "interventions", security(("api_key" = [])), params(("id" = JobId, Path)),
    request_body(content = GiveAnswer, examples(
        ("code" = (summary = "The code that the page asks for", value = json!({"code": "123456"}))),
        ("done" = (summary = "Confirmed elsewhere", value = json!({"done": true}))))),
    responses((status = 200, body = InterventionView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "It does not wait for an answer"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn answer(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
    Json(given): Json<GiveAnswer>,
) -> Result<Answer<InterventionView>, Problem> {
    let given = given.checked()?;
    let answered = app.store().answer_job(caller.tenant, id, &given).await?;
    Ok(view(&app, answered).await)
}

fn allowed(app: &App, id: InterventionId, token: &str) -> Result<(), Problem> {
    if app.store().is_intervention_token(id, token) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemCode::Forbidden,
        "This link is not good, or not good any more.",
    ))
}

/// Shows what a job asks of a person, to whoever has the link.
#[utoipa::path(get, path = "/api/v1/interventions/{id}", tag = "interventions", params(("id" = InterventionId, Path), LinkParams),
    responses((status = 200, body = InterventionView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The link has expired, or was changed")))]
pub(crate) async fn show_by_link(
    State(app): State<App>,
    Id(id): Id<InterventionId>,
    Params(link): Params<LinkParams>,
) -> Result<Answer<InterventionView>, Problem> {
    allowed(&app, id, &link.token)?;
    Ok(view(&app, app.store().intervention(id).await?).await)
}

/// Answers what a job asks of a person, by whoever has the link.
#[utoipa::path(post, path = "/api/v1/interventions/{id}", tag = "interventions", params(("id" = InterventionId, Path), LinkParams), request_body = GiveAnswer,
    responses((status = 200, body = InterventionView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The link has expired, or was changed"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "It was answered, or its attempt has ended"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn answer_by_link(
    State(app): State<App>,
    Id(id): Id<InterventionId>,
    Params(link): Params<LinkParams>,
    Json(given): Json<GiveAnswer>,
) -> Result<Answer<InterventionView>, Problem> {
    allowed(&app, id, &link.token)?;
    let given = given.checked()?;
    let asked = app.store().intervention(id).await?;
    let answered = app
        .store()
        .answer_intervention(asked.tenant, id, &given)
        .await?;
    Ok(view(&app, answered).await)
}
