//! What the official clients send, and what a web page can do with it.

use computetower_jobs::kinds::chat::Chat;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::contract::Contract;
use super::cut::Bounds;
use super::error::OpenAiError;
use super::history;
use super::images;
use super::json_mode::Format;
use super::tools::Tools;
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
    #[serde(default)]
    n: Value,
    #[serde(default)]
    tool_choice: Value,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    function_call: Value,
    #[serde(default)]
    store: Option<bool>,
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// The fields that are passed on as they are written: the order of a schema's fields means something to a model.
#[derive(Deserialize)]
pub(super) struct Written<'a> {
    #[serde(borrow, default)]
    pub(super) tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    functions: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    response_format: Option<&'a RawValue>,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(super) ask: Ask,
    pub(crate) include_usage: bool,
    /// How many answers are wanted.
    pub(crate) n: usize,
    /// Whether calls are told as they were before there were tools.
    pub(crate) legacy: bool,
    /// What is to be kept with the answer, if it is: the messages as they came, and metadata.
    pub(super) keep: Option<Keep>,
    /// Fields that have no meaning for a web page and were left aside.
    pub(crate) ignored: Vec<String>,
}

/// What is kept with an answer.
#[derive(Debug)]
pub(super) struct Keep {
    pub(super) messages: Value,
    pub(super) metadata: Value,
}

/// Fields that change how a model answers in ways that a page does not offer. The answer is still one to the question.
const IGNORED: [&str; 16] = [
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
    "service_tier",
    "verbosity",
    "reasoning_effort",
    "prediction",
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
    let written: Written<'_> = serde_json::from_slice(body).map_err(|error| {
        OpenAiError::invalid(
            "tools",
            format!("tools and functions must be lists: {error}."),
        )
    })?;
    let model = model(raw.model)?;
    let mut ignored = look_at_rest(&raw.rest)?;
    let metadata = metadata(&raw.metadata)?;
    let kept = raw.store.unwrap_or_default();
    if !kept && !raw.metadata.is_null() {
        ignored.push("metadata".to_owned());
    }
    let keep = kept.then(|| Keep {
        messages: images::without_bytes(&raw.messages.clone().unwrap_or_default()),
        metadata,
    });
    let (mut messages, pictures) = history::read_all(raw.messages)?.into_parts();
    let tools = written.tools.unwrap_or_default();
    let functions = written.functions.unwrap_or_default();
    let legacy = !functions.is_empty() || !raw.function_call.is_null();
    let tools = match legacy {
        true if tools.is_empty() => Tools::read_functions(&functions, &raw.function_call)?,
        true => {
            let message = "functions cannot be sent together with tools.";
            return Err(OpenAiError::invalid("functions", message));
        }
        false => Tools::read(&tools, &raw.tool_choice, raw.parallel_tool_calls)?,
    };
    let contract = Contract {
        format: match written.response_format {
            Some(format) if format.get() != "null" => Format::read("response_format", format)?,
            _ => Format::Text,
        },
        tools,
    };
    contract.tell(&mut messages, 0);
    let limits = [
        tokens("max_tokens", &raw.max_tokens)?,
        tokens("max_completion_tokens", &raw.max_completion_tokens)?,
    ];
    let bounds = Bounds {
        stop: stops(raw.stop)?,
        tokens: limits.into_iter().flatten().min(),
    };
    Ok(Completion {
        ask: Ask {
            chat: Chat {
                model,
                messages,
                files: Vec::new(),
            },
            pictures,
            contract,
            bounds,
            stream: raw.stream.unwrap_or_default(),
            field: "messages",
        },
        n: count(&raw.n)?,
        legacy,
        include_usage: raw
            .stream_options
            .unwrap_or_default()
            .include_usage
            .unwrap_or_default(),
        keep,
        ignored,
    })
}

