//! Bodies, queries and ids, refused with the field and the reason.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::BODY_LIMIT;
use crate::api::problem::{Problem, ProblemCode};

/// A JSON body.
pub struct Json<T>(pub T);

/// The body as it came: JSON, read by the handler itself.
pub struct JsonBytes(pub Bytes);

/// A query string.
pub struct Params<T>(pub T);

/// The id in the path. Text that is no id names nothing, so it is answered like an unknown id.
pub struct Id<T>(pub T);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let declared = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = declared
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(Problem::new(
                ProblemCode::UnsupportedMediaType,
                "Send the body with: Content-Type: application/json",
            ));
        }
        Bytes::from_request(request, state)
            .await
            .map(JsonBytes)
            .map_err(|rejection| {
                if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                    Problem::new(
                        ProblemCode::TooLarge,
                        format!("The body may have at most {BODY_LIMIT} bytes."),
                    )
                } else {
                    Problem::new(
                        ProblemCode::MalformedJson,
                        "The body ended before it was complete.",
                    )
                }
            })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        read_json(&bytes).map(Json)
    }
}

/// Reads JSON, naming the field that is wrong.
///
/// # Errors
/// 400 when it is not JSON, 422 with the field when it has another shape.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Lists would be taken for fields in order; every body here is an object.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::field("", "must be an object"));
    }
    if let Some(field) = field_with_nul(bytes) {
        return Err(Problem::field(field, "must not hold the character NUL"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let reason = inner.to_string();
            let reason = reason
                .rsplit_once(" at line ")
                .map_or(reason.as_str(), |(reason, _)| reason);
            Problem::field(if path == "." { "" } else { &path }, reason)
        } else {
            Problem::new(
                ProblemCode::MalformedJson,
                format!("The body is not JSON: {inner}."),
            )
        }
    })?;
    reader.end().map_err(|error| {
        Problem::new(
            ProblemCode::MalformedJson,
            format!("The body is not JSON: {error}."),
        )
    })?;
    Ok(value)
}

/// Where a JSON text holds the character NUL, which JSON allows and Postgres cannot keep.
pub fn field_with_nul(bytes: &[u8]) -> Option<String> {
    // Looked at closely only where the escape occurs at all.
    if !bytes.windows(6).any(|window| window == br"\u0000") {
        return None;
    }
    let value: Value = serde_json::from_slice(bytes).ok()?;
    find_nul(&value, String::new())
}

fn find_nul(value: &Value, path: String) -> Option<String> {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| find_nul(item, format!("{path}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            if name.contains('\0') {
                Some(path.clone())
            } else {
                find_nul(field, below(name))
            }
        }),
        _ => None,
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Params(value)),
            Err(rejection) => Err(Problem::field("query", rejection.body_text())),
        }
    }
}

impl<T: std::str::FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::no_such_route());
        };
        text.parse()
            .map(Id)
            .map_err(|_| Problem::new(ProblemCode::NotFound, "There is nothing with this id."))
    }
}
