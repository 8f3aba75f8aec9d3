//! `/v1/chat/completions`: a `chat` job for each answer, answered as OpenAI would.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use computetower_jobs::JobId;
use computetower_store::openai_objects::ObjectKind;
use futures::Stream;
use serde_json::Value;

use super::ask::{Asked, Heard, Said, ask};
use super::error::OpenAiError;
use super::kept::Keeper;
use super::repeats::Sent;
use super::request::read;
use super::room::Question;
use super::shape::Shape;
use crate::app::App;

/// How often a quiet stream shows that it lives. Comments only: the official clients fail on anything else.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Asks a chat page. The header `x-computetower-job-id` names the job, whose events can be followed as well.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", security(("api_key" = [])),
    request_body(content = Value, example = json!({"model": "helpdesk", "messages": [{"role": "user", "content": "How do I reset my password?"}], "stream": true})),
    responses((status = 200, body = Value, description = "OpenAI's chat completion, or with `stream` its chunks as Server-Sent Events", example = json!({
                  "id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion", "created": 1767225600, "model": "helpdesk",
                  "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                               "message": {"role": "assistant", "content": "Open the settings, then **Security**.", "refusal": null}}],
                  "usage": {"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 19}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "messages: must not be empty", "type": "invalid_request_error", "param": "messages", "code": null}}))))]
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
    let mut request = read(&body)?;
    let sent = Sent::read(&app, caller.tenant, "completions", &headers, &body).await?;
    drop(body);
    let mut asked = ask(&app, caller.tenant, request.ask.clone(), request.n, sent).await?;
    // The pictures are in the bucket: nothing large is held while the page answers.
    request.ask.pictures.clear();
    drop(place);
    let jobs = asked.jobs.clone();
    let shape = Shape::new(&jobs, &request.ask, request.legacy);
    let keeper = request.keep.map(|keep| Keeper {
        app: app.clone(),
        tenant: caller.tenant,
        kind: ObjectKind::Completion,
        model: request.ask.chat.model.clone(),
        input: keep.messages,
        metadata: keep.metadata,
    });
    let response = if request.ask.stream {
        asked.peek().await?;
        events(chunks(asked, shape, request.include_usage, keeper))
    } else {
        let said = asked.whole().await?;
        Json(completion(&shape, &jobs, said, keeper.as_ref()).await).into_response()
    };
    Ok(named(response, &jobs, &request.ignored))
}

/// The whole completion, kept where that is wanted.
async fn completion(
    shape: &Shape,
    jobs: &[JobId],
    said: Vec<Said>,
    keeper: Option<&Keeper>,
) -> Value {
    let mut completion = shape.completion(&said);
    if let Some(keeper) = keeper {
        completion["metadata"] = keeper.metadata.clone();
        let page = said.into_iter().next().map(|said| said.page);
        keeper.keep(jobs.first(), &completion, page).await;
    }
    completion
}

/// The chunks of a stream.
fn chunks(
    mut asked: Asked,
    shape: Shape,
    include_usage: bool,
    keeper: Option<Keeper>,
) -> impl Stream<Item = sse::Event> + Send {
    let event = |value: Value| sse::Event::default().data(value.to_string());
    async_stream::stream! {
        for index in 0..asked.jobs.len() {
            yield event(shape.first(index));
        }
        let mut tokens = Some(0);
        let mut whole: Vec<Option<Said>> = asked.jobs.iter().map(|_| None).collect();
        while let Some((index, heard)) = asked.next().await {
            match heard {
                Ok(Heard::Piece(text)) => yield event(shape.piece(index, &text)),
                Ok(Heard::Done(said)) => {
                    tokens = tokens.map(|tokens| tokens + said.tokens());
                    let last = shape.last(index, &said);
                    whole[index] = Some(said);
                    // Who has heard all of it can ask for what was kept.
                    if keeper.is_some() && whole.iter().all(Option::is_some) {
                        let said = std::mem::take(&mut whole).into_iter().flatten().collect();
                        completion(&shape, &asked.jobs, said, keeper.as_ref()).await;
                    }
                    for chunk in last {
                        yield event(chunk);
                    }
                }
                // One that fails ends all: the others are cancelled when `asked` goes.
                Err(error) => {
                    yield event(error.body());
                    tokens = None;
                    break;
                }
            }
        }
        if let Some(tokens) = tokens.filter(|_| include_usage) {
            yield event(shape.usage_chunk(tokens));
        }
        yield sse::Event::default().data("[DONE]");
    }
}

/// A stream as a response.
pub(super) fn events(stream: impl Stream<Item = sse::Event> + Send + 'static) -> Response {
    use futures::StreamExt;
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("thinking");
    let mut response = Sse::new(stream.map(Ok::<_, Infallible>))
        .keep_alive(keep_alive)
        .into_response();
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Names the jobs and the fields that were left aside, in headers that every client can read.
pub(super) fn named(mut response: Response, jobs: &[JobId], ignored: &[String]) -> Response {
    let jobs: Vec<String> = jobs.iter().map(JobId::to_string).collect();
    let out = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&jobs.join(",")) {
        out.insert("x-computetower-job-id", value);
    }
    if !ignored.is_empty()
        && let Ok(value) = HeaderValue::from_str(&listed(ignored))
    {
        out.insert("x-computetower-ignored", value);
    }
    response
}

fn listed(fields: &[String]) -> String {
    const NAMED: usize = 20;
    let mut text = fields
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(",");
    if fields.len() > NAMED {
        text.push_str(&format!(",and {} more", fields.len() - NAMED));
    }
    text
}
