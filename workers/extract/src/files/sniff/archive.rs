//! Which document a zip archive is, by the names of its members and the media type that some of them store first.

use super::{FileKind, memory_find};

/// The bytes that a member's own header begins with, and its length before the name.
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// The bytes that an entry of the list at the end begins with, and its length before the name.
const CENTRAL: &[u8] = b"PK\x01\x02";
const CENTRAL_LENGTH: usize = 46;
/// How many members are looked at.
const MEMBERS: usize = 512;

/// The document that an archive is. Works on the beginning of a file, too: members have their names before their content.
pub(super) fn kind(bytes: &[u8]) -> FileKind {
    if let Some(kind) = stored_type(bytes) {
        return kind;
    }
    let names = || {
        headers(bytes, CENTRAL, CENTRAL_LENGTH, 28).chain(headers(bytes, LOCAL, LOCAL_LENGTH, 26))
    };
    let has = |start: &[u8]| names().any(|name| name.starts_with(start));
    match () {
        () if has(b"word/document") => FileKind::Docx,
        () if has(b"ppt/presentation") => FileKind::Pptx,
        () if has(b"xl/workbook") => FileKind::Xlsx,
        () if has(b"META-INF/container.xml") => FileKind::Epub,
        // Only the beginning is there, and it tells the family.
        () if has(b"word/") => FileKind::Docx,
        () if has(b"ppt/") => FileKind::Pptx,
        () if has(b"xl/") => FileKind::Xlsx,
        () => FileKind::Other("application/zip"),
    }
}

/// The media type that OpenDocument and EPUB store as their first member, uncompressed.
fn stored_type(bytes: &[u8]) -> Option<FileKind> {
    let name = bytes.get(LOCAL_LENGTH..)?;
    if !name.starts_with(b"mimetype") {
        return None;
    }
    let extra = usize::from(u16::from_le_bytes([*bytes.get(28)?, *bytes.get(29)?]));
    let media = bytes.get(LOCAL_LENGTH + 8 + extra..)?;
    let is = |name: &[u8]| media.starts_with(name);
    Some(match () {
        () if is(b"application/epub+zip") => FileKind::Epub,
        () if is(b"application/vnd.oasis.opendocument.text") => FileKind::Odt,
        () if is(b"application/vnd.oasis.opendocument.spreadsheet") => FileKind::Ods,
        () if is(b"application/vnd.oasis.opendocument.presentation") => FileKind::Odp,
        () => return None,
    })
}

/// The names behind headers of one sort.
fn headers<'a>(
    bytes: &'a [u8],
    magic: &'static [u8],
    length: usize,
    name_length: usize,
) -> impl Iterator<Item = &'a [u8]> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            from += memory_find(bytes.get(from..)?, magic)?;
            let header = bytes.get(from..)?;
            from += magic.len();
            let size = usize::from(u16::from_le_bytes([
                *header.get(name_length)?,
                *header.get(name_length + 1)?,
            ]));
            if let Some(name) = header.get(length..length + size) {
                return Some(name);
            }
        }
    })
    .take(MEMBERS)
}
