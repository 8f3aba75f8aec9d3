//! What a file is, by how it begins. Its name only tells texts apart, and has to agree with the content.

use computetower_store::knowledge::FileClass;

/// Bytes that are looked at.
pub const HEAD: usize = 64 * 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// By which its limit goes.
    pub class: FileClass,
    /// Its media type.
    pub media_type: &'static str,
}

const fn is(class: FileClass, media_type: &'static str) -> Option<Looked> {
    Some(Looked { class, media_type })
}

/// What a file is that begins so.
///
/// # Errors
/// Why it is not taken, for people.
pub fn look(head: &[u8], filename: &str) -> Result<Looked, String> {
    if head.is_empty() {
        return Err("is empty".to_owned());
    }
    let extension = extension(filename);
    if let Some(found) = by_content(head) {
        let fits = named(&extension).is_none_or(|name| same(name, found));
        if !fits {
            return Err(format!(
                "is called .{extension}, but its content is {}",
                found.media_type
            ));
        }
        return Ok(found);
    }
    if !is_text(head) {
        return Err("is of no type that can be read: its content is not known".to_owned());
    }
    match named(&extension) {
        Some(name) if is_binary(name) => Err(format!(
            "is called .{extension}, but its content is plain text"
        )),
        Some(name) => Ok(name),
        None => Ok(Looked {
            class: FileClass::Document,
            media_type: "text/plain",
        }),
    }
}

fn extension(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Containers of one family are told apart by what reads them.
fn same(name: Looked, found: Looked) -> bool {
    let office = |looked: Looked| {
        looked.media_type.contains("openxmlformats")
            || looked.media_type.contains("opendocument")
            || looked.media_type == "application/epub+zip"
            || looked.media_type == "application/zip"
    };
    let media = |looked: Looked| matches!(looked.class, FileClass::Video | FileClass::Audio);
    name.media_type == found.media_type
        || (found.media_type == "application/zip" && office(name))
        || (media(name) && media(found))
}

fn by_content(head: &[u8]) -> Option<Looked> {
    use FileClass::{Audio, Document, Video};
    let at = |start: usize, bytes: &[u8]| head.get(start..start + bytes.len()) == Some(bytes);
    if at(0, b"%PDF-") {
        return is(Document, "application/pdf");
    }
    if at(0, b"{\\rtf") {
        return is(Document, "application/rtf");
    }
    if at(0, b"PK\x03\x04") {
        return archive(head);
    }
    if at(4, b"ftyp") {
        return if at(8, b"M4A") {
            is(Audio, "audio/mp4")
        } else {
            is(Video, "video/mp4")
        };
    }
    if at(0, b"\x1a\x45\xdf\xa3") {
        return is(Video, "video/webm");
    }
    if at(0, b"RIFF") {
        return if at(8, b"WAVE") {
            is(Audio, "audio/wav")
        } else if at(8, b"AVI ") {
            is(Video, "video/x-msvideo")
        } else {
            None
        };
    }
    let sync = |bytes: &[u8]| matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2);
    if at(0, b"ID3") || sync(head) {
        return is(Audio, "audio/mpeg");
    }
    if at(0, b"OggS") {
        return is(Audio, "audio/ogg");
    }
    if at(0, b"fLaC") {
        return is(Audio, "audio/flac");
    }
    None
}

/// What lies in a zip says what it is.
fn archive(head: &[u8]) -> Option<Looked> {
    use FileClass::Document;
    let holds = |bytes: &[u8]| head.windows(bytes.len()).any(|window| window == bytes);
    if holds(b"mimetypeapplication/epub+zip") {
        return is(Document, "application/epub+zip");
    }
    if holds(b"mimetypeapplication/vnd.oasis.opendocument.text") {
        return is(Document, "application/vnd.oasis.opendocument.text");
    }
    if holds(b"word/") {
        return is(
            Document,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        );
    }
    if holds(b"ppt/") {
        return is(
            Document,
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        );
    }
    if holds(b"xl/") {
        return is(
            Document,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        );
    }
    // An office file may begin with a part of another name: the extractor sees.
    is(Document, "application/zip")
}

/// What a name claims.
fn named(extension: &str) -> Option<Looked> {
    use FileClass::{Audio, Data, Document, Video};
    match extension {
        "pdf" => is(Document, "application/pdf"),
        "rtf" => is(Document, "application/rtf"),
        "docx" => is(
            Document,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        "pptx" => is(
            Document,
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        "xlsx" => is(
            Document,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        "odt" => is(Document, "application/vnd.oasis.opendocument.text"),
        "epub" => is(Document, "application/epub+zip"),
        "mp4" | "m4v" | "mov" => is(Video, "video/mp4"),
        "webm" | "mkv" => is(Video, "video/webm"),
        "avi" => is(Video, "video/x-msvideo"),
        "mp3" => is(Audio, "audio/mpeg"),
        "wav" => is(Audio, "audio/wav"),
        "ogg" | "oga" | "opus" => is(Audio, "audio/ogg"),
        "m4a" => is(Audio, "audio/mp4"),
        "flac" => is(Audio, "audio/flac"),
        "html" | "htm" | "xhtml" => is(Document, "text/html"),
        "md" | "markdown" => is(Document, "text/markdown"),
        "txt" | "text" | "log" => is(Document, "text/plain"),
        "eml" => is(Document, "message/rfc822"),
        "csv" | "tsv" => is(Data, "text/csv"),
        "json" | "jsonl" => is(Data, "application/json"),
        "ipynb" => is(Data, "application/x-ipynb+json"),
        "yaml" | "yml" => is(Data, "application/yaml"),
        "xml" => is(Data, "application/xml"),
        "rs" | "py" | "js" | "mjs" | "ts" | "tsx" | "jsx" | "java" | "c" | "h" | "cpp" | "hpp"
        | "cs" | "go" | "rb" | "php" | "sh" | "sql" | "swift" | "kt" | "scala" | "lua" | "pl"
        | "toml" | "ini" | "css" => is(Data, "text/x-source"),
        _ => None,
    }
}

fn is_binary(name: Looked) -> bool {
    matches!(name.class, FileClass::Video | FileClass::Audio)
        || (name.media_type.starts_with("application/") && name.class == FileClass::Document)
}

/// Text in UTF-8, UTF-16 with its mark, or an older charset: no control characters but those of texts.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    !head
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_has_to_agree() {
        let class = |head: &[u8], name| look(head, name).map(|looked| looked.class);
        assert_eq!(class(b"%PDF-1.7\n", "a.pdf"), Ok(FileClass::Document));
        assert_eq!(class(b"%PDF-1.7\n", "a"), Ok(FileClass::Document));
        assert_eq!(class(b"\0\0\0\x18ftypmp42", "a.mp4"), Ok(FileClass::Video));
        assert_eq!(class(b"{\"a\": 1}", "a.json"), Ok(FileClass::Data));
        assert_eq!(class(b"# Hello", "README.md"), Ok(FileClass::Document));
        for (head, name) in [
            (&b"%PDF-1.7\n"[..], "a.txt"),
            (b"just text", "a.pdf"),
            (b"just text", "a.mp4"),
            (b"\x7fELF\x02\x01\x01\0", "a.txt"),
            (b"MZ\x90\0\x03", "a"),
            (b"", "a.txt"),
        ] {
            assert!(look(head, name).is_err(), "{name}");
        }
    }
}
