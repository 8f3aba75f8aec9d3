//! What commands say to people and programs on standard output.

use std::io::Write;

use serde_json::{Value, json};

use super::Failure;

/// A line on standard output. A reader that has gone (`| head`) is an error like any other, so that the command ends.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Lines, one after the other.
pub(super) fn lines(lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|text| line(text))
}

/// A line on standard error, for whoever looks. Where nobody does, nothing is lost.
pub(super) fn aside(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A field of something, on one line.
pub(super) fn field(name: &str, value: &Value) -> Result<(), Failure> {
    line(&format!("{name:16} {}", cell(value)))
}

/// Something whole: for people, a field a line.
pub(super) fn record(value: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(value);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        field(name, value)?;
    }
    Ok(())
}

/// Something that was made: for people and scripts, its id alone.
pub(super) fn made(value: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        json(value)
    } else {
        line(&cell(&value["id"]))
    }
}

/// That something is no more.
pub(super) fn deleted(as_json: bool) -> Result<(), Failure> {
    if as_json {
        json(&json!({ "deleted": true }))
    } else {
        line("deleted")
    }
}

/// A value for programs, on one line.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Text that others wrote, without what would steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A field as a cell: text as it is, nothing as a dash, the rest as JSON.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// Columns as wide as their widest cell.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .chain([title.len()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let draw = |cells: Vec<&str>| {
        let line: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line.join("  ").trim_end().to_owned()
    };
    let titles = draw(head.to_vec());
    std::iter::once(titles)
        .chain(
            rows.iter()
                .map(|row| draw(row.iter().map(String::as_str).collect())),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_nothing_steers_the_terminal() {
        let rows = vec![
            vec!["a".to_owned(), cell(&Value::from("x\u{1b}[2J"))],
            vec!["longer".to_owned(), cell(&Value::Null)],
        ];
        assert_eq!(
            table(&["id", "word"], &rows),
            ["id      word", "a       x [2J", "longer  -"]
        );
    }
}
