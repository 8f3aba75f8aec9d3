//! `messages`: what was said before, as plain messages. Calls of functions and their results become text that a page can be told.

use std::collections::HashMap;

use computetower_jobs::kinds::chat::{MAX_CHARACTERS, Message, Role};
use serde_json::{Value, json};

use super::error::OpenAiError;
use super::images::{self, Picture, Source};

/// Plain messages in the making.
pub(super) struct History {
    /// The field in which the caller sent them.
    field: &'static str,
    messages: Vec<Message>,
    /// Characters of the messages.
    characters: usize,
    /// Calls so far by their ids: the function with its arguments, until its result is there.
    calls: HashMap<String, Option<String>>,
    /// Whether the last message holds results, to which more may be added.
    results: bool,
    /// Pictures of the messages.
    pictures: Vec<Picture>,
}

impl History {
    /// Nothing so far.
    pub(super) fn new(field: &'static str) -> Self {
        Self {
            field,
            messages: Vec::new(),
            characters: 0,
            calls: HashMap::new(),
            results: false,
            pictures: Vec::new(),
        }
    }

    /// Goes on from what was said before, with the calls (id, name and arguments) that have no result yet.
    pub(super) fn go_on(
        &mut self,
        messages: &[Message],
        calls: impl IntoIterator<Item = (String, String, String)>,
    ) -> Result<(), OpenAiError> {
        for message in messages {
            self.say(message.role, message.content.clone())?;
        }
        let open = |(id, name, arguments)| (id, Some(format!("{name} {arguments}")));
        self.calls.extend(calls.into_iter().map(open));
        Ok(())
    }

    /// The messages.
    #[cfg(test)]
    pub(super) fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// The messages, and the pictures that belong to them.
    pub(super) fn into_parts(self) -> (Vec<Message>, Vec<Picture>) {
        (self.messages, self.pictures)
    }

    /// Adds what a user said, with the pictures beside it.
    pub(super) fn ask(&mut self, at: &str, item: &Value) -> Result<(), OpenAiError> {
        let mut sources = Vec::new();
        let text = parts(at, item, Some(&mut sources))?;
        let turns = self.messages.iter();
        let turn = turns.filter(|message| message.role == Role::User).count();
        self.say(Role::User, text)?;
        let pictures = sources.into_iter();
        let picture = |(at, source)| Picture { at, turn, source };
        self.pictures.extend(pictures.map(picture));
        Ok(())
    }

    /// Adds what somebody said.
    pub(super) fn say(&mut self, role: Role, content: String) -> Result<(), OpenAiError> {
        self.characters += self.room(&[&content])?;
        self.results = false;
        self.messages.push(Message { role, content });
        Ok(())
    }

    /// How many characters texts have, as long as there is room for them. Asked before anything is made of them: what is sent once may be
    /// repeated many times.
    fn room(&self, texts: &[&str]) -> Result<usize, OpenAiError> {
        let more = texts.iter().map(|text| text.chars().count()).sum();
        if self.characters + more > MAX_CHARACTERS {
            return Err(OpenAiError::invalid(
                self.field,
                format!(
                    "{} must have at most {MAX_CHARACTERS} characters together.",
                    self.field
                ),
            ));
        }
        Ok(more)
    }

    /// Adds what the model said, with the calls that it made: id, name and arguments.
    pub(super) fn call(
        &mut self,
        content: String,
        calls: &[(String, String, String)],
    ) -> Result<(), OpenAiError> {
        if calls.is_empty() {
            return self.say(Role::Assistant, content);
        }
        let mut texts = vec![content.as_str()];
        for (_, name, arguments) in calls {
            texts.extend([name.as_str(), arguments]);
        }
        self.room(&texts)?;
        let made = calls.iter().map(|(id, name, arguments)| {
            let call = Some(format!("{name} {arguments}"));
            self.calls.insert(id.clone(), call);
            let arguments: Value =
                serde_json::from_str(arguments).unwrap_or_else(|_| arguments.as_str().into());
            json!({ "name": name, "arguments": arguments })
        });
        let made: Vec<Value> = made.collect();
        let block = format!("```json\n{}\n```", json!({ "tool_calls": made }));
        let text = if content.trim().is_empty() {
            block
        } else {
            format!("{content}\n\n{block}")
        };
        self.say(Role::Assistant, text)
    }

