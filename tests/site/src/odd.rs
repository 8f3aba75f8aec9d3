//! Pages that are no app: nothing to find, things that never come, scripts that misbehave, challenges.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use futures::StreamExt;

use crate::state::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let html = |page: &'static str| get(move || async move { Html(page) });
    Router::new()
        .route("/", get(index))
        .route("/static", html(include_str!("../assets/odd/static.html")))
        .route("/slow", html(include_str!("../assets/odd/slow.html")))
        .route("/alert", html(include_str!("../assets/odd/alert.html")))
        .route(
            "/busy-loop",
            html(include_str!("../assets/odd/busy-loop.html")),
        )
        .route(
            "/crash-me",
            html(include_str!("../assets/odd/crash-me.html")),
        )
        .route("/captcha", html(include_str!("../assets/odd/captcha.html")))
        .route(
            "/captcha/recaptcha/api2/anchor",
            html(include_str!("../assets/odd/anchor.html")),
        )
        .route(
            "/search-only",
            html(include_str!("../assets/odd/search-only.html")),
        )
        .route(
            "/unlikely",
            html(include_str!("../assets/odd/unlikely.html")),
        )
        .route("/contact", html(include_str!("../assets/odd/contact.html")))
        .route("/closed", html(include_str!("../assets/odd/closed.html")))
        .route("/frames", framed(include_str!("../assets/odd/frames.html")))
        .route(
            "/frame-in-frame",
            framed(include_str!("../assets/odd/frame-in-frame.html")),
        )
        .route(
            "/innermost",
            html(include_str!("../assets/odd/innermost.html")),
        )
        .route("/loop", get(|| async { Redirect::to("/loop") }))
        .route("/broken", get(broken))
        .route("/hang", get(hang))
        .route("/half", get(half))
        .route("/never.png", get(hang))
        .route("/never.js", get(hang))
}

/// A page that names the same site's other addresses.
fn framed(page: &'static str) -> axum::routing::MethodRouter<Arc<Shared>> {
    get(move |State(shared): State<Arc<Shared>>| async move {
        let page = page.replace("{{site}}", &shared.origins.site);
        Html(page.replace("{{port}}", &shared.origins.port))
    })
}

async fn index() -> Html<String> {
    let rows: String = crate::shapes::SHAPES
        .iter()
        .map(|shape| {
            format!(
                "<li><a href=\"/{0}/\">{0}</a> {1}</li>",
                shape.name, shape.about
            )
        })
        .collect();
    Html(format!(
        "<!doctype html><title>Test site</title><ul>{rows}</ul>"
    ))
}

/// Never answers.
async fn hang() -> Response {
    std::future::pending().await
}

/// Answers the beginning of a page, and never the rest.
async fn half() -> impl IntoResponse {
    let start = "<!doctype html><title>Half</title><h1>The first half</h1><p>The rest never comes.";
    let body =
        futures::stream::iter([Ok::<_, Infallible>(start)]).chain(futures::stream::pending());
    (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        Body::from_stream(body),
    )
}

async fn broken() -> impl IntoResponse {
    (
        StatusCode::BAD_GATEWAY,
        Html("<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"),
    )
}
