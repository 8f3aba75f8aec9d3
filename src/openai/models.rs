//! `/v1/models`: the providers that are ready.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use computetower_store::StoreError;
use computetower_store::accounts::Scope;
use computetower_store::providers::Provider;
use serde_json::{Value, json};

use super::error::OpenAiError;
use crate::api::auth::caller;
use crate::app::App;

/// Lists the models: the providers that have been discovered.
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
    let models: Vec<Value> = providers
        .iter()
        .filter(|provider| provider.chat_map.is_some())
        .map(view)
        .collect();
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
    match app.store().provider_named(caller.tenant, &id).await {
        Ok(provider) => Ok(Json(view(&provider))),
        Err(StoreError::NotFound(_)) => Err(OpenAiError::no_model(&id)),
        Err(error) => Err(error.into()),
    }
}

fn view(provider: &Provider) -> Value {
    json!({ "id": provider.name, "object": "model", "created": provider.created_at.timestamp(), "owned_by": "computetower" })
}
