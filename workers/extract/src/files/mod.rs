//! Files: what they are, and what they say. Every kind ends in Markdown, from which headings, code blocks and links are read.
//!
//! Hostile files are the rule here: whatever unpacks, nests or repeats is held to `limits`, and memory and time besides by the process that this runs in.

mod archive;
pub mod charset;
mod csv;
mod json;
mod limits;
mod mail;
pub mod media;
mod notebook;
mod office;
mod outline;
mod pdf;
pub mod process;
mod sniff;
mod source;
mod text;
mod xml;
mod yaml;

use std::path::Path;
use std::time::{Duration, Instant};

pub use sniff::{FileClass, FileKind, Hint, Language, language_of, sniff};

use crate::{Document, Extent, ExtractError, HtmlSource, markdown};

/// How files are read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Options {
    /// Read scanned pages with tesseract, where it is installed.
    pub ocr: bool,
    /// The languages of scanned pages, as tesseract names them (`eng+deu`).
    pub ocr_languages: String,
    /// How long other programs may take for a document altogether. What is not read by then is told in warnings.
    pub tool_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ocr: true,
            ocr_languages: "eng".to_owned(),
            tool_time: Duration::from_secs(60),
        }
    }
}

/// A file that is being read.
pub(crate) struct Reading<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where it is on disk, when it is.
    pub(crate) path: Option<&'a Path>,
    pub(crate) kind: FileKind,
    pub(crate) hint: &'a Hint,
    pub(crate) options: &'a Options,
    /// When other programs have to be done.
    pub(crate) until: Instant,
}

impl Reading<'_> {
    /// The text of a text file.
    pub(crate) fn text(&self) -> charset::Decoded {
        charset::decode(self.bytes, self.hint.charset())
    }

    /// The name without what stands behind its last point.
    pub(crate) fn stem(&self) -> Option<String> {
        let name = self.hint.name.as_deref()?.rsplit(['/', '\\']).next()?;
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        (!stem.trim().is_empty()).then(|| stem.trim().to_owned())
    }
}

/// Reads a file that is in memory.
///
/// # Errors
/// When nothing of it can be read: its kind is not known, it is broken or protected, or it would take too much.
pub fn extract(bytes: &[u8], hint: &Hint, options: &Options) -> Result<Document, ExtractError> {
    read(bytes, None, hint, options)
}

/// Reads a file from disk. Sound and moving pictures are not read into memory.
///
/// # Errors
/// As [`extract`], and when the file cannot be opened.
pub fn extract_file(path: &Path, hint: &Hint, options: &Options) -> Result<Document, ExtractError> {
    use std::io::Read;
    let gone =
        |error: std::io::Error| ExtractError::Damaged(format!("it cannot be opened: {error}"));
    let mut file = std::fs::File::open(path).map_err(gone)?;
    let size = file.metadata().map_err(gone)?.len();
    let mut bytes = Vec::new();
    file.by_ref()
        .take(HEAD)
        .read_to_end(&mut bytes)
        .map_err(gone)?;
    let class = sniff(&bytes, hint).class();
    let limit = class.largest();
    if size > limit {
        return Err(too_large(size, class));
    }
    if !matches!(class, FileClass::Audio | FileClass::Video) {
        file.take(limit).read_to_end(&mut bytes).map_err(gone)?;
    }
    read(&bytes, Some(path), hint, options)
}

/// How much of a file on disk is looked at before it is known what it is, in bytes.
const HEAD: u64 = 64 << 10;

fn too_large(size: u64, class: FileClass) -> ExtractError {
    ExtractError::TooLarge(format!(
        "{size} bytes, and a {} file may have {}",
        class.name(),
        class.largest()
    ))
}