    /// Adds what a function gave. `at` is the field that names the call, `unknown` what is said when there was no such call.
    pub(super) fn result(
        &mut self,
        at: String,
        id: &str,
        content: &str,
        unknown: &str,
    ) -> Result<(), OpenAiError> {
        match self.calls.get_mut(id).filter(|_| !id.is_empty()) {
            None => Err(OpenAiError::invalid(at, unknown)),
            Some(call) => match call.take() {
                Some(call) => self.result_of(&call, content),
                None => Err(OpenAiError::invalid(
                    at,
                    "The call of this id has its result already.",
                )),
            },
        }
    }

    /// Adds what a function gave, named by words.
    fn result_of(&mut self, call: &str, content: &str) -> Result<(), OpenAiError> {
        self.room(&[call, content])?;
        let text = format!("Result of {call}:\n{content}");
        if !self.results {
            self.say(Role::User, text)?;
            self.results = true;
            return Ok(());
        }
        let text = format!("\n\n{text}");
        self.characters += self.room(&[&text])?;
        if let Some(last) = self.messages.last_mut() {
            last.content.push_str(&text);
        }
        Ok(())
    }
}

/// Reads the messages of a completion.
pub(super) fn read_all(value: Option<Value>) -> Result<History, OpenAiError> {
    let Some(Value::Array(items)) = value else {
        return Err(OpenAiError::invalid("messages", "messages must be a list."));
    };
    if items.is_empty() {
        return Err(OpenAiError::invalid(
            "messages",
            "messages must not be empty.",
        ));
    }
    let mut history = History::new("messages");
    for (index, item) in items.iter().enumerate() {
        message(&mut history, &format!("messages[{index}]"), item)?;
    }
    Ok(history)
}

fn message(history: &mut History, at: &str, item: &Value) -> Result<(), OpenAiError> {
    match item.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => history.say(Role::System, content(at, item)?)?,
        Some("user") => history.ask(at, item)?,
        Some("assistant") => {
            let text = match item.get("content") {
                None | Some(Value::Null) => item
                    .get("refusal")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                Some(_) => content(at, item)?,
            };
            history.call(text, &calls(at, item)?)?;
        }
        Some("tool") => {
            let id = item
                .get("tool_call_id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            history.result(
                format!("{at}.tool_call_id"),
                id,
                &content(at, item)?,
                "A message of the role tool must answer a call of an assistant's message before it.",
            )?;
        }
        Some("function") => {
            let name = item.get("name").and_then(Value::as_str).ok_or_else(|| {
                OpenAiError::invalid(
                    format!("{at}.name"),
                    "A message of the role function must name it.",
                )
            })?;
            history.result_of(name, &content(at, item)?)?;
        }
        _ => {
            return Err(OpenAiError::invalid(
                format!("{at}.role"),
                "role must be one of system, developer, user, assistant, tool, function.",
            ));
        }
    }
    Ok(())
}

