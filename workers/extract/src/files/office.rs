//! What Office programs write, and books: through `anydoc`, after a look at how much is packed into them.

use anydoc::{ConvertError, Format};

use super::archive::Archive;
use super::{FileKind, Reading, xml};
use crate::{Document, ExtractError};

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let mut document = Document::default();
    if !matches!(reading.kind, FileKind::Rtf | FileKind::Ole) {
        let mut archive = Archive::open(reading.bytes)?;
        describe(&mut document, &mut archive, reading.kind);
    }
    // Rich text names its nesting with the bytes that open it.
    if matches!(reading.kind, FileKind::Rtf) {
        check_groups(reading.bytes)?;
    }
    document.markdown =
        anydoc::to_markdown_bytes(reading.bytes, format(reading)).map_err(failed)?;
    if document.markdown.trim().is_empty() {
        document.warnings.push("there is no text in it".to_owned());
    }
    Ok(document)
}

/// None where `anydoc` finds out itself.
fn format(reading: &Reading<'_>) -> Option<Format> {
    Some(match reading.kind {
        FileKind::Docx => Format::Docx,
        FileKind::Pptx => Format::Pptx,
        FileKind::Xlsx => Format::Excel,
        FileKind::Odt => Format::Odt,
        FileKind::Ods => Format::Ods,
        FileKind::Odp => Format::Odp,
        FileKind::Epub => Format::Epub,
        FileKind::Rtf => Format::Rtf,
        _ => return None,
    })
}

/// Bytes of a part that describes a document.
const DESCRIPTION: u64 = 1 << 20;

/// Title, author and the like, from the part of the archive that has them.
fn describe(document: &mut Document, archive: &mut Archive<'_>, kind: FileKind) {
    let part = match kind {
        FileKind::Odt | FileKind::Ods | FileKind::Odp => "meta.xml".to_owned(),
        FileKind::Epub => package(archive).unwrap_or_default(),
        _ => "docProps/core.xml".to_owned(),
    };
    let Some(content) = archive.member(&part, DESCRIPTION) else {
        return;
    };
    let mut found = xml::properties(&content);
    let mut take = |names: &[&str]| names.iter().find_map(|name| found.remove(*name));
    document.title = take(&["title"]);
    document.language = take(&["language"]).and_then(|tag| super::text::language(&tag));
    for (key, names) in [
        (
            "author",
            &["creator", "initial-creator", "lastModifiedBy"][..],
        ),
        ("published", &["created", "creation-date", "date"]),
        ("modified", &["modified"]),
        ("description", &["description", "subject"]),
        ("keywords", &["keywords", "keyword"]),
        ("generator", &["generator"]),
        ("publisher", &["publisher"]),
        ("identifier", &["identifier"]),
    ] {
        if let Some(value) = take(names) {
            document.metadata.insert(key.to_owned(), value);
        }
    }
}

/// Where the description of a book is.
fn package(archive: &mut Archive<'_>) -> Option<String> {
    let container = archive.member("META-INF/container.xml", DESCRIPTION)?;
    let container = String::from_utf8_lossy(&container);
    let (_, rest) = container.split_once("full-path=")?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.get(1..)?.split(quote).next().map(str::to_owned)
}

/// Groups of rich text inside each other.
const GROUPS: usize = 2000;

fn check_groups(bytes: &[u8]) -> Result<(), ExtractError> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > GROUPS {
            return Err(ExtractError::TooLarge(format!(
                "more than {GROUPS} groups inside each other"
            )));
        }
    }
    Ok(())
}

/// The same in our words.
pub(super) fn failed(error: ConvertError) -> ExtractError {
    match error {
        ConvertError::Encrypted => ExtractError::Protected,
        ConvertError::ResourceLimit { detail, .. } => ExtractError::TooLarge(detail),
        ConvertError::Unsupported(what) => ExtractError::Unsupported(what),
        error => ExtractError::Damaged(error.to_string()),
    }
}
