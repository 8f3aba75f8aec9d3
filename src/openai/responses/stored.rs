//! `/v1/responses/…`: responses that were stored, and those that go on from one.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use computetower_jobs::TenantId;
use computetower_jobs::kinds::chat::{ChatFile, Message};
use computetower_store::accounts::Scope;
use computetower_store::openai_objects::ObjectKind;
use serde_json::{Value, json};

use super::super::error::OpenAiError;
use super::super::kept::{Query, find, forget, job_of, prefix};
use super::super::stored::part_of;
use super::items::open_calls;
use crate::api::auth::caller;
use crate::app::App;

const KIND: ObjectKind = ObjectKind::Response;

/// A response from which another goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Previous {
    /// What the page was told and has said.
    pub(super) messages: Vec<Message>,
    /// What stood beside it.
    pub(super) files: Vec<ChatFile>,
    /// All items so far, its own output included.
    pub(super) items: Vec<Value>,
}

impl Previous {
    /// Finds it.
    pub(super) async fn find(app: &App, tenant: TenantId, id: &str) -> Result<Self, OpenAiError> {
        let shown: String = id.chars().take(100).collect();
        let missing =
            || OpenAiError::no_previous(format!("Previous response with id '{shown}' not found."));
        let Some(job) = job_of(id, prefix(KIND)) else {
            return Err(missing());
        };
        let stored = match app.store().object(tenant, KIND, job).await {
            Ok(stored) => stored,
            Err(computetower_store::StoreError::NotFound(_)) => return Err(missing()),
            Err(error) => return Err(error.into()),
        };
        let Some(chat) = stored.messages else {
            return Err(OpenAiError::no_previous(format!(
                "The response '{shown}' failed: there is nothing to go on from."
            )));
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut items = list(&stored.input);
        items.extend(list(&stored.object["output"]));
        Ok(Self {
            messages: chat.messages,
            files: chat.files,
            items,
        })
    }

    /// The calls that wait for their results.
    pub(super) fn calls(&self) -> Vec<(String, String, String)> {
        open_calls(&self.items)
    }
}

/// Shows a stored response, for 30 days.
#[utoipa::path(get, path = "/v1/responses/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Value, description = "OpenAI's response object", example = json!({
                  "id": "resp_01890000000070008000000000000001", "object": "response", "created_at": 1767225600, "status": "completed", "model": "helpdesk", "store": true,
                  "output": [{"id": "msg_01890000000070008000000000000001", "type": "message", "role": "assistant", "status": "completed",
                              "content": [{"type": "output_text", "text": "Open the settings, then **Security**.", "annotations": [], "logprobs": []}]}],
                  "usage": {"input_tokens": 7, "output_tokens": 10, "total_tokens": 17}})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    if Query::read(query.as_deref()).get("stream") == Some("true") {
        return Err(OpenAiError::unsupported(
            "stream",
            "Only background responses could be streamed later, and there are none.",
        ));
    }
    Ok(Json(find(&app, caller.tenant, KIND, &id).await?.object))
}

/// Forgets a stored response. Its job stays as long as jobs stay.
#[utoipa::path(delete, path = "/v1/responses/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Value, description = "It is gone", example = json!({
                  "id": "resp_01890000000070008000000000000001", "object": "response", "deleted": true})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn remove(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    forget(&app, caller.tenant, KIND, &id).await?;
    Ok(Json(
        json!({ "id": id, "object": "response", "deleted": true }),
    ))
}

/// Lists the items that a stored response answers, those of the responses before it first.
#[utoipa::path(get, path = "/v1/responses/{id}/input_items", tag = "openai", security(("api_key" = [])),
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "Behind this one"), ("limit" = Option<i64>, Query, description = "1 to 100, 20 when left out"),
           ("order" = Option<String>, Query, description = "`desc` (also when left out) or `asc`")),
    responses((status = 200, body = Value, description = "OpenAI's list of items", example = json!({
                  "object": "list", "first_id": "msg_01890000000070008000000000000001000", "last_id": "msg_01890000000070008000000000000001000", "has_more": false,
                  "data": [{"id": "msg_01890000000070008000000000000001000", "type": "message", "status": "completed", "role": "user",
                            "content": [{"type": "input_text", "text": "How do I reset my password?"}]}]})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn input_items(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    let stored = find(&app, caller.tenant, KIND, &id).await?;
    let items = stored.input.as_array().cloned().unwrap_or_default();
    part_of(items, &Query::read(query.as_deref()), true).map(Json)
}

/// Refuses to cancel a response: only those that run in the background can be cancelled, and there are none. Going away cancels any other.
#[utoipa::path(post, path = "/v1/responses/{id}/cancel", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Only background responses can be cancelled.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn cancel(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    find(&app, caller.tenant, KIND, &id).await?;
    Err(OpenAiError::plain(
        "Only background responses can be cancelled.",
    ))
}
