//! `/admin/providers/{id}/credentials`: the accounts with which a provider's page is asked.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, ProviderId, TenantId};
use computetower_store::StoreError;
use computetower_store::chat_places::ProviderAccount;
use computetower_store::credentials::NewCredential;
use computetower_store::providers::Provider;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Operator;
use crate::api::credentials::{LONGEST, checked_password, checked_totp};
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// Accounts that a provider may have.
const MOST: usize = 100;

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/providers/{id}/credentials", get(list).post(add))
        .route(
            "/providers/{id}/credentials/{credential_id}",
            delete(remove),
        )
}

/// One more account: one that is there already, by its id, or a new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "grace", "password": "…"}))]
pub(crate) struct AddAccount {
    /// An account that is there already; then nothing else is given.
    #[serde(default)]
    credential_id: Option<CredentialId>,
    /// With which name a new one signs in; may be left out where the page asks for a password only.
    #[serde(default)]
    username: Option<String>,
    /// The same as `username`.
    #[serde(default)]
    email: Option<String>,
    /// With which password. It is sealed and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
    /// The secret of its authenticator app (base32 as apps take it, or an `otpauth://totp/` address). It is sealed and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    totp_secret: Option<String>,
    /// What people call it.
    #[serde(default)]
    label: Option<String>,
}

/// An account of a provider.
#[derive(Serialize, ToSchema)]
#[schema(title = "ProviderAccount", example = json!({"credential_id": "01890000-0000-7000-8000-000000000009", "label": "grace", "username": "grace", "status": "active", "running": 1,
    "used_at": "2026-01-01T00:00:09Z", "limited_until": null}))]
pub(crate) struct AccountView {
    credential_id: CredentialId,
    label: String,
    username: String,
    /// `active`, or `invalid` once the web app has refused it: then no question is asked with it.
    status: String,
    /// Questions that are being asked with it.
    running: i64,
    /// When one was last asked with it: the next takes the one used longest ago.
    used_at: Option<DateTime<Utc>>,
    /// Until when the web app asked it to slow down, where it did.
    limited_until: Option<DateTime<Utc>>,
}

impl From<ProviderAccount> for AccountView {
    fn from(account: ProviderAccount) -> Self {
        Self {
            credential_id: account.credential,
            label: account.label,
            username: account.username,
            status: account.status,
            running: account.running,
            used_at: account.used_at,
            limited_until: account.limited_until,
        }
    }
}

/// Gives a provider one more account. Each question takes the one used longest ago that is valid and free; a conversation stays with its own.
#[utoipa::path(post, path = "/admin/providers/{id}/credentials", tag = "providers", security(("admin_key" = [])), params(("id" = ProviderId, Path)),
    request_body = AddAccount,
    responses((status = 201, body = AccountView), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn add(
    State(app): State<App>,
    Operator(tenant): Operator,
    Id(id): Id<ProviderId>,
    Json(request): Json<AddAccount>,
) -> Result<(StatusCode, Answer<AccountView>), Problem> {
    let provider = app.store().provider(tenant, id).await?;
    if app.store().provider_accounts(&provider).await?.len() >= MOST {
        let reason = format!("the provider has {MOST} accounts already");
        return Err(StoreError::Conflict(reason).into());
    }
    let (credential, is_new) = credential(&app, tenant, &provider, request).await?;
    let added = app
        .store()
        .add_provider_account(tenant, id, credential)
        .await;
    if let Err(error) = added {
        if is_new {
            app.store().remove_credential(tenant, credential).await?;
        }
        return Err(error.into());
    }
    let provider = app.store().provider(tenant, id).await?;
    let accounts = app.store().provider_accounts(&provider).await?;
    accounts
        .into_iter()
        .find(|account| account.credential == credential)
        .map(|account| (StatusCode::CREATED, Answer(account.into())))
        .ok_or_else(|| Problem::not_found("credential"))
}

/// The account that the request names, or the one that is made from it.
async fn credential(
    app: &App,
    tenant: TenantId,
    provider: &Provider,
    request: AddAccount,
) -> Result<(CredentialId, bool), Problem> {
    let AddAccount {
        credential_id,
        username,
        email,
        password,
        totp_secret,
        label,
    } = request;
    if let Some(id) = credential_id {
        let others = [&username, &email, &password, &totp_secret, &label];
        if others.iter().any(|field| field.is_some()) {
            return Err(Problem::field(
                "credential_id",
                "names an account that is there already: give nothing else",
            ));
        }
        return match app.store().credential(tenant, id).await {
            Ok(_) => Ok((id, false)),
            Err(StoreError::NotFound(_)) => Err(Problem::field(
                "credential_id",
                "there is no such credential",
            )),
            Err(error) => Err(error.into()),
        };
    }
    if username.is_some() && email.is_some() {
        return Err(Problem::field(
            "email",
            "is the same as username: give one of them",
        ));
    }
    for (field, text) in [
        ("username", &username),
        ("email", &email),
        ("label", &label),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > LONGEST)
        {
            let reason = format!("must have at most {LONGEST} characters");
            return Err(Problem::field(field, reason));
        }
    }
    let Some(password) = password else {
        return Err(Problem::field(
            "password",
            "is missing: an account needs one",
        ));
    };
    let password = checked_password(password)?;
    let totp = totp_secret.map(checked_totp).transpose()?;
    let username = username.or(email).unwrap_or_default();
    let label = label.unwrap_or_else(|| username.clone());
    let new = NewCredential {
        label: &label,
        url: &provider.url,
        username: &username,
        password: &password,
        totp: totp.as_ref(),
    };
    Ok((app.store().add_credential(tenant, &new).await?, true))
}

/// Lists the accounts of a provider, the one that it began with first.
#[utoipa::path(get, path = "/admin/providers/{id}/credentials", tag = "providers", security(("admin_key" = [])), params(("id" = ProviderId, Path)),
    responses((status = 200, body = Vec<AccountView>), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Operator(tenant): Operator,
    Id(id): Id<ProviderId>,
) -> Result<Answer<Vec<AccountView>>, Problem> {
    let provider = app.store().provider(tenant, id).await?;
    let accounts = app.store().provider_accounts(&provider).await?;
    Ok(Answer(
        accounts.into_iter().map(AccountView::from).collect(),
    ))
}

/// Takes an account from a provider. The credential stays, and so do questions that are being asked with it.
#[utoipa::path(delete, path = "/admin/providers/{id}/credentials/{credential_id}", tag = "providers", security(("admin_key" = [])),
    params(("id" = ProviderId, Path), ("credential_id" = CredentialId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(tenant): Operator,
    path: Result<Path<(ProviderId, CredentialId)>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path((id, credential)) = path.map_err(|_| Problem::not_found("credential"))?;
    app.store().provider(tenant, id).await?;
    app.store()
        .remove_provider_account(tenant, id, credential)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
