//! What the official clients send to `/v1/responses`.

use computetower_jobs::kinds::chat::Chat;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::ask::Ask;
use super::super::contract::Contract;
use super::super::cut::Bounds;
use super::super::error::OpenAiError;
use super::super::images::without_bytes;
use super::super::json_mode::Format;
use super::super::request::{metadata, model, tokens};
use super::super::tools::Tools;
use super::input;
use super::stored::Previous;
use crate::api::extract::field_with_nul;

/// The fields that matter here. All others are looked at in `rest`.
#[derive(Deserialize)]
struct Raw {
    model: Option<Value>,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    max_output_tokens: Value,
    #[serde(default)]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    tool_choice: Value,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    text: Option<Map<String, Value>>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    store: Option<bool>,
    #[serde(default)]
    previous_response_id: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The fields that are passed on as they are written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow, default)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    format: Option<&'a RawValue>,
}

/// A request that can be answered.
pub(super) struct Request {
    pub(super) ask: Ask,
    /// The input as it came.
    pub(super) input: Value,
    /// Whether the response is to be found later.
    pub(super) store: bool,
    /// The response from which it goes on.
    pub(super) previous: Option<String>,
    /// Fields that have no meaning for a web page and were left aside.
    pub(super) ignored: Vec<String>,
    /// What is told back as it came.
    pub(super) echo: Map<String, Value>,
}

/// The response from which a request goes on. What cannot be read names none.
pub(super) fn previous(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Naming {
        #[serde(default)]
        previous_response_id: Option<String>,
    }
    let named: Naming = serde_json::from_slice(body).ok()?;
    named.previous_response_id
}

/// Reads a request that goes on from a response, or from none.
pub(super) fn read(body: &[u8], previous: Option<&Previous>) -> Result<Request, OpenAiError> {
    if let Some(field) = field_with_nul(body) {
        return Err(OpenAiError::invalid(
            field,
            "The character NUL cannot be typed into a page.",
        ));
    }
    let unreadable = |error: serde_json::Error| {
        OpenAiError::invalid("body", format!("The body cannot be read: {error}."))
    };
    let raw: Raw = serde_json::from_slice(body).map_err(unreadable)?;
    let written: Written<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let model = model(raw.model)?;
    let (mut messages, pictures) = input::read(raw.instructions.as_deref(), &raw.input, previous)?;
    let ignored = look_at_rest(&raw.rest, raw.text.as_ref())?;
    let format = written.text.and_then(|text| text.format);
    let contract = Contract {
        format: match format {
            Some(format) => Format::read("text.format", format)?,
            None => Format::Text,
        },
        tools: Tools::read(
            &written.tools.unwrap_or_default(),
            &raw.tool_choice,
            raw.parallel_tool_calls,
        )?,
    };
    let known = previous.map_or(0, |previous| previous.messages.len());
    contract.tell(&mut messages, known);
    let bounds = Bounds {
        stop: Vec::new(),
        tokens: tokens("max_output_tokens", &raw.max_output_tokens)?,
    };
    let format = raw.text.as_ref().and_then(|text| text.get("format"));
    let echo = json!({
        "instructions": raw.instructions,
        "max_output_tokens": bounds.tokens,
        "metadata": metadata(&raw.metadata)?,
        "parallel_tool_calls": raw.parallel_tool_calls.unwrap_or(true),
        "text": { "format": format.filter(|format| !format.is_null()).unwrap_or(&json!({ "type": "text" })) },
        "tool_choice": if raw.tool_choice.is_null() { json!("auto") } else { raw.tool_choice },
        "tools": raw.tools.unwrap_or_default(),
    });
    Ok(Request {
        ask: Ask {
            chat: Chat {
                model,
                messages,
                files: previous.map_or_else(Vec::new, |previous| previous.files.clone()),
            },
            pictures,
            contract,
            bounds,
            stream: raw.stream.unwrap_or_default(),
            field: "input",
        },
        input: without_bytes(&raw.input),
        store: raw.store.unwrap_or(true),
        previous: raw.previous_response_id,
        ignored,
        echo: match echo {
            Value::Object(echo) => echo,
            _ => Map::new(),
        },
    })
}

