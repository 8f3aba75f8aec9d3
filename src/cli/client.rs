//! Calls to a running computetower, for the commands that ask one.

use std::time::Duration;

use computetower_jobs::JobId;
use computetower_store::vault::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::Failure;
use crate::config::{self, ClientConfig, Environment};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take. Streams have no end; what ends them is silence.
const ANSWER: Duration = Duration::from_secs(60);
/// Silence after which a stream counts as cut: the server says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody can be asked without one.
    #[error(
        "COMPUTETOWER_API_KEY is not set: set it to a key that `computetower up` printed, or that `computetower keys` makes"
    )]
    NoKey,
    /// Operators show a key of their own.
    #[error(
        "COMPUTETOWER_ADMIN_KEY is not set, and this is for operators: set it to the admin key that `computetower up` printed, or that `computetower web` was started with"
    )]
    NoAdminKey,
    /// Nothing listens, or not there.
    #[error(
        "nothing answers at {url}: start computetower with `computetower up`, or set COMPUTETOWER_URL to the address where it is"
    )]
    NotThere {
        /// The address that was tried.
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    /// The request went out, its answer did not come back whole.
    #[error("{url} did not answer; whether it did what was asked is not known")]
    NoAnswer {
        /// The address that was tried.
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    /// The platform said no.
    #[error(transparent)]
    Refused(Refusal),
    /// Something answered that does not speak this API.
    #[error(
        "{url} answered {status} with something that is not JSON: does COMPUTETOWER_URL name a computetower?"
    )]
    NotOurs {
        /// The address that was tried.
        url: Url,
        /// What it answered.
        status: u16,
    },
}

impl CallError {
    /// True when the same call may bring something a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            CallError::NotThere { .. } | CallError::NoAnswer { .. } => true,
            CallError::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
            CallError::NotOurs { status, .. } => *status >= 500,
            CallError::NoKey | CallError::NoAdminKey => false,
        }
    }
}

/// A problem document (`application/problem+json`).
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedField>,
    #[serde(default)]
    request_id: String,
}

#[derive(Debug, Deserialize)]
struct RefusedField {
    field: String,
    reason: String,
}

impl std::error::Error for Refusal {}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.detail, self.status, self.code)?;
        for RefusedField { field, reason } in &self.errors {
            write!(f, "\n  field {field:?}: {reason}")?;
        }
        if self.status >= 500 {
            write!(f, "\n  request id {}", self.request_id)?;
        }
        Ok(())
    }
}

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
        let mut url = self.url(path);
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
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

    /// Changes parts of something.
    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, CallError> {
        self.change(Method::PATCH, path, Some(body), HeaderMap::new())
            .await
    }

    /// Removes something.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, CallError> {
        self.change(Method::DELETE, path, None, HeaderMap::new())
            .await
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
        let response = self.send(request).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(response).await)
        }
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
