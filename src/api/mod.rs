//! The HTTP API: one file per resource, one router, one body for errors.

pub mod admin;
pub mod aliases;
pub mod auth;
pub mod automation;
pub mod batches;
pub mod credentials;
pub mod events;
pub mod extract;
pub mod health;
pub mod history;
pub mod interventions;
pub mod jobs;
pub mod knowledge;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod provider_accounts;
pub mod queues;
pub mod recoveries;
pub mod replay;
pub mod scale;
pub mod schedules;
pub mod sessions;
pub mod tenants;
pub mod validations;
pub mod workers;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api::problem::Problem;
use crate::app::App;
use crate::chat_sessions;
use crate::openai;

/// The largest request body, in bytes: a conversation of 400,000 characters fits.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The whole of what `web` serves.
pub fn router(app: App) -> Router {
    let resources = || {
        Router::new()
            .merge(jobs::router())
            .merge(replay::router())
            .merge(batches::router())
            .merge(schedules::router())
            .merge(events::router())
            .merge(credentials::router())
            .merge(history::router())
            .merge(automation::router())
            .merge(sessions::router())
            .merge(interventions::router())
            .merge(knowledge::router())
            .merge(validations::router())
            .merge(recoveries::router())
            .merge(queues::router())
            .merge(workers::router())
            .merge(openai::router())
    };
    let operations = admin::router()
        .merge(aliases::admin_router())
        .merge(provider_accounts::admin_router())
        .merge(limits::admin_router())
        .merge(queues::admin_router())
        .merge(scale::router())
        .merge(recoveries::admin_router())
        .merge(tenants::admin_router())
        .merge(workers::admin_router());
    Router::new()
        .nest("/api/v1", resources())
        .nest("/api", resources())
        .nest(
            "/v1",
            openai::router()
                .fallback(openai::no_such_route)
                .method_not_allowed_fallback(openai::wrong_method),
        )
        .nest("/admin", operations)
        .merge(chat_sessions::router())
        .merge(health::router())
        .merge(metrics::router())
        .merge(openapi::router())
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        // One layer of several, the outermost first: each layer that a router gets by itself is a box to be cloned for every request.
        .layer((
            SetResponseHeaderLayer::if_not_present(
                HeaderName::from_static("referrer-policy"),
                HeaderValue::from_static("no-referrer"),
            ),
            SetResponseHeaderLayer::if_not_present(
                header::X_FRAME_OPTIONS,
                HeaderValue::from_static("DENY"),
            ),
            SetResponseHeaderLayer::if_not_present(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            middleware::from_fn(problem::render),
            CatchPanicLayer::custom(problem::panicked),
            DefaultBodyLimit::max(BODY_LIMIT),
        ))
        .with_state(app)
}
