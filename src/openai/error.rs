//! OpenAI's error object: the only shape in which the official clients find message, type and code.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_store::StoreError;
use serde_json::{Value, json};

use super::QUESTION_LIMIT;
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
    /// How long to wait, where that is known.
    wait: Option<Duration>,
}

/// How soon to ask again when storage did not answer, as at the other routes.
const SOON: Duration = Duration::from_secs(1);

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
            wait: None,
        }
    }

    /// The body is too large, ended early, or took too long.
    pub(crate) fn unreadable(status: StatusCode) -> Self {
        let mut error = Self::invalid(
            "body",
            format!("The body ended early, or has more than {QUESTION_LIMIT} bytes."),
        );
        if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
            error.status = status;
        }
        error
    }

    /// There are too many large questions at once. Nothing was accepted.
    pub(crate) fn no_room(wait: Duration) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "There are too many large requests at once. Send it again in a moment."
                .to_owned(),
            kind: "server_error",
            param: None,
            code: Some("unavailable".to_owned()),
            may_retry: true,
            wait: Some(wait),
        }
    }

    /// Storage failed after the job had been accepted: a client that asked again would ask twice.
    pub(crate) fn after_acceptance(error: StoreError) -> Self {
        Self::from(error).once_accepted()
    }

    /// The same, where a question has been accepted already.
    pub(crate) fn once_accepted(mut self) -> Self {
        self.may_retry = false;
        self
    }

    /// There is no such route.
    pub(crate) fn no_such_route() -> Self {
        Problem::no_such_route().into()
    }

    /// The path has no such method.
    pub(crate) fn wrong_method() -> Self {
        Problem::wrong_method().into()
    }

    /// There is nothing of this id.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
            kind: "invalid_request_error",
            param: None,
            code: None,
            may_retry: false,
            wait: None,
        }
    }

    /// The request cannot be, in no field of its own.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            ..Self::not_found(message)
        }
    }

    /// There is no response to go on from.
    pub(crate) fn no_previous(message: impl Into<String>) -> Self {
        let code = Some("previous_response_not_found");
        Self::with_code("previous_response_id", message, code)
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
            wait: None,
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
            wait: None,
        }
    }

    /// The page's answer is not what was asked for, however often it was asked again.
    pub(crate) fn unfit(faults: &[String]) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            message: format!(
                "The page's answer does not fit what was asked for, also after it was asked again: {}",
                faults.join(" ")
            ),
            kind: "server_error",
            param: None,
            code: Some("answer_does_not_fit".to_owned()),
            may_retry: false,
            wait: None,
        }
    }

    /// The same of a field that the caller knows by another name.
    pub(crate) fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        if let Some(param) = &mut self.param {
            let known = name(param);
            self.message = self.message.replace(param.as_str(), &known);
            *param = known;
        }
        self
    }

    /// The same, with the moment from which on it may go well.
    pub(crate) fn again_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        if let Some(at) = at {
            // A moment that has passed is a second away, not none.
            self.wait = Some((at - Utc::now()).to_std().unwrap_or_default().max(SOON));
        }
        self
    }

    /// Message and code.
    pub(crate) fn told(&self) -> (&str, Option<&str>) {
        (&self.message, self.code.as_deref())
    }

    /// Whether somebody asked to slow down.
    pub(crate) fn is_rate_limit(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
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
            wait: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON),
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
        let headers = response.headers_mut();
        if !self.may_retry {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if let Some(wait) = self.wait {
            // Rounded up: who comes a moment too early is refused again.
            let seconds = wait.as_millis().div_ceil(1_000);
            let mut put = |name, value: String| {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(name, value);
                }
            };
            put(header::RETRY_AFTER, seconds.to_string());
            if self.is_rate_limit() {
                put(
                    HeaderName::from_static("x-ratelimit-remaining-requests"),
                    "0".to_owned(),
                );
                put(
                    HeaderName::from_static("x-ratelimit-reset-requests"),
                    format!("{seconds}s"),
                );
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_jobs::FailureCode;

    #[test]
    fn a_wait_that_is_known_is_told() {
        let failure = PublicFailure {
            code: FailureCode::ProviderRateLimited,
            message: "Slow down.".into(),
            evidence: Vec::new(),
        };
        let at = Utc::now() + Duration::from_secs(90);
        let response = OpenAiError::failed(&failure)
            .again_at(Some(at))
            .into_response();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let seconds = header("retry-after").and_then(|value| value.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| (85..=90).contains(&seconds)));
        assert_eq!(header("x-ratelimit-remaining-requests"), Some("0"));
        assert_eq!(
            header("x-ratelimit-reset-requests"),
            seconds.map(|seconds| format!("{seconds}s")).as_deref()
        );
        assert_eq!(header("x-should-retry"), Some("false"));
        let unknown = OpenAiError::failed(&failure).into_response();
        assert!(!unknown.headers().contains_key("retry-after"));
    }
}
