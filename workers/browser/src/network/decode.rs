//! Bodies and frames cut into messages, and messages into their text leaves. Pure; knows no site's format, only the
//! common wrappings: event streams, JSON lines, JSON values in a row, numbered prefixes of socket libraries.

use serde_json::Value;

/// A string in a message, with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// What kind of message it came in: the event's name and the message's own type field.
    pub(crate) tag: String,
    /// Field names joined by dots, list positions as `*`; empty for a message that is plain text.
    pub(crate) path: String,
    /// The text.
    pub(crate) value: String,
}

/// A message: its event name, and what it carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    event: String,
    body: Body,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    Json(Value),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Unknown,
    Events,
    Values,
    Lines,
    Whole,
    Raw,
}

/// Cuts one body into messages as its pieces come in.
#[derive(Debug)]
pub(crate) struct Splitter {
    form: Form,
    rest: String,
}

impl Splitter {
    pub(crate) fn new(mime: &str) -> Self {
        let mime = mime.to_ascii_lowercase();
        let form = if mime.contains("event-stream") {
            Form::Events
        } else if mime == "application/json" || mime.contains("html") || mime.contains("javascript")
        {
            Form::Whole
        } else {
            Form::Unknown
        };
        Self {
            form,
            rest: String::new(),
        }
    }

    /// Whether pieces of this body are worth something before it ends.
    pub(crate) fn streams(&self) -> bool {
        !matches!(self.form, Form::Whole)
    }

    pub(crate) fn feed(&mut self, piece: &str) -> Vec<Message> {
        self.rest.push_str(piece);
        if self.form == Form::Unknown {
            let Some(form) = guess(&self.rest) else {
                return Vec::new();
            };
            self.form = form;
        }
        match self.form {
            Form::Events => self.events(false),
            Form::Values => self.values(),
            Form::Lines => {
                let Some(end) = self.rest.rfind('\n') else {
                    return Vec::new();
                };
                let whole: String = self.rest.drain(..=end).collect();
                whole
                    .lines()
                    .filter(|line| !line.trim().is_empty())
                    .map(|line| message("", line))
                    .collect()
            }
            Form::Raw => {
                let text = std::mem::take(&mut self.rest);
                vec![Message {
                    event: String::new(),
                    body: Body::Text(text),
                }]
            }
            Form::Whole | Form::Unknown => Vec::new(),
        }
    }

    pub(crate) fn finish(&mut self) -> Vec<Message> {
        if self.form == Form::Unknown {
            self.form = Form::Whole;
        }
        match self.form {
            Form::Events => self.events(true),
            Form::Values => self.values(),
            Form::Lines | Form::Whole => {
                let rest = std::mem::take(&mut self.rest);
                if rest.trim().is_empty() {
                    return Vec::new();
                }
                if self.form == Form::Whole && serde_json::from_str::<Value>(&rest).is_err() {
                    let mut inner = Self {
                        form: guess(&rest).unwrap_or(Form::Raw),
                        rest: String::new(),
                    };
                    if inner.form != Form::Raw {
                        let mut all = inner.feed(&rest);
                        all.extend(inner.finish());
                        return all;
                    }
                }
                vec![message("", &rest)]
            }
            Form::Raw | Form::Unknown => Vec::new(),
        }
    }

    fn events(&mut self, last: bool) -> Vec<Message> {
        let mut out = Vec::new();
        if self.rest.contains('\r') {
            self.rest = self.rest.replace("\r\n", "\n");
        }
        if last {
            self.rest.push_str("\n\n");
        }
        while let Some(end) = self.rest.find("\n\n") {
            let block: String = self.rest.drain(..end + 2).collect();
            let (mut event, mut data) = (String::new(), Vec::new());
            for line in block.lines() {
                if let Some(name) = line.strip_prefix("event:") {
                    name.trim().clone_into(&mut event);
                } else if let Some(text) = line.strip_prefix("data:") {
                    data.push(text.strip_prefix(' ').unwrap_or(text));
                }
            }
            let data = data.join("\n");
            if !data.is_empty() && data != "[DONE]" {
                out.push(message(&event, &data));
            }
        }
        out
    }

    fn values(&mut self) -> Vec<Message> {
        let mut out = Vec::new();
        let mut used = 0;
        let mut values = serde_json::Deserializer::from_str(&self.rest).into_iter::<Value>();
        while let Some(Ok(value)) = values.next() {
            used = values.byte_offset();
            out.push(Message {
                event: String::new(),
                body: Body::Json(value),
            });
        }
        self.rest.drain(..used);
        out
    }
}

