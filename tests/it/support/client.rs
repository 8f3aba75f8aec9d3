//! A plain HTTP client that speaks JSON and reads event streams.

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::PATIENCE;

/// Calls the API with a key.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    key: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SseEvent {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Client {
    pub(crate) fn new(address: &str, key: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            http,
            address: address.to_owned(),
            key: key.to_owned(),
        }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// Whether the platform answers that all its services do.
    pub(crate) async fn is_ready(&self) -> bool {
        let asked = self
            .http
            .get(format!("{}/ready", self.address))
            .send()
            .await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.http.get(format!("{}{path}", self.address)))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(self.http.delete(format!("{}{path}", self.address)))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(self.http.put(format!("{}{path}", self.address)).json(&body))
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(
            self.http
                .post(format!("{}{path}", self.address))
                .json(&body),
        )
        .await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(
            self.http
                .patch(format!("{}{path}", self.address))
                .json(&body),
        )
        .await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let mut request = self.http.post(format!("{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let answer = request.bearer_auth(&self.key).send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Reply {
            status,
            headers,
            body,
        }
    }

    /// Submits a job and returns its id.
    pub(crate) async fn submit(&self, kind: &str, payload: Value) -> String {
        let reply = self
            .post("/api/v1/jobs", json!({ "kind": kind, "payload": payload }))
            .await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// A job as it stands.
    pub(crate) async fn job(&self, id: &str) -> Value {
        let reply = self.get(&format!("/api/v1/jobs/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// Follows a job to its end and returns it.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.events(id, 0).await;
        self.job(id).await
    }

    /// All events of a job after a number, until the stream ends by itself.
    pub(crate) async fn events(&self, id: &str, after: i64) -> Vec<SseEvent> {
        self.events_until(id, after, |_| false).await
    }

    /// Events of a job after a number, until one is the last that is wanted (the connection is then cut) or the stream ends.
    pub(crate) async fn events_until(
        &self,
        id: &str,
        after: i64,
        mut enough: impl FnMut(&SseEvent) -> bool,
    ) -> Vec<SseEvent> {
        let answer = self
            .http
            .get(format!("{}/api/v1/jobs/{id}/events", self.address))
            .header("last-event-id", after)
            .timeout(Duration::from_secs(300))
            .bearer_auth(&self.key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let mut bytes = answer.bytes_stream();
        let (mut text, mut events) = (String::new(), Vec::new());
        while let Some(piece) = bytes.next().await {
            // A server that ends in mid-stream is what some tests are about.
            let Ok(piece) = piece else { return events };
            text.push_str(std::str::from_utf8(&piece).unwrap());
            while let Some((block, rest)) = text.split_once("\n\n") {
                let event = parse(block);
                text = rest.to_owned();
                if let Some(event) = event {
                    let last = enough(&event);
                    events.push(event);
                    if last {
                        return events;
                    }
                }
            }
        }
        events
    }
}

fn parse(block: &str) -> Option<SseEvent> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    Some(SseEvent {
        id: field("id:")?.parse().unwrap(),
        name: field("event:")?.to_owned(),
        data: serde_json::from_str(field("data:")?).unwrap(),
    })
}
