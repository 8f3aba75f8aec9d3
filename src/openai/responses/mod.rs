//! `/v1/responses`: the same question in OpenAI's newer shape.

mod events;
mod input;
mod items;
mod object;
mod request;
pub mod stored;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse;
use axum::response::{IntoResponse, Response};
use computetower_jobs::JobId;
use computetower_jobs::kinds::chat::Chat;
use computetower_store::openai_objects::ObjectKind;
use futures::Stream;
use serde_json::Value;

use self::events::Events;
use self::object::Object;
use self::stored::Previous;
use super::ask::{Asked, Heard, ask};
use super::completions::{self, named};
use super::error::OpenAiError;
use super::kept::Keeper;
use super::repeats::Sent;
use super::room::Question;
use crate::app::App;

/// Asks a chat page. The header `x-computetower-job-id` names the job, whose events can be followed as well. Unless `store` is false, the response
/// can be found for 30 days, and `previous_response_id` goes on from it, in the page's own conversation.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", security(("api_key" = [])),
    request_body(content = Value, example = json!({"model": "helpdesk", "input": "How do I reset my password?", "stream": true})),
    responses((status = 200, body = Value, description = "OpenAI's response object, or with `stream` its events as Server-Sent Events", example = json!({
                  "id": "resp_01890000000070008000000000000001", "object": "response", "created_at": 1767225600, "status": "completed", "model": "helpdesk",
                  "output": [{"id": "msg_01890000000070008000000000000001", "type": "message", "role": "assistant", "status": "completed",
                              "content": [{"type": "output_text", "text": "Open the settings, then **Security**.", "annotations": [], "logprobs": []}]}],
                  "usage": {"input_tokens": 7, "output_tokens": 10, "total_tokens": 17}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "Previous response with id 'resp_1' not found.", "type": "invalid_request_error", "param": "previous_response_id",
                  "code": "previous_response_not_found"}}))))]
pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    question: Question,
) -> Result<Response, OpenAiError> {
    let Question {
        caller,
        body,
        place,
    } = question;
    let previous = match request::previous(&body) {
        Some(id) => Some(Previous::find(&app, caller.tenant, &id).await?),
        None => None,
    };
    let mut request = request::read(&body, previous.as_ref())?;
    let sent = Sent::read(&app, caller.tenant, "responses", &headers, &body).await?;
    drop(body);
    let mut asked = ask(&app, caller.tenant, request.ask.clone(), 1, sent).await?;
    // The pictures are in the bucket: nothing large is held while the page answers.
    request.ask.pictures.clear();
    drop(place);
    let jobs = asked.jobs.clone();
    let object = Object::new(&jobs, &request);
    let keeper = request.store.then(|| Keeper {
        app: app.clone(),
        tenant: caller.tenant,
        kind: ObjectKind::Response,
        model: request.ask.chat.model.clone(),
        input: object.input(previous.as_ref(), &request.input),
        metadata: request.echo["metadata"].clone(),
    });
    let response = if request.ask.stream {
        asked.peek().await?;
        completions::events(events(asked, Events::new(object), keeper))
    } else {
        let said = asked.whole().await?.into_iter().next();
        let mut response = object.ended(said.as_ref());
        keep(
            keeper.as_ref(),
            &jobs,
            &mut response,
            said.map(|said| said.page),
        )
        .await;
        Json(response).into_response()
    };
    Ok(named(response, &jobs, &request.ignored))
}

/// Keeps a response where that is wanted, and says in it when that could not be.
async fn keep(keeper: Option<&Keeper>, jobs: &[JobId], response: &mut Value, page: Option<Chat>) {
    if let Some(keeper) = keeper
        && !keeper.keep(jobs.first(), response, page).await
    {
        response["store"] = false.into();
    }
}

fn events(
    mut asked: Asked,
    mut events: Events,
    keeper: Option<Keeper>,
) -> impl Stream<Item = sse::Event> + Send {
    let event = |value: Value| {
        let kind = value["type"].as_str().unwrap_or_default();
        sse::Event::default().event(kind).data(value.to_string())
    };
    async_stream::stream! {
        for told in events.begin() {
            yield event(told);
        }
        while let Some((_, heard)) = asked.next().await {
            let (mut told, page) = match heard {
                Ok(Heard::Piece(text)) => (events.piece(&text), None),
                Ok(Heard::Done(said)) => (events.done(&said), Some(said.page)),
                Err(error) => (events.failed(&error), None),
            };
            // Who hears the end can go on from it.
            if let Some(response) = told.last_mut().and_then(|last| last.get_mut("response")) {
                keep(keeper.as_ref(), &asked.jobs, response, page).await;
            }
            for told in told {
                yield event(told);
            }
        }
    }
}
