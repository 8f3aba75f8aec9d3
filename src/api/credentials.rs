//! `/credentials`: accounts on web apps. Passwords go in and never come out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, JobId, Totp};
use computetower_store::credentials::{Credential, CredentialChange, NewCredential};
use computetower_store::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::{sign_in, urls};

/// Characters that a name, a label or a password may have.
pub(crate) const LONGEST: usize = 1_000;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/credentials", get(list).post(create))
        .route("/credentials/{id}", get(show).patch(change).delete(remove))
        .route("/credentials/{id}/logout", post(logout))
}

/// An account to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://app.example.com/login", "username": "ada", "password": "…"}))]
pub(crate) struct AddCredential {
    /// Where it signs in (`service_url` is the same).
    #[serde(alias = "service_url")]
    url: String,
    /// With which name; may be left out where the page asks for a password only.
    #[serde(default)]
    username: Option<String>,
    /// The same as `username`.
    #[serde(default)]
    email: Option<String>,
    /// With which password.
    #[schema(format = Password)]
    password: String,
    /// The secret of its authenticator app (base32 as apps take it, or an `otpauth://totp/` address). It is sealed and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    totp_secret: Option<String>,
    /// What people call it (`service_name` is the same).
    #[serde(default, alias = "service_name")]
    label: Option<String>,
}

/// What of an account changes. Something has to; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "…", "totp_secret": null}))]
pub(crate) struct ChangeCredential {
    /// The new password.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
    /// The new secret of its authenticator app; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = Password)]
    totp_secret: Option<Option<String>>,
}

/// Tells null from nothing.
fn given<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// An account, without its password.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000009", "label": "support", "url": "https://app.example.com/login", "username": "ada", "status": "active", "has_totp": false,
    "signed_in_at": "2026-01-01T00:00:03Z", "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct CredentialView {
    id: CredentialId,
    label: String,
    url: String,
    username: String,
    /// `active`, or `invalid` once the web app has refused it.
    status: String,
    /// Whether codes of an authenticator app are made for it.
    has_totp: bool,
    signed_in_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Credential> for CredentialView {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id,
            label: credential.label,
            url: credential.url,
            username: credential.username,
            status: credential.status,
            has_totp: credential.has_totp,
            signed_in_at: credential.signed_in_at,
            created_at: credential.created_at,
        }
    }
}

/// Adds an account.
#[utoipa::path(post, path = "/api/v1/credentials", tag = "credentials", security(("api_key" = [])), request_body = AddCredential,
    responses((status = 201, body = CredentialView), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<AddCredential>,
) -> Result<(StatusCode, Answer<CredentialView>), Problem> {
    let url = urls::check(&request.url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("url", reason))?;
    if request.username.is_some() && request.email.is_some() {
        return Err(Problem::field(
            "email",
            "is the same as username: give one of them",
        ));
    }
    for (field, text) in [
        ("username", &request.username),
        ("email", &request.email),
        ("label", &request.label),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > LONGEST)
        {
            return Err(Problem::field(
                field,
                format!("must have at most {LONGEST} characters"),
            ));
        }
    }
    let password = checked_password(request.password)?;
    let totp = request.totp_secret.map(checked_totp).transpose()?;
    let username = request.username.or(request.email).unwrap_or_default();
    let label = request.label.unwrap_or_else(|| username.clone());
    let new = NewCredential {
        label: &label,
        url: url.as_str(),
        username: &username,
        password: &password,
        totp: totp.as_ref(),
    };
    let id = app.store().add_credential(caller.tenant, &new).await?;
    let credential = app.store().credential(caller.tenant, id).await?;
    Ok((StatusCode::CREATED, Answer(credential.into())))
}

/// A password that is neither empty nor too long.
pub(crate) fn checked_password(text: String) -> Result<Secret, Problem> {
    let password = Secret::new(text);
    let length = password.reveal().chars().count();
    if length > LONGEST {
        let reason = format!("must have at most {LONGEST} characters");
        return Err(Problem::field("password", reason));
    }
    if length == 0 {
        return Err(Problem::field("password", "must not be empty"));
    }
    Ok(password)
}

