//! Source code: fenced with its language, in pieces under a heading per definition at the top of the file where it is long.

use super::Reading;
use crate::Document;
use crate::markdown::{self, Writer};

/// From how many bytes on a file is taken to pieces, and how many bytes a piece has at least.
const WORTH: usize = 6 << 10;
const PIECE: usize = 1500;
/// How many headings that may make.
const MOST_HEADINGS: usize = 2000;

pub(super) fn document(reading: &Reading<'_>, language: &str) -> Document {
    let text = reading.text();
    let source = text.text.as_str();
    let mut document = Document {
        title: reading.hint.name.as_deref().and_then(|name| {
            let name = name.rsplit(['/', '\\']).next()?;
            (!name.is_empty()).then(|| name.to_owned())
        }),
        ..Document::default()
    };
    document
        .metadata
        .insert("language".to_owned(), language.to_owned());
    super::text::note_encoding(&mut document, &text);
    let mut out = Writer::default();
    let pieces = if source.len() > WORTH {
        pieces(source)
    } else {
        Vec::new()
    };
    if pieces.len() < 2 || pieces.len() > MOST_HEADINGS {
        out.block(&markdown::fence(source, Some(language)));
    } else {
        for (heading, piece) in pieces {
            if let Some(heading) = heading {
                out.block(&markdown::heading(2, &super::escaped(heading)));
            }
            out.block(&markdown::fence(piece, Some(language)));
        }
    }
    document.markdown = out.finish();
    document
}

/// Words that begin a definition in the languages that are usual.
const BEGINS: [&str; 34] = [
    "fn",
    "pub",
    "async",
    "struct",
    "enum",
    "trait",
    "impl",
    "mod",
    "macro_rules!",
    "def",
    "class",
    "func",
    "function",
    "export",
    "type",
    "interface",
    "public",
    "private",
    "protected",
    "static",
    "abstract",
    "final",
    "namespace",
    "module",
    "package",
    "object",
    "fun",
    "sub",
    "defmodule",
    "defp",
    "CREATE",
    "create",
    "union",
    "template",
];

/// The file cut before definitions that begin a line, and what is wanted above each piece. A comment or attribute right above a definition stays with it.
fn pieces(source: &str) -> Vec<(Option<&str>, &str)> {
    let mut pieces = Vec::new();
    let (mut from, mut heading) = (0, None);
    let (mut at, mut above) = (0, 0);
    for line in source.split_inclusive('\n') {
        let begins = line
            .split([' ', '(', '\t', '\n', '<'])
            .next()
            .is_some_and(|word| BEGINS.contains(&word));
        if begins && (above - from >= PIECE || heading.is_none()) {
            if let Some(piece) = source
                .get(from..above)
                .filter(|piece| !piece.trim().is_empty())
            {
                pieces.push((heading, piece));
            }
            from = above;
            heading = Some(named(line));
        }
        at += line.len();
        let attached =
            line.starts_with(['#', '@', '/', '*', '-', '"', ';', '%']) || line.starts_with(" *");
        if !attached {
            above = at;
        }
    }
    if let Some(piece) = source.get(from..).filter(|piece| !piece.trim().is_empty()) {
        pieces.push((heading, piece));
    }
    pieces
}

/// The first line of a definition, without what opens its body.
fn named(line: &str) -> &str {
    let line = line
        .trim_end()
        .trim_end_matches(['{', ':', ';', '='])
        .trim_end();
    match line.char_indices().nth(100) {
        Some((end, _)) => line.get(..end).unwrap_or(line),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_file_again() {
        let mut source = "//! Head.\nuse std;\n\n".to_owned();
        for at in 0..200 {
            source.push_str(&format!(
                "/// Comment.\n#[inline]\npub fn f{at}(x: u8) {{\n    let y = {at};\n}}\n\n"
            ));
        }
        let pieces = pieces(&source);
        let again: String = pieces.iter().map(|(_, piece)| *piece).collect();
        assert_eq!(again, source);
        assert!(pieces.len() > 5);
        assert!(
            pieces
                .iter()
                .skip(1)
                .all(|(_, piece)| piece.starts_with("/// Comment."))
        );
        assert!(
            pieces
                .iter()
                .skip(1)
                .all(|(heading, _)| heading.is_some_and(|h| h.starts_with("pub fn f")))
        );
    }
}
