//! A server that takes traces as a collector does: OTLP over HTTP, in protobuf.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;

use super::until;

/// The headers that it saw, the bytes that it took, and the spans in them.
#[derive(Default)]
struct Taken {
    headers: Vec<HeaderMap>,
    bytes: Vec<u8>,
    spans: Vec<Seen>,
}

/// A span, and what sent it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first of a trace.
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) kind: SpanKind,
    pub(crate) failed: bool,
    /// The spans that it is linked to.
    pub(crate) links: Vec<String>,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) resource: HashMap<String, String>,
}

impl Seen {
    /// An attribute; empty when it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Taken>>::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, taken }
    }

    /// The spans so far.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.taken.lock().unwrap().spans.clone()
    }

    /// The attempts at a job so far, the first one first.
    pub(crate) fn attempts(&self, job: &str) -> Vec<Seen> {
        let mut found: Vec<Seen> = self.spans();
        found.retain(|span| span.get("job.id") == job);
        found.sort_by_key(|span| span.get("job.attempt").to_owned());
        found
    }

    /// Waits for so many attempts at a job.
    pub(crate) async fn attempted(&self, job: &str, times: usize) -> Vec<Seen> {
        until("the attempts have reached the collector", || async {
            self.attempts(job).len() >= times
        })
        .await;
        self.attempts(job)
    }

    /// Waits for the span of the request with this id.
    pub(crate) async fn request(&self, id: &str) -> Seen {
        let found = || {
            self.spans()
                .into_iter()
                .find(|span| span.get("request.id") == id)
        };
        until("the request has reached the collector", || async {
            found().is_some()
        })
        .await;
        found().unwrap()
    }

    /// Whether these bytes stand in anything that was sent.
    pub(crate) fn heard(&self, text: &str) -> bool {
        let taken = self.taken.lock().unwrap();
        taken
            .bytes
            .windows(text.len())
            .any(|piece| piece == text.as_bytes())
    }

    /// What every request so far had in this header.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken
            .headers
            .iter()
            .map(|headers| headers[name].to_str().unwrap().to_owned())
            .collect()
    }
}

async fn take(
    State(taken): State<Arc<Mutex<Taken>>>,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut taken = taken.lock().unwrap();
    taken.headers.push(headers);
    taken.bytes.extend_from_slice(&body);
    for resource_spans in request.resource_spans {
        let resource = attributes(&resource_spans.resource.unwrap().attributes);
        for span in resource_spans
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            taken.spans.push(seen(&span, resource.clone()));
        }
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer)
}

fn seen(span: &Span, resource: HashMap<String, String>) -> Seen {
    Seen {
        name: span.name.clone(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        state: span.trace_state.clone(),
        kind: span.kind(),
        failed: span
            .status
            .as_ref()
            .is_some_and(|status| status.code() == StatusCode::Error),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        attributes: attributes(&span.attributes),
        resource,
    }
}

fn attributes(pairs: &[KeyValue]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|pair| {
            let value = match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
                Some(any_value::Value::StringValue(text)) => text.clone(),
                Some(any_value::Value::IntValue(number)) => number.to_string(),
                other => panic!("{} is {other:?}", pair.key),
            };
            (pair.key.clone(), value)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
