//! What a file is, by what it holds. Its name and what a server calls it decide among kinds of text alone, which nothing else tells apart.

mod archive;
mod languages;
mod text;

pub use languages::{Language, language_of};

/// What is said of a file by others.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hint {
    /// Its name, with or without folders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The media type that came with it, with its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where it was fetched from: what relative links start from, and a name where there is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Hint {
    /// A hint that is a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// The last part of the name, or of the address's path, in lower case.
    pub(crate) fn file_name(&self) -> Option<String> {
        let named = self.name.as_deref().or_else(|| {
            let url = self.url.as_deref()?;
            let path = url.split(['?', '#']).next()?;
            path.split_once("://").map_or(Some(path), |(_, rest)| {
                rest.split_once('/').map(|(_, path)| path)
            })
        })?;
        let last = named.rsplit(['/', '\\']).next()?;
        (!last.is_empty()).then(|| last.to_lowercase())
    }

    /// What stands behind the last point of the name.
    pub(crate) fn extension(&self) -> Option<String> {
        let name = self.file_name()?;
        name.rsplit_once('.').map(|(_, end)| end.to_owned())
    }

    /// The media type without its parameters, in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let given = self.content_type.as_deref()?;
        Some(given.split(';').next()?.trim().to_lowercase())
    }

    /// The charset that the media type names.
    pub(crate) fn charset(&self) -> Option<&str> {
        self.content_type
            .as_deref()?
            .split(';')
            .skip(1)
            .find_map(|part| {
                let (name, value) = part.split_once('=')?;
                (name.trim().eq_ignore_ascii_case("charset"))
                    .then(|| value.trim().trim_matches(['"', '\'']))
            })
    }
}

/// Kinds of files, as an upload is limited by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileClass {
    /// Moving pictures: 500 MB.
    Video,
    /// What people write and print: 50 MB.
    Document,
    /// Sound: 100 MB.
    Audio,
    /// Data, text and source code: 10 MB.
    Data,
}

impl FileClass {
    /// The largest file of the class, in bytes.
    #[must_use]
    pub const fn largest(self) -> u64 {
        let mebibytes = match self {
            FileClass::Video => 500,
            FileClass::Document => 50,
            FileClass::Audio => 100,
            FileClass::Data => 10,
        };
        mebibytes << 20
    }

