//! `/v1/responses`: the same question in OpenAI's newer shape. Nothing of it is kept but the job.

mod events;
mod input;
mod object;
mod request;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::sse;
use axum::response::{IntoResponse, Response};
use computetower_store::accounts::Scope;
use futures::Stream;
use serde_json::Value;

use self::events::Events;
use self::object::Object;
use super::ask::{Asked, Heard, ask};
use super::completions::{self, named};
use super::error::OpenAiError;
use crate::api::auth::caller;
use crate::app::App;

/// Asks a chat page. The header `x-computetower-job-id` names the job, whose events can be followed as well. Responses are not stored: a
/// conversation is sent whole, and `previous_response_id` is refused.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", security(("api_key" = [])),
    request_body(content = Value, example = json!({"model": "helpdesk", "input": "How do I reset my password?", "stream": true})),
    responses((status = 200, body = Value, description = "OpenAI's response object, or with `stream` its events as Server-Sent Events", example = json!({
                  "id": "resp_01890000000070008000000000000001", "object": "response", "created_at": 1767225600, "status": "completed", "model": "helpdesk",
                  "output": [{"id": "msg_01890000000070008000000000000001", "type": "message", "role": "assistant", "status": "completed",
                              "content": [{"type": "output_text", "text": "Open the settings, then **Security**.", "annotations": [], "logprobs": []}]}],
                  "usage": {"input_tokens": 7, "output_tokens": 10, "total_tokens": 17}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Responses are not stored: send the whole conversation as input.", "type": "invalid_request_error", "param": "previous_response_id",
                  "code": "unsupported_parameter"}}))))]
pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    let body = body.map_err(|rejection| OpenAiError::unreadable(rejection.status()))?;
    let request = request::read(&body)?;
    let mut asked = ask(&app, caller.tenant, request.ask.clone(), 1, &headers, &body).await?;
    let jobs = asked.jobs.clone();
    let object = Object::new(&jobs, &request);
    let response = if request.ask.stream {
        asked.peek().await?;
        completions::events(events(asked, Events::new(object)))
    } else {
        let said = asked.whole().await?;
        Json(object.ended(said.first())).into_response()
    };
    Ok(named(response, &jobs, &request.ignored))
}

fn events(mut asked: Asked, mut events: Events) -> impl Stream<Item = sse::Event> + Send {
    let event = |value: Value| {
        let kind = value["type"].as_str().unwrap_or_default();
        sse::Event::default().event(kind).data(value.to_string())
    };
    async_stream::stream! {
        for told in events.begin() {
            yield event(told);
        }
        while let Some((_, heard)) = asked.next().await {
            let told = match heard {
                Ok(Heard::Piece(text)) => events.piece(&text),
                Ok(Heard::Done(said)) => events.done(&said),
                Err(error) => events.failed(&error),
            };
            for told in told {
                yield event(told);
            }
        }
    }
}
