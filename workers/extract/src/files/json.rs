//! JSON, also one value per line: the source, fenced, in pieces under headings of the keys where it is long.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Reading, limits};
use crate::markdown::{self, Writer};
use crate::{Document, ExtractError};

/// From how many bytes on a value is taken to pieces: about what a chunk for searching holds, so that each piece has its key above it.
const WORTH: usize = 4 << 10;
/// How deep values are taken to pieces, and how many headings that may make.
const LEVELS: u8 = 3;
const MOST_HEADINGS: usize = 2000;

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let text = reading.text();
    let source = text.text.trim_start_matches('\u{feff}');
    check_nesting(source)?;
    let mut document = Document::default();
    super::text::note_encoding(&mut document, &text);
    let mut out = Writer::default();
    match serde_json::from_str::<&RawValue>(source) {
        Ok(value) => {
            document.title = named(value);
            let mut headings = 0;
            write(&mut out, value.get(), 1, &mut headings);
        }
        Err(error) => {
            let is_lines = source
                .lines()
                .filter(|line| !line.trim().is_empty())
                .take(20)
                .all(|line| serde_json::from_str::<IgnoredAny>(line).is_ok());
            // Comments and commas before a closing bracket are usual in settings, and no reason to read nothing.
            if !is_lines {
                document
                    .warnings
                    .push(format!("the JSON is not valid: {error}"));
            }
            let language = if is_lines { "jsonl" } else { "json" };
            out.block(&markdown::fence(source, Some(language)));
        }
    }
    document.markdown = out.finish();
    Ok(document)
}

/// Brackets inside each other, counted without a parser that would need as much stack.
pub(super) fn check_nesting(source: &str) -> Result<(), ExtractError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in source.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > limits::NESTING {
                    return Err(ExtractError::TooLarge(format!(
                        "more than {} values inside each other",
                        limits::NESTING
                    )));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A value: whole when it is short, else what each key holds under its heading.
fn write(out: &mut Writer, source: &str, level: u8, headings: &mut usize) {
    let members = if source.len() > WORTH && level <= LEVELS {
        serde_json::from_str::<Members<'_>>(source).ok()
    } else {
        None
    };
    let Some(Members(members)) = members
        .filter(|members| !members.0.is_empty() && *headings + members.0.len() <= MOST_HEADINGS)
    else {
        out.block(&markdown::fence(source, Some("json")));
        return;
    };
    // Short values stay together; those that are long stand alone under their keys.
    let mut together = String::new();
    let mut rest = Vec::new();
    for (key, value) in members {
        if value.get().len() > WORTH / 4 {
            rest.push((key, value));
        } else {
            let comma = if together.is_empty() {
                "{\n  "
            } else {
                ",\n  "
            };
            together.push_str(comma);
            together.push_str(&serde_json::Value::from(key).to_string());
            together.push_str(": ");
            together.push_str(value.get());
        }
    }
    if !together.is_empty() {
        together.push_str("\n}");
        out.block(&markdown::fence(&together, Some("json")));
    }
    for (key, value) in rest {
        *headings += 1;
        out.block(&markdown::heading(level + 1, &super::escaped(&key)));
        write(out, value.get(), level + 1, headings);
    }
}

/// What an object at the top calls itself.
fn named(value: &RawValue) -> Option<String> {
    let Members(members) = serde_json::from_str(value.get()).ok()?;
    let text = |name: &str| {
        let (_, value) = members.iter().find(|(key, _)| key == name)?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    text("title")
        .or_else(|| text("name"))
        .filter(|name| !name.trim().is_empty() && name.len() < 300)
}

/// The members of an object in their order, each as it is written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}