    /// Its name in messages and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileClass::Video => "video",
            FileClass::Document => "document",
            FileClass::Audio => "audio",
            FileClass::Data => "data",
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// PDF.
    Pdf,
    /// Word, also with macros.
    Docx,
    /// PowerPoint, also with macros.
    Pptx,
    /// Excel, also with macros or binary.
    Xlsx,
    /// OpenDocument text.
    Odt,
    /// OpenDocument table.
    Ods,
    /// OpenDocument presentation.
    Odp,
    /// An electronic book.
    Epub,
    /// Rich Text Format.
    Rtf,
    /// A compound file of an Office before 2007, or a protected one of a later Office.
    Ole,
    /// A web page.
    Html,
    /// Markdown.
    Markdown,
    /// Text of no other kind.
    Text,
    /// Rows of separated values.
    Csv,
    /// JSON, also one value per line.
    Json,
    /// YAML.
    Yaml,
    /// XML of no other kind.
    Xml,
    /// A Jupyter notebook.
    Notebook,
    /// A message as it is mailed.
    Mail,
    /// Source code, settings and the like: the language.
    Source(&'static str),
    /// Sound: the media type.
    Audio(&'static str),
    /// Moving pictures: the media type.
    Video(&'static str),
    /// Something that no extractor knows: the media type.
    Other(&'static str),
}

impl FileKind {
    /// Which limits hold for it.
    #[must_use]
    pub const fn class(self) -> FileClass {
        match self {
            FileKind::Pdf
            | FileKind::Docx
            | FileKind::Pptx
            | FileKind::Xlsx
            | FileKind::Odt
            | FileKind::Ods
            | FileKind::Odp
            | FileKind::Epub
            | FileKind::Rtf
            | FileKind::Ole
            | FileKind::Html => FileClass::Document,
            FileKind::Audio(_) => FileClass::Audio,
            FileKind::Video(_) => FileClass::Video,
            _ => FileClass::Data,
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            FileKind::Pdf => "application/pdf",
            FileKind::Docx => {
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            }
            FileKind::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
            FileKind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            FileKind::Odt => "application/vnd.oasis.opendocument.text",
            FileKind::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            FileKind::Odp => "application/vnd.oasis.opendocument.presentation",
            FileKind::Epub => "application/epub+zip",
            FileKind::Rtf => "application/rtf",
            FileKind::Ole => "application/x-ole-storage",
            FileKind::Html => "text/html",
            FileKind::Markdown => "text/markdown",
            FileKind::Csv => "text/csv",
            FileKind::Json => "application/json",
            FileKind::Yaml => "application/yaml",
            FileKind::Xml => "application/xml",
            FileKind::Notebook => "application/x-ipynb+json",
            FileKind::Mail => "message/rfc822",
            FileKind::Text | FileKind::Source(_) => "text/plain",
            FileKind::Audio(media) | FileKind::Video(media) | FileKind::Other(media) => media,
        }
    }

    /// Whether an extractor reads it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        !matches!(self, FileKind::Other(_))
    }
}

/// What a file is, from its first bytes (64 KiB do) or all of them, and from what is said of it.
#[must_use]
pub fn sniff(bytes: &[u8], hint: &Hint) -> FileKind {
    by_magic(bytes).unwrap_or_else(|| text::kind(bytes, hint))
}

/// The kinds that begin with bytes of their own.
fn by_magic(bytes: &[u8]) -> Option<FileKind> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at =
        |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
    Some(match () {
        () if is_pdf(bytes) => FileKind::Pdf,
        () if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") || starts(b"PK\x07\x08") => {
            archive::kind(bytes)
        }
        () if starts(b"{\\rtf") => FileKind::Rtf,
        () if starts(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) => FileKind::Ole,
        () if at(4, b"ftyp") => boxes(bytes.get(8..12).unwrap_or_default()),
        () if starts(&[0x1A, 0x45, 0xDF, 0xA3]) => matroska(bytes),
        () if starts(b"RIFF") && at(8, b"WAVE") => FileKind::Audio("audio/wav"),
        () if starts(b"RIFF") && at(8, b"AVI ") => FileKind::Video("video/x-msvideo"),
        () if starts(b"RIFF") && at(8, b"WEBP") => FileKind::Other("image/webp"),
        () if starts(b"OggS") => ogg(bytes),
        () if starts(b"fLaC") => FileKind::Audio("audio/flac"),
        () if starts(b"ID3") => FileKind::Audio("audio/mpeg"),
        () if starts(b"#!AMR") => FileKind::Audio("audio/amr"),
        () if starts(b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => {
            FileKind::Audio("audio/aiff")
        }
        () if starts(b"FLV\x01") => FileKind::Video("video/x-flv"),
        () if starts(&[0x00, 0x00, 0x01, 0xBA]) || starts(&[0x00, 0x00, 0x01, 0xB3]) => {
            FileKind::Video("video/mpeg")
        }
        () if starts(&[0x47]) && at(188, &[0x47]) && at(376, &[0x47]) => {
            FileKind::Video("video/mp2t")
        }
        () if starts(&[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]) => {
            FileKind::Video("video/x-ms-asf")
        }
        () if is_mpeg_audio(bytes) => FileKind::Audio("audio/mpeg"),
        () if starts(&[0x89, b'P', b'N', b'G']) => FileKind::Other("image/png"),
        () if starts(&[0xFF, 0xD8, 0xFF]) => FileKind::Other("image/jpeg"),
        () if starts(b"GIF8") => FileKind::Other("image/gif"),
        () if starts(b"II*\0") || starts(b"MM\0*") => FileKind::Other("image/tiff"),
        () if starts(&[0x1F, 0x8B]) => FileKind::Other("application/gzip"),
        () if starts(b"BZh") => FileKind::Other("application/x-bzip2"),
        () if starts(&[0xFD, b'7', b'z', b'X', b'Z', 0]) => FileKind::Other("application/x-xz"),
        () if starts(&[0x28, 0xB5, 0x2F, 0xFD]) => FileKind::Other("application/zstd"),
        () if starts(b"7z\xBC\xAF\x27\x1C") => FileKind::Other("application/x-7z-compressed"),
        () if starts(b"Rar!\x1A\x07") => FileKind::Other("application/vnd.rar"),
        () if starts(b"\x7FELF") => FileKind::Other("application/x-executable"),
        () if starts(b"SQLite format 3\0") => FileKind::Other("application/vnd.sqlite3"),
        () if at(257, b"ustar") => FileKind::Other("application/x-tar"),
        () => return None,
    })
}

/// Readers take a header anywhere in the first kilobyte. What stands before it in the wild are lines of a transfer and bytes that are no text; in a text the
/// mark is within a line.
fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024).unwrap_or(bytes);
    memory_find(head, b"%PDF-").is_some_and(|at| {
        let before = head.get(..at).unwrap_or_default();
        before
            .last()
            .is_none_or(|last| !(0x20..0x7F).contains(last))
            && head.get(at + 5).is_some_and(u8::is_ascii_digit)
    })
}

