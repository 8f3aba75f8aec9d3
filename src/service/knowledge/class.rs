//! What a file is, by its content. Its name has to agree: who calls a program a text is mistaken, or worse.

use computetower_extract::files::{FileClass, FileKind, Hint, sniff};

/// Bytes that are looked at.
pub const HEAD: usize = 64 * 1024;

/// What a file is that begins so.
///
/// # Errors
/// Why it is not taken, for people.
pub fn look(head: &[u8], filename: &str) -> Result<FileKind, String> {
    if head.is_empty() {
        return Err("is empty".to_owned());
    }
    let kind = sniff(head, &Hint::named(filename));
    if !kind.is_read() {
        return Err(format!(
            "is of the type {}, which cannot be read",
            kind.media_type()
        ));
    }
    let extension = extension(filename);
    if !agrees(&extension, kind) {
        return Err(format!(
            "is called .{extension}, but its content is {}",
            kind.media_type()
        ));
    }
    Ok(kind)
}

fn extension(filename: &str) -> String {
    filename
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Whether a file of this kind may be called so. Containers of one family, and texts among themselves, are not told apart by their names; a name that
/// says nothing fits all.
fn agrees(extension: &str, kind: FileKind) -> bool {
    use FileKind::{Docx, Epub, Odp, Ods, Odt, Ole, Pdf, Pptx, Rtf, Xlsx};
    let office = matches!(kind, Docx | Pptx | Xlsx | Odt | Ods | Odp | Ole);
    let media = matches!(kind.class(), FileClass::Audio | FileClass::Video);
    let text = !office && !media && !matches!(kind, Pdf | Epub | Rtf);
    match extension {
        "pdf" => kind == Pdf,
        "rtf" => kind == Rtf,
        "epub" => kind == Epub,
        "docx" | "docm" | "dotx" | "pptx" | "pptm" | "xlsx" | "xlsm" | "xlsb" | "odt" | "ods"
        | "odp" => office,
        // Programs save web pages and texts under the old names.
        "doc" | "xls" | "ppt" => office || text || kind == Rtf,
        "mp4" | "m4v" | "mov" | "webm" | "mkv" | "avi" | "mp3" | "wav" | "ogg" | "oga" | "opus"
        | "m4a" | "flac" | "aac" => media,
        "html" | "htm" | "xhtml" | "md" | "markdown" | "txt" | "text" | "log" | "csv" | "tsv"
        | "json" | "jsonl" | "ipynb" | "yaml" | "yml" | "xml" | "eml" | "rs" | "py" | "js"
        | "ts" | "java" | "c" | "h" | "cpp" | "go" | "rb" | "sh" | "sql" | "toml" => text,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_has_to_agree() {
        let class = |head: &[u8], name| look(head, name).map(FileKind::class);
        assert_eq!(class(b"%PDF-1.7\n", "a.pdf"), Ok(FileClass::Document));
        assert_eq!(class(b"%PDF-1.7\n", "a"), Ok(FileClass::Document));
        assert_eq!(
            class(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a.mp4"),
            Ok(FileClass::Video)
        );
        assert_eq!(class(b"{\"a\": 1}", "a.json"), Ok(FileClass::Data));
        assert!(class(b"# Hello", "README.md").is_ok());
        for (head, name) in [
            (&b"%PDF-1.7\n"[..], "a.txt"),
            (b"just text", "a.pdf"),
            (b"just text", "a.mp4"),
            (b"\x7fELF\x02\x01\x01\0", "a.txt"),
            (b"MZ\x90\0\x03\0\0\0", "a"),
            (b"", "a.txt"),
        ] {
            assert!(look(head, name).is_err(), "{name}");
        }
    }
}
