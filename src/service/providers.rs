//! Registering a chat page: a URL and an account are enough.

use computetower_jobs::{JobId, JobKind, ProviderId, TenantId};
use computetower_store::credentials::NewCredential;
use computetower_store::jobs::NewJob;
use computetower_store::vault::Secret;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::api::credentials::checked_totp;
use crate::api::problem::Problem;
use crate::app::App;
use crate::service::urls;
use crate::trace;

/// A chat page to register. Everything but `url` may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "helpdesk", "url": "https://chat.example.com/", "username": "ada", "password": "…"}))]
pub struct RegisterProvider {
    /// Where the chat page is.
    pub url: String,
    /// The model id in the OpenAI surface; made from the URL when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Who signs in. A page without a login needs no account.
    #[serde(default)]
    pub username: Option<String>,
    /// The same as `username`.
    #[serde(default)]
    pub email: Option<String>,
    /// With which password. It is sealed and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    pub password: Option<String>,
    /// The secret of the account's authenticator app (base32 as apps take it, or an `otpauth://totp/` address). It is sealed and never shown again.
    #[serde(default)]
    #[schema(format = Password)]
    pub totp_secret: Option<String>,
}

/// Registers a provider and queues its discovery.
///
/// # Errors
/// The field that is wrong, or 409 when the name is taken.
pub async fn register(
    app: &App,
    tenant: TenantId,
    request: RegisterProvider,
) -> Result<(ProviderId, JobId), Problem> {
    let url = urls::check(&request.url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("url", reason))?;
    let name = match &request.name {
        Some(name) => name.trim().to_owned(),
        None => default_name(&url),
    };
    check_name(&name)?;
    if request.username.is_some() && request.email.is_some() {
        return Err(Problem::field(
            "email",
            "is the same as username: give one of them",
        ));
    }
    let username = request
        .username
        .or(request.email)
        .filter(|text| !text.is_empty());
    let password = request.password.filter(|text| !text.is_empty());
    if username.is_some() && password.is_none() {
        return Err(Problem::field(
            "password",
            "is missing: an account needs one",
        ));
    }
    for (field, text) in [("username", &username), ("password", &password)] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > 1_000)
        {
            return Err(Problem::field(field, "must have at most 1000 characters"));
        }
    }
    let totp = match request.totp_secret.filter(|text| !text.is_empty()) {
        Some(_) if password.is_none() => {
            return Err(Problem::field(
                "totp_secret",
                "is of no use without an account: give username and password, too",
            ));
        }
        Some(text) => Some(checked_totp(text)?),
        None => None,
    };
    // The name is looked up first, so that a refused registration leaves no credential behind; the unique key decides between two at once.
    let taken = app.store().provider_named(tenant, &name).await.is_ok();
    let credential = match password {
        Some(password) if !taken => {
            let password = Secret::new(password);
            let new = NewCredential {
                label: &name,
                url: url.as_str(),
                username: username.as_deref().unwrap_or_default(),
                password: &password,
                totp: totp.as_ref(),
            };
            Some(app.store().add_credential(tenant, &new).await?)
        }
        _ => None,
    };
    let added = app
        .store()
        .add_provider(tenant, &name, url.as_str(), credential)
        .await;
    let provider = match added {
        Ok(provider) => provider,
        Err(error) => {
            if let Some(credential) = credential {
                app.store().remove_credential(tenant, credential).await?;
            }
            return Err(error.into());
        }
    };
    let job = discover(app, tenant, provider).await?;
    Ok((provider, job))
}

/// Queues a discovery.
///
/// # Errors
/// When Postgres does not answer.
pub async fn discover(app: &App, tenant: TenantId, provider: ProviderId) -> Result<JobId, Problem> {
    let known = app.store().provider(tenant, provider).await?;
    let job = NewJob {
        limit_key: Some(known.limit_key()),
        trace_context: trace::context(),
        ..NewJob::now(JobKind::Discovery, json!({ "provider_id": provider }))
    };
    Ok(app.store().submit(tenant, &job).await?.id)
}

fn default_name(url: &url::Url) -> String {
    let host = url
        .host_str()
        .unwrap_or("provider")
        .trim_start_matches("www.");
    let name: String = host
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = match url.port() {
        Some(port) => format!("{name}-{port}"),
        None => name,
    };
    name.chars().take(64).collect()
}

fn check_name(name: &str) -> Result<(), Problem> {
    let fits = (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if fits {
        Ok(())
    } else {
        Err(Problem::field(
            "name",
            "must be 1 to 64 letters, digits, dots, dashes or underscores",
        ))
    }
}
