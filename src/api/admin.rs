//! `/admin/providers`: chat pages, registered by operators.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{CredentialId, JobId, ProviderId};
use computetower_store::providers::Provider;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::auth::Operator;
use crate::api::extract::{Id, Json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::providers::{RegisterProvider, discover, register};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/providers", get(list).post(create))
        .route("/providers/{id}", get(show).delete(remove))
        .route("/providers/{id}/discover", post(rediscover))
}

/// A provider whose discovery has been queued.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"provider_id": "01890000-0000-7000-8000-000000000010", "job_id": "01890000-0000-7000-8000-000000000001", "status": "discovering"}))]
pub(crate) struct Registered {
    provider_id: ProviderId,
    /// Its events show the discovery.
    job_id: JobId,
    /// Always `discovering`.
    status: &'static str,
}

/// A provider.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000010", "name": "helpdesk", "url": "https://chat.example.com/", "credential_id": "01890000-0000-7000-8000-000000000009", "status": "ready", "misses": 0,
    "discovered_at": "2026-01-01T00:00:09Z", "created_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct ProviderView {
    id: ProviderId,
    /// The model id in the OpenAI surface.
    name: String,
    url: String,
    credential_id: Option<CredentialId>,
    /// `discovering`, `ready`, `unhealthy` or `failed`.
    status: String,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<PublicFailure>,
    /// What was found out about the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_map: Option<Value>,
    /// Failures in a row since the last answer.
    misses: i32,
    discovered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Provider> for ProviderView {
    fn from(provider: Provider) -> Self {
        Self {
            id: provider.id,
            name: provider.name,
            url: provider.url,
            credential_id: provider.credential,
            status: provider.status,
            failure: provider.failure,
            chat_map: provider.chat_map,
            misses: provider.misses,
            discovered_at: provider.discovered_at,
            created_at: provider.created_at,
        }
    }
}

/// Registers a chat page by its URL and, where it has a login, an account. How it works is found out by a job.
#[utoipa::path(post, path = "/admin/providers", tag = "providers", security(("admin_key" = [])), request_body = RegisterProvider,
    responses((status = 202, body = Registered), (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Operator(tenant): Operator,
    Json(request): Json<RegisterProvider>,
) -> Result<(StatusCode, Answer<Registered>), Problem> {
    let (provider_id, job_id) = register(&app, tenant, request).await?;
    Ok((
        StatusCode::ACCEPTED,
        Answer(Registered {
            provider_id,
            job_id,
            status: "discovering",
        }),
    ))
}

/// Lists providers by name.
#[utoipa::path(get, path = "/admin/providers", tag = "providers", security(("admin_key" = [])), responses((status = 200, body = Vec<ProviderView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Operator(tenant): Operator,
) -> Result<Answer<Vec<ProviderView>>, Problem> {
    let providers = app.store().providers(tenant).await?;
    Ok(Answer(
        providers.into_iter().map(ProviderView::from).collect(),
    ))
}

/// Shows a provider.
#[utoipa::path(get, path = "/admin/providers/{id}", tag = "providers", security(("admin_key" = [])), params(("id" = ProviderId, Path)),
    responses((status = 200, body = ProviderView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Operator(tenant): Operator,
    Id(id): Id<ProviderId>,
) -> Result<Answer<ProviderView>, Problem> {
    Ok(Answer(app.store().provider(tenant, id).await?.into()))
}

/// Removes a provider. Its credential stays.
#[utoipa::path(delete, path = "/admin/providers/{id}", tag = "providers", security(("admin_key" = [])), params(("id" = ProviderId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(tenant): Operator,
    Id(id): Id<ProviderId>,
) -> Result<StatusCode, Problem> {
    app.store().remove_provider(tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Discovers a provider anew. What was found before serves until then.
#[utoipa::path(post, path = "/admin/providers/{id}/discover", tag = "providers", security(("admin_key" = [])), params(("id" = ProviderId, Path)),
    responses((status = 202, body = Registered), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn rediscover(
    State(app): State<App>,
    Operator(tenant): Operator,
    Id(id): Id<ProviderId>,
) -> Result<(StatusCode, Answer<Registered>), Problem> {
    app.store().provider(tenant, id).await?;
    let job_id = discover(&app, tenant, id).await?;
    Ok((
        StatusCode::ACCEPTED,
        Answer(Registered {
            provider_id: id,
            job_id,
            status: "discovering",
        }),
    ))
}
