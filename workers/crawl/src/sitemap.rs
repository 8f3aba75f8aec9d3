//! Sitemaps: XML, indexes of them, RSS, Atom, plain lists, each packed or not, and never more than is allowed.

use std::io::Read;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// The largest sitemap that is read, unpacked, in bytes.
pub const LARGEST: usize = 50 * 1024 * 1024;
/// How many addresses are taken from one.
pub const MOST_ENTRIES: usize = 50_000;
/// How deep sitemaps may name sitemaps.
pub const DEEPEST: u32 = 3;
/// How many sitemaps are read for one site.
pub const MOST_SITEMAPS: usize = 2_000;

/// Deeper XML is no sitemap.
const DEEPEST_XML: usize = 32;
/// A longer address is none.
const LONGEST_TEXT: usize = crate::address::LONGEST * 2;

/// A page that a sitemap names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its address, as written.
    pub url: String,
    /// When it was changed, as written.
    pub last_modified: Option<String>,
}

/// What a sitemap says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// Pages.
    pub pages: Vec<Entry>,
    /// Other sitemaps.
    pub sitemaps: Vec<String>,
    /// There was more than was read, or it was broken at some place.
    pub cut: bool,
}

impl Sitemap {
    /// Reads whatever it is. What cannot be read says nothing.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut cut = false;
        let unpacked;
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut out = Vec::new();
            let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
            // What was unpacked before an error is as good as any.
            cut = flate2::read::MultiGzDecoder::new(bytes)
                .take(limit)
                .read_to_end(&mut out)
                .is_err()
                || out.len() == LARGEST;
            unpacked = out;
            unpacked.as_slice()
        } else {
            &bytes[..bytes.len().min(LARGEST)]
        };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let mut found = if text.starts_with('<') {
            xml(text)
        } else {
            lines(text)
        };
        found.cut |= cut;
        found
    }

    fn is_full(&self) -> bool {
        self.pages.len() + self.sitemaps.len() >= MOST_ENTRIES
    }
}

fn lines(text: &str) -> Sitemap {
    let mut found = Sitemap::default();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("http") && line.len() <= LONGEST_TEXT)
    {
        if found.is_full() {
            found.cut = true;
            break;
        }
        found.pages.push(Entry {
            url: line.to_owned(),
            last_modified: None,
        });
    }
    found
}

/// An entry that is being read.
#[derive(Default)]
struct Open {
    url: String,
    changed: String,
}

fn xml(text: &str) -> Sitemap {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut found = Sitemap::default();
    let mut path: Vec<String> = Vec::new();
    let mut open = Open::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if path.len() == DEEPEST_XML || found.is_full() {
                    found.cut = true;
                    return found;
                }
                let name = name_of(&start);
                if is_entry(&name) {
                    open = Open::default();
                }
                take_href(&name, &start, &mut open);
                path.push(name);
            }
            Ok(Event::Empty(start)) => take_href(&name_of(&start), &start, &mut open),
            Ok(Event::Text(piece)) => take(&path, &piece.decode().unwrap_or_default(), &mut open),
            Ok(Event::CData(piece)) => take(&path, &piece.decode().unwrap_or_default(), &mut open),
            Ok(Event::GeneralRef(entity)) => {
                let name = entity.decode().unwrap_or_default();
                let resolved = match entity.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    _ => resolve_predefined_entity(&name)
                        .unwrap_or_default()
                        .to_owned(),
                };
                take(&path, &resolved, &mut open);
            }
            Ok(Event::End(_)) => {
                let ended = path.pop();
                if let Some(name) = ended.filter(|name| is_entry(name)) {
                    close(&name, std::mem::take(&mut open), &mut found);
                }
            }
            Ok(Event::Eof) => {
                found.cut |= !path.is_empty();
                return found;
            }
            Ok(_) => {}
            Err(_) => {
                found.cut = true;
                return found;
            }
        }
    }
}

/// The name with the prefix that matters: `image:loc` is none of ours.
fn name_of(start: &BytesStart<'_>) -> String {
    let name = String::from_utf8_lossy(start.name().into_inner()).to_ascii_lowercase();
    match name.split_once(':') {
        Some(("image" | "video" | "news" | "media" | "xhtml", _)) | None => name,
        Some((_, local)) => local.to_owned(),
    }
}

fn is_entry(name: &str) -> bool {
    matches!(name, "url" | "sitemap" | "item" | "entry")
}

