//! `/v1/chat/completions/…`: completions that were asked for with `store: true`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use computetower_store::accounts::Scope;
use computetower_store::openai_objects::{ObjectFilter, ObjectKind};
use serde_json::{Value, json};

use super::error::OpenAiError;
use super::kept::{self, Query, find, listed};
use super::request::metadata;
use crate::api::auth::caller;
use crate::api::extract::field_with_nul;
use crate::app::App;

const KIND: ObjectKind = ObjectKind::Completion;

/// Lists the completions that were asked for with `store: true`, for 30 days.
#[utoipa::path(get, path = "/v1/chat/completions", tag = "openai", security(("api_key" = [])),
    params(("model" = Option<String>, Query, description = "Only of this model"), ("metadata[name]" = Option<String>, Query, description = "Only with this text noted under that name"),
           ("after" = Option<String>, Query, description = "Behind this one"), ("limit" = Option<i64>, Query, description = "1 to 100, 20 when left out"),
           ("order" = Option<String>, Query, description = "`asc` (also when left out) or `desc`")),
    responses((status = 200, body = Value, description = "OpenAI's list of completions", example = json!({
                  "object": "list", "first_id": "chatcmpl-01890000000070008000000000000001", "last_id": "chatcmpl-01890000000070008000000000000001", "has_more": false,
                  "data": [{"id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion", "created": 1767225600, "model": "helpdesk", "metadata": {},
                            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message": {"role": "assistant", "content": "Open the settings.", "refusal": null}}],
                            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}]})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "limit must be 1 to 100.", "type": "invalid_request_error", "param": "limit", "code": null}}))))]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    let query = Query::read(query.as_deref());
    let limit = query.limit()?;
    let after = match query.get("after") {
        None => None,
        Some(id) => Some(find(&app, caller.tenant, KIND, id).await?.id),
    };
    let wanted = query.below("metadata");
    let filter = ObjectFilter {
        model: query.get("model").map(|model| model.replace('\0', "?")),
        metadata: (!wanted.is_empty()).then_some(Value::Object(wanted)),
        after,
        newest_first: query.newest_first(false)?,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };
    if filter
        .metadata
        .as_ref()
        .is_some_and(|wanted| field_with_nul(wanted.to_string().as_bytes()).is_some())
    {
        return Ok(Json(listed(Vec::new(), limit)));
    }
    let found = app.store().objects(caller.tenant, KIND, &filter).await?;
    Ok(Json(listed(found, limit)))
}

/// Shows a stored completion.
#[utoipa::path(get, path = "/v1/chat/completions/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Value, description = "OpenAI's chat completion", example = json!({
                  "id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion", "created": 1767225600, "model": "helpdesk", "metadata": {},
                  "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message": {"role": "assistant", "content": "Open the settings.", "refusal": null}}],
                  "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    Ok(Json(find(&app, caller.tenant, KIND, &id).await?.object))
}

/// Notes other metadata beside a stored completion.
#[utoipa::path(post, path = "/v1/chat/completions/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    request_body(content = Value, example = json!({"metadata": {"ticket": "4711"}})),
    responses((status = 200, body = Value, description = "OpenAI's chat completion", example = json!({
                  "id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion", "created": 1767225600, "model": "helpdesk", "metadata": {"ticket": "4711"},
                  "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message": {"role": "assistant", "content": "Open the settings.", "refusal": null}}],
                  "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "metadata must be an object.", "type": "invalid_request_error", "param": "metadata", "code": null}}))))]
pub(crate) async fn change(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    let body = body.map_err(|rejection| OpenAiError::unreadable(rejection.status()))?;
    if field_with_nul(&body).is_some() {
        return Err(OpenAiError::invalid(
            "metadata",
            "metadata must not hold the character NUL.",
        ));
    }
    let body: Value = serde_json::from_slice(&body).map_err(|error| {
        OpenAiError::invalid("body", format!("The body cannot be read: {error}."))
    })?;
    let metadata = metadata(&body["metadata"])?;
    let stored = find(&app, caller.tenant, KIND, &id).await?;
    app.store()
        .note_metadata(caller.tenant, KIND, stored.id, &metadata)
        .await
        .map_err(|error| kept::not_there(KIND, &id, error))?;
    Ok(Json(find(&app, caller.tenant, KIND, &id).await?.object))
}

/// Forgets a stored completion. Its job stays as long as jobs stay.
#[utoipa::path(delete, path = "/v1/chat/completions/{id}", tag = "openai", security(("api_key" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Value, description = "It is gone", example = json!({
                  "id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion.deleted", "deleted": true})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn remove(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    kept::forget(&app, caller.tenant, KIND, &id).await?;
    Ok(Json(
        json!({ "id": id, "object": "chat.completion.deleted", "deleted": true }),
    ))
}

