//! The chat pages and the conversations that the server keeps.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::shape::{Input, Login, Look, Shape};
use crate::state::{At, Shared};

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/{shape}", get(slash))
        .route("/{shape}/", get(front))
        .route("/{shape}/inner", get(inner))
        .route("/{shape}/c/{conversation}", get(kept))
        .route("/{shape}/api/me", get(me))
        .route("/{shape}/api/conversations", post(new_conversation))
        .route(
            "/{shape}/api/notes",
            post(|| async { StatusCode::NO_CONTENT }),
        )
}

async fn slash(at: At) -> Redirect {
    Redirect::permanent(&format!("{}/", at.base()))
}

async fn front(at: At, headers: HeaderMap) -> Response {
    // A single-page app is served to everyone, and finds out by itself whether someone is signed in.
    let shown_to_all = at.shape.login == Login::Token || at.shape.looks(Look::FalseInside);
    if !shown_to_all && !at.signed_in(&headers) {
        return to_login(&at);
    }
    at.record().pages += 1;
    let origins = &at.shared.origins;
    let framed = [
        (Look::Frame, include_str!("../assets/frame.html"), ""),
        (
            Look::PortFrame,
            include_str!("../assets/frame.html"),
            &origins.port,
        ),
        (
            Look::ForeignFrame,
            include_str!("../assets/frame.html"),
            &origins.site,
        ),
        (Look::Tab, include_str!("../assets/tab.html"), ""),
        (
            Look::Widget,
            include_str!("../assets/widget.html"),
            &origins.site,
        ),
    ];
    if let Some((_, page, origin)) = framed.iter().find(|(look, ..)| at.shape.looks(*look)) {
        let page = page.replace("{{origin}}", origin);
        return Html(page.replace("{{base}}", &at.base())).into_response();
    }
    let last = at.record().conversations.last().map(|(id, _)| id.clone());
    let open = last.filter(|_| at.shape.looks(Look::Reopens));
    let inside = at.signed_in(&headers) || at.shape.login == Login::Token;
    Html(page(&at, open.as_deref(), inside)).into_response()
}

fn to_login(at: &At) -> Response {
    Redirect::to(&format!("{}/login", at.base())).into_response()
}

async fn inner(at: At, headers: HeaderMap) -> Response {
    if !at.signed_in(&headers) {
        return to_login(&at);
    }
    Html(page(&at, None, true)).into_response()
}

async fn kept(at: At, headers: HeaderMap, Path((_, id)): Path<(String, String)>) -> Response {
    if !at.signed_in(&headers) {
        return to_login(&at);
    }
    if !at
        .record()
        .conversations
        .iter()
        .any(|(known, _)| *known == id)
    {
        return Redirect::to(&format!("{}/", at.base())).into_response();
    }
    at.record().pages += 1;
    Html(page(&at, Some(&id), true)).into_response()
}

async fn me(at: At, headers: HeaderMap) -> Response {
    if at.signed_in(&headers) {
        Json(json!({"name": "Ada"})).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn new_conversation(at: At, headers: HeaderMap) -> Response {
    if !at.signed_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    at.record().conversations.push((id.clone(), Vec::new()));
    Json(json!({"id": id})).into_response()
}

/// The page; what it shall look like is given to its script as JSON.
fn page(at: &At, conversation: Option<&str>, inside: bool) -> String {
    let facts = facts(at, conversation, inside)
        .to_string()
        .replace('<', "\\u003c");
    let never = if at.shape.looks(Look::NeverLoaded) {
        "<img src=\"/never.png\" alt=\"\" width=\"1\" height=\"1\">"
    } else {
        ""
    };
    let query = at.record().disguise.query();
    include_str!("../assets/chat.html")
        .replace("{{query}}", &query)
        .replace("{{title}}", title(at.shape))
        .replace("{{never}}", never)
        .replace("{{facts}}", &facts)
}

fn title(shape: &Shape) -> &'static str {
    match shape.input {
        Input::Shadow => "Help desk",
        Input::Line => "Ask us",
        _ => "Assistant",
    }
}

fn facts(at: &At, conversation: Option<&str>, inside: bool) -> Value {
    let shape = at.shape;
    let record = at.record();
    let mut messages = Vec::new();
    let turns = record
        .conversations
        .iter()
        .find(|(id, _)| Some(id.as_str()) == conversation)
        .map(|(_, turns)| turns.as_slice())
        .unwrap_or_default();
    for turn in turns {
        let (pieces, end) = turn.run.so_far();
        messages.push(json!({"role": "user", "text": turn.question}));
        messages.push(json!({"role": "bot", "text": pieces.concat(), "run": turn.run.id, "done": end.is_some()}));
    }
    let history: Vec<Value> = record
        .conversations
        .iter()
        .filter_map(|(id, turns)| Some(json!({"id": id, "title": turns.first()?.question})))
        .collect();
    json!({
        "base": at.base(),
        "shape": shape.name,
        "signedIn": shape.login != Login::None && inside,
        "token": shape.login == Login::Token,
        "input": shape.input.word(),
        "transport": shape.transport.word(),
        "busy": shape.busy.word(),
        "skin": shape.skin.word(),
        "looks": shape.looks.iter().map(|look| look.word()).collect::<Vec<_>>(),
        "title": title(shape),
        "conversation": conversation,
        "messages": messages,
        "history": history,
    })
}
