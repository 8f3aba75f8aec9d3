//! `/v1/models`: the providers that are ready, the models that their pages offer, and the aliases.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use computetower_jobs::model_names::model_id;
use computetower_store::StoreError;
use computetower_store::accounts::Scope;
use computetower_store::aliases::Model;
use serde_json::{Value, json};

use super::error::OpenAiError;
use crate::api::auth::caller;
use crate::app::App;

/// Lists the models: the providers that have been discovered, each with the models that its page offers (`name/model`), and the aliases.
#[utoipa::path(get, path = "/v1/models", tag = "openai", security(("api_key" = [])), responses((status = 200, body = Value, description = "OpenAI's list of models",
        example = json!({"object": "list", "data": [{"id": "helpdesk", "object": "model", "created": 1767225600, "owned_by": "computetower"}]})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "This API key is not known, has been revoked, or has expired.", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}))))]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    let providers = app.store().providers(caller.tenant).await?;
    let mut models = Vec::new();
    for provider in providers.iter().filter(|p| p.chat_map.is_some()) {
        let made = provider.created_at;
        models.push(view(&provider.name, made));
        let mut ids: Vec<String> = Vec::new();
        for label in provider.page_models() {
            let id = format!("{}/{}", provider.name, model_id(&label));
            if !ids.contains(&id) {
                models.push(view(&id, made));
                ids.push(id);
            }
        }
    }
    for alias in app.store().aliases(caller.tenant).await? {
        models.push(view(&alias.name, alias.created_at));
    }
    Ok(Json(json!({ "object": "list", "data": models })))
}

/// Shows one model.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Value, description = "OpenAI's model object", example = json!({"id": "helpdesk", "object": "model", "created": 1767225600, "owned_by": "computetower"})),
              (status = 401, body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "This API key is not known, has been revoked, or has expired.", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}})),
              (status = 404, body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "The model \"helpdesk\" does not exist: GET /v1/models lists those that do.", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}}))))]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    // What is no text, or holds NUL, names no model.
    let id = path
        .map(|Path(id)| id.replace('\0', "?"))
        .unwrap_or_default();
    match app.store().model(caller.tenant, &id).await {
        Ok(Model::One(asked)) => {
            let name = match &asked.model {
                Some(label) => format!("{}/{}", asked.provider.name, model_id(label)),
                None => asked.provider.name,
            };
            Ok(Json(view(&name, asked.provider.created_at)))
        }
        Ok(Model::Several { alias, .. }) => Ok(Json(view(&alias.name, alias.created_at))),
        Err(StoreError::NotFound(_)) => Err(OpenAiError::no_model(&id)),
        Err(error) => Err(error.into()),
    }
}

fn view(id: &str, made: DateTime<Utc>) -> Value {
    json!({ "id": id, "object": "model", "created": made.timestamp(), "owned_by": "computetower" })
}
