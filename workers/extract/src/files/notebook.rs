//! Jupyter notebooks: the cells in their order; of what they gave out, the text.

use serde::Deserialize;

use super::{Reading, json};
use crate::markdown::{self, Writer};
use crate::{Document, ExtractError};

/// How much of one output is kept, in bytes: a log of training says no more with its last megabyte.
const OUTPUT: usize = 20_000;

/// Fields as nbformat 4 names them, and what version 3 had instead.
#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
    #[serde(default)]
    worksheets: Vec<Worksheet>,
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default)]
    cell_type: String,
    #[serde(default)]
    source: Lines,
    #[serde(default)]
    input: Lines,
    #[serde(default)]
    outputs: Vec<Output>,
    /// Version 3 had headings as cells.
    #[serde(default)]
    level: Option<u8>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    text: Lines,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    ename: Option<String>,
    #[serde(default)]
    evalue: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default, rename = "text/plain")]
    plain: Lines,
    #[serde(default, rename = "text/markdown")]
    markdown: Lines,
    #[serde(default, rename = "text/html")]
    html: Lines,
}

/// A text that is written as one string or as a list of lines.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Lines {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
    Other(serde::de::IgnoredAny),
}

impl Lines {
    fn join(&self) -> String {
        match self {
            Lines::One(text) => text.clone(),
            Lines::Many(lines) => lines.concat(),
            Lines::None | Lines::Other(_) => String::new(),
        }
    }
}

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let text = reading.text();
    json::check_nesting(&text.text)?;
    let notebook: Notebook = serde_json::from_str(&text.text)
        .map_err(|error| ExtractError::Damaged(format!("it is no notebook: {error}")))?;
    let said = |path: &str| {
        let value = notebook.metadata.pointer(path)?.as_str()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let language = said("/language_info/name")
        .or_else(|| said("/kernelspec/language"))
        .unwrap_or_else(|| "python".to_owned())
        .to_lowercase();
    let mut document = Document {
        title: said("/title"),
        ..Document::default()
    };
    for (name, path) in [
        ("kernel", "/kernelspec/display_name"),
        ("author", "/authors/0/name"),
    ] {
        if let Some(value) = said(path) {
            document.metadata.insert(name.to_owned(), value);
        }
    }
    document
        .metadata
        .insert("language".to_owned(), language.clone());
    let mut out = Writer::default();
    let worksheets = notebook.worksheets.iter().flat_map(|sheet| &sheet.cells);
    let mut cut = 0_u32;
    for cell in notebook.cells.iter().chain(worksheets) {
        let source = match cell.source.join() {
            source if source.is_empty() => cell.input.join(),
            source => source,
        };
        match cell.cell_type.as_str() {
            "markdown" => out.block(&source),
            "heading" => out.block(&markdown::heading(cell.level.unwrap_or(1), &source)),
            "code" => {
                if !source.trim().is_empty() {
                    out.block(&markdown::fence(&source, Some(&language)));
                }
                for output in &cell.outputs {
                    cut += u32::from(write(&mut out, output));
                }
            }
            // Raw cells are for one program to print with.
            _ => out.block(&super::text::lines(&source)),
        }
    }
    if cut > 0 {
        document
            .warnings
            .push(format!("{cut} long outputs are cut"));
    }
    document.markdown = out.finish();
    Ok(document)
}

/// Writes an output; true when it had to be cut.
fn write(out: &mut Writer, output: &Output) -> bool {
    let (text, is_markdown) = match (&output.data, output.text.join()) {
        (Some(data), _) => match (data.markdown.join(), data.html.join()) {
            (markdown, _) if !markdown.trim().is_empty() => (markdown, true),
            // Tables are shown as HTML, and as text beside it.
            (_, html) if html.contains("<table") => match super::page_within(&html) {
                Some(table) => (table, true),
                None => (data.plain.join(), false),
            },
            _ => (data.plain.join(), false),
        },
        (None, text) if !text.is_empty() => (text, false),
        (None, _) => match (&output.ename, &output.evalue) {
            (Some(name), value) => (format!("{name}: {}", value.as_deref().unwrap_or("")), false),
            _ => return false,
        },
    };
    let end = text.floor_char_boundary(OUTPUT);
    let kept = text.get(..end).unwrap_or(&text);
    if is_markdown {
        out.block(kept);
    } else if !kept.trim().is_empty() {
        out.block(&markdown::fence(kept, Some("text")));
    }
    kept.len() < text.len()
}