fn calls(at: &str, item: &Value) -> Result<Vec<(String, String, String)>, OpenAiError> {
    if let Some(call) = item.get("function_call").filter(|call| !call.is_null()) {
        let text = |field: &str| call.get(field).and_then(Value::as_str).map(str::to_owned);
        return match (text("name"), text("arguments")) {
            (Some(name), Some(arguments)) => Ok(vec![(String::new(), name, arguments)]),
            _ => Err(OpenAiError::invalid(
                format!("{at}.function_call"),
                "function_call must have a name and arguments, both texts.",
            )),
        };
    }
    let wrong = |index: usize| {
        OpenAiError::invalid(
            format!("{at}.tool_calls[{index}]"),
            "A call must have an id, the type function, and a function with name and arguments, both texts.",
        )
    };
    let made = match item.get("tool_calls") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(made)) => made,
        Some(_) => return Err(wrong(0)),
    };
    let read = |(index, call): (usize, &Value)| {
        let text = |pointer: &str| {
            call.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let parts = (
            text("/id"),
            text("/function/name"),
            text("/function/arguments"),
        );
        let (Some(id), Some(name), Some(arguments)) = parts else {
            return Err(wrong(index));
        };
        Ok((id, name, arguments))
    };
    made.iter().enumerate().map(read).collect()
}

/// The text of a message.
pub(super) fn content(at: &str, item: &Value) -> Result<String, OpenAiError> {
    parts(at, item, None)
}

/// The text of a message; its pictures go to who takes them.
fn parts(
    at: &str,
    item: &Value,
    mut pictures: Option<&mut Vec<(String, Source)>>,
) -> Result<String, OpenAiError> {
    match item.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let mut texts = Vec::new();
            for (part, value) in parts.iter().enumerate() {
                let at = format!("{at}.content[{part}]");
                let kind = value.get("type").and_then(Value::as_str);
                match (&mut pictures, kind) {
                    (Some(pictures), Some("image_url" | "input_image")) => {
                        let source = images::source(&at, value)?;
                        pictures.push((at, source));
                    }
                    _ => texts.push(text_of_part(&at, value)?),
                }
            }
            Ok(texts.join("\n"))
        }
        _ => Err(OpenAiError::invalid(
            format!("{at}.content"),
            "content must be a text or a list of parts.",
        )),
    }
}

