//! YAML: the source, fenced, in pieces under headings of its topmost keys where it is long. Nothing is parsed, so that no alias is ever followed.

use super::Reading;
use crate::Document;
use crate::markdown::{self, Writer};

/// From how many bytes on a file is taken to pieces.
const WORTH: usize = 4 << 10;
/// Bytes of a piece below which the next key joins it.
const PIECE: usize = 1 << 10;
/// How many headings that may make.
const MOST_HEADINGS: usize = 2000;

pub(super) fn document(reading: &Reading<'_>) -> Document {
    let text = reading.text();
    let source = text.text.as_str();
    let mut document = Document::default();
    super::text::note_encoding(&mut document, &text);
    let keys = keys(source);
    document.title = keys
        .iter()
        .find(|(key, _)| matches!(*key, "title" | "name"))
        .and_then(|(_, at)| value(source.get(*at..)?));
    let mut out = Writer::default();
    if source.len() < WORTH || keys.len() < 2 || keys.len() > MOST_HEADINGS {
        out.block(&markdown::fence(source, Some("yaml")));
    } else {
        let mut from = 0;
        let mut names: Vec<&str> = Vec::new();
        for (at, (key, start)) in keys.iter().enumerate() {
            let end = keys.get(at + 1).map_or(source.len(), |(_, next)| *next);
            names.push(key);
            let first = if at == 0 { 0 } else { from };
            if end - *start.max(&first) >= PIECE || end - first >= PIECE || end == source.len() {
                let heading = names.join(", ");
                let heading: String = heading.chars().take(200).collect();
                out.block(&markdown::heading(2, &super::escaped(&heading)));
                out.block(&markdown::fence(
                    source.get(first..end).unwrap_or(""),
                    Some("yaml"),
                ));
                from = end;
                names.clear();
            }
        }
    }
    document.markdown = out.finish();
    document
}

/// The keys that stand at the beginning of a line, with where. A text over many lines is indented, so nothing in it is taken for a key.
fn keys(source: &str) -> Vec<(&str, usize)> {
    let mut keys = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let key = line.split_once(':').filter(|(key, rest)| {
            !key.is_empty()
                && key.len() < 200
                && !key.starts_with([' ', '\t', '#', '-', '{', '[', '%', '&', '*', '!', '|', '>'])
                && (rest.trim().is_empty() || rest.starts_with([' ', '\t']))
        });
        if let Some((key, _)) = key {
            keys.push((key.trim().trim_matches(['"', '\'']), at));
        }
        at += line.len();
    }
    keys
}

/// A plain value behind a key.
fn value(from: &str) -> Option<String> {
    let (_, value) = from.lines().next()?.split_once(':')?;
    let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
    let plain = !value.is_empty() && !value.starts_with(['|', '>', '&', '*', '{', '[']);
    plain.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topmost_keys_are_found() {
        let source = "# c\nname: x # y\nlist:\n- a: 1\n  b: 2\n\"q r\": |\n  no: key\nurl: http://x\na:b\n---\nsecond:\n";
        let names: Vec<_> = keys(source).into_iter().map(|(key, _)| key).collect();
        assert_eq!(names, ["name", "list", "q r", "url", "second"]);
        assert_eq!(value("name: x # y").as_deref(), Some("x"));
    }
}
