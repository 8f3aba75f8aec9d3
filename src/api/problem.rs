//! What was wrong with a request: one table, one body (`application/problem+json`).
//!
//! Handlers return [`Problem`]. The request id is put in by [`render`], the outermost layer, so that nobody has to carry it around.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use computetower_jobs::InvalidField;
use computetower_store::StoreError;
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::trace;

/// A closed list: what was wrong. The names are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The body is not JSON.
    MalformedJson,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// A field is missing, unknown, of the wrong type or out of range.
    InvalidInput,
    /// The body is too large.
    TooLarge,
    /// No key, or one that is not known.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// There is no such thing, or it belongs to somebody else.
    NotFound,
    /// There is no such route.
    NoSuchRoute,
    /// The route has no such method.
    MethodNotAllowed,
    /// The state of the thing does not allow it.
    Conflict,
    /// The idempotency key came with another request before.
    IdempotencyKeyReused,
    /// The route is for WebSockets.
    UpgradeRequired,
    /// Postgres, Redis or the object store did not answer.
    Unavailable,
    /// A defect of the program.
    Internal,
}

impl ProblemCode {
    const fn status(self) -> StatusCode {
        match self {
            ProblemCode::MalformedJson => StatusCode::BAD_REQUEST,
            ProblemCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemCode::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
            ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ProblemCode::Unauthenticated => StatusCode::UNAUTHORIZED,
            ProblemCode::Forbidden => StatusCode::FORBIDDEN,
            ProblemCode::NotFound | ProblemCode::NoSuchRoute => StatusCode::NOT_FOUND,
            ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ProblemCode::Conflict | ProblemCode::IdempotencyKeyReused => StatusCode::CONFLICT,
            ProblemCode::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            ProblemCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            ProblemCode::MalformedJson => "The body is not JSON",
            ProblemCode::UnsupportedMediaType => "The body is not declared as JSON",
            ProblemCode::InvalidInput => "The request cannot be used as it is",
            ProblemCode::TooLarge => "The body is too large",
            ProblemCode::Unauthenticated => "No valid key",
            ProblemCode::Forbidden => "The key may not do this",
            ProblemCode::NotFound => "Not found",
            ProblemCode::NoSuchRoute => "There is no such route",
            ProblemCode::MethodNotAllowed => "The route has no such method",
            ProblemCode::Conflict => "Not possible in this state",
            ProblemCode::IdempotencyKeyReused => {
                "The Idempotency-Key was used with another request"
            }
            ProblemCode::UpgradeRequired => "The route is for WebSockets",
            ProblemCode::Unavailable => "Try again in a moment",
            ProblemCode::Internal => "A defect of the program",
        }
    }
}

/// A field of the request, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The path, for example `payload.messages`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

/// What was wrong with a request.
#[derive(Clone, Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: Cow<'static, str>,
    fields: Vec<FieldProblem>,
}

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"type": "about:blank", "title": "The request cannot be used as it is", "status": 422, "code": "invalid_input",
    "detail": "payload.progress: must be at most 1000", "errors": [{"field": "payload.progress", "reason": "must be at most 1000"}],
    "request_id": "7f3b2a1e-0000-4000-8000-000000000000"}))]
pub struct ProblemBody {
    /// Always `about:blank`: `code` says more.
    r#type: &'static str,
    /// The kind of problem, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The kind of problem, for programs.
    code: ProblemCode,
    /// This problem, for people.
    detail: Cow<'static, str>,
    /// Which fields, where it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// Name it when you ask for help.
    request_id: String,
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// A problem with one field.
    #[must_use]
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let (field, reason) = (field.into(), reason.into());
        let detail = if field.is_empty() {
            reason.clone()
        } else {
            format!("{field}: {reason}")
        };
        Self {
            code: ProblemCode::InvalidInput,
            detail: detail.into(),
            fields: vec![FieldProblem { field, reason }],
        }
    }

    /// The same problem with a field that lies within another: `jobs[3]` before `payload.progress`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        if let [field] = self.fields.as_mut_slice() {
            let dot = if field.field.is_empty() { "" } else { "." };
            field.field = format!("{outer}{dot}{}", field.field);
            self.detail = format!("{}: {}", field.field, field.reason).into();
        }
        self
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("There is no such {what}."))
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(ProblemCode::NoSuchRoute, "GET /docs lists the routes.")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(
            ProblemCode::MethodNotAllowed,
            "GET /docs lists the routes and their methods.",
        )
    }

    /// The kind.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// The text for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The first field it is about.
    #[must_use]
    pub fn first_field(&self) -> Option<&str> {
        self.fields.first().map(|field| field.field.as_str())
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Self {
        Problem::field(invalid.field, invalid.reason)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound(what) => Problem::not_found(what),
            StoreError::Conflict(why) => Problem::new(ProblemCode::Conflict, why.clone()),
            StoreError::IdempotencyReused => Problem::new(
                ProblemCode::IdempotencyKeyReused,
                "This Idempotency-Key came with another request before. Use a new key for a new request.",
            ),
            error if error.is_outage() => {
                tracing::warn!(error = ?error, "storage did not answer");
                Problem::new(
                    ProblemCode::Unavailable,
                    "Storage did not answer. Nothing was changed; try again in a moment.",
                )
            }
            error => {
                tracing::error!(error = ?error, "a request failed");
                Problem::new(
                    ProblemCode::Internal,
                    "The log has the details under this request id.",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The body follows in `render`, which knows the request id.
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every response its request id, and problems their body.
pub async fn render(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| {
            (1..=128).contains(&value.len()) && value.chars().all(|c| c.is_ascii_graphic())
        })
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let span = trace::of_request(&request, &id);
    let mut response = next.run(request).instrument(span.clone()).await;
    trace::answered(&span, response.status());
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = body(problem, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn body(problem: Problem, request_id: &str) -> Response {
    let status = problem.code.status();
    let body = ProblemBody {
        r#type: "about:blank",
        title: problem.code.title(),
        status: status.as_u16(),
        code: problem.code,
        detail: problem.detail,
        errors: problem.fields,
        request_id: request_id.to_owned(),
    };
    let text = serde_json::to_string(&body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A handler panicked: a defect, told without details.
#[must_use]
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(
        ProblemCode::Internal,
        "The log has the details under this request id.",
    )
    .into_response()
}
