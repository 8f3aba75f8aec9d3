//! The deployment that is measured, and the three requests made to it.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;

use super::connection::{Connection, Follower};
use super::error::BenchError;

/// Where the deployment is and how to speak to it.
#[derive(Clone)]
pub(super) struct Target {
    address: SocketAddr,
    /// Host and port as the `Host` header has them.
    authority: String,
    /// The path before `/api/v1`.
    prefix: String,
    key: Option<String>,
}

/// What a submission is answered with.
#[derive(Deserialize)]
pub(super) struct Accepted {
    pub(super) id: String,
}

/// A job as far as it matters here.
#[derive(Deserialize)]
pub(super) struct JobView {
    pub(super) state: String,
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// How often its completion was announced, where the deployment counts that.
    pub(super) completions: Option<usize>,
}

impl JobView {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "failed" | "cancelled")
    }
}

impl Target {
    /// Looks the address up once: names are not what is measured.
    pub(super) async fn find(url: &str, key: Option<String>) -> Result<Self, BenchError> {
        let address = || BenchError::Address(url.to_owned());
        let parsed = url::Url::parse(url).map_err(|_| address())?;
        let (Some(host), "http") = (parsed.host_str(), parsed.scheme()) else {
            return Err(address());
        };
        let key = key.filter(|key| !key.is_empty());
        // A line break would end the header and begin another.
        if key
            .as_ref()
            .is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(BenchError::Unusable(
                "the API key has characters that no key has",
            ));
        }
        let authority = format!("{host}:{}", parsed.port_or_known_default().unwrap_or(80));
        let unreachable = |source| BenchError::Unreachable {
            authority: authority.clone(),
            source,
        };
        let found = tokio::net::lookup_host(authority.as_str())
            .await
            .map_err(unreachable)?
            .next()
            .ok_or_else(address)?;
        Ok(Self {
            address: found,
            prefix: parsed.path().trim_end_matches('/').to_owned(),
            authority,
            key,
        })
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, BenchError> {
        let unreachable = |source| BenchError::Unreachable {
            authority: self.authority.clone(),
            source,
        };
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(unreachable)?;
        stream.set_nodelay(true)?;
        Ok(Connection::new(stream))
    }

    /// Submits a job without an effect.
    pub(super) fn submit(&self, progress: u32, sleep_ms: u64) -> Vec<u8> {
        let body =
            json!({ "kind": "noop", "payload": { "progress": progress, "sleep_ms": sleep_ms } })
                .to_string();
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.request("POST", "/jobs", &headers, &body)
    }

    /// Follows a job.
    pub(super) async fn follow(&self, id: &str) -> Result<Follower, BenchError> {
        self.connect().await?.follow(&self.events(id)).await
    }

    pub(super) fn events(&self, id: &str) -> Vec<u8> {
        self.request(
            "GET",
            &format!("/jobs/{id}/events"),
            "Accept: text/event-stream\r\n",
            "",
        )
    }

    /// Looks at a job.
    pub(super) fn job(&self, id: &str) -> Vec<u8> {
        self.request("GET", &format!("/jobs/{id}"), "", "")
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
        let Self {
            authority, prefix, ..
        } = self;
        let key = self.key.as_ref().map_or_else(String::new, |key| {
            format!("Authorization: Bearer {key}\r\n")
        });
        format!("{method} {prefix}/api/v1{path} HTTP/1.1\r\nHost: {authority}\r\n{key}{headers}\r\n{body}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_what_the_api_takes() {
        let target = Target::find("http://127.0.0.1:7080/below/", Some("ct_x".to_owned()))
            .await
            .unwrap();
        let text = String::from_utf8(target.submit(3, 0)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            format!(
                "POST /below/api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:7080\r\nAuthorization: Bearer ct_x\r\nContent-Type: application/json\r\nContent-Length: {}",
                body.len()
            )
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({ "kind": "noop", "payload": { "progress": 3, "sleep_ms": 0 } })
        );
        assert!(
            target
                .events("7")
                .starts_with(b"GET /below/api/v1/jobs/7/events HTTP/1.1\r\n")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_measured_is_refused() {
        for url in [
            "127.0.0.1:7080",
            "https://example.com",
            "http://",
            "file:///tmp",
        ] {
            assert!(
                matches!(Target::find(url, None).await, Err(BenchError::Address(_))),
                "{url}"
            );
        }
        let smuggled = Target::find("http://127.0.0.1:1", Some("a\r\nX: b".to_owned())).await;
        assert!(matches!(smuggled, Err(BenchError::Unusable(_))));
    }
}
