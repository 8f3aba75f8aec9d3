//! `/admin/aliases`: names behind which several providers stand, so that one answers when another cannot.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::TenantId;
use computetower_jobs::model_names::{is_name, split};
use computetower_store::StoreError;
use computetower_store::aliases::Alias;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Operator;
use crate::api::extract::Json;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// So many models may stand behind a name.
const MOST: usize = 20;

pub(super) fn admin_router() -> Router<App> {
    Router::new()
        .route("/aliases", get(list))
        .route("/aliases/{name}", get(show).put(put).delete(remove))
}

/// What stands behind a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"models": ["helpdesk", "backup/GPT-4o-mini"]}))]
pub(crate) struct PutAlias {
    /// Providers, or models of their pages (`provider/model`), the one that is asked first first. At most 20, each of another provider, and no aliases.
    #[schema(min_items = 1, max_items = 20)]
    models: Vec<String>,
}

/// A name behind which several providers stand.
#[derive(Serialize, ToSchema)]
#[schema(title = "Alias", example = json!({"name": "support", "models": ["helpdesk", "backup/GPT-4o-mini"], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct AliasView {
    /// The model id in the OpenAI surface.
    name: String,
    /// What is asked, the first one first. One that is not there any more is passed over.
    models: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Alias> for AliasView {
    fn from(alias: Alias) -> Self {
        Self {
            name: alias.name,
            models: alias.models,
            created_at: alias.created_at,
            updated_at: alias.updated_at,
        }
    }
}

/// The name in the path. What can be no name names nothing.
fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.ok()
        .map(|Path(name)| name)
        .filter(|name| is_name(name))
        .ok_or_else(|| Problem::not_found("alias"))
}

/// Makes an alias, or changes what stands behind it. Questions that are being asked go on as they were.
#[utoipa::path(put, path = "/admin/aliases/{name}", tag = "providers", security(("admin_key" = [])), params(("name" = String, Path)),
    request_body = PutAlias,
    responses((status = 200, body = AliasView, description = "it was changed"), (status = 201, body = AliasView, description = "it was made"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "it cannot be a name: 1 to 64 letters, digits, dots, dashes or underscores"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn put(
    State(app): State<App>,
    Operator(tenant): Operator,
    path: Result<Path<String>, PathRejection>,
    Json(request): Json<PutAlias>,
) -> Result<(StatusCode, Answer<AliasView>), Problem> {
    let name = named(path)?;
    check(&app, tenant, &request.models).await?;
    let made = app
        .store()
        .put_alias(tenant, &name, &request.models)
        .await?;
    let alias = app.store().alias(tenant, &name).await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Answer(alias.into())))
}

async fn check(app: &App, tenant: TenantId, models: &[String]) -> Result<(), Problem> {
    if !(1..=MOST).contains(&models.len()) {
        let reason = format!("must hold 1 to {MOST} models");
        return Err(Problem::field("models", reason));
    }
    for (at, model) in models.iter().enumerate() {
        let field = || format!("models[{at}]");
        if models[..at].contains(model) {
            return Err(Problem::field(field(), "is there twice"));
        }
        // What was typed, and with which account, is recorded for each provider: a second model of one would find the question of the first.
        if models[..at]
            .iter()
            .any(|other| split(other).0 == split(model).0)
        {
            return Err(Problem::field(
                field(),
                "names a provider that is there already: each can be there once, with one of its models",
            ));
        }
        // NUL is no text for Postgres, and in no name.
        let known = match model.contains('\0') {
            true => Err(StoreError::NotFound("provider")),
            false => app.store().asked(tenant, model).await,
        };
        match known {
            Ok(_) => {}
            Err(StoreError::NotFound("model")) => {
                return Err(Problem::field(
                    field(),
                    "names a model that the provider's page does not offer",
                ));
            }
            Err(StoreError::NotFound(_)) => {
                return Err(Problem::field(field(), "there is no such provider"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Lists aliases by name.
#[utoipa::path(get, path = "/admin/aliases", tag = "providers", security(("admin_key" = [])), responses((status = 200, body = Vec<AliasView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Operator(tenant): Operator,
) -> Result<Answer<Vec<AliasView>>, Problem> {
    let aliases = app.store().aliases(tenant).await?;
    Ok(Answer(aliases.into_iter().map(AliasView::from).collect()))
}

/// Shows an alias.
#[utoipa::path(get, path = "/admin/aliases/{name}", tag = "providers", security(("admin_key" = [])), params(("name" = String, Path)),
    responses((status = 200, body = AliasView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Operator(tenant): Operator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Answer<AliasView>, Problem> {
    let name = named(path)?;
    Ok(Answer(app.store().alias(tenant, &name).await?.into()))
}

/// Removes an alias. What stands behind it stays.
#[utoipa::path(delete, path = "/admin/aliases/{name}", tag = "providers", security(("admin_key" = [])), params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(tenant): Operator,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let name = named(path)?;
    app.store().remove_alias(tenant, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
