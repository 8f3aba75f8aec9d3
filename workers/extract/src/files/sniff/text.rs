//! Kinds of text. Content that says what it is goes first, then the name, then what a server calls it.

use super::languages::{language_of, language_of_interpreter, language_of_name};
use super::{FileKind, Hint};
use crate::files::charset;

/// How much of a text is looked at, in bytes.
const LOOK: usize = 64 << 10;

pub(super) fn kind(bytes: &[u8], hint: &Hint) -> FileKind {
    let head = bytes.get(..bytes.len().min(LOOK)).unwrap_or(bytes);
    if charset::is_binary(head) {
        return FileKind::Other("application/octet-stream");
    }
    let text = charset::decode(head, hint.charset()).text;
    let start = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let named = by_name(hint);
    // Source code and Markdown may begin with anything: markup, braces, lines that look like a mail's.
    if let Some(kind @ (FileKind::Source(_) | FileKind::Markdown)) = named {
        return kind;
    }
    by_content(start, bytes.len() <= LOOK, named)
        .or(named)
        .or_else(|| by_media_type(hint))
        .unwrap_or(FileKind::Text)
}

/// What a text says of itself. `whole` when nothing follows it.
fn by_content(text: &str, whole: bool, named: Option<FileKind>) -> Option<FileKind> {
    let first_line = text.lines().next().unwrap_or("");
    if text.starts_with('<') {
        return markup(text);
    }
    if text.starts_with('{') || text.starts_with('[') {
        return json(text, whole, named);
    }
    if let Some(language) = language_of_interpreter(first_line) {
        return Some(FileKind::Source(language));
    }
    if first_line.starts_with("%YAML") {
        return Some(FileKind::Yaml);
    }
    is_mail(text).then_some(FileKind::Mail)
}

fn markup(text: &str) -> Option<FileKind> {
    let head: String = text
        .chars()
        .take(2048)
        .collect::<String>()
        .to_ascii_lowercase();
    let has = |tag: &str| {
        head.match_indices(tag).any(|(at, _)| {
            head.get(at + tag.len()..)
                .and_then(|rest| rest.chars().next())
                .is_none_or(|next| next == '>' || next == '/' || next.is_whitespace())
        })
    };
    let html = has("<!doctype html") || has("<html") || has("<head") || has("<body");
    match () {
        () if html => Some(FileKind::Html),
        () if head.starts_with("<?xml") || head.starts_with("<!doctype") => Some(FileKind::Xml),
        () => None,
    }
}

fn json(text: &str, whole: bool, named: Option<FileKind>) -> Option<FileKind> {
    let notebook = matches!(named, Some(FileKind::Notebook))
        || (text.starts_with('{') && text.contains("\"nbformat\"") && text.contains("\"cells\""));
    if notebook {
        return Some(FileKind::Notebook);
    }
    // A name that says otherwise is believed where only a part can be seen.
    (whole && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()).then_some(FileKind::Json)
}

/// Headers of a message: at least two of those that every message has, and nothing else before the first empty line.
fn is_mail(text: &str) -> bool {
    const KNOWN: [&str; 9] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "message-id",
        "mime-version",
        "return-path",
        "delivered-to",
    ];
    let mut known = 0_u32;
    for (at, line) in text.lines().take(400).enumerate() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) || (at == 0 && line.starts_with("From ")) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else {
            return false;
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        if KNOWN.iter().any(|one| name.eq_ignore_ascii_case(one)) {
            known += 1;
        }
    }
    known >= 3
}

fn by_name(hint: &Hint) -> Option<FileKind> {
    let name = hint.file_name()?;
    if let Some(language) = language_of_name(&name) {
        return Some(FileKind::Source(language));
    }
    let extension = hint.extension()?;
    Some(match extension.as_str() {
        "html" | "htm" | "xhtml" => FileKind::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => FileKind::Markdown,
        "csv" | "tsv" | "tab" => FileKind::Csv,
        "json" | "jsonl" | "ndjson" | "geojson" | "json5" | "jsonc" | "har" => FileKind::Json,
        "yaml" | "yml" => FileKind::Yaml,
        "xml" | "xsd" | "xsl" | "xslt" | "svg" | "rss" | "atom" | "plist" | "wsdl" | "dita" => {
            FileKind::Xml
        }
        "ipynb" => FileKind::Notebook,
        "eml" => FileKind::Mail,
        "txt" | "text" | "log" => FileKind::Text,
        other => FileKind::Source(language_of(other)?),
    })
}

fn by_media_type(hint: &Hint) -> Option<FileKind> {
    let media = hint.media_type()?;
    Some(match media.as_str() {
        "text/html" | "application/xhtml+xml" => FileKind::Html,
        "text/markdown" | "text/x-markdown" => FileKind::Markdown,
        "text/csv" | "text/tab-separated-values" => FileKind::Csv,
        "application/json" | "application/x-ndjson" | "application/jsonl" => FileKind::Json,
        "application/yaml" | "text/yaml" | "application/x-yaml" | "text/x-yaml" => FileKind::Yaml,
        "application/xml" | "text/xml" => FileKind::Xml,
        "message/rfc822" => FileKind::Mail,
        "text/javascript" | "application/javascript" => FileKind::Source("javascript"),
        "text/css" => FileKind::Source("css"),
        other if other.ends_with("+json") => FileKind::Json,
        other if other.ends_with("+xml") => FileKind::Xml,
        _ => return None,
    })
}
