//! The published shapes of the two APIs: what is sent, and what is read from an answer. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::judgement::Question;
use super::{Structure, VisionApi, VisionSettings};

/// The version of Anthropic's API that is spoken.
pub(super) const ANTHROPIC_VERSION: &str = "2023-06-01";
/// What the answer's structure is called.
const TOOL: &str = "report";
/// Tokens that an answer may have; reasoning counts, where a model reasons.
const MOST_TOKENS: u32 = 2_000;

/// What came back.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    /// The answer, as far as it is JSON.
    pub(super) answer: Option<Value>,
    /// The same as it came, to be shown to the model again.
    pub(super) raw: Value,
    /// Tokens that were used, both ways.
    pub(super) tokens: i64,
}

/// A first answer that does not fit, and why.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) raw: Value,
    pub(super) faults: String,
}

/// Where it is sent.
pub(super) fn address(settings: &VisionSettings) -> String {
    let base = settings.url.trim_end_matches('/');
    match settings.api {
        VisionApi::Anthropic => format!("{base}/v1/messages"),
        VisionApi::OpenAi => format!("{base}/chat/completions"),
    }
}

/// What is sent: the question with its picture, and after an answer that did not fit, that one and what is wrong with it.
pub(super) fn request(
    settings: &VisionSettings,
    question: Question,
    jpeg: &[u8],
    misfit: Option<&Misfit>,
) -> Value {
    let data = STANDARD.encode(jpeg);
    match settings.api {
        VisionApi::Anthropic => anthropic(settings, question, &data, misfit),
        VisionApi::OpenAi => openai(settings, question, &data, misfit),
    }
}

fn again(faults: &str) -> String {
    format!(
        "The answer does not fit the structure: {faults}. Answer once more, and by the structure only."
    )
}

fn anthropic(
    settings: &VisionSettings,
    question: Question,
    data: &str,
    misfit: Option<&Misfit>,
) -> Value {
    let mut messages = vec![json!({"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}},
        {"type": "text", "text": question.text()},
    ]})];
    if let Some(Misfit { raw, faults }) = misfit {
        let called = raw
            .as_array()
            .into_iter()
            .flatten()
            .find(|block| block["type"] == "tool_use");
        messages.push(json!({"role": "assistant", "content": raw}));
        // A call has to be answered as one.
        messages.push(match called {
            Some(call) => json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call["id"], "is_error": true, "content": again(faults)},
            ]}),
            None => json!({"role": "user", "content": again(faults)}),
        });
    }
    json!({
        "model": settings.model,
        "max_tokens": MOST_TOKENS,
        "system": Question::rules(),
        "messages": messages,
        "tools": [{"name": TOOL, "description": "Takes the answer.", "input_schema": question.schema()}],
        "tool_choice": {"type": "tool", "name": TOOL},
    })
}

fn openai(
    settings: &VisionSettings,
    question: Question,
    data: &str,
    misfit: Option<&Misfit>,
) -> Value {
    let schema = question.schema();
    let words = format!(
        "{}\nThe structure is a JSON object by this JSON schema, and nothing around it: {schema}",
        Question::rules()
    );
    let mut messages = vec![
        json!({"role": "system", "content": words}),
        json!({"role": "user", "content": [
            {"type": "text", "text": question.text()},
            {"type": "image_url", "image_url": {"url": format!("data:image/jpeg;base64,{data}")}},
        ]}),
    ];
    if let Some(Misfit { raw, faults }) = misfit {
        messages.push(json!({"role": "assistant", "content": raw}));
        messages.push(json!({"role": "user", "content": again(faults)}));
    }
    let mut body = json!({"model": settings.model, "messages": messages, "max_completion_tokens": MOST_TOKENS});
    match settings.structure {
        Structure::Schema => {
            body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": TOOL, "strict": true, "schema": schema}});
        }
        Structure::Object => body["response_format"] = json!({"type": "json_object"}),
        Structure::Words => {}
    }
    body
}

/// Reads an answer; none when it has not the shape of the API at all.
pub(super) fn read(api: VisionApi, body: &Value) -> Option<Said> {
    match api {
        VisionApi::Anthropic => {
            let content = body.get("content")?;
            let call = content
                .as_array()?
                .iter()
                .find(|block| block["type"] == "tool_use" && block["name"] == TOOL);
            let usage = &body["usage"];
            Some(Said {
                answer: call.and_then(|call| call.get("input")).cloned(),
                raw: content.clone(),
                tokens: [
                    "input_tokens",
                    "cache_creation_input_tokens",
                    "cache_read_input_tokens",
                    "output_tokens",
                ]
                .iter()
                .filter_map(|name| usage[*name].as_i64())
                .sum(),
            })
        }
        VisionApi::OpenAi => {
            let message = body.pointer("/choices/0/message")?;
            let text = message["content"].as_str().unwrap_or_default();
            let usage = &body["usage"];
            let total = usage["total_tokens"].as_i64();
            let parts = ["prompt_tokens", "completion_tokens"];
            Some(Said {
                answer: serde_json::from_str(unfenced(text)).ok(),
                raw: Value::from(text),
                tokens: total
                    .unwrap_or_else(|| parts.iter().filter_map(|name| usage[*name].as_i64()).sum()),
            })
        }
    }
}

/// JSON without the fence that models like to put around it.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(text, |inner| {
        inner.strip_prefix("json").unwrap_or(inner).trim()
    })
}

/// What an endpoint says of an error, shortened.
pub(super) fn complaint(body: &Value) -> String {
    let said = body.pointer("/error/message").or_else(|| body.get("error"));
    let text = said.and_then(Value::as_str).unwrap_or_default();
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_around_the_json_is_no_part_of_it() {
        for text in [
            "{\"a\": 1}",
            "```json\n{\"a\": 1}\n```",
            " ```\n{\"a\": 1}``` ",
        ] {
            let body = json!({"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
            let said = read(VisionApi::OpenAi, &body).unwrap();
            assert_eq!(said.answer, Some(json!({"a": 1})), "{text}");
            assert_eq!(said.tokens, 7);
        }
        assert_eq!(read(VisionApi::OpenAi, &json!({"choices": []})), None);
        assert_eq!(read(VisionApi::Anthropic, &json!({"type": "error"})), None);
    }
}