fn read(
    bytes: &[u8],
    path: Option<&Path>,
    hint: &Hint,
    options: &Options,
) -> Result<Document, ExtractError> {
    let kind = sniff(bytes, hint);
    let class = kind.class();
    if bytes.len() as u64 > class.largest() {
        return Err(too_large(bytes.len() as u64, class));
    }
    let reading = Reading {
        bytes,
        path,
        kind,
        hint,
        options,
        until: Instant::now() + options.tool_time,
    };
    let mut document = match kind {
        FileKind::Html => {
            let about = HtmlSource {
                url: hint.url.as_deref().unwrap_or_default(),
                content_type: hint.content_type.as_deref(),
                extent: Extent::Main,
            };
            return crate::html(bytes, &about);
        }
        FileKind::Pdf => pdf::document(&reading)?,
        FileKind::Docx
        | FileKind::Pptx
        | FileKind::Xlsx
        | FileKind::Odt
        | FileKind::Ods
        | FileKind::Odp
        | FileKind::Epub
        | FileKind::Rtf
        | FileKind::Ole => office::document(&reading)?,
        FileKind::Markdown => text::markdown(&reading),
        FileKind::Text => text::plain(&reading),
        FileKind::Csv => csv::document(&reading)?,
        FileKind::Json => json::document(&reading)?,
        FileKind::Yaml => yaml::document(&reading),
        FileKind::Xml => xml::document(&reading)?,
        FileKind::Notebook => notebook::document(&reading)?,
        FileKind::Mail => mail::document(&reading)?,
        FileKind::Source(language) => source::document(&reading, language),
        FileKind::Audio(_) | FileKind::Video(_) => media::document(&reading)?,
        FileKind::Other(media) => return Err(ExtractError::Unsupported(media.to_owned())),
    };
    finish(&mut document, &reading)?;
    Ok(document)
}

/// What is the same for all kinds, once the Markdown is there.
fn finish(document: &mut Document, reading: &Reading<'_>) -> Result<(), ExtractError> {
    if document.markdown.len() > limits::MARKDOWN {
        return Err(ExtractError::TooLarge(format!(
            "{} bytes of text",
            document.markdown.len()
        )));
    }
    outline::fill(document, reading.hint.url.as_deref());
    if document.title.is_none() {
        document.title = reading.stem();
    }
    let is_prose = !matches!(
        reading.kind,
        FileKind::Source(_) | FileKind::Json | FileKind::Yaml | FileKind::Xml | FileKind::Csv
    ) && !media::is_media(reading.kind);
    if document.language.is_none() && is_prose {
        document.language = language(&document.markdown);
    }
    document.metadata.insert(
        "media_type".to_owned(),
        reading.kind.media_type().to_owned(),
    );
    document.metadata.retain(|_, value| {
        *value = value.trim().to_owned();
        !value.is_empty() && value.len() <= limits::METADATA
    });
    if document.warnings.len() > limits::WARNINGS {
        let more = document.warnings.len() - limits::WARNINGS;
        document.warnings.truncate(limits::WARNINGS);
        document.warnings.push(format!("and {more} more"));
    }
    Ok(())
}

/// A part of something else that is written as a web page: the text of a message, a table in a notebook.
fn page_within(html: &str) -> Option<String> {
    let about = HtmlSource {
        content_type: Some("text/html; charset=utf-8"),
        extent: Extent::Whole,
        ..HtmlSource::default()
    };
    let page = crate::html(html.as_bytes(), &about).ok()?;
    (!page.markdown.trim().is_empty()).then_some(page.markdown)
}

/// How much text tells its language, in bytes.
const TELLING: usize = 4 << 10;

/// The language of what people wrote in a document: code and tables say nothing of it.
fn language(markdown: &str) -> Option<String> {
    let mut prose = String::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code && !line.starts_with('|') {
            prose.push_str(line);
            prose.push('\n');
        }
        if prose.len() > TELLING {
            break;
        }
    }
    crate::html::guess(&prose)
}

/// Plain text in a line of Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (at, word) in text.split_whitespace().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        markdown::escape_into(&mut out, word);
    }
    out
}
