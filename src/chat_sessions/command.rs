//! What clients say. Both shapes of the protocol are taken: a message may stand in `message` or in `payload.message`.

use computetower_jobs::{ChatSessionId, CredentialId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::frame::ErrorData;
use crate::api::extract::field_with_nul;

/// Characters that a client's name for a command or a message may have.
const LONGEST_ID: usize = 200;
/// Characters that a model's name may have.
const LONGEST_MODEL: usize = 1_000;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Order {
    /// Sign in.
    Login(Credentials),
    /// Ask the page.
    SendMessage(String),
    /// Ask another one from now on.
    ChangeModel(String),
    /// Begin a new conversation.
    NewChat,
    /// Close the session, for good.
    CloseSession,
    /// Give a sign of life.
    HealthCheck(Option<Value>),
    /// Frames up to this number have arrived.
    Ack(i64),
}

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    /// The client's name for it.
    pub(super) id: Option<String>,
    /// The session that it names, if any.
    pub(super) session: Option<ChatSessionId>,
    /// The account that it names, if any.
    pub(super) credential: Option<CredentialId>,
    pub(super) order: Order,
}

/// Whose account signs in, in the words of `POST /api/v1/automation/login`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credentials {
    #[serde(default)]
    pub(super) credential_id: Option<CredentialId>,
    #[serde(default)]
    pub(super) service_url: Option<String>,
    #[serde(default, alias = "username")]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) password: Option<String>,
}

/// What was refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    /// The client's name for the command, where it could be read.
    pub(super) id: Option<String>,
    pub(super) error: Box<ErrorData>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    #[serde(default)]
    credentials: Option<Credentials>,
    #[serde(default)]
    payload: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    payload: Option<MessagePayload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessagePayload {
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelBody {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    payload: Option<ModelPayload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelPayload {
    model: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthBody {
    #[serde(default)]
    timestamp: Option<serde_json::Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckBody {
    seq: i64,
}

/// Reads a command.
pub(super) fn read(text: &str) -> Result<Command, Refused> {
    let nameless = |error| Refused {
        id: None,
        error: Box::new(error),
    };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        nameless(ErrorData::new(
            "malformed_json",
            format!("The frame is not JSON: {error}."),
        ))
    })?;
    let Value::Object(mut fields) = value else {
        return Err(nameless(ErrorData::new(
            "invalid_input",
            "A frame must be a JSON object with a type.",
        )));
    };
    let id = name_in(&mut fields).map_err(nameless)?;
    let refused = |error| Refused {
        id: id.clone(),
        error: Box::new(error),
    };
    if let Some(field) = field_with_nul(text.as_bytes()) {
        return Err(refused(ErrorData::field(
            &field,
            "must not hold the character NUL",
        )));
    }
    let session = id_in(&mut fields, "sessionId").map_err(refused)?;
    let credential = id_in(&mut fields, "credentialId").map_err(refused)?;
    let kind = match fields.remove("type") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(refused(ErrorData::field("type", "must be a string"))),
        None => return Err(refused(ErrorData::field("type", "is missing"))),
    };
    let order = order_of(&kind, Value::Object(fields)).map_err(refused)?;
    Ok(Command {
        id,
        session,
        credential,
        order,
    })
}

fn order_of(kind: &str, body: Value) -> Result<Order, ErrorData> {
    Ok(match kind {
        "LOGIN" => {
            let body: LoginBody = shaped(body)?;
            Order::Login(one_of("credentials", body.credentials, body.payload)?.unwrap_or_default())
        }
        "SEND_MESSAGE" => {
            let body: MessageBody = shaped(body)?;
            let payload = body.payload.map(|payload| payload.message);
            let message = one_of("message", body.message, payload)?
                .ok_or_else(|| ErrorData::field("message", "is missing"))?;
            if message.trim().is_empty() {
                return Err(ErrorData::field("message", "must not be empty"));
            }
            Order::SendMessage(message)
        }
        "CHANGE_MODEL" => {
            let body: ModelBody = shaped(body)?;
            let payload = body.payload.map(|payload| payload.model);
            let model = one_of("model", body.model, payload)?
                .ok_or_else(|| ErrorData::field("model", "is missing"))?;
            if model.is_empty() || model.chars().count() > LONGEST_MODEL {
                let reason = format!("must have 1 to {LONGEST_MODEL} characters");
                return Err(ErrorData::field("model", &reason));
            }
            Order::ChangeModel(model)
        }
        "NEW_CHAT" => {
            let _: Nothing = shaped(without_empty_payload(body))?;
            Order::NewChat
        }
        "CLOSE_SESSION" => {
            let _: Nothing = shaped(without_empty_payload(body))?;
            Order::CloseSession
        }
        "HEALTH_CHECK" => {
            let body: HealthBody = shaped(without_empty_payload(body))?;
            Order::HealthCheck(body.timestamp.map(Value::Number))
        }
        "ACK" => Order::Ack(shaped::<AckBody>(body)?.seq),
        other => {
            let shown: String = other.chars().take(50).collect();
            return Err(ErrorData {
                field: Some("type".to_owned()),
                ..ErrorData::new(
                    "unknown_type",
                    format!(
                        "type {shown:?} is not known: use LOGIN, SEND_MESSAGE, CHANGE_MODEL, NEW_CHAT, CLOSE_SESSION, HEALTH_CHECK or ACK."
                    ),
                )
            });
        }
    })
}

/// The client's name for the command: `id`, or `messageId`.
fn name_in(fields: &mut Map<String, Value>) -> Result<Option<String>, ErrorData> {
    let (id, message_id) = (fields.remove("id"), fields.remove("messageId"));
    let (field, value) = match (id, message_id) {
        (Some(_), Some(_)) => {
            return Err(ErrorData::field(
                "messageId",
                "is the same as id: give one of them",
            ));
        }
        (Some(value), None) => ("id", value),
        (None, Some(value)) => ("messageId", value),
        (None, None) => return Ok(None),
    };
    match value {
        Value::Null => Ok(None),
        Value::String(text)
            if (1..=LONGEST_ID).contains(&text.chars().count())
                && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text))
        }
        _ => Err(ErrorData::field(
            field,
            &format!("must be a string of 1 to {LONGEST_ID} printable characters"),
        )),
    }
}

