//! Calls of functions, taken out of an answer. Pure.

use serde_json::{Map, Value};

use super::blocks::{Block, blocks, parse};
use super::tools::{Choice, Tools};

/// A call of a function, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// The function.
    pub(super) name: String,
    /// A JSON object.
    pub(super) arguments: String,
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// No function is called.
    Text(String),
    /// Functions are called; the text is what stands around the calls.
    Calls(String, Vec<Call>),
}

/// What a block means.
#[derive(Debug, PartialEq)]
enum Meaning {
    Calls(Vec<Value>),
    Broken(String),
    Nothing,
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with its calls.
pub(super) fn read(tools: &Tools, answer: &str) -> Result<Reading, Vec<String>> {
    let (mut calls, mut faults, mut around) = (Vec::new(), Vec::new(), Vec::new());
    let (mut at, mut seen): (usize, Vec<Value>) = (0, Vec::new());
    for block in blocks(answer, true) {
        match meaning(tools, &block) {
            Meaning::Nothing => continue,
            Meaning::Broken(fault) => faults.push(fault),
            Meaning::Calls(made) => {
                // The same block again is the same call; two calls of one block are two.
                let whole = Value::Array(made.clone());
                if !seen.contains(&whole) {
                    seen.push(whole);
                    for call in &made {
                        match checked(tools, call) {
                            Ok(call) => calls.push(call),
                            Err(found) => faults.extend(found),
                        }
                    }
                }
            }
        }
        around.push(&answer[at..block.start]);
        at = block.end;
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if calls.len() > 1 && !tools.parallel {
        return Err(vec!["There is more than one call.".to_owned()]);
    }
    if calls.is_empty() && tools.choice != Choice::Auto {
        let fault = match &tools.choice {
            Choice::Named(name) => format!("The function {name} is not called."),
            _ => "No function is called.".to_owned(),
        };
        return Err(vec![fault]);
    }
    if calls.is_empty() && at == 0 {
        return Ok(Reading::Text(answer.to_owned()));
    }
    around.push(&answer[at..]);
    let text = joined(&around);
    if calls.is_empty() {
        return Ok(Reading::Text(text));
    }
    Ok(Reading::Calls(text, calls))
}

/// Up to which byte a text that is still being written is no call, whatever comes.
pub(super) fn free(tools: &Tools, text: &str) -> usize {
    let call = blocks(text, false)
        .into_iter()
        .find(|block| match block.whole {
            true => meaning(tools, block) != Meaning::Nothing,
            false => block.may_be_json(),
        });
    let free = call.map_or(text.len(), |call| call.start);
    // The beginning of a fence, and blanks that would be left out before a call.
    text[..free]
        .trim_end_matches(|c: char| c.is_whitespace() || ['`', '~'].contains(&c))
        .len()
}

/// The first as it stands, the others as paragraphs.
fn joined(around: &[&str]) -> String {
    let mut text = around
        .first()
        .map_or("", |first| first.trim_end())
        .to_owned();
    for more in around
        .iter()
        .skip(1)
        .map(|more| more.trim())
        .filter(|more| !more.is_empty())
    {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(more);
    }
    text
}

fn meaning(tools: &Tools, block: &Block<'_>) -> Meaning {
    if !block.may_be_json() {
        return Meaning::Nothing;
    }
    match parse(block.inner) {
        Ok(Value::Object(mut fields)) => match fields.remove("tool_calls") {
            Some(Value::Array(calls)) => Meaning::Calls(calls),
            Some(call @ Value::Object(_)) => Meaning::Calls(vec![call]),
            Some(_) => Meaning::Broken("\"tool_calls\" is not a list.".to_owned()),
            None if is_call(tools, &fields) => Meaning::Calls(vec![Value::Object(fields)]),
            None => Meaning::Nothing,
        },
        Ok(Value::Array(items)) => {
            let all = items
                .iter()
                .all(|item| item.as_object().is_some_and(|item| is_call(tools, item)));
            match all && !items.is_empty() {
                true => Meaning::Calls(items),
                false => Meaning::Nothing,
            }
        }
        Ok(_) => Meaning::Nothing,
        Err(error) if block.inner.contains("\"tool_calls\"") => {
            Meaning::Broken(format!("The block is not JSON: {error}."))
        }
        Err(_) => Meaning::Nothing,
    }
}

/// The name of a function, wherever a model puts it.
fn name_of(call: &Map<String, Value>) -> Option<&str> {
    let function = call.get("function");
    let name = call
        .get("name")
        .or(function.and_then(|function| function.get("name")));
    name.or(function).and_then(Value::as_str)
}

/// Its arguments, wherever a model puts them.
fn arguments_of(call: &Map<String, Value>) -> Option<&Value> {
    let places = ["arguments", "parameters", "args", "input"];
    let inside = call.get("function").and_then(Value::as_object);
    let mut found = places
        .iter()
        .filter_map(|place| call.get(*place).or_else(|| inside?.get(*place)));
    found.next()
}

/// Whether JSON without the word `tool_calls` is a call all the same: of a function that there is, with arguments, and nothing else.
fn is_call(tools: &Tools, fields: &Map<String, Value>) -> bool {
    const FIELDS: [&str; 6] = ["name", "arguments", "parameters", "function", "id", "type"];
    let known = name_of(fields).is_some_and(|name| tools.find(name).is_some());
    known
        && arguments_of(fields).is_some()
        && fields.keys().all(|key| FIELDS.contains(&key.as_str()))
}

fn checked(tools: &Tools, call: &Value) -> Result<Call, Vec<String>> {
    let Some((fields, name)) = call
        .as_object()
        .and_then(|call| Some((call, name_of(call)?)))
    else {
        return Err(vec!["A call has no name.".to_owned()]);
    };
    let Some(function) = tools.find(name) else {
        let names: Vec<&str> = tools
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        return Err(vec![format!(
            "There is no function {name:?}. There are: {}.",
            names.join(", ")
        )]);
    };
    if let Choice::Named(only) = &tools.choice
        && only != name
    {
        return Err(vec![format!(
            "The function {only} has to be called, and {name} is not it."
        )]);
    }
    let arguments = match arguments_of(fields) {
        None | Some(Value::Null) => Value::Object(Map::new()),
        // As OpenAI itself writes them.
        Some(Value::String(text)) if text.trim().is_empty() => Value::Object(Map::new()),
        Some(Value::String(text)) => parse(text).unwrap_or(Value::Null),
        Some(value) => value.clone(),
    };
    let faults = function.faults(&arguments);
    if faults.is_empty() {
        Ok(Call {
            name: name.to_owned(),
            arguments: arguments.to_string(),
        })
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tools::tests::{tools, weather};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn with(choice: Value) -> Tools {
        let other = json!({"type": "function", "function": {"name": "now"}});
        match tools(&json!([weather(), other]), &choice) {
            Ok(Some(tools)) => tools,
            other => panic!("{other:?}"),
        }
    }

    fn auto() -> Tools {
        with(Value::Null)
    }

    fn call(city: &str) -> Call {
        Call {
            name: "get_weather".into(),
            arguments: json!({ "city": city }).to_string(),
        }
    }

    #[test]
    fn calls_are_read_in_every_shape_that_models_write() {
        for answer in [
            "```json\n{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]}\n```",
            "```\n{\"tool_calls\": [{\"id\": \"1\", \"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Rome\\\"}\"}}]}\n```",
            "{\"tool_calls\": {\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rome\"}}}",
            "```tool\n[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]\n```",
            "{\"name\": \"get_weather\",\n \"arguments\": {\"city\": \"Rome\"}}",
        ] {
            assert_eq!(
                read(&auto(), answer),
                Ok(Reading::Calls(String::new(), vec![call("Rome")])),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_stands_around_is_content_and_a_block_said_twice_is_one() {
        let block = "```json\n{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]}\n```";
        let answer = format!("Let me look.\n\n{block}\n\n{block}\nOne moment.");
        assert_eq!(
            read(&auto(), &answer),
            Ok(Reading::Calls(
                "Let me look.\n\nOne moment.".into(),
                vec![call("Rome")]
            ))
        );
        let twice =
            "{\"tool_calls\": [{\"name\": \"now\"}, {\"name\": \"now\", \"arguments\": {}}]}";
        let Ok(Reading::Calls(_, calls)) = read(&auto(), twice) else {
            panic!("two calls")
        };
        assert_eq!(calls.len(), 2);
    }

    #[test]
    fn an_answer_that_quotes_json_is_an_answer() {
        for answer in [
            "The file is:\n```json\n{\"name\": \"get_weather\", \"version\": 1}\n```",
            "It answers\n{\"choices\": [{\"message\": {\"tool_calls\": []}}]}",
            "Say `{\"tool_calls\": []}` in the text.",
            "```python\nx = {\"tool_calls\": [1]}\n```",
            "Plain.",
        ] {
            assert_eq!(
                read(&auto(), answer),
                Ok(Reading::Text(answer.to_owned())),
                "{answer}"
            );
        }
        let none = "Nothing to do.\n{\"tool_calls\": []}";
        assert_eq!(
            read(&auto(), none),
            Ok(Reading::Text("Nothing to do.".into()))
        );
    }

    #[test]
    fn what_is_wrong_with_a_call_is_named() {
        let faults =
            |tools: &Tools, answer: &str| read(tools, answer).err().unwrap_or_default().join("; ");
        assert!(
            faults(&auto(), "{\"tool_calls\": [{\"name\": \"fly\"}]}").contains("get_weather, now")
        );
        assert!(
            faults(
                &auto(),
                "{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"town\": 1}}]}"
            )
            .contains("do not fit")
        );
        assert!(
            faults(
                &auto(),
                "```json\n{\"tool_calls\": [{\"name\": \"now\"\n```"
            )
            .contains("not JSON")
        );
        assert!(faults(&with(json!("required")), "It is sunny.").contains("No function"));
        let named = with(json!({"type": "function", "function": {"name": "now"}}));
        assert!(
            faults(
                &named,
                "{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\"}}]}"
            )
            .contains("now has to be called")
        );
        let one = Tools {
            parallel: false,
            ..auto()
        };
        assert!(
            faults(
                &one,
                "{\"tool_calls\": [{\"name\": \"now\"}, {\"name\": \"now\"}]}"
            )
            .contains("more than one")
        );
    }

    #[test]
    fn the_lines_of_a_broken_call_are_no_calls() {
        let call = "{\"name\": \"now\", \"arguments\": {}}";
        for answer in [
            format!("{{\"tool_calls\": [\n{call},\n]}}"),
            format!("{{\"tool_calls\": [,\n{call}\n"),
            format!("```json\n{{\"tool_calls\": [\n{call},\n]}}\n```"),
        ] {
            let faults = read(&auto(), &answer).err().unwrap_or_default();
            assert!(faults.join(" ").contains("not JSON"), "{answer}");
        }
    }

    fn part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "Some words. ",
            "\n",
            "\n\n",
            "```",
            "```json\n",
            "\n```\n",
            "~~~",
            "{",
            "[",
            "}",
            "]",
            " ",
            "\"a\": 1",
            "[link](x)",
            "{\"tool_calls\": [{\"name\": \"now\"}]}",
            "{\"name\": \"now\", \"arguments\": {}}",
            "{\"x\": 1}",
            "{\"x\": [,",
            "[0, 1)",
            "\u{a0}",
            "```py\nx = 1\n```\n",
            "é",
        ])
    }

    proptest! {
        #[test]
        fn what_is_free_before_the_end_stays_in_the_answer(parts in prop::collection::vec(part(), 0..12)) {
            let tools = auto();
            let answer = parts.concat();
            // Asked again, what was told stays told.
            let Ok(Reading::Text(text) | Reading::Calls(text, _)) = read(&tools, &answer) else { return Ok(()) };
            for (at, _) in answer.char_indices() {
                let told = &answer[..free(&tools, &answer[..at])];
                prop_assert!(text.starts_with(told), "{:?} was told of {:?}, read as {:?}", told, answer, text);
            }
        }

        #[test]
        fn no_answer_makes_it_panic(answer in "[`{}\\[\\]\":,a1 \n]{0,60}") {
            let _ = read(&auto(), &answer);
        }
    }
}