fn guess(text: &str) -> Option<Form> {
    let start = text.trim_start();
    let first = start.chars().next()?;
    Some(match first {
        '{' | '[' => Form::Values,
        _ if ["data:", "event:", "id:", "retry:", ": "]
            .iter()
            .any(|field| start.starts_with(field)) =>
        {
            Form::Events
        }
        _ if numbered(start).is_some() => Form::Lines,
        // The start of a field name may still be on its way.
        _ if start.len() < 6
            && ["data:", "event:", "id:", "retry:"]
                .iter()
                .any(|field| field.starts_with(start)) =>
        {
            return None;
        }
        _ => Form::Raw,
    })
}

/// A single frame of a socket, or the data of one event.
pub(crate) fn message(event: &str, text: &str) -> Message {
    let trimmed = text.trim();
    let json = serde_json::from_str::<Value>(trimmed)
        .ok()
        .or_else(|| numbered(trimmed).and_then(|rest| serde_json::from_str(rest).ok()))
        .filter(|value| !value.is_number() && !value.is_boolean() && !value.is_null());
    let Some(value) = json else {
        return plain(event, text);
    };
    Message {
        event: event.to_owned(),
        body: Body::Json(value),
    }
}

/// Plain text, with the operation bytes that binary protocols put before it told apart.
fn plain(event: &str, text: &str) -> Message {
    let rest =
        text.trim_start_matches(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let operation: String = text[..text.len() - rest.len()]
        .chars()
        .map(|c| format!("#{:x}", u32::from(c)))
        .collect();
    Message {
        event: format!("{event}{operation}"),
        body: Body::Text(rest.to_owned()),
    }
}

/// A binary frame: its text if it is text, else its longest readable stretch under its first byte.
pub(crate) fn binary_message(bytes: &[u8]) -> Message {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return message("", text);
    }
    let lossy = String::from_utf8_lossy(bytes);
    let unreadable =
        |c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && !matches!(c, '\n' | '\t');
    let longest = lossy
        .split(unreadable)
        .max_by_key(|part| part.len())
        .unwrap_or_default();
    let first = bytes
        .first()
        .map(|byte| format!("#{byte:x}"))
        .unwrap_or_default();
    Message {
        event: first,
        body: Body::Text(longest.to_owned()),
    }
}

/// What follows the digits that socket libraries put before JSON (`42["…"]`, `0:"…"`, `42/room,[…]`).
fn numbered(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    let digits = text.len() - rest.len();
    if digits == 0 || digits > 8 {
        return None;
    }
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let rest = match rest
        .strip_prefix('/')
        .and_then(|named| named.split_once(','))
    {
        Some((_, rest)) => rest,
        None => rest,
    };
    rest.starts_with(['{', '[', '"']).then_some(rest)
}

/// All strings of a message.
pub(crate) fn leaves(message: &Message) -> Vec<Leaf> {
    let mut out = Vec::new();
    match &message.body {
        Body::Text(text) if text.is_empty() => {}
        Body::Text(text) => {
            out.push(Leaf {
                tag: message.event.clone(),
                path: String::new(),
                value: text.clone(),
            });
        }
        Body::Json(value) => {
            let tag = format!("{}{}", message.event, kind_of(value));
            walk(value, String::new(), &tag, 0, &mut out);
        }
    }
    out
}

const KINDS: [&str; 10] = [
    "type", "event", "msg", "kind", "op", "action", "method", "t", "object", "status",
];

fn kind_of(value: &Value) -> String {
    let short = |value: &Value| {
        value
            .as_str()
            .filter(|text| text.len() <= 40)
            .map(|text| format!("/{text}"))
    };
    match value {
        Value::Array(items) => {
            let name = items.first().and_then(short).unwrap_or_default();
            let inner = items
                .get(1)
                .filter(|item| item.is_object())
                .map(kind_of)
                .unwrap_or_default();
            format!("{name}{inner}")
        }
        Value::Object(fields) => {
            let own = KINDS
                .iter()
                .find_map(|name| fields.get(*name).and_then(short))
                .unwrap_or_default();
            let inner = ["data", "payload", "delta"]
                .iter()
                .find_map(|name| fields.get(*name).filter(|v| v.is_object()).map(kind_of))
                .unwrap_or_default();
            format!("{own}{inner}")
        }
        _ => String::new(),
    }
}