fn id_in<T: DeserializeOwned>(
    fields: &mut Map<String, Value>,
    field: &str,
) -> Result<Option<T>, ErrorData> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|_| ErrorData::field(field, "must be an id (a UUID)")),
    }
}

fn one_of<T>(field: &str, plain: Option<T>, payload: Option<T>) -> Result<Option<T>, ErrorData> {
    match (plain, payload) {
        (Some(_), Some(_)) => Err(ErrorData::field(
            "payload",
            &format!("says the same as {field}: give one of them"),
        )),
        (plain, payload) => Ok(plain.or(payload)),
    }
}

/// A payload that says nothing is none.
fn without_empty_payload(mut body: Value) -> Value {
    if let Value::Object(fields) = &mut body
        && fields
            .get("payload")
            .is_some_and(|payload| payload.as_object().is_some_and(Map::is_empty))
    {
        fields.remove("payload");
    }
    body
}

fn shaped<T: DeserializeOwned>(body: Value) -> Result<T, ErrorData> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        if path == "." {
            ErrorData::new("invalid_input", format!("{reason}."))
        } else {
            ErrorData {
                field: Some(path.clone()),
                ..ErrorData::new("invalid_input", format!("{path}: {reason}"))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn order(value: Value) -> Order {
        read(&value.to_string()).expect("a command").order
    }

    fn code(text: &str) -> (String, Option<String>) {
        let error = *read(text).expect_err("refused").error;
        (error.code, error.field)
    }

    #[test]
    fn both_shapes_of_a_message_are_taken() {
        let message = Order::SendMessage("Hello, world!".to_owned());
        let session = "01890000-0000-7000-8000-000000000001";
        for shape in [
            json!({"type": "SEND_MESSAGE", "sessionId": session, "credentialId": session, "payload": {"message": "Hello, world!"}}),
            json!({"type": "SEND_MESSAGE", "sessionId": session, "message": "Hello, world!"}),
            json!({"type": "SEND_MESSAGE", "id": "m-1", "message": "Hello, world!"}),
        ] {
            assert_eq!(order(shape), message);
        }
        assert_eq!(
            order(json!({"type": "LOGIN"})),
            Order::Login(Credentials::default())
        );
        assert_eq!(
            order(json!({"type": "NEW_CHAT", "payload": {}})),
            Order::NewChat
        );
        assert_eq!(
            order(json!({"type": "HEALTH_CHECK", "timestamp": 1_734_720_000_000_u64})),
            Order::HealthCheck(Some(json!(1_734_720_000_000_u64)))
        );
        assert_eq!(order(json!({"type": "ACK", "seq": 7})), Order::Ack(7));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let field = |text: &str| code(text).1;
        assert_eq!(code("{").0, "malformed_json");
        assert_eq!(code("[]").0, "invalid_input");
        assert_eq!(
            code("{}"),
            ("invalid_input".to_owned(), Some("type".to_owned()))
        );
        assert_eq!(code(r#"{"type": "DANCE"}"#).0, "unknown_type");
        assert_eq!(
            field(r#"{"type": "SEND_MESSAGE", "message": 7}"#).as_deref(),
            Some("message")
        );
        assert_eq!(
            field(r#"{"type": "SEND_MESSAGE", "message": " "}"#).as_deref(),
            Some("message")
        );
        assert_eq!(
            field(r#"{"type": "SEND_MESSAGE"}"#).as_deref(),
            Some("message")
        );
        assert_eq!(
            field(r#"{"type": "SEND_MESSAGE", "message": "a", "payload": {"message": "b"}}"#)
                .as_deref(),
            Some("payload")
        );
        assert_eq!(
            field(r#"{"type": "NEW_CHAT", "sessionId": "x"}"#).as_deref(),
            Some("sessionId")
        );
        assert_eq!(
            field(r#"{"type": "NEW_CHAT", "id": ""}"#).as_deref(),
            Some("id")
        );
        assert_eq!(
            field(r#"{"type": "SEND_MESSAGE", "message": "a\u0000b"}"#).as_deref(),
            Some("message")
        );
        assert_eq!(
            code(r#"{"type": "NEW_CHAT", "colour": 3}"#).0,
            "invalid_input"
        );
    }

    #[test]
    fn a_refusal_names_the_command() {
        let refused = read(r#"{"type": "DANCE", "id": "c-9"}"#).expect_err("refused");
        assert_eq!(refused.id.as_deref(), Some("c-9"));
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_a_command_or_a_refusal(text: String) {
            let _ = read(&text);
        }

        #[test]
        fn a_message_is_taken_as_it_is(message in "[^\\x00]*[a-z][^\\x00]*") {
            let said = json!({"type": "SEND_MESSAGE", "message": message.clone()});
            prop_assert_eq!(order(said), Order::SendMessage(message));
        }
    }
}
