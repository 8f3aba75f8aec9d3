//! What a trace shows of a request: one span, from its first byte to the head of its answer, as a part of the caller's trace if there is one.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, StatusCode};
use computetower_workers::trace::{TARGET, traceparent};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// What machines ask every few seconds.
const UNTRACED: [&str; 3] = ["/health", "/ready", "/metrics"];

/// The span of a request. Nothing, where traces go nowhere.
#[must_use]
pub fn of_request(request: &Request, id: &str) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    if route.is_some_and(|route| UNTRACED.contains(&route)) {
        return Span::none();
    }
    let method = method(request.method());
    let span = info_span!(
        target: TARGET,
        parent: None,
        "request",
        otel.name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        // A query may hold what opens a door, and what fits no route may be anything.
        url.path = route.map(|_| request.uri().path()),
        url.scheme = "http",
        request.id = id,
        error.type = Empty,
    );
    if !span.is_disabled() {
        let caller = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // It fails only for a span that has begun already.
        let _ = span.set_parent(caller);
    }
    span
}

/// Says in the span of a request how it was answered.
pub fn answered(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
}

/// The request that is being answered, for a job that it submits.
#[must_use]
pub fn context() -> Option<String> {
    traceparent(&Span::current())
}

/// The method's name. A caller can make up any other.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

/// Headers as the place where a caller names its span.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