fn look_at_rest(
    rest: &Map<String, Value>,
    text: Option<&Map<String, Value>>,
) -> Result<Vec<String>, OpenAiError> {
    let mut ignored = Vec::new();
    if text.is_some_and(|text| text.get("verbosity").is_some_and(|value| !value.is_null())) {
        ignored.push("text.verbosity".to_owned());
    }
    for (field, value) in rest {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let why = match field.as_str() {
            _ if is_empty => continue,
            "conversation" => {
                "There are no conversation objects: name the response to go on from by previous_response_id."
            }
            "prompt" => "There are no stored prompts: send instructions and input.",
            "background" if value == &json!(true) => {
                "A response is not fetched later: submit a chat job at /api/v1/jobs for that."
            }
            "include"
                if value.as_array().is_some_and(|wanted| {
                    wanted
                        .iter()
                        .any(|one| one == "message.output_text.logprobs")
                }) =>
            {
                "A web page shows no log probabilities."
            }
            "top_logprobs" if value != &json!(0) => "A web page shows no log probabilities.",
            "background" | "top_logprobs" => continue,
            other => {
                ignored.push(
                    other
                        .chars()
                        .filter(char::is_ascii_graphic)
                        .take(64)
                        .collect(),
                );
                continue;
            }
        };
        return Err(OpenAiError::unsupported(field, why));
    }
    Ok(ignored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn param(value: Value) -> Option<String> {
        let error = read(value.to_string().as_bytes(), None).err()?;
        error.body()["error"]["param"].as_str().map(str::to_owned)
    }

    #[test]
    fn what_clients_send_is_read_and_told_back() {
        let body = json!({
            "model": "m", "instructions": "Be short.", "input": "Hi", "stream": true, "max_output_tokens": 5, "store": true, "temperature": 0.1,
            "metadata": {"a": "b"}, "text": {"format": {"type": "json_object"}, "verbosity": "low"}, "reasoning": {"effort": "low"},
            "tools": [{"type": "function", "name": "now", "parameters": {"type": "object"}, "strict": true}],
        });
        let Ok(read) = read(body.to_string().as_bytes(), None) else {
            panic!("it is good")
        };
        assert!(
            read.store
                && read.ask.stream
                && read.ask.bounds.tokens == Some(5)
                && read.ask.contract.tools.is_some()
        );
        assert_eq!(read.ignored, ["text.verbosity", "reasoning", "temperature"]);
        assert_eq!(
            (&read.echo["metadata"]["a"], &read.echo["tools"]),
            (&json!("b"), &body["tools"])
        );
        assert!(
            read.ask
                .chat
                .prompt()
                .starts_with("Instructions: Be short.\n\nInstructions: You can call")
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut request = json!({"model": "m", "input": "x"});
            request[field] = value;
            param(request)
        };
        for (field, value) in [
            ("conversation", json!("conv_1")),
            ("prompt", json!({"id": "x"})),
            ("background", json!(true)),
            ("include", json!(["message.output_text.logprobs"])),
            ("top_logprobs", json!(2)),
            ("max_output_tokens", json!(0)),
        ] {
            assert_eq!(with(field, value).as_deref(), Some(field));
        }
        assert_eq!(
            with("include", json!(["reasoning.encrypted_content"])),
            None
        );
        assert_eq!(
            with("tools", json!([{"type": "web_search"}])).as_deref(),
            Some("tools[0].type")
        );
        assert_eq!(
            with("text", json!({"format": {"type": "xml"}})).as_deref(),
            Some("text.format.type")
        );
        assert_eq!(with("input", json!(5)).as_deref(), Some("input"));
        assert_eq!(with("model", json!("")).as_deref(), Some("model"));
    }

    #[test]
    fn what_goes_on_is_told_what_is_new() {
        use computetower_jobs::kinds::chat::{Message, Role};
        let message = |role, content: &str| Message {
            role,
            content: content.to_owned(),
        };
        let previous = Previous {
            messages: vec![
                message(Role::System, "Be short."),
                message(Role::User, "Hi"),
                message(Role::Assistant, "Calls."),
            ],
            files: Vec::new(),
            items: vec![
                json!({"type": "function_call", "call_id": "a", "name": "now", "arguments": "{}"}),
            ],
        };
        let body = json!({"model": "m", "previous_response_id": "resp_1", "instructions": "Be short.",
                          "input": [{"type": "function_call_output", "call_id": "a", "output": "noon"}]});
        let Ok(read) = read(body.to_string().as_bytes(), Some(&previous)) else {
            panic!("it is good")
        };
        let messages = &read.ask.chat.messages;
        assert_eq!(messages[..3], previous.messages);
        assert_eq!(
            messages[3..],
            [message(Role::User, "Result of now {}:\nnoon")]
        );
        assert_eq!(read.previous.as_deref(), Some("resp_1"));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = (previous(&body), read(&body, None));
        }
    }
}