/// A secret from which codes can be made. What is wrong with it is told without repeating it.
pub(crate) fn checked_totp(text: String) -> Result<Secret, Problem> {
    let secret = Secret::new(text);
    if secret.reveal().chars().count() > LONGEST {
        let reason = format!("must have at most {LONGEST} characters");
        return Err(Problem::field("totp_secret", reason));
    }
    Totp::read(secret.reveal())
        .map_err(|error| Problem::field("totp_secret", error.to_string()))?;
    Ok(secret)
}

/// Changes an account's password or the secret of its authenticator app. It is `active` again, the browser state that was kept
/// for it is forgotten, and its live sessions end as soon as no job works in them.
#[utoipa::path(patch, path = "/api/v1/credentials/{id}", tag = "credentials", security(("api_key" = [])), params(("id" = CredentialId, Path)),
    request_body = ChangeCredential,
    responses((status = 200, body = CredentialView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn change(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<CredentialId>,
    Json(request): Json<ChangeCredential>,
) -> Result<Answer<CredentialView>, Problem> {
    let password = request.password.map(checked_password).transpose()?;
    let totp = match request.totp_secret {
        Some(Some(text)) => Some(Some(checked_totp(text)?)),
        Some(None) => Some(None),
        None => None,
    };
    if password.is_none() && totp.is_none() {
        return Err(Problem::field(
            "",
            "must change something: password or totp_secret",
        ));
    }
    let change = CredentialChange {
        password: password.as_ref(),
        totp: totp.as_ref().map(Option::as_ref),
    };
    app.store()
        .change_credential(caller.tenant, id, &change)
        .await?;
    Ok(Answer(
        app.store().credential(caller.tenant, id).await?.into(),
    ))
}

/// What was begun.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"job_id": "01890000-0000-7000-8000-000000000001", "status": "signing_out"}))]
pub(crate) struct SigningOut {
    /// The job that signs out on the web app. Its result says whether the page was told.
    job_id: JobId,
    status: &'static str,
}

/// Forgets the browser state that was kept for an account, and ends its live sessions as soon as no job works in them. A `logout` job then presses the
/// page's own way out, and its result says whether the page was told (`page_told`).
#[utoipa::path(post, path = "/api/v1/credentials/{id}/logout", tag = "credentials", security(("api_key" = [])), params(("id" = CredentialId, Path)),
    responses((status = 202, body = SigningOut), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn logout(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<CredentialId>,
) -> Result<(StatusCode, Answer<SigningOut>), Problem> {
    app.store().credential(caller.tenant, id).await?;
    let job_id = sign_in::begin_logout(&app, caller.tenant, id).await?;
    let status = "signing_out";
    Ok((StatusCode::ACCEPTED, Answer(SigningOut { job_id, status })))
}

/// Lists accounts, newest first.
#[utoipa::path(get, path = "/api/v1/credentials", tag = "credentials", security(("api_key" = [])), responses((status = 200, body = Vec<CredentialView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
) -> Result<Answer<Vec<CredentialView>>, Problem> {
    let credentials = app.store().credentials(caller.tenant).await?;
    Ok(Answer(
        credentials.into_iter().map(CredentialView::from).collect(),
    ))
}

/// Shows an account.
#[utoipa::path(get, path = "/api/v1/credentials/{id}", tag = "credentials", security(("api_key" = [])), params(("id" = CredentialId, Path)),
    responses((status = 200, body = CredentialView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<CredentialId>,
) -> Result<Answer<CredentialView>, Problem> {
    Ok(Answer(
        app.store().credential(caller.tenant, id).await?.into(),
    ))
}

/// Removes an account and the browser state that was kept for it.
#[utoipa::path(delete, path = "/api/v1/credentials/{id}", tag = "credentials", security(("api_key" = [])), params(("id" = CredentialId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<CredentialId>,
) -> Result<StatusCode, Problem> {
    app.store().remove_credential(caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
