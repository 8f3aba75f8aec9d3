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

/// Ends of files that are never read.
const OTHER: &[&str] = &[
    "7z", "aac", "apk", "avi", "avif", "bin", "bmp", "bz2", "css", "deb", "dll", "dmg", "eot",
    "exe", "flac", "flv", "gif", "gz", "ico", "iso", "jar", "jpeg", "jpg", "js", "m4a", "m4v",
    "map", "mjs", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "msi", "ogg", "ogv", "opus", "otf",
    "png", "psd", "rar", "rpm", "so", "svg", "svgz", "swf", "tar", "tgz", "tif", "tiff", "ttf",
    "wasm", "wav", "webm", "webp", "whl", "wmv", "woff", "woff2", "xz", "zip", "zst",
];
/// Those of them that pages may well be called, `Node.js` or `ld.so`: they are asked for, and what comes is left alone when it is a file.
const PERHAPS: &[&str] = &[
    "bin", "bz2", "css", "dll", "gz", "jar", "js", "map", "mjs", "so", "wasm", "whl", "zip", "zst",
];
/// Parts of paths below which files are shown on pages of their own.
const VIEWERS: &[&str] = &[
    "blob", "browse", "package", "packages", "tree", "view", "wiki",
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

/// What an address leads to, as far as its end says so: [`Kind::Other`] need not be asked for. What may be a page about a file is asked for.
#[must_use]
pub fn kind_by_address(url: &Url) -> Option<Kind> {
    let (folder, file) = url.path().rsplit_once('/').unwrap_or_default();
    // `File:Map.png` is what a wiki says of that picture.
    let is_named = file.contains(':') || file.contains("%3A");
    let is_shown = || folder.split('/').any(|part| VIEWERS.contains(&part));
    if is_named || PERHAPS.contains(&end_of(url)?.as_str()) || is_shown() {
        return None;
    }
    file_by_address(url)
}

/// What a file of that name is.
fn file_by_address(url: &Url) -> Option<Kind> {
    OTHER
        .contains(&end_of(url)?.as_str())
        .then_some(Kind::Other)
}

fn end_of(url: &Url) -> Option<String> {
    let file = url.path().rsplit('/').next().unwrap_or_default();
    let (_, end) = file.rsplit_once('.')?;
    Some(end.to_ascii_lowercase())
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
            "octet-stream" => file_by_address(url).unwrap_or(Kind::Document),
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
        for page in [
            "/wiki/Node.js",
            "/package/chart.js",
            "/index.php/File:Map.png",
            "/w/File%3AMap.mp4",
            "/o/r/blob/main/build.js",
            "/o/r/blob/main/logo.svg",
            "/api/java.util.zip",
            "/docs/lodash/_.map",
            "/man8/ld.so",
            "/api/java.util.jar",
        ] {
            assert_eq!(kind_by_address(&url(page)), None, "{page}");
        }
        for file in [
            "/debian.iso",
            "/x.mp4",
            "/img/y.jpg",
            "/a/b.tar",
            "/f.woff2",
        ] {
            assert_eq!(kind_by_address(&url(file)), Some(Kind::Other), "{file}");
        }
    }
}
