//! The items that a response answers, as they can be listed: whole, and each with an id. Pure.

use serde_json::{Value, json};

/// The items of an input. `job` (its id in hexadecimal) makes the ids of those that have none.
pub(super) fn items(input: &Value, job: &str) -> Vec<Value> {
    match input {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| whole(item, &format!("{job}{at:03}")))
            .collect(),
        text => {
            let item = json!({ "role": "user", "content": text });
            whole(&item, &format!("{job}000")).into_iter().collect()
        }
    }
}

/// An item with all its fields; none for what was left aside.
fn whole(item: &Value, number: &str) -> Option<Value> {
    let id = |prefix: &str| match item["id"].as_str() {
        Some(id) => id.to_owned(),
        None => format!("{prefix}_{number}"),
    };
    match item["type"].as_str() {
        None | Some("message") => {
            let assistant = item["role"] == "assistant";
            let content = match &item["content"] {
                Value::Array(parts) => parts
                    .iter()
                    .map(|part| whole_part(part, assistant))
                    .collect(),
                text => vec![whole_part(&json!({ "text": text }), assistant)],
            };
            Some(
                json!({ "id": id("msg"), "type": "message", "status": "completed", "role": item["role"], "content": content }),
            )
        }
        Some("function_call") => Some(json!({
            "id": id("fc"), "type": "function_call", "status": "completed",
            "call_id": item["call_id"], "name": item["name"], "arguments": item["arguments"],
        })),
        Some("function_call_output") => Some(json!({
            "id": id("fco"), "type": "function_call_output", "status": "completed", "call_id": item["call_id"], "output": item["output"],
        })),
        Some(_) => None,
    }
}

fn whole_part(part: &Value, assistant: bool) -> Value {
    match part["type"].as_str() {
        Some("refusal") => json!({ "type": "refusal", "refusal": part["refusal"] }),
        None | Some("text" | "input_text" | "output_text") if assistant => {
            json!({ "type": "output_text", "text": part["text"], "annotations": [], "logprobs": [] })
        }
        None | Some("text" | "input_text" | "output_text") => {
            json!({ "type": "input_text", "text": part["text"] })
        }
        Some("input_image") => {
            json!({ "type": "input_image", "detail": part["detail"].as_str().unwrap_or("auto"), "image_url": part["image_url"], "file_id": null })
        }
        _ => part.clone(),
    }
}

/// The calls among items that have no result there: id, name and arguments.
pub(super) fn open_calls(items: &[Value]) -> Vec<(String, String, String)> {
    let has_result = |id: &Value| {
        let results = items
            .iter()
            .filter(|item| item["type"] == "function_call_output");
        results.into_iter().any(|result| result["call_id"] == *id)
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    items
        .iter()
        .filter(|item| item["type"] == "function_call" && !has_result(&item["call_id"]))
        .filter_map(|item| {
            Some((
                text(&item["call_id"])?,
                text(&item["name"])?,
                text(&item["arguments"])?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_made_whole() {
        let made = items(&json!("Hi"), "ab");
        assert_eq!(
            made[0]["content"][0],
            json!({"type": "input_text", "text": "Hi"})
        );
        assert_eq!(made[0]["id"], "msg_ab000");
        let made = items(
            &json!([
                {"role": "assistant", "content": "Yes"},
                {"type": "reasoning", "id": "rs_1"},
                {"type": "function_call", "id": "fc_7", "call_id": "a", "name": "now", "arguments": "{}"},
                {"type": "function_call", "call_id": "b", "name": "now", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "a", "output": "noon"},
            ]),
            "ab",
        );
        assert_eq!(made.len(), 4);
        assert_eq!(made[0]["content"][0]["type"], "output_text");
        assert_eq!(
            (&made[1]["id"], &made[2]["id"]),
            (&json!("fc_7"), &json!("fc_ab003"))
        );
        assert_eq!(
            open_calls(&made),
            [("b".to_owned(), "now".to_owned(), "{}".to_owned())]
        );
    }
}
