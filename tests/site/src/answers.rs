//! The answers over HTTP: streams, polling, whole. WebSockets are in `sockets`.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::echo;
use crate::run::{End, Run, Step};
use crate::shape::{Look, Transport};
use crate::state::{At, Shared};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/{shape}/api/ask", post(ask))
        .route("/{shape}/api/upload", post(upload))
        .route("/{shape}/api/runs/{run}", get(so_far))
        .route("/{shape}/api/runs/{run}/messages", get(several))
        .route("/{shape}/api/runs/{run}/events", get(events))
        .route("/{shape}/api/runs/{run}/more", post(more))
        .route("/{shape}/api/runs/{run}/stop", post(stop))
        .route("/{shape}/ws", get(crate::sockets::open))
}

#[derive(Debug, Deserialize)]
struct Question {
    message: String,
    #[serde(default)]
    conversation: Option<String>,
    /// The model that the page shows, where it has several.
    #[serde(default)]
    model: Option<String>,
}

/// Takes a question, unless it is one that is refused (which is written down all the same).
pub(crate) fn take(
    at: &At,
    message: &str,
    conversation: Option<&str>,
) -> Result<Arc<Run>, echo::Refusal> {
    let fails = {
        let mut record = at.record();
        let fails = record.fails > 0;
        record.fails = record.fails.saturating_sub(1);
        fails
    };
    match echo::refusal(message).or_else(|| fails.then_some(echo::FAILURE)) {
        // What a script says is all that counts.
        Some(refusal) if crate::script::script_of(message).is_none() => {
            at.record().asked.push(message.to_owned());
            Err(refusal)
        }
        _ => Ok(Run::start(at, message, conversation)),
    }
}

async fn ask(at: At, headers: HeaderMap, Json(question): Json<Question>) -> Response {
    if !at.signed_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if question.message.trim().is_empty() {
        return (StatusCode::UNPROCESSABLE_ENTITY, "empty message").into_response();
    }
    if let Some(model) = question.model {
        at.record().models.push(model);
    }
    let run = match take(&at, &question.message, question.conversation.as_deref()) {
        Ok(run) => run,
        Err(refusal) => {
            let status =
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = Json(json!({"error": {"message": refusal.says}}));
            return (status, [(header::RETRY_AFTER, "30")], body).into_response();
        }
    };
    match at.shape.transport {
        Transport::SseDelta if at.shape.looks(Look::Continues) => {
            streamed("text/event-stream", &run, deltas(&at, &run, 0, run.half()))
        }
        Transport::SseDelta => {
            streamed("text/event-stream", &run, deltas(&at, &run, 0, usize::MAX))
        }
        Transport::SseCumulative => streamed(
            "text/event-stream",
            &run,
            cumulative(&at, &run, &question.message),
        ),
        Transport::Ndjson => streamed("application/x-ndjson", &run, lines(&at, &run)),
        Transport::Whole | Transport::Typed => whole(&at, &run).await,
        _ => Json(json!({"run": run.id})).into_response(),
    }
}

/// Takes a file for the next question.
async fn upload(at: At, headers: HeaderMap, body: Bytes) -> Response {
    if !at.signed_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let digest = Sha256::digest(&body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    at.record().uploads.push(hex.clone());
    Json(json!({"sha256": hex})).into_response()
}

type Piece = Result<String, io::Error>;

fn streamed(
    kind: &'static str,
    run: &Run,
    body: impl futures::Stream<Item = Piece> + Send + 'static,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let run = [("x-run", run.id.clone())];
    (headers, run, Body::from_stream(body)).into_response()
}

/// What a stream ends with when the answer is cut: an error, so that the connection breaks.
fn broken() -> Piece {
    Err(io::Error::new(
        io::ErrorKind::ConnectionReset,
        "asked to cut the answer",
    ))
}

/// The rest of an answer of which half has come.
async fn more(at: At, headers: HeaderMap, Path((_, id)): Path<(String, String)>) -> Response {
    match run_of(&at, &headers, &id) {
        Ok(run) => {
            let rest = deltas(&at, &run, run.half(), usize::MAX);
            streamed("text/event-stream", &run, rest)
        }
        Err(status) => status.into_response(),
    }
}

/// Pieces of the answer from one on, up to another.
fn deltas(
    at: &At,
    run: &Arc<Run>,
    from: usize,
    to: usize,
) -> impl futures::Stream<Item = Piece> + Send + use<> {
    let id = format!("chatcmpl-{}", run.id);
    let event = move |delta: serde_json::Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let body = json!({"id": id, "object": "chat.completion.chunk", "model": "echo-1", "choices": [choice]});
        Ok(format!("data: {body}\n\n"))
    };
    let steps = run.follow(at);
    stream! {
        yield Ok(": welcome\n\n".to_owned());
        yield event(json!({"role": "assistant", "content": ""}), None);
        let mut at = 0;
        for await step in steps {
            if at >= to {
                yield event(json!({}), Some("length"));
                yield Ok("data: [DONE]\n\n".to_owned());
                return;
            }
            match step {
                Step::Piece(text) => {
                    at += 1;
                    if at > from {
                        yield event(json!({"content": text}), None);
                    }
                }
                Step::End(End::Cut) => yield broken(),
                Step::End(_) => {
                    yield event(json!({}), Some("stop"));
                    yield Ok("data: [DONE]\n\n".to_owned());
                }
            }
        }
    }
}