/// Atom writes its links as attributes.
fn take_href(name: &str, start: &BytesStart<'_>, open: &mut Open) {
    if name != "link" || !open.url.is_empty() {
        return;
    }
    let attribute = |wanted: &str| {
        let found = start
            .attributes()
            .flatten()
            .find(|attribute| attribute.key.into_inner() == wanted.as_bytes())?;
        found
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .ok()
            .map(|value| value.into_owned())
    };
    if attribute("rel").is_none_or(|rel| rel == "alternate")
        && let Some(href) = attribute("href").filter(|href| href.len() <= LONGEST_TEXT)
    {
        open.url = href;
    }
}

fn take(path: &[String], text: &str, open: &mut Open) {
    let [.., parent, name] = path else { return };
    let field = match (parent.as_str(), name.as_str()) {
        ("url" | "sitemap", "loc") | ("item", "link") => &mut open.url,
        ("url" | "sitemap", "lastmod") | ("item", "pubdate") | ("entry", "updated") => {
            &mut open.changed
        }
        _ => return,
    };
    if field.len() + text.len() <= LONGEST_TEXT {
        field.push_str(text);
    }
}

fn close(name: &str, open: Open, found: &mut Sitemap) {
    let url = open.url.trim().to_owned();
    if url.is_empty() {
        return;
    }
    if name == "sitemap" {
        found.sitemaps.push(url);
        return;
    }
    let changed = open.changed.trim().to_owned();
    found.pages.push(Entry {
        url,
        last_modified: (!changed.is_empty()).then_some(changed),
    });
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn urls(found: &Sitemap) -> Vec<&str> {
        found.pages.iter().map(|page| page.url.as_str()).collect()
    }

    const PAGES: &str = r#"<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="i">
        <url><loc> https://a.example/?a=1&amp;b=2 </loc><lastmod>2026-01-02</lastmod><image:image><image:loc>https://a.example/x.png</image:loc></image:image></url>
        <url><loc><![CDATA[https://a.example/c]]></loc></url><url><lastmod>2026</lastmod></url></urlset>"#;

    #[test]
    fn pages_and_when_they_changed() {
        let found = Sitemap::read(PAGES.as_bytes());
        assert_eq!(
            urls(&found),
            ["https://a.example/?a=1&b=2", "https://a.example/c"]
        );
        assert_eq!(found.pages[0].last_modified.as_deref(), Some("2026-01-02"));
        assert!(!found.cut);
    }

    #[test]
    fn packed_and_indexed() {
        let index =
            "<sitemapindex><sitemap><loc>https://a.example/1.xml.gz</loc></sitemap></sitemapindex>";
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(index.as_bytes()).unwrap();
        let found = Sitemap::read(&packed.finish().unwrap());
        assert_eq!(found.sitemaps, ["https://a.example/1.xml.gz"]);
        assert!(found.pages.is_empty());
    }

    #[test]
    fn feeds_and_lists() {
        let rss = "<rss><channel><link>https://a.example/</link><item><title>x</title><link>https://a.example/1</link><pubDate>now</pubDate></item></channel></rss>";
        assert_eq!(
            urls(&Sitemap::read(rss.as_bytes())),
            ["https://a.example/1"]
        );
        let atom = r#"<feed><link href="https://a.example/"/><entry><link rel="edit" href="https://a.example/e"/><link href="https://a.example/2"/></entry></feed>"#;
        assert_eq!(
            urls(&Sitemap::read(atom.as_bytes())),
            ["https://a.example/2"]
        );
        let list = "\u{feff}https://a.example/1\r\n\r\nhttps://a.example/2\nnot an address\n";
        assert_eq!(
            urls(&Sitemap::read(list.as_bytes())),
            ["https://a.example/1", "https://a.example/2"]
        );
    }

    #[test]
    fn bombs_end() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![b' '; 1024 * 1024];
        for _ in 0..80 {
            packed.write_all(&zeros).unwrap();
        }
        let found = Sitemap::read(&packed.finish().unwrap());
        assert!(found.cut && found.pages.is_empty());
        let deep = "<a>".repeat(100_000);
        assert!(Sitemap::read(deep.as_bytes()).cut);
        let many: String = (0..MOST_ENTRIES + 10)
            .map(|n| format!("<url><loc>https://a.example/{n}</loc></url>"))
            .collect();
        let found = Sitemap::read(format!("<urlset>{many}</urlset>").as_bytes());
        assert!(found.cut);
        assert_eq!(found.pages.len(), MOST_ENTRIES);
        let entities = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>https://a.example/&b;</loc></url></urlset>"#;
        assert_eq!(
            urls(&Sitemap::read(entities.as_bytes())),
            ["https://a.example/"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Sitemap::read(&bytes);
        }

        #[test]
        fn broken_xml_says_what_stands_before_the_break(end in 0..PAGES.len()) {
            let found = Sitemap::read(&PAGES.as_bytes()[..end]);
            prop_assert!(found.pages.len() <= 2);
        }
    }
}
