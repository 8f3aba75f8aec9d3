//! Separated values, as one table. Rows are as long as they are written: filled up to the widest, a small file could become billions of cells.

use super::{Reading, limits};
use crate::{Document, ExtractError, markdown};

/// What separates values, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many rows tell the separator.
const TELLING: usize = 100;

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let text = reading.text();
    if let Some(line) = text.text.lines().find(|line| line.len() > limits::LINE) {
        return Err(ExtractError::TooLarge(format!(
            "a line of {} bytes",
            line.len()
        )));
    }
    let mut document = Document {
        title: reading.stem(),
        markdown: table(&text.text),
        ..Document::default()
    };
    super::text::note_encoding(&mut document, &text);
    Ok(document)
}

fn rows(text: &str, separator: u8) -> impl Iterator<Item = csv::StringRecord> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes())
        .into_records()
        .map_while(Result::ok)
        .filter(|row| row.iter().any(|value| !value.trim().is_empty()))
}

fn table(text: &str) -> String {
    // Some programs name the separator in a line of its own.
    let (named, text) = match text.strip_prefix("sep=") {
        Some(rest) => (
            rest.bytes().next(),
            rest.split_once('\n').map_or("", |(_, rest)| rest),
        ),
        None => (None, text),
    };
    let separator = named.unwrap_or_else(|| separator(text));
    let widest = rows(text, separator).map(|row| row.len()).max();
    let Some(widest) = widest else {
        return String::new();
    };
    let mut out = String::with_capacity(text.len() * 2);
    let mut all = rows(text, separator).peekable();
    // Numbers head no column: then the table has a head that says nothing.
    let is_head = all.peek().is_some_and(|row| {
        row.iter()
            .any(|value| !value.trim().is_empty() && value.trim().parse::<f64>().is_err())
    });
    let head = if is_head { all.next() } else { None };
    let mut names = head.as_ref().map(csv::StringRecord::iter);
    out.push('|');
    for _ in 0..widest {
        cell(
            &mut out,
            names.as_mut().and_then(Iterator::next).unwrap_or(""),
        );
    }
    out.push_str("\n|");
    out.push_str(&" --- |".repeat(widest));
    out.push('\n');
    for row in all {
        out.push('|');
        for value in &row {
            cell(&mut out, value);
        }
        out.push('\n');
    }
    out
}

fn cell(out: &mut String, value: &str) {
    let value = value.trim();
    out.push(' ');
    if !value.is_empty() {
        let mut text = String::with_capacity(value.len());
        markdown::escape_into(&mut text, &value.replace("\r\n", "\n"));
        out.push_str(&markdown::table_cell(&text));
        out.push(' ');
    }
    out.push('|');
}

/// The separator by which the most of the first rows have the same number of values; more than one, if there is such.
fn separator(text: &str) -> u8 {
    let score = |separator: u8| {
        let widths: Vec<usize> = rows(text, separator)
            .take(TELLING)
            .map(|row| row.len())
            .collect();
        let usual = widths
            .iter()
            .copied()
            .max_by_key(|width| widths.iter().filter(|other| *other == width).count());
        let alike = widths.iter().filter(|width| Some(**width) == usual).count();
        let usual = usual.unwrap_or(0);
        (usual > 1, alike * 100 / widths.len().max(1), usual)
    };
    // Of those that are as good as each other the first.
    let mut best = (score(SEPARATORS[0]), SEPARATORS[0]);
    for separator in SEPARATORS.into_iter().skip(1) {
        let scored = score(separator);
        if scored > best.0 {
            best = (scored, separator);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_told_by_the_rows() {
        for (text, wanted) in [
            ("a,b\n1,2\n", b','),
            ("a;b;c\n1,5;2,5;3\n4;5;6,7\n", b';'),
            ("name\ttext\nx\tone, two\ny\tthree\n", b'\t'),
            ("a|b\n\"x, y\"|2\n", b'|'),
            ("\"a, b\";c\n\"d, e\";f\n", b';'),
            ("one\ntwo\n", b','),
        ] {
            assert_eq!(separator(text), wanted, "{text}");
        }
    }

    #[test]
    fn rows_are_as_long_as_they_are_written() {
        assert_eq!(
            table("a,b,c\n1\n\n,2,\"x\ny | z\"\n"),
            "| a | b | c |\n| --- | --- | --- |\n| 1 |\n| | 2 | x<br>y \\| z |\n"
        );
        assert_eq!(
            table("1,2\n3,4\n"),
            "| | |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n"
        );
        assert_eq!(table("sep=;\na;b\n"), "| a | b |\n| --- | --- |\n");
        assert_eq!(table("\n\n"), "");
    }
}