fn cumulative(
    at: &At,
    run: &Arc<Run>,
    question: &str,
) -> impl futures::Stream<Item = Piece> + Send + use<> {
    let event = |body: serde_json::Value| Ok(format!("event: message\ndata: {body}\n\n"));
    let message = |text: &str, status: &str| json!({"type": "message", "message": {"author": {"role": "assistant"}, "content": {"parts": [text]}, "status": status}});
    let title = echo::normal(question);
    let steps = run.follow(at);
    stream! {
        let mut text = String::new();
        for await step in steps {
            match step {
                Step::Piece(piece) => {
                    text.push_str(&piece);
                    yield event(message(&text, "in_progress"));
                }
                Step::End(End::Cut) => yield broken(),
                Step::End(_) => {
                    yield event(message(&text, "finished"));
                    yield event(json!({"type": "title", "title": title}));
                }
            }
        }
    }
}

fn lines(at: &At, run: &Arc<Run>) -> impl futures::Stream<Item = Piece> + Send + use<> {
    let steps = run.follow(at);
    let line = |body: serde_json::Value| Ok(format!("{body}\n"));
    stream! {
        yield line(json!({"kind": "start", "model": "echo-1"}));
        for await step in steps {
            match step {
                Step::Piece(text) => yield line(json!({"kind": "text", "value": text})),
                Step::End(End::Cut) => yield broken(),
                Step::End(_) => yield line(json!({"kind": "end"})),
            }
        }
    }
}

async fn whole(at: &At, run: &Arc<Run>) -> Response {
    let mut steps = pin!(run.follow(at));
    let mut reply = String::new();
    while let Some(step) = steps.next().await {
        match step {
            Step::Piece(text) => reply.push_str(&text),
            Step::End(End::Cut) => {
                let body = Json(json!({"error": {"message": echo::CUT_TEXT}}));
                return (StatusCode::BAD_GATEWAY, body).into_response();
            }
            Step::End(_) => {}
        }
    }
    Json(json!({"reply": reply, "tokens": reply.split_whitespace().count()})).into_response()
}

fn run_of(at: &At, headers: &HeaderMap, id: &str) -> Result<Arc<Run>, StatusCode> {
    if !at.signed_in(headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    at.record()
        .runs
        .get(id)
        .cloned()
        .ok_or(StatusCode::NOT_FOUND)
}

fn state(end: Option<End>) -> &'static str {
    match end {
        None => "running",
        Some(End::Whole) => "done",
        Some(End::Stopped) => "stopped",
        Some(End::Cut) => "cut",
    }
}

async fn so_far(at: At, headers: HeaderMap, Path((_, id)): Path<(String, String)>) -> Response {
    match run_of(&at, &headers, &id) {
        Ok(run) => {
            let (pieces, end) = run.so_far();
            Json(json!({"state": state(end), "text": pieces.concat()})).into_response()
        }
        Err(status) => status.into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: usize,
}

async fn several(
    at: At,
    headers: HeaderMap,
    Path((_, id)): Path<(String, String)>,
    Query(asked): Query<After>,
) -> Response {
    match run_of(&at, &headers, &id) {
        Ok(run) => {
            let (pieces, end) = run.so_far();
            let new = pieces.get(asked.after..).unwrap_or_default();
            Json(json!({"state": state(end), "messages": new})).into_response()
        }
        Err(status) => status.into_response(),
    }
}

async fn events(at: At, headers: HeaderMap, Path((_, id)): Path<(String, String)>) -> Response {
    let run = match run_of(&at, &headers, &id) {
        Ok(run) => run,
        Err(status) => return status.into_response(),
    };
    let seen = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse::<usize>().ok());
    // The first connection brings half of it, and breaks.
    let breaks = (at.shape.looks(Look::Reconnects) && seen.is_none()).then(|| run.half());
    let steps = run.follow(&at);
    let steps = stream! {
        let mut at = 0;
        for await step in steps {
            let (name, data) = match step {
                Step::Piece(text) => ("token", json!({"t": text})),
                Step::End(end) => ("end", json!({"state": state(Some(end))})),
            };
            at += 1;
            if seen.is_some_and(|seen| at <= seen) {
                continue;
            }
            yield Ok::<_, io::Error>(format!("retry: 150\nid: {at}\nevent: {name}\ndata: {data}\n\n"));
            if breaks.is_some_and(|half| at >= half) {
                yield broken();
                return;
            }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(steps)).into_response()
}

async fn stop(at: At, headers: HeaderMap, Path((_, id)): Path<(String, String)>) -> Response {
    match run_of(&at, &headers, &id) {
        Ok(run) => {
            run.stop();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(status) => status.into_response(),
    }
}
