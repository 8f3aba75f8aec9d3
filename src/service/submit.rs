//! Accepting a job: what the kind says about the payload, and whether the things it names exist.

use chrono::{DateTime, Datelike, Utc};
use computetower_jobs::{JobKind, Payload, RetryPolicy, TenantId};
use computetower_store::StoreError;
use computetower_store::jobs::{NewJob, Submitted};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::api::problem::{Problem, ProblemCode};
use crate::app::App;

/// A job to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "noop", "payload": {"progress": 3, "sleep_ms": 100}}))]
pub struct SubmitRequest {
    /// `login`, `discovery`, `chat` or `noop`.
    pub kind: String,
    /// What the kind takes; see the schemas Login, Discovery, Chat and Noop.
    #[serde(default)]
    pub payload: Option<Value>,
    /// -100 to 100; higher goes first.
    #[serde(default)]
    pub priority: i16,
    /// Not before this moment.
    #[serde(default)]
    pub run_at: Option<DateTime<Utc>>,
    /// Not after this moment.
    #[serde(default)]
    pub deadline: Option<DateTime<Utc>>,
    /// How long one attempt may run, in milliseconds.
    #[serde(default)]
    #[schema(minimum = 100, maximum = 86_400_000)]
    pub timeout_ms: Option<i64>,
    /// How it is retried.
    #[serde(default)]
    pub retry: Option<RetryPolicy>,
}

/// Checks and accepts a job. `body` is the request as it came, for the idempotency key.
///
/// # Errors
/// The field that is wrong, or 409 for an idempotency key that came with another request.
pub async fn submit(
    app: &App,
    tenant: TenantId,
    request: SubmitRequest,
    key: Option<String>,
    body: &[u8],
) -> Result<Submitted, Problem> {
    let idempotency = key.map(|key| (key, Sha256::digest(body).to_vec()));
    if let Some((key, hash)) = &idempotency
        && let Some(before) = app.store().submitted_before(tenant, key, hash).await?
    {
        // Accepted once is accepted: whether it could be accepted now is no question.
        return Ok(before);
    }
    let kind: JobKind =
        request
            .kind
            .parse()
            .map_err(|error: computetower_jobs::kind::UnknownKind| {
                Problem::field("kind", error.to_string())
            })?;
    check_envelope(&request)?;
    let payload = request.payload.unwrap_or_else(|| json!({}));
    let parsed = kind.parse(payload.clone()).map_err(|invalid| {
        let field = if invalid.field.is_empty() {
            "payload".to_owned()
        } else {
            format!("payload.{}", invalid.field)
        };
        Problem::field(field, invalid.reason)
    })?;
    check_named(app, tenant, &parsed).await?;
    let new = NewJob {
        kind,
        payload,
        priority: request.priority,
        run_at: request.run_at,
        deadline: request.deadline,
        timeout_ms: request.timeout_ms,
        retry: request.retry,
        idempotency,
        limit_key: None,
        batch: None,
        schedule: None,
    };
    Ok(app.store().submit(tenant, &new).await?)
}

fn check_envelope(request: &SubmitRequest) -> Result<(), Problem> {
    if !(-100..=100).contains(&request.priority) {
        return Err(Problem::field("priority", "must be between -100 and 100"));
    }
    for (field, moment) in [("run_at", request.run_at), ("deadline", request.deadline)] {
        if moment.is_some_and(|moment| !(1970..=9999).contains(&moment.year())) {
            return Err(Problem::field(field, "must lie in the years 1970 to 9999"));
        }
    }
    if let Some(deadline) = request.deadline
        && deadline <= request.run_at.unwrap_or_else(Utc::now)
    {
        return Err(Problem::field(
            "deadline",
            "must be in the future, and after run_at",
        ));
    }
    if request
        .timeout_ms
        .is_some_and(|timeout| !(100..=86_400_000).contains(&timeout))
    {
        return Err(Problem::field(
            "timeout_ms",
            "must be between 100 and 86400000",
        ));
    }
    if let Some(retry) = &request.retry {
        retry
            .check()
            .map_err(|(field, reason)| Problem::field(format!("retry.{field}"), reason))?;
    }
    Ok(())
}

/// What a payload names must exist and be the tenant's.
async fn check_named(app: &App, tenant: TenantId, payload: &Payload) -> Result<(), Problem> {
    let (field, found) = match payload {
        Payload::Noop(_) => return Ok(()),
        Payload::Login(login) => (
            "payload.credential_id",
            app.store()
                .credential(tenant, login.credential_id)
                .await
                .map(|_| ()),
        ),
        Payload::Discovery(discovery) => (
            "payload.provider_id",
            app.store()
                .provider(tenant, discovery.provider_id)
                .await
                .map(|_| ()),
        ),
        Payload::Chat(chat) => (
            "payload.model",
            app.store()
                .provider_named(tenant, &chat.model)
                .await
                .map(|_| ()),
        ),
    };
    match found {
        Err(StoreError::NotFound(what)) => {
            Err(Problem::field(field, format!("there is no such {what}")))
        }
        other => Ok(other?),
    }
}

/// The `Idempotency-Key` of a request.
///
/// # Errors
/// When it is empty, too long, or not printable.
pub fn idempotency_key(headers: &axum::http::HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text)
            if (1..=255).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_graphic() || c == ' ') =>
        {
            Ok(Some(text.to_owned()))
        }
        _ => Err(Problem::new(
            ProblemCode::InvalidInput,
            "Idempotency-Key must be 1 to 255 printable characters.",
        )),
    }
}
