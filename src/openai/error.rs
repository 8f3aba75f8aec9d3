//! OpenAI's error object: the only shape in which the official clients find message, type and code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use computetower_jobs::failure::PublicFailure;
use computetower_store::StoreError;
use serde_json::{Value, json};

use crate::api::BODY_LIMIT;
use crate::api::problem::{Problem, ProblemCode};

/// An error as OpenAI's clients read it.
#[derive(Clone, Debug)]
pub(crate) struct OpenAiError {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<String>,
    code: Option<String>,
    /// Clients repeat 408, 409, 429 and 5xx by themselves; a prompt that may have been typed must not be typed again.
    may_retry: bool,
}

impl OpenAiError {
    /// The request is wrong in a field.
    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_code(param, message, None)
    }

    /// The request asks for something that a web page cannot do.
    pub(crate) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_code(param, message, Some("unsupported_parameter"))
    }

    fn with_code(param: impl Into<String>, message: impl Into<String>, code: Option<&str>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            kind: "invalid_request_error",
            param: Some(param.into()),
            code: code.map(str::to_owned),
            may_retry: false,
        }
    }

    /// The body is too large, or ended early.
    pub(crate) fn unreadable(status: StatusCode) -> Self {
        let mut error = Self::invalid(
            "body",
            format!("The body ended early, or has more than {BODY_LIMIT} bytes."),
        );
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            error.status = status;
        }
        error
    }

    /// Storage failed after the job had been accepted: a client that asked again would ask twice.
    pub(crate) fn after_acceptance(error: StoreError) -> Self {
        Self {
            may_retry: false,
            ..Self::from(error)
        }
    }

    /// There is no such route.
    pub(crate) fn no_such_route() -> Self {
        Problem::no_such_route().into()
    }

    /// The path has no such method.
    pub(crate) fn wrong_method() -> Self {
        Problem::wrong_method().into()
    }

    /// There is no such model.
    pub(crate) fn no_model(model: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: format!(
                "The model {model:?} does not exist: GET /v1/models lists those that do."
            ),
            kind: "invalid_request_error",
            param: Some("model".to_owned()),
            code: Some("model_not_found".to_owned()),
            may_retry: false,
        }
    }

    /// The job failed.
    pub(crate) fn failed(failure: &PublicFailure) -> Self {
        let status = StatusCode::from_u16(failure.code.http_status())
            .ok()
            .filter(|status| status.as_u16() != 499)
            .unwrap_or(StatusCode::CONFLICT);
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        Self {
            status,
            message: failure.message.clone(),
            kind,
            param: None,
            code: Some(failure.code.name().to_owned()),
            may_retry: false,
        }
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        json!({ "error": { "message": self.message, "type": self.kind, "param": self.param, "code": self.code } })
    }
}

impl From<Problem> for OpenAiError {
    fn from(problem: Problem) -> Self {
        let (status, kind, code) = match problem.code() {
            ProblemCode::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "invalid_request_error",
                Some("invalid_api_key"),
            ),
            ProblemCode::Forbidden => (
                StatusCode::FORBIDDEN,
                "invalid_request_error",
                Some("insufficient_permissions"),
            ),
            ProblemCode::InvalidInput | ProblemCode::MalformedJson => {
                (StatusCode::BAD_REQUEST, "invalid_request_error", None)
            }
            ProblemCode::IdempotencyKeyReused => (
                StatusCode::CONFLICT,
                "invalid_request_error",
                Some("idempotency_key_reused"),
            ),
            ProblemCode::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                Some("unavailable"),
            ),
            _ => (
                problem.status(),
                if problem.status().is_client_error() {
                    "invalid_request_error"
                } else {
                    "server_error"
                },
                None,
            ),
        };
        Self {
            status,
            message: problem.detail().to_owned(),
            kind,
            param: problem
                .first_field()
                .map(|field| field.trim_start_matches("payload.").to_owned()),
            code: code.map(str::to_owned),
            // Nothing was accepted yet.
            may_retry: status == StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for OpenAiError {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if !self.may_retry {
            response
                .headers_mut()
                .insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}
