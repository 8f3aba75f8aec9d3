//! Metrics of processes that serve nothing else: workers and dispatchers, on an address of their own.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use computetower_store::Store;
use computetower_store::metrics::{CONTENT_TYPE, Metrics};
use computetower_store::vault::Secret;
use tokio_util::sync::CancellationToken;

use crate::api::metrics::may_read;
use crate::api::problem::{self, Problem};
use crate::config::MetricsSettings;

/// Serves `GET /metrics` until `shutdown` is cancelled, if the settings name an address. Returns the address once it listens.
///
/// # Errors
/// When it cannot listen there.
pub async fn start(
    settings: &MetricsSettings,
    store: &Store,
    shutdown: &CancellationToken,
) -> std::io::Result<Option<SocketAddr>> {
    let Some(address) = settings.address else {
        return Ok(None);
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| {
            std::io::Error::new(
                error.kind(),
                format!("cannot serve metrics on {address}: {error}"),
            )
        })?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "metrics ready");
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(|| async { Problem::no_such_route() })
        .layer(middleware::from_fn(problem::render))
        .with_state((store.metrics.clone(), settings.token.clone()));
    let ended = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            served = axum::serve(listener, router) => {
                if let Err(error) = served {
                    tracing::warn!(%error, "metrics are not served any more");
                }
            }
            () = ended.cancelled() => {}
        }
    });
    Ok(Some(address))
}

async fn metrics(
    State((metrics, token)): State<(Metrics, Option<Secret>)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Without a token the configuration allows a loopback address only.
    if let Some(token) = &token {
        may_read(&headers, [Some(token)])?;
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text(None)).into_response())
}
