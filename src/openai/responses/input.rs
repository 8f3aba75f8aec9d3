//! `input`: a text, or a list of messages, calls of functions and their results.

use computetower_jobs::kinds::chat::{Message, Role};
use serde_json::Value;

use super::super::contract::was_told;
use super::super::error::OpenAiError;
use super::super::history::{History, content};
use super::super::images::Picture;
use super::stored::Previous;

/// What the model said last, until it is known which calls belong to it.
#[derive(Default)]
struct Turn {
    text: Option<String>,
    calls: Vec<(String, String, String)>,
}

impl Turn {
    /// Adds it to the history.
    fn end(&mut self, history: &mut History) -> Result<(), OpenAiError> {
        let turn = std::mem::take(self);
        if turn.text.is_some() || !turn.calls.is_empty() {
            history.call(turn.text.unwrap_or_default(), &turn.calls)?;
        }
        Ok(())
    }
}

/// Reads the input, behind what was said before and the instructions. Instructions that were given there last are not given again: the page knows
/// them.
pub(super) fn read(
    instructions: Option<&str>,
    input: &Value,
    previous: Option<&Previous>,
) -> Result<(Vec<Message>, Vec<Picture>), OpenAiError> {
    let mut history = History::new("input");
    if let Some(previous) = previous {
        history.go_on(&previous.messages, previous.calls())?;
    }
    if let Some(instructions) = instructions
        && !previous.is_some_and(|previous| was_told(&previous.messages, instructions))
    {
        history.say(Role::System, instructions.to_owned())?;
    }
    match input {
        Value::String(text) => history.say(Role::User, text.clone())?,
        Value::Array(items) if !items.is_empty() => {
            let mut turn = Turn::default();
            for (index, value) in items.iter().enumerate() {
                item(&mut history, &mut turn, &format!("input[{index}]"), value)?;
            }
            turn.end(&mut history)?;
        }
        Value::Null => return Err(OpenAiError::invalid("input", "input is missing.")),
        _ => {
            return Err(OpenAiError::invalid(
                "input",
                "input must be a text, or a list of items that is not empty.",
            ));
        }
    }
    Ok(history.into_parts())
}

fn item(
    history: &mut History,
    turn: &mut Turn,
    at: &str,
    value: &Value,
) -> Result<(), OpenAiError> {
    let text = |field: &str| {
        value.get(field).and_then(Value::as_str).ok_or_else(|| {
            OpenAiError::invalid(format!("{at}.{field}"), format!("{field} must be a text."))
        })
    };
    match value.get("type").and_then(Value::as_str) {
        None | Some("message") => {
            turn.end(history)?;
            let role = match value.get("role").and_then(Value::as_str) {
                Some("assistant") => {
                    turn.text = Some(content(at, value)?);
                    return Ok(());
                }
                Some("system" | "developer") => Role::System,
                Some("user") => return history.ask(at, value),
                _ => {
                    return Err(OpenAiError::invalid(
                        format!("{at}.role"),
                        "role must be one of user, assistant, system, developer.",
                    ));
                }
            };
            history.say(role, content(at, value)?)?;
        }
        Some("function_call") => {
            let call = (text("call_id")?, text("name")?, text("arguments")?);
            turn.calls
                .push((call.0.to_owned(), call.1.to_owned(), call.2.to_owned()));
        }
        Some("function_call_output") => {
            turn.end(history)?;
            let output = match value.get("output") {
                Some(Value::String(text)) => text.clone(),
                Some(parts @ Value::Array(_)) => {
                    content(at, &serde_json::json!({ "content": parts }))?
                }
                _ => {
                    return Err(OpenAiError::invalid(
                        format!("{at}.output"),
                        "output must be a text or a list of parts.",
                    ));
                }
            };
            history.result(
                format!("{at}.call_id"),
                text("call_id")?,
                &output,
                "There is no function_call with this call_id before it, neither in the input nor in the previous response.",
            )?;
        }
        // Thoughts of a model elsewhere: nothing that a page could be told.
        Some("reasoning") => {}
        Some("item_reference") => {
            return Err(OpenAiError::unsupported(
                at,
                "Items are not found by their ids: send the item itself, or name the response by previous_response_id.",
            ));
        }
        Some(kind) => {
            return Err(OpenAiError::unsupported(
                format!("{at}.type"),
                format!("Items of type {kind:?} are not supported."),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn param(input: Value) -> Option<String> {
        let error = read(None, &input, None).err()?;
        error.body()["error"]["param"].as_str().map(str::to_owned)
    }

    #[test]
    fn items_become_messages() {
        let read = read(
            Some("Be short."),
            &json!([
                {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
                {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"},
                {"type": "function_call", "call_id": "b", "name": "weather", "arguments": "{\"x\":1}"},
                {"type": "function_call_output", "call_id": "b", "output": "sun"},
                {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "rain"}]},
            ]),
            None,
        );
        let Ok((messages, _)) = read else {
            panic!("{read:?}")
        };
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        assert_eq!(
            roles,
            [Role::System, Role::User, Role::Assistant, Role::User]
        );
        assert!(
            messages[2].content.starts_with("I look.\n\n```json\n")
                && messages[2].content.matches("weather").count() == 2
        );
        assert_eq!(
            messages[3].content,
            "Result of weather {\"x\":1}:\nsun\n\nResult of weather {}:\nrain"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(param(json!(null)).as_deref(), Some("input"));
        assert_eq!(param(json!([])).as_deref(), Some("input"));
        assert_eq!(param(json!(["x"])).as_deref(), Some("input[0].role"));
        assert_eq!(
            param(json!([{"type": "computer_call"}])).as_deref(),
            Some("input[0].type")
        );
        assert_eq!(
            param(json!([{"type": "item_reference", "id": "x"}])).as_deref(),
            Some("input[0]")
        );
        assert_eq!(
            param(json!([{"type": "function_call", "name": "x"}])).as_deref(),
            Some("input[0].call_id")
        );
        assert_eq!(
            param(json!([{"type": "function_call_output", "call_id": "x", "output": "y"}]))
                .as_deref(),
            Some("input[0].call_id")
        );
        let call = json!({"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"});
        let output = json!({"type": "function_call_output", "call_id": "x", "output": "y"});
        assert_eq!(
            param(json!([call, output, output])).as_deref(),
            Some("input[2].call_id")
        );
        let long = "x".repeat(computetower_jobs::kinds::chat::MAX_CHARACTERS);
        assert_eq!(
            param(json!([{"role": "user", "content": long}, call, output])).as_deref(),
            Some("input")
        );
        assert_eq!(
            param(json!([{"role": "user", "content": [{"type": "input_image"}]}])).as_deref(),
            Some("input[0].content[0].image_url")
        );
    }
}
