//! The OpenAI surface: chat pages answer what the official clients ask.
//!
//! An answer is a `chat` job; its chunks are the job's events. What a web page cannot do is refused with OpenAI's error object, or
//! named in the header `x-computetower-ignored`.

mod answer;
mod ask;
mod blocks;
mod bounded;
mod calls;
pub mod completions;
mod contract;
mod cut;
mod error;
mod history;
mod images;
mod json_mode;
mod kept;
pub mod models;
mod repeats;
mod request;
pub mod responses;
pub mod room;
mod schema;
mod shape;
pub mod stored;
mod tokens;
mod tools;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;

/// The largest question, in bytes: pictures are sent in it.
pub(crate) const QUESTION_LIMIT: usize = 20 * 1024 * 1024;

/// The routes, to be mounted under `/v1` and under `/api/v1`.
pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/chat/completions",
            post(completions::create)
                .layer(DefaultBodyLimit::max(QUESTION_LIMIT))
                .get(stored::list),
        )
        .route(
            "/chat/completions/{id}",
            get(stored::show)
                .post(stored::change)
                .delete(stored::remove),
        )
        .route("/chat/completions/{id}/messages", get(stored::messages))
        .route(
            "/responses",
            post(responses::create).layer(DefaultBodyLimit::max(QUESTION_LIMIT)),
        )
        .route(
            "/responses/{id}",
            get(responses::stored::show).delete(responses::stored::remove),
        )
        .route(
            "/responses/{id}/input_items",
            get(responses::stored::input_items),
        )
        .route("/responses/{id}/cancel", post(responses::stored::cancel))
        .route("/models", get(models::list))
        .route("/models/{*id}", get(models::show))
}

/// What a path that OpenAI has and this does not is answered with.
pub async fn no_such_route() -> Response {
    error::OpenAiError::no_such_route().into_response()
}

/// What a method that a path does not have is answered with.
pub async fn wrong_method() -> Response {
    error::OpenAiError::wrong_method().into_response()
}
