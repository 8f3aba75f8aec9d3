//! `/automation/login`: signs an account in while the caller waits, in the words of the ComputeTower protocol (camel case).

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::Utc;
use computetower_jobs::{ChatSessionId, CredentialId, FailureCode, TenantId};
use computetower_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::auth::Writer;
use crate::api::extract::{JsonBytes, read_json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::links;
use crate::service::sign_in::{
    Claim, SignedIn, account, begin, begun_before, outcome, request_hash,
};
use crate::service::submit::idempotency_key;

/// How long the caller waits at most.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn router() -> Router<App> {
    Router::new().route("/automation/login", post(login))
}

/// Whose account signs in: one that is there, by its id, or one that is described.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"sessionId": "01890000-0000-7000-8000-000000000020", "credentialId": "01890000-0000-7000-8000-000000000009",
    "serviceUrl": "https://app.example.com/login", "email": "ada@example.com", "password": "…"}))]
pub(crate) struct AutomationLogin {
    /// The chat session for which it is done; it must be one of this account.
    #[serde(default)]
    session_id: Option<ChatSessionId>,
    /// An account that is there.
    #[serde(default)]
    credential_id: Option<CredentialId>,
    /// Where it signs in; required without `credentialId`.
    #[serde(default)]
    service_url: Option<String>,
    /// With which name; may be left out where the page asks for a password only.
    #[serde(default)]
    email: Option<String>,
    /// With which password; required without `credentialId`. It is sealed, kept instead of the one before if it is another, and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"success": true, "validation": {"confidence": 0.95, "screenshot": "https://objects.example.com/…", "observation": "A chat box is there."},
    "currentUrl": "https://app.example.com/dashboard", "timestamp": 1_767_225_603_000_i64}))]
pub(crate) struct AutomationResult {
    /// Whether the account is signed in.
    success: bool,
    /// The judgement; null where nothing could be judged.
    validation: Option<AutomationValidation>,
    /// Where the page is, without query and fragment; null unless it is signed in.
    current_url: Option<String>,
    /// Milliseconds since the epoch.
    timestamp: i64,
    /// Why not; only there when `success` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<AutomationError>,
}

/// A judgement of a sign-in.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"confidence": 0.95, "screenshot": null, "observation": "A chat box is there."}))]
pub(crate) struct AutomationValidation {
    /// 0 to 1.
    confidence: f64,
    /// The page as it looked: a URL that is good for an hour.
    screenshot: Option<String>,
    /// What was seen.
    observation: String,
}

/// Why an account is not signed in.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"code": "invalid_credentials", "message": "The web app refused the account."}))]
pub(crate) struct AutomationError {
    /// Of `docs/errors.md`; `not_ready` while it goes on.
    code: FailureCode,
    /// For people.
    message: String,
}

/// Signs an account in and answers when that is done, refused, or needs a person; at the latest after two minutes. It is a `login` job: it goes on when the caller leaves. The headers name job and account.
#[utoipa::path(post, path = "/api/v1/automation/login", tag = "sessions", security(("api_key" = [])), request_body = AutomationLogin,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body waits for the same job; with another body, 409")),
    responses((status = 200, body = AutomationResult, description = "It has ended: `success` says how",
                  headers(("x-computetower-job-id" = String), ("x-computetower-credential-id" = String))),
              (status = 202, body = AutomationResult, description = "It goes on: a person is asked, or it takes longer than two minutes",
                  example = json!({"success": false, "validation": null, "currentUrl": null, "timestamp": 1_767_225_603_000_i64,
                      "error": {"code": "second_factor", "message": "The page asks for a second factor."}})),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn login(
    State(app): State<App>,
    Writer(caller): Writer,
    headers: HeaderMap,
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let request: AutomationLogin = read_json(&body)?;
    let tenant = caller.tenant;
    let idempotency = key.map(|key| (key, request_hash(&app, tenant, &body)));
    let before = match &idempotency {
        Some(idempotency) => begun_before(&app, tenant, idempotency).await?,
        None => None,
    };
    let (job, credential) = match before {
        // Accepted once is accepted: nothing is changed, and nothing checked, a second time.
        Some(before) => before,
        None => {
            let claim = claimed(&app, tenant, request).await?;
            let credential = account(&app, tenant, claim).await?;
            let job = begin(&app, tenant, credential, idempotency).await?;
            (job, credential)
        }
    };
    let known = outcome(&app, tenant, job, PATIENCE).await?;
    let status = if known.ended {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let result = result(&app, tenant, job.to_string(), known).await;
    let mut response = (status, Json(result)).into_response();
    for (name, id) in [
        ("x-computetower-job-id", job.to_string()),
        ("x-computetower-credential-id", credential.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Whose account is meant, as far as the session has a say in it.
async fn claimed(app: &App, tenant: TenantId, request: AutomationLogin) -> Result<Claim, Problem> {
    let session = match request.session_id {
        None => None,
        Some(id) => match app.store().chat_session(tenant, id).await {
            Ok(session) => Some(session),
            Err(StoreError::NotFound(_)) => {
                return Err(Problem::field("sessionId", "there is no such session"));
            }
            Err(error) => return Err(error.into()),
        },
    };
    let of_session = session.as_ref().and_then(|session| session.credential);
    if session.is_some()
        && request
            .credential_id
            .is_some_and(|id| Some(id) != of_session)
    {
        return Err(Problem::field(
            "sessionId",
            "is a session of another account",
        ));
    }
    Ok(Claim {
        credential: request.credential_id.or(of_session),
        service_url: request.service_url,
        email: request.email,
        password: request.password,
    })
}

async fn result(app: &App, tenant: TenantId, job: String, known: SignedIn) -> AutomationResult {
    let success = known.result.is_some();
    let of_result = known.result.as_ref().map(|result| &result["validation"]);
    let mut judgement = of_result
        .filter(|judgement| judgement.is_object())
        .cloned()
        .or(known.judgement)
        .unwrap_or_default();
    links::add_urls(app.store(), tenant, &mut judgement).await;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let validation = judgement["confidence"]
        .as_f64()
        .map(|confidence| AutomationValidation {
            // A number of 32 bits, as it was meant.
            confidence: (confidence * 1e6).round() / 1e6,
            screenshot: text(&judgement["screenshot_url"]),
            observation: text(&judgement["observation"]).unwrap_or_default(),
        });
    let error = match known.failure {
        _ if success => None,
        Some(failure) => Some(AutomationError {
            code: failure.code,
            message: failure.message,
        }),
        None => Some(AutomationError {
            code: FailureCode::NotReady,
            message: format!("It goes on: GET /api/v1/jobs/{job} shows how it stands."),
        }),
    };
    AutomationResult {
        success,
        validation,
        current_url: known
            .result
            .as_ref()
            .and_then(|result| text(&result["url"])),
        timestamp: Utc::now().timestamp_millis(),
        error,
    }
}
