//! Calls to a running computetower, for the commands that ask one.

use std::time::Duration;

use computetower_jobs::JobId;
use computetower_store::vault::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use url::{Host, Url};

use super::Failure;
use super::call_error::CallError;
use crate::config::{self, ClientConfig, Environment};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take. Streams have no end; what ends them is silence.
const ANSWER: Duration = Duration::from_secs(60);
/// Silence after which a stream counts as cut: the server says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// The API of a running computetower, with a key.
pub(super) struct Api {
    http: reqwest::Client,
    base: Url,
    /// Where its paths begin.
    root: &'static [&'static str],
    key: Secret,
}

impl Api {
    /// What a tenant may ask, as the environment says.
    pub(super) fn from_environment() -> Result<Self, Failure> {
        let mut config = config::read_client(Environment::new(&config::variable))?;
        let key = config.api_key.take().ok_or(CallError::NoKey)?;
        Self::with(config, &["api", "v1"], key)
    }

    /// What operators may ask, as the environment says.
    pub(super) fn for_operator() -> Result<Self, Failure> {
        let mut config = config::read_client(Environment::new(&config::variable))?;
        let key = config.admin_key.take().ok_or(CallError::NoAdminKey)?;
        Self::with(config, &["admin"], key)
    }

    fn with(
        config: ClientConfig,
        root: &'static [&'static str],
        key: Secret,
    ) -> Result<Self, Failure> {
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("computetower/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&config.url) {
            // No proxy stands between this machine and itself.
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build()?,
            base: config.url,
            root,
            key,
        })
    }

    /// Reads. `path` is below `/api/v1`, or `/admin`, in segments; `query` leaves out what is `None`.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, CallError> {
        let url = self.queried(path, query);
        self.json(self.http.request(Method::GET, url)).await
    }

    /// Makes or moves something.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<Value, CallError> {
        self.change(Method::POST, path, body, headers).await
    }

    /// Sets something.
    pub(super) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.change(Method::PUT, path, Some(body), HeaderMap::new())
            .await
    }

    /// Sends a form that may be long. How long it takes is not bounded.
    pub(super) async fn send_form(
        &self,
        path: &[&str],
        media_type: &str,
        body: reqwest::Body,
    ) -> Result<(), CallError> {
        let request = self.http.request(Method::POST, self.url(path));
        let request = request.header(reqwest::header::CONTENT_TYPE, media_type);
        self.opened(request.body(body)).await.map(drop)
    }

    /// Changes parts of something.
    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.change(Method::PATCH, path, Some(body), HeaderMap::new())
            .await
    }

    /// Removes something, or all that fits a query.
    pub(super) async fn delete(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, CallError> {
        let url = self.queried(path, query);
        self.json(self.http.request(Method::DELETE, url)).await
    }

    /// Reads what may be long, piece by piece.
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Response, CallError> {
        let url = self.queried(path, query);
        self.opened(self.http.request(Method::GET, url)).await
    }

    async fn change(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<Value, CallError> {
        let mut request = self.http.request(method, self.url(path)).headers(headers);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.json(request).await
    }

    /// Opens the stream of a job's events, after a number.
    pub(super) async fn events(&self, job: JobId, after: i64) -> Result<Response, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("last-event-id"),
            HeaderValue::from(after),
        );
        let url = self.url(&["jobs", &job.to_string(), "events"]);
        let request = self.http.request(Method::GET, url).headers(headers);
        self.opened(request).await
    }

    async fn opened(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = self.send(request).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(response).await)
        }
    }

    fn queried(&self, path: &[&str], query: &[(&str, Option<String>)]) -> Url {
        let mut url = self.url(path);
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An address with http or https always has a path; the configuration takes no other.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.root).extend(path);
        }
        url
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, CallError> {
        let response = self.send(request.timeout(ANSWER)).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|source| self.cut(source))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.not_ours(status))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        request
            .bearer_auth(self.key.reveal())
            .send()
            .await
            .map_err(|source| {
                if source.is_connect() {
                    CallError::NotThere {
                        url: self.base.clone(),
                        source: source.without_url(),
                    }
                } else {
                    self.cut(source)
                }
            })
    }

    async fn refusal(&self, response: Response) -> CallError {
        let status = response.status().as_u16();
        match response.bytes().await {
            Err(source) => self.cut(source),
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(refusal) => CallError::Refused(refusal),
                Err(_) => self.not_ours(status),
            },
        }
    }

    /// What an answer that broke off means.
    pub(super) fn cut(&self, source: reqwest::Error) -> CallError {
        CallError::NoAnswer {
            url: self.base.clone(),
            source: source.without_url(),
        }
    }

    fn not_ours(&self, status: u16) -> CallError {
        CallError::NotOurs {
            url: self.base.clone(),
            status,
        }
    }
}

/// The header that makes a request the same as the one before it with the same key.
pub(super) fn idempotency(key: Option<&str>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let value = HeaderValue::from_str(key)
            .map_err(|_| "--idempotency-key: must be printable ASCII on one line")?;
        headers.insert(HeaderName::from_static("idempotency-key"), value);
    }
    Ok(headers)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