fn walk(value: &Value, path: String, tag: &str, depth: usize, out: &mut Vec<Leaf>) {
    if depth > 24 || out.len() > 2000 {
        return;
    }
    match value {
        Value::String(text) if !text.is_empty() => {
            // JSON inside a string: sockets and bridges wrap their messages so.
            if text.starts_with(['{', '['])
                && depth < 12
                && let Ok(inner) = serde_json::from_str::<Value>(text)
            {
                let tag = format!("{tag}{}", kind_of(&inner));
                walk(&inner, format!("{path}!"), &tag, depth + 1, out);
            }
            out.push(Leaf {
                tag: tag.to_owned(),
                path,
                value: text.clone(),
            });
        }
        Value::Array(items) => {
            for item in items {
                walk(item, join(&path, "*"), tag, depth + 1, out);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                // Names that are ids would make every message's path its own.
                let name = if name.len() > 2 && name.chars().all(|c| c.is_ascii_digit())
                    || name.len() >= 24
                {
                    "*"
                } else {
                    name
                };
                walk(item, join(&path, name), tag, depth + 1, out);
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Text as machines compare it: letters and digits, without what Markdown adds and a page does not show (list
/// numbers, fence languages, link targets).
pub(crate) fn reduce(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if is_fence(line) {
            continue;
        }
        let line = line.trim_start_matches([' ', '\t', '>']);
        let unnumbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let line = if unnumbered.len() < line.len()
            && unnumbered.starts_with([')', '.'])
            && unnumbered[1..].starts_with(' ')
        {
            &unnumbered[2..]
        } else {
            line
        };
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            push_letters(&mut out, &rest[..at]);
            rest = &rest[at + 2..];
            rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
        }
        push_letters(&mut out, rest);
    }
    out
}

/// Whether a line begins or ends a code block.
pub(crate) fn is_fence(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>']);
    line.starts_with("```") || line.starts_with("~~~")
}

fn push_letters(out: &mut String, text: &str) {
    out.extend(text.chars().filter(|c| c.is_alphanumeric()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(messages: &[Message]) -> Vec<(String, String)> {
        messages
            .iter()
            .flat_map(leaves)
            .map(|leaf| (leaf.path, leaf.value))
            .collect()
    }

    #[test]
    fn an_event_stream_may_be_cut_anywhere() {
        let whole = "event: m\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hé\"}}]}\n\ndata: [DONE]\r\n\r\n";
        for cut in (0..whole.len()).filter(|&cut| whole.is_char_boundary(cut)) {
            let mut splitter = Splitter::new("text/event-stream; charset=utf-8");
            let mut all = splitter.feed(&whole[..cut]);
            all.extend(splitter.feed(&whole[cut..]));
            all.extend(splitter.finish());
            assert_eq!(
                texts(&all),
                [("choices.*.delta.content".to_owned(), "Hé".to_owned())]
            );
        }
    }

    #[test]
    fn json_lines_plain_text_and_whole_json_are_told_apart() {
        let mut lines = Splitter::new("application/x-ndjson");
        let mut all = lines.feed("{\"t\":\"a\"}\n{\"t\"");
        all.extend(lines.feed(":\"b\"}\n"));
        assert_eq!(texts(&all).len(), 2);
        let mut raw = Splitter::new("text/plain");
        assert_eq!(
            texts(&raw.feed("Hello ")),
            [(String::new(), "Hello ".to_owned())]
        );
        let mut whole = Splitter::new("application/json");
        assert!(whole.feed("{\"answer\":").is_empty() && whole.feed("\"yes\"}").is_empty());
        assert_eq!(
            texts(&whole.finish()),
            [("answer".to_owned(), "yes".to_owned())]
        );
    }

    #[test]
    fn socket_prefixes_are_stripped_and_message_kinds_told_apart() {
        let leaf = &leaves(&message("", "42[\"token\",{\"text\":\"hi\"}]"))[1];
        assert_eq!(
            (leaf.tag.as_str(), leaf.path.as_str(), leaf.value.as_str()),
            ("/token", "*.text", "hi")
        );
        assert_eq!(leaves(&message("", "0:\"hello\""))[0].value, "hello");
        assert_eq!(leaves(&message("", "just words"))[0].value, "just words");
        let operation = &leaves(&message("", "\u{1} piece"))[0];
        assert_eq!(
            (operation.tag.as_str(), operation.value.as_str()),
            ("#1", " piece")
        );
        assert!(leaves(&message("", "\0")).is_empty());
        assert_eq!(leaves(&binary_message(b"\x0a\xffhello"))[0].value, "hello");
    }

    #[test]
    fn markdown_and_its_rendering_reduce_to_the_same() {
        let source = "1. one\n2. two\n\n```python\nx = 1\n```\n[link](http://a/b) **bold**";
        let shown = "one\ntwo\nx = 1\nlink bold";
        assert_eq!(reduce(source), reduce(shown));
    }
}
