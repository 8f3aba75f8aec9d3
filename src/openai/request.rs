//! What the official clients send, and what a web page can do with it.

use computetower_jobs::kinds::chat::{Chat, Message, Role};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::cut::Bounds;
use super::error::OpenAiError;
use crate::api::extract::field_with_nul;

/// The fields that matter here. All others are looked at in `rest`.
#[derive(Deserialize)]
struct Raw {
    model: Option<Value>,
    messages: Option<Value>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    stop: Value,
    #[serde(default)]
    max_tokens: Value,
    #[serde(default)]
    max_completion_tokens: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) chat: Chat,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Where the answer is to end.
    pub(crate) bounds: Bounds,
    /// Fields that have no meaning for a web page and were left aside.
    pub(crate) ignored: Vec<String>,
}

/// Fields that change how a model answers in ways that a page does not offer. The answer is still one to the question.
const IGNORED: [&str; 19] = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logit_bias",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "metadata",
    "store",
    "service_tier",
    "verbosity",
    "reasoning_effort",
    "prediction",
    "parallel_tool_calls",
    "top_logprobs",
    "web_search_options",
];

/// Reads a request.
pub(crate) fn read(body: &[u8]) -> Result<Completion, OpenAiError> {
    if let Some(field) = field_with_nul(body) {
        return Err(OpenAiError::invalid(
            field,
            "The character NUL cannot be typed into a page.",
        ));
    }
    let raw: Raw = serde_json::from_slice(body).map_err(|error| {
        OpenAiError::invalid("body", format!("The body cannot be read: {error}."))
    })?;
    let model = match raw.model {
        Some(Value::String(model)) if !model.is_empty() => model,
        Some(_) => {
            return Err(OpenAiError::invalid(
                "model",
                "model must be a text that is not empty.",
            ));
        }
        None => return Err(OpenAiError::invalid("model", "model is missing.")),
    };
    let messages = messages(raw.messages)?;
    let ignored = look_at_rest(&raw.rest)?;
    let limits = [
        tokens("max_tokens", &raw.max_tokens)?,
        tokens("max_completion_tokens", &raw.max_completion_tokens)?,
    ];
    let bounds = Bounds {
        stop: stops(raw.stop)?,
        tokens: limits.into_iter().flatten().min(),
    };
    Ok(Completion {
        chat: Chat { model, messages },
        stream: raw.stream.unwrap_or_default(),
        include_usage: raw
            .stream_options
            .unwrap_or_default()
            .include_usage
            .unwrap_or_default(),
        bounds,
        ignored,
    })
}

/// At most this many texts to stop at, as at OpenAI.
const STOPS: usize = 4;
/// Bytes of each: it is looked for in every piece of the answer.
const LONGEST_STOP: usize = 1_000;

fn stops(value: Value) -> Result<Vec<String>, OpenAiError> {
    let wrong = || {
        OpenAiError::invalid(
            "stop",
            "stop must be a text of 1 to 1,000 bytes, or a list of up to four of them.",
        )
    };
    let items = match value {
        Value::Null => Vec::new(),
        Value::Array(items) if items.len() <= STOPS => items,
        Value::Array(_) => return Err(wrong()),
        one => vec![one],
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) if (1..=LONGEST_STOP).contains(&text.len()) => Ok(text),
            _ => Err(wrong()),
        })
        .collect()
}

fn tokens(field: &'static str, value: &Value) -> Result<Option<usize>, OpenAiError> {
    if value.is_null() {
        return Ok(None);
    }
    match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
        Some(count) if count > 0 => Ok(Some(count)),
        _ => Err(OpenAiError::invalid(
            field,
            format!("{field} must be a whole number of at least 1."),
        )),
    }
}

fn look_at_rest(rest: &Map<String, Value>) -> Result<Vec<String>, OpenAiError> {
    let mut ignored = Vec::new();
    for (field, value) in rest {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        match field.as_str() {
            _ if is_empty => {}
            "n" => {
                if value.as_u64() != Some(1) {
                    return Err(OpenAiError::unsupported(
                        "n",
                        "n must be 1: a page answers once.",
                    ));
                }
            }
            "logprobs" => {
                if value.as_bool() != Some(false) {
                    return Err(OpenAiError::unsupported(
                        "logprobs",
                        "A web page shows no log probabilities.",
                    ));
                }
            }
            "response_format" => {
                if value.get("type").and_then(Value::as_str) != Some("text") {
                    return Err(OpenAiError::unsupported(
                        "response_format",
                        "Only text can be read from a page so far.",
                    ));
                }
            }
            "modalities" => {
                if value
                    .as_array()
                    .is_none_or(|kinds| kinds.iter().any(|kind| kind != "text"))
                {
                    return Err(OpenAiError::unsupported(
                        "modalities",
                        "Only text can be read from a page.",
                    ));
                }
            }
            "tool_choice" if value == "none" => {}
            "tools" | "tool_choice" | "functions" | "function_call" | "audio" => {
                return Err(OpenAiError::unsupported(
                    field,
                    format!("{field} is not supported: a web page does not offer it."),
                ));
            }
            known if IGNORED.contains(&known) => ignored.push(known.to_owned()),
            // Fields of other vendors: harmless, and named in the answer's header.
            other => ignored.push(
                other
                    .chars()
                    .filter(|c| c.is_ascii_graphic())
                    .take(64)
                    .collect(),
            ),
        }
    }
    Ok(ignored)
}