/// The family of MP4, by the brand that the file begins with.
fn boxes(brand: &[u8]) -> FileKind {
    match brand {
        b"M4A " | b"M4B " | b"M4P " => FileKind::Audio("audio/mp4"),
        b"qt  " => FileKind::Video("video/quicktime"),
        b"heic" | b"heix" | b"mif1" | b"msf1" => FileKind::Other("image/heic"),
        b"avif" | b"avis" => FileKind::Other("image/avif"),
        _ => FileKind::Video("video/mp4"),
    }
}

/// Matroska names its document type near the start; whether pictures are in it stands in the tracks, which mostly follow soon.
fn matroska(bytes: &[u8]) -> FileKind {
    let head = bytes.get(..bytes.len().min(64 << 10)).unwrap_or(bytes);
    let video = memory_find(head, b"V_").is_some();
    let audio = memory_find(head, b"A_").is_some();
    let webm = memory_find(head, b"webm").is_some();
    match (audio && !video, webm) {
        (true, true) => FileKind::Audio("audio/webm"),
        (true, false) => FileKind::Audio("audio/x-matroska"),
        (false, true) => FileKind::Video("video/webm"),
        (false, false) => FileKind::Video("video/x-matroska"),
    }
}

fn ogg(bytes: &[u8]) -> FileKind {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or(bytes);
    if memory_find(head, b"theora").is_some() {
        FileKind::Video("video/ogg")
    } else {
        FileKind::Audio("audio/ogg")
    }
}

/// Frames of MPEG audio without a tag: a valid header, and another one where the first frame ends is not looked for, since bytes that look so are no text.
fn is_mpeg_audio(bytes: &[u8]) -> bool {
    match bytes {
        // ADTS (AAC) and layers 1 to 3, with a bit rate and a sampling rate that exist.
        [0xFF, second, third, ..] => {
            let adts = second & 0xF6 == 0xF0;
            let layered = second & 0xE0 == 0xE0
                && second & 0x18 != 0x08
                && second & 0x06 != 0
                && third & 0xF0 != 0xF0
                && third & 0x0C != 0x0C;
            // A byte order mark of UTF-16 is FF FE.
            *second != 0xFE && *second != 0xFF && (adts || layered)
        }
        _ => false,
    }
}

/// Where bytes stand in others.
pub(crate) fn memory_find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(found) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes.get(from + found..)?.starts_with(wanted) {
            return Some(from + found);
        }
        from += found + 1;
    }
    None
}

#[cfg(test)]
mod tests;
