//! Plain text and Markdown.

use std::collections::BTreeMap;

use super::Reading;
use super::charset::Decoded;
use crate::{Document, markdown};

/// Text without marks of its own: the same text, written so that Markdown shows it as it is.
pub(super) fn plain(reading: &Reading<'_>) -> Document {
    let text = reading.text();
    let mut document = Document {
        title: reading.stem().or_else(|| first_line(&text.text)),
        markdown: lines(&text.text),
        ..Document::default()
    };
    note_encoding(&mut document, &text);
    document
}

/// Plain text as Markdown. Lines stay lines; indentation goes, since it would make code of them.
pub(super) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut line_out = String::new();
    for line in text.lines() {
        line_out.clear();
        markdown::escape_into(&mut line_out, line.trim());
        out.push_str(&markdown::escape_line_start(&line_out));
        out.push('\n');
    }
    out
}

/// A short first line names a text.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    (line.chars().count() <= 120).then(|| line.to_owned())
}

/// Markdown: as it is, but for the block of settings that many tools put before it.
pub(super) fn markdown(reading: &Reading<'_>) -> Document {
    let text = reading.text();
    let (settings, body) = front_matter(&text.text);
    let mut document = Document {
        markdown: body.to_owned(),
        ..Document::default()
    };
    for (key, value) in settings {
        match key.as_str() {
            "title" => document.title = Some(value),
            "author" | "authors" => drop(document.metadata.insert("author".to_owned(), value)),
            "date" | "published" => drop(document.metadata.insert("published".to_owned(), value)),
            "description" | "summary" => {
                document.metadata.insert("description".to_owned(), value);
            }
            "lang" | "language" => document.language = language(&value),
            "tags" | "keywords" => drop(document.metadata.insert("keywords".to_owned(), value)),
            _ => {}
        }
    }
    note_encoding(&mut document, &text);
    document
}

/// A language tag without its region.
pub(super) fn language(tag: &str) -> Option<String> {
    let tag = tag.split(['-', '_']).next()?.trim().to_lowercase();
    (tag.len() == 2 && tag.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(tag)
}

/// Settings between lines of `---` (YAML) or `+++` (TOML) at the very beginning, and what follows. Only plain values of one line are read.
fn front_matter(text: &str) -> (BTreeMap<String, String>, &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = BTreeMap::new();
    for (mark, sign) in [("---", ':'), ("+++", '=')] {
        let Some(rest) = text.strip_prefix(mark) else {
            continue;
        };
        let Some(rest) = rest
            .strip_prefix("\r\n")
            .or_else(|| rest.strip_prefix('\n'))
        else {
            continue;
        };
        let mut at = 0;
        for line in rest.split_inclusive('\n').take(500) {
            at += line.len();
            let line = line.trim_end();
            if line == mark || (mark == "---" && line == "...") {
                return (found, rest.get(at..).unwrap_or(""));
            }
            if line.starts_with([' ', '\t', '#', '-']) {
                continue;
            }
            if let Some((key, value)) = line.split_once(sign) {
                let value = value.trim().trim_matches(['"', '\'', '[', ']']);
                if !value.is_empty() {
                    found.insert(key.trim().to_lowercase(), value.to_owned());
                }
            }
        }
        found.clear();
    }
    (found, text)
}

/// Tells the encoding of a text when it is not the usual one, and what it did not explain.
pub(super) fn note_encoding(document: &mut Document, text: &Decoded) {
    if text.encoding != "UTF-8" {
        document
            .metadata
            .insert("encoding".to_owned(), text.encoding.to_owned());
    }
    if text.is_broken {
        document.warnings.push(format!(
            "some characters could not be read as {}",
            text.encoding
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outline;

    #[test]
    fn plain_text_means_nothing_else() {
        let text = "Title\n\n    indented *stars* and <tags>\n# no heading\n- minus\n1. one\n___\n";
        let read = outline::read(&lines(text), None);
        assert!(read.headings.is_empty() && read.code_blocks.is_empty());
        assert!(lines(text).contains("indented"));
    }

    #[test]
    fn settings_before_the_text_are_read_and_left_out() {
        let (settings, body) = front_matter("---\ntitle: \"A: b\"\ntags: [x, y]\n---\n\n# H\n");
        assert_eq!(settings.get("title").map(String::as_str), Some("A: b"));
        assert_eq!(body, "\n# H\n");
        let (settings, body) = front_matter("+++\r\ntitle = 'T'\r\n+++\r\nx");
        assert_eq!(settings.get("title").map(String::as_str), Some("T"));
        assert_eq!(body, "x");
        let rule = "---\n\ntext: nothing ends it\n";
        assert_eq!(front_matter(rule), (BTreeMap::new(), rule));
    }
}
