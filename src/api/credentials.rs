//! `/credentials`: accounts on web apps. Passwords go in and never come out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::CredentialId;
use computetower_store::credentials::{Credential, NewCredential};
use computetower_store::vault::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::urls;

/// Characters that a name, a label or a password may have.
const LONGEST: usize = 1_000;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/credentials", get(list).post(create))
        .route("/credentials/{id}", get(show).delete(remove))
}

/// An account to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://app.example.com/login", "username": "ada", "password": "…"}))]
pub(crate) struct AddCredential {
    /// Where it signs in.
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
    /// What people call it.
    #[serde(default)]
    label: Option<String>,
}

/// An account, without its password.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000009", "label": "support", "url": "https://app.example.com/login", "username": "ada", "status": "active",
    "signed_in_at": "2026-01-01T00:00:03Z", "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct CredentialView {
    id: CredentialId,
    label: String,
    url: String,
    username: String,
    /// `active`, or `invalid` once the web app has refused it.
    status: String,
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
    if request.password.chars().count() > LONGEST {
        return Err(Problem::field(
            "password",
            format!("must have at most {LONGEST} characters"),
        ));
    }
    if request.password.is_empty() {
        return Err(Problem::field("password", "must not be empty"));
    }
    let username = request.username.or(request.email).unwrap_or_default();
    let label = request.label.unwrap_or_else(|| username.clone());
    let password = Secret::new(request.password);
    let new = NewCredential {
        label: &label,
        url: url.as_str(),
        username: &username,
        password: &password,
    };
    let id = app.store().add_credential(caller.tenant, &new).await?;
    let credential = app.store().credential(caller.tenant, id).await?;
    Ok((StatusCode::CREATED, Answer(credential.into())))
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