/// The provider's name.
pub(super) fn model(value: Option<Value>) -> Result<String, OpenAiError> {
    match value {
        Some(Value::String(model)) if !model.is_empty() => Ok(model),
        Some(_) => Err(OpenAiError::invalid(
            "model",
            "model must be a text that is not empty.",
        )),
        None => Err(OpenAiError::invalid("model", "model is missing.")),
    }
}

/// Pairs of metadata, and characters of their names and texts, as at OpenAI.
const METADATA: (usize, usize, usize) = (16, 64, 512);

/// What the caller notes beside an answer: names and texts.
pub(super) fn metadata(value: &Value) -> Result<Value, OpenAiError> {
    let (pairs, name, text) = METADATA;
    let fits = |(key, value): (&String, &Value)| {
        let short = |text: &str, most| text.chars().count() <= most;
        short(key, name) && value.as_str().is_some_and(|value| short(value, text))
    };
    match value {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(fields) if fields.len() <= pairs && fields.iter().all(fits) => {
            Ok(value.clone())
        }
        _ => Err(OpenAiError::invalid(
            "metadata",
            format!(
                "metadata must be an object with at most {pairs} texts of {text} characters, with names of {name}."
            ),
        )),
    }
}

/// Answers that one request may ask for: each is a question that a page is asked.
const MOST_ANSWERS: u64 = 8;

fn count(value: &Value) -> Result<usize, OpenAiError> {
    match value.as_u64() {
        None if value.is_null() => Ok(1),
        Some(count @ 1..=MOST_ANSWERS) => Ok(count as usize),
        _ => Err(OpenAiError::invalid(
            "n",
            format!("n must be 1 to {MOST_ANSWERS}: the page is asked that many times."),
        )),
    }
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

pub(super) fn tokens(field: &'static str, value: &Value) -> Result<Option<usize>, OpenAiError> {
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
            "logprobs" => {
                if value.as_bool() != Some(false) {
                    return Err(OpenAiError::unsupported(
                        "logprobs",
                        "A web page shows no log probabilities.",
                    ));
                }
            }
            // Read as they are written.
            "tools" | "functions" | "response_format" => {}
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
            "audio" => {
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
        assert!(read.ask.stream && read.include_usage);
        assert_eq!(read.ignored, ["temperature"]);
        assert_eq!(
            read.ask.chat.prompt(),
            "Instructions: Be short.\n\nUser: Hi"
        );
    }

    #[test]
    fn what_a_page_cannot_do_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
            request[field] = value;
            param(&request)
        };
        for wrong in [json!(0), json!(9), json!(-1), json!("2"), json!(1.5)] {
            assert_eq!(with("n", wrong).as_deref(), Some("n"));
        }
        assert_eq!(with("n", json!(8)), None);
        assert_eq!(with("logprobs", json!(true)).as_deref(), Some("logprobs"));
        let wrong = with("tools", json!([{}]));
        assert_eq!(wrong.as_deref(), Some("tools[0].type"));
        assert_eq!(with("tools", json!({})).as_deref(), Some("tools"));
        assert_eq!(with("tools", json!([])), None);
        assert_eq!(
            with("tool_choice", json!("required")).as_deref(),
            Some("tool_choice")
        );
        let wrong = with("functions", json!([{}]));
        assert_eq!(wrong.as_deref(), Some("functions[0].name"));
        let wrong = with("function_call", json!({"name": "x"}));
        assert_eq!(wrong.as_deref(), Some("function_call"));
        let wrong = with("response_format", json!({"type": "xml"}));
        assert_eq!(wrong.as_deref(), Some("response_format.type"));
        assert_eq!(with("response_format", json!(null)), None);
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
    }

    #[test]
    fn a_contract_is_told_to_the_page() {
        let read = read_json(
            &json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}}),
        );
        let Ok(read) = read else { panic!("{read:?}") };
        let prompt = read.ask.chat.prompt();
        assert!(
            prompt.starts_with("Instructions: ") && prompt.ends_with("User: x"),
            "{prompt}"
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