fn text_of_part(at: &str, part: &Value) -> Result<String, OpenAiError> {
    let field = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
    let (text, refusal) = (field("text"), field("refusal"));
    match (part.get("type").and_then(Value::as_str), text, refusal) {
        (Some("text" | "input_text" | "output_text"), Some(text), _) => Ok(text),
        (Some("refusal"), _, refusal) => Ok(refusal.unwrap_or_default()),
        (
            Some(kind @ ("image_url" | "input_audio" | "file" | "input_image" | "input_file")),
            ..,
        ) => Err(OpenAiError::unsupported(
            format!("{at}.type"),
            format!("Parts of type {kind:?} are not supported here."),
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

    fn read(value: Option<Value>) -> Result<Vec<Message>, OpenAiError> {
        read_all(value).map(History::into_messages)
    }

    fn param(messages: Value) -> Option<String> {
        let error = read(Some(messages)).err()?;
        error.body()["error"]["param"].as_str().map(str::to_owned)
    }

    #[test]
    fn calls_and_results_become_text() {
        let call = |id: &str, city: &str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": format!("{{\"city\":\"{city}\"}}")}});
        let messages = read(Some(json!([
            {"role": "user", "content": "Where is it warm?"},
            {"role": "assistant", "content": null, "tool_calls": [call("a", "Rome"), call("b", "Oslo")]},
            {"role": "tool", "tool_call_id": "b", "content": "-3"},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "20"}]},
        ])));
        let Ok(messages) = messages else {
            panic!("{messages:?}")
        };
        assert_eq!(messages.len(), 3);
        assert_eq!(
            messages[1].content,
            "```json\n{\"tool_calls\":[{\"arguments\":{\"city\":\"Rome\"},\"name\":\"weather\"},{\"arguments\":{\"city\":\"Oslo\"},\"name\":\"weather\"}]}\n```"
        );
        assert_eq!(messages[2].role, Role::User);
        assert_eq!(
            messages[2].content,
            "Result of weather {\"city\":\"Oslo\"}:\n-3\n\nResult of weather {\"city\":\"Rome\"}:\n20"
        );
    }

    #[test]
    fn a_call_has_one_result() {
        let call = json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}}]});
        let result = json!({"role": "tool", "tool_call_id": "a", "content": "noon"});
        assert_eq!(
            param(json!([call, result, result])).as_deref(),
            Some("messages[2].tool_call_id")
        );
        // An id that is used again is another call.
        assert_eq!(param(json!([call, result, call, result])), None);
    }

    #[test]
    fn too_many_characters_are_refused_before_they_are_built() {
        let half = "x".repeat(MAX_CHARACTERS / 2);
        let user = json!({"role": "user", "content": half});
        assert_eq!(param(json!([user, user])), None);
        assert_eq!(
            param(json!([user, user, {"role": "user", "content": "x"}])).as_deref(),
            Some("messages")
        );
        // What repeats the text of its call counts with it.
        let mut history = History::new("input");
        let call = ("a".to_owned(), "f".to_owned(), half.clone());
        assert!(history.call(String::new(), &[call]).is_ok());
        let refused = history.result("x".to_owned(), "a", "y", "");
        assert_eq!(
            refused
                .err()
                .map(|error| error.body()["error"]["param"].clone()),
            Some(json!("input"))
        );
        assert_eq!(history.into_messages().len(), 1);
        // So do results that are joined to one message.
        let mut history = History::new("messages");
        assert!(history.result_of("f", &half).is_ok());
        assert!(history.result_of("f", &half).is_err());
    }

    #[test]
    fn functions_of_before_become_the_same_text() {
        let messages = read(Some(json!([
            {"role": "assistant", "content": null, "function_call": {"name": "now", "arguments": "{}"}},
            {"role": "function", "name": "now", "content": "noon"},
        ])));
        let Ok(messages) = messages else {
            panic!("{messages:?}")
        };
        assert!(
            messages[0]
                .content
                .contains("{\"tool_calls\":[{\"arguments\":{},\"name\":\"now\"}]}")
        );
        assert_eq!(messages[1].content, "Result of now:\nnoon");
    }

    #[test]
    fn pictures_belong_to_the_message_of_their_user() {
        let picture =
            json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
        let text = json!({"type": "text", "text": "What is this?"});
        let read = read_all(Some(json!([
            {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": [text, picture, picture]},
        ])));
        let Ok((messages, pictures)) = read.map(History::into_parts) else {
            panic!("it is good")
        };
        assert_eq!(messages[2].content, "What is this?");
        let places: Vec<(usize, &str)> = pictures
            .iter()
            .map(|one| (one.turn, one.at.as_str()))
            .collect();
        assert_eq!(
            places,
            [(1, "messages[2].content[1]"), (1, "messages[2].content[2]")]
        );
        let elsewhere = json!([{"role": "system", "content": [picture]}]);
        assert_eq!(
            param(elsewhere).as_deref(),
            Some("messages[0].content[0].type")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let user = json!({"role": "user", "content": "x"});
        assert_eq!(param(json!([])).as_deref(), Some("messages"));
        assert_eq!(
            param(json!([user, {"role": "tool", "tool_call_id": "a", "content": "1"}])).as_deref(),
            Some("messages[1].tool_call_id")
        );
        assert_eq!(
            param(json!([user, {"role": "assistant", "tool_calls": [{"id": "a"}]}])).as_deref(),
            Some("messages[1].tool_calls[0]")
        );
        assert_eq!(
            param(json!([{"role": "function", "content": "1"}])).as_deref(),
            Some("messages[0].name")
        );
        assert_eq!(
            param(json!([{"role": "robot", "content": "x"}])).as_deref(),
            Some("messages[0].role")
        );
        assert_eq!(
            param(json!([{"role": "user", "content": [{"type": "image_url"}]}])).as_deref(),
            Some("messages[0].content[0].image_url")
        );
        assert_eq!(param(json!([{"role": "assistant"}])), None);
    }
}
