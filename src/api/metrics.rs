//! `/metrics`: what this process has counted and what Postgres knows of queues, for Prometheus.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use computetower_store::metrics::CONTENT_TYPE;
use computetower_store::vault::Secret;

use crate::api::auth::{bearer, is_same};
use crate::api::problem::{Problem, ProblemBody, ProblemCode};
use crate::app::App;

/// How long Postgres may take to count: less than a scraper waits.
const ANSWER: Duration = Duration::from_secs(3);

pub(super) fn router() -> Router<App> {
    Router::new().route("/metrics", get(metrics))
}

/// What this process has counted, and the depth of every queue, in the OpenMetrics text format. Where METRICS_TOKEN is set, or the API does not
/// listen on a loopback address, only for who shows that token or the operator's key.
#[utoipa::path(get, path = "/metrics", tag = "health", security((), ("metrics_token" = [])),
    responses((status = 200, content_type = "application/openmetrics-text", body = String, example = "# TYPE computetower_jobs gauge\ncomputetower_jobs{queue=\"chat\",state=\"queued\"} 3\n# EOF\n"),
              (status = 401, body = ProblemBody, content_type = "application/problem+json"),
              (status = 403, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if app.metrics_token().is_some() || !app.bound_to_loopback() {
        may_read(&headers, [app.metrics_token(), app.admin_key()])?;
    }
    // What this process has counted is told also while Postgres is away: that is when it is wanted most.
    let load = match tokio::time::timeout(ANSWER, app.load()).await {
        Ok(Ok(load)) => Some(load),
        Ok(Err(error)) => {
            tracing::warn!(error = ?error, "the queues could not be counted for the metrics");
            None
        }
        Err(_) => {
            tracing::warn!("Postgres did not count the queues for the metrics in time");
            None
        }
    };
    let text = app.store().metrics.text(Some(load.as_deref()));
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// Lets whoever shows one of these secrets read the metrics.
///
/// # Errors
/// 401 without one of them, 403 when there is none that could be shown.
pub(crate) fn may_read<const N: usize>(
    headers: &HeaderMap,
    secrets: [Option<&Secret>; N],
) -> Result<(), Problem> {
    if secrets.iter().all(Option::is_none) {
        return Err(Problem::new(
            ProblemCode::Forbidden,
            "Metrics are not shown beyond this machine without a secret: set METRICS_TOKEN, and send it as: Authorization: Bearer …",
        ));
    }
    let shown = bearer(headers).ok_or_else(|| {
        Problem::new(
            ProblemCode::Unauthenticated,
            "Send METRICS_TOKEN as: Authorization: Bearer …",
        )
    })?;
    if secrets
        .into_iter()
        .flatten()
        .any(|secret| is_same(shown, secret))
    {
        Ok(())
    } else {
        Err(Problem::new(
            ProblemCode::Unauthenticated,
            "This is not the token of the metrics.",
        ))
    }
}
