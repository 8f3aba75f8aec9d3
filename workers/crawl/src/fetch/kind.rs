//! What an answer is, as far as that says how much of it is read.

use url::Url;

const MIB: usize = 1024 * 1024;

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTML.
    Page,
    /// A document that is read: pdf, docx, ….
    Document,
    /// Text, data, source code.
    Data,
    /// What is not read: pictures, styles, archives, programs, sound.
    Other,
}

/// Ends of addresses that are never read.
const OTHER: &[&str] = &[
    "7z", "aac", "apk", "avi", "avif", "bin", "bmp", "bz2", "css", "deb", "dll", "dmg", "eot",
    "exe", "flac", "flv", "gif", "gz", "ico", "iso", "jar", "jpeg", "jpg", "js", "m4a", "m4v",
    "map", "mjs", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "msi", "ogg", "ogv", "opus", "otf",
    "png", "psd", "rar", "rpm", "so", "svg", "svgz", "swf", "tar", "tgz", "tif", "tiff", "ttf",
    "wasm", "wav", "webm", "webp", "whl", "wmv", "woff", "woff2", "xz", "zip", "zst",
];

impl Kind {
    /// How much of it is read at the most, in bytes.
    #[must_use]
    pub fn largest(self) -> usize {
        match self {
            Kind::Page | Kind::Data => 10 * MIB,
            Kind::Document => 50 * MIB,
            Kind::Other => 0,
        }
    }
}

/// What an address leads to, as far as its end says so: [`Kind::Other`] need not be asked for.
#[must_use]
pub fn kind_by_address(url: &Url) -> Option<Kind> {
    let file = url.path().rsplit('/').next().unwrap_or_default();
    let (_, end) = file.rsplit_once('.')?;
    let end = end.to_ascii_lowercase();
    OTHER.contains(&end.as_str()).then_some(Kind::Other)
}

/// What a content type says. Nothing at all is taken for a page; bytes without a name for what the address says, else for a document.
#[must_use]
pub fn kind_by_content_type(content_type: Option<&str>, url: &Url) -> Kind {
    let Some(content_type) = content_type else {
        return Kind::Page;
    };
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("text", "html")) | Some(("application", "xhtml+xml")) => Kind::Page,
        Some(("text", "css" | "javascript")) => Kind::Other,
        Some(("text", _)) => Kind::Data,
        Some(("application", name)) => match name {
            "octet-stream" => kind_by_address(url).unwrap_or(Kind::Document),
            "javascript"
            | "x-javascript"
            | "wasm"
            | "zip"
            | "gzip"
            | "x-gzip"
            | "x-tar"
            | "x-7z-compressed"
            | "x-bzip2"
            | "x-xz"
            | "zstd"
            | "java-archive"
            | "vnd.debian.binary-package"
            | "x-rpm"
            | "x-iso9660-image"
            | "x-msdownload"
            | "font-woff" => Kind::Other,
            name if name.ends_with("json") || name.ends_with("xml") || name.ends_with("yaml") => {
                Kind::Data
            }
            _ => Kind::Document,
        },
        Some(("message", _)) => Kind::Data,
        Some(_) => Kind::Other,
        None => Kind::Page,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_known_by_its_type_and_its_name() {
        let url = |path: &str| Url::parse("https://a.example").unwrap().join(path).unwrap();
        for (content_type, path, expected) in [
            (Some("text/html; charset=utf-8"), "/x", Kind::Page),
            (Some("application/xhtml+xml"), "/x", Kind::Page),
            (None, "/x", Kind::Page),
            (Some("nonsense"), "/x", Kind::Page),
            (Some("application/pdf"), "/x", Kind::Document),
            (Some("application/octet-stream"), "/x.pdf", Kind::Document),
            (Some("application/octet-stream"), "/x.zip", Kind::Other),
            (Some("text/markdown"), "/x.md", Kind::Data),
            (Some("application/ld+json"), "/x", Kind::Data),
            (Some("image/png"), "/x", Kind::Other),
        ] {
            assert_eq!(
                kind_by_content_type(content_type, &url(path)),
                expected,
                "{content_type:?} {path}"
            );
        }
        assert_eq!(kind_by_address(&url("/a.b/c.PNG?x=1")), Some(Kind::Other));
        assert_eq!(kind_by_address(&url("/a.png/c")), None);
    }
}