/// Lists the messages that a stored completion answers.
#[utoipa::path(get, path = "/v1/chat/completions/{id}/messages", tag = "openai", security(("api_key" = [])),
    params(("id" = String, Path), ("after" = Option<String>, Query, description = "Behind this one"), ("limit" = Option<i64>, Query, description = "1 to 100, 20 when left out"),
           ("order" = Option<String>, Query, description = "`asc` (also when left out) or `desc`")),
    responses((status = 200, body = Value, description = "OpenAI's list of messages", example = json!({
                  "object": "list", "first_id": "chatcmpl-01890000000070008000000000000001-0", "last_id": "chatcmpl-01890000000070008000000000000001-0", "has_more": false,
                  "data": [{"id": "chatcmpl-01890000000070008000000000000001-0", "role": "user", "content": "How do I reset my password?", "name": null, "content_parts": null}]})),
              (status = 404, body = Value, description = "There is none of this id", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Chat completion with id 'chatcmpl-1' not found.", "type": "invalid_request_error", "param": null, "code": null}}))))]
pub(crate) async fn messages(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Read).await?;
    let stored = find(&app, caller.tenant, KIND, &id).await?;
    let messages = stored.input.as_array().cloned().unwrap_or_default();
    let view = |(at, mut message): (usize, Value)| {
        message["id"] = json!(format!("{id}-{at}"));
        for field in ["name", "content_parts"] {
            if message.get(field).is_none() {
                message[field] = Value::Null;
            }
        }
        message
    };
    let messages = messages.into_iter().enumerate().map(view).collect();
    part_of(messages, &Query::read(query.as_deref()), false).map(Json)
}

/// The part of a list that is asked for.
pub(super) fn part_of(
    mut items: Vec<Value>,
    query: &Query,
    newest_first: bool,
) -> Result<Value, OpenAiError> {
    let limit = query.limit()?;
    if query.newest_first(newest_first)? {
        items.reverse();
    }
    if let Some(after) = query.get("after") {
        let at = items.iter().position(|item| item["id"] == after);
        let at = at.ok_or_else(|| OpenAiError::invalid("after", "There is no item of this id."))?;
        items.drain(..=at);
    }
    Ok(listed(items, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_given_out_in_parts() {
        let items: Vec<Value> = (0..5).map(|at| json!({ "id": format!("i{at}") })).collect();
        let part = |query: &str| part_of(items.clone(), &Query::read(Some(query)), false);
        let ids = |query: &str| {
            let part = part(query).unwrap_or_default();
            let ids = part["data"].as_array().into_iter().flatten();
            let ids: Vec<String> = ids
                .map(|item| item["id"].as_str().unwrap_or("").to_owned())
                .collect();
            (ids.join(" "), part["has_more"] == json!(true))
        };
        assert_eq!(ids("limit=2"), ("i0 i1".to_owned(), true));
        assert_eq!(ids("limit=2&after=i2"), ("i3 i4".to_owned(), false));
        assert_eq!(
            ids("limit=2&order=desc&after=i4"),
            ("i3 i2".to_owned(), true)
        );
        assert!(part("after=i9").is_err());
    }
}