fn messages(value: Option<Value>) -> Result<Vec<Message>, OpenAiError> {
    let Some(Value::Array(items)) = value else {
        return Err(OpenAiError::invalid("messages", "messages must be a list."));
    };
    if items.is_empty() {
        return Err(OpenAiError::invalid(
            "messages",
            "messages must not be empty.",
        ));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| message(index, item))
        .collect()
}

fn message(index: usize, item: &Value) -> Result<Message, OpenAiError> {
    let at = |field: &str| format!("messages[{index}].{field}");
    let role = match item.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some(role @ ("tool" | "function")) => {
            return Err(OpenAiError::unsupported(
                at("role"),
                format!("The role {role:?} is not supported: a web page has no tools."),
            ));
        }
        _ => {
            return Err(OpenAiError::invalid(
                at("role"),
                "role must be one of system, developer, user, assistant.",
            ));
        }
    };
    let content = match item.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .enumerate()
            .map(|(part, value)| text_of_part(&at(&format!("content[{part}]")), value))
            .collect::<Result<Vec<_>, _>>()?
            .join("\n"),
        None | Some(Value::Null) if role == Role::Assistant => String::new(),
        _ => {
            return Err(OpenAiError::invalid(
                at("content"),
                "content must be a text or a list of parts.",
            ));
        }
    };
    Ok(Message { role, content })
}

fn text_of_part(at: &str, part: &Value) -> Result<String, OpenAiError> {
    match (part.get("type").and_then(Value::as_str), part.get("text")) {
        (Some("text"), Some(Value::String(text))) => Ok(text.clone()),
        (Some("refusal"), _) => Ok(part
            .get("refusal")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()),
        (Some(kind @ ("image_url" | "input_audio" | "file")), _) => Err(OpenAiError::unsupported(
            format!("{at}.type"),
            format!("Parts of type {kind:?} are not supported so far."),
        )),
        _ => Err(OpenAiError::invalid(
            format!("{at}.type"),
            "A part must be {\"type\": \"text\", \"text\": \"…\"}.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read_json(value: &Value) -> Result<Completion, OpenAiError> {
        read(value.to_string().as_bytes())
    }

    fn param(value: &Value) -> Option<String> {
        read_json(value)
            .err()
            .and_then(|error| error.body()["error"]["param"].as_str().map(str::to_owned))
    }

    #[test]
    fn what_clients_send_is_read() {
        let read = read_json(&json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5, "n": 1, "stop": null,
            "messages": [{"role": "developer", "content": "Be short."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        }));
        let Ok(read) = read else { panic!("{read:?}") };
        assert!(read.stream && read.include_usage);
        assert_eq!(read.ignored, ["temperature"]);
        assert_eq!(read.chat.prompt(), "Instructions: Be short.\n\nUser: Hi");
    }

    #[test]
    fn what_a_page_cannot_do_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
            request[field] = value;
            param(&request)
        };
        assert_eq!(with("n", json!(2)).as_deref(), Some("n"));
        assert_eq!(with("logprobs", json!(true)).as_deref(), Some("logprobs"));
        assert_eq!(with("tools", json!([{}])).as_deref(), Some("tools"));
        assert_eq!(with("tools", json!([])), None);
        for wrong in [
            json!(""),
            json!(7),
            json!([""]),
            json!("x".repeat(LONGEST_STOP + 1)),
            json!(["1", "2", "3", "4", "5"]),
        ] {
            assert_eq!(with("stop", wrong).as_deref(), Some("stop"));
        }
        for wrong in [json!(0), json!(-1), json!(1.5), json!("many")] {
            assert_eq!(with("max_tokens", wrong).as_deref(), Some("max_tokens"));
        }
        assert_eq!(with("messages", json!([])).as_deref(), Some("messages"));
        assert_eq!(
            with(
                "messages",
                json!([{"role": "user", "content": [{"type": "image_url"}]}])
            )
            .as_deref(),
            Some("messages[0].content[0].type")
        );
        assert_eq!(
            with("messages", json!([{"role": "robot", "content": "x"}])).as_deref(),
            Some("messages[0].role")
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
