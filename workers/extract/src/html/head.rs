//! What a page says of itself: title, language, author, whether it wants to be kept.

use html5ever::local_name;
use serde_json::Value;
use url::Url;

use super::dom::{Dom, Id};
use super::links::absolute;
use crate::Document;

/// A longer value is cut.
const MAX_VALUE: usize = 2000;
/// Larger structured data is not read.
const MAX_JSON: usize = 512 * 1024;
/// As much text as the language is guessed from.
const GUESS_FROM: usize = 2000;

/// Reads all but the content and the links; and whether the page calls itself an article: a piece of news, a post.
pub(super) fn read(dom: &Dom, base: Option<&Url>) -> (Document, bool) {
    let mut document = Document {
        language: language(dom),
        ..Document::default()
    };
    let mut og_title = None;
    for id in dom.all(local_name!("meta")) {
        let Some(content) = dom
            .attribute(id, "content")
            .map(str::trim)
            .filter(|content| !content.is_empty())
        else {
            continue;
        };
        let Some(name) = ["property", "name", "itemprop", "http-equiv"]
            .into_iter()
            .find_map(|name| dom.attribute(id, name))
        else {
            continue;
        };
        let key = match &*name.trim().to_ascii_lowercase() {
            "og:title" | "twitter:title" => {
                og_title.get_or_insert_with(|| clean(content));
                continue;
            }
            "robots" => {
                let content = content.to_ascii_lowercase();
                document.no_index |= content.contains("noindex")
                    || content.split([',', ' ']).any(|one| one == "none");
                document.no_follow |= content.contains("nofollow")
                    || content.split([',', ' ']).any(|one| one == "none");
                continue;
            }
            "content-language" => {
                document.language = document.language.or_else(|| two_letters(content));
                continue;
            }
            "description" | "og:description" | "twitter:description" | "dc.description" => {
                "description"
            }
            "author" | "article:author" | "dc.creator" | "parsely-author" | "sailthru.author"
                if !content.starts_with("http") =>
            {
                "author"
            }
            "article:published_time"
            | "datepublished"
            | "date"
            | "dc.date"
            | "dc.date.issued"
            | "parsely-pub-date"
            | "pubdate"
            | "publish-date" => "published",
            "article:modified_time" | "datemodified" | "last-modified" | "og:updated_time" => {
                "modified"
            }
            "generator" => "generator",
            "og:site_name" | "application-name" => "site_name",
            "og:type" => "type",
            "keywords" => "keywords",
            _ => continue,
        };
        document
            .metadata
            .entry(key.to_owned())
            .or_insert_with(|| clean(content));
    }
    let kind = |document: &Document| {
        document
            .metadata
            .get("type")
            .is_some_and(|kind| is_article(kind))
    };
    let mut article = kind(&document) || document.metadata.contains_key("published");
    structured(dom, &mut document);
    article |= kind(&document);
    // Where people talk, what they say is the content, whatever else the page calls itself.
    article &= !document
        .metadata
        .get("type")
        .is_some_and(|kind| is_discussion(kind));
    document.canonical = canonical(dom, base);
    document.title = title(dom, og_title);
    document.metadata.retain(|_, value| !value.is_empty());
    (document, article)
}

fn is_discussion(kind: &str) -> bool {
    matches!(kind, "DiscussionForumPosting" | "QAPage" | "Question")
}

fn is_article(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.ends_with("article") || kind.ends_with("blogposting") || kind == "blog" || kind == "post"
}

/// What is known only once the content is.
pub(super) fn finish(document: &mut Document) {
    if document.language.is_none() {
        let end = document.markdown.floor_char_boundary(GUESS_FROM);
        document.language = guess(&document.markdown[..end]);
    }
    if document.title.is_none() {
        document.title = document
            .headings
            .first()
            .map(|heading| heading.text.clone());
    }
}

fn clean(text: &str) -> String {
    let mut out = String::new();
    super::dom::push_single_spaced(&mut out, text);
    out.truncate(out.floor_char_boundary(MAX_VALUE));
    out.truncate(out.trim_end().len());
    out
}

/// The title: what the page gives to others, or `<title>`, or the part of it that the only first heading repeats.
fn title(dom: &Dom, og: Option<String>) -> Option<String> {
    let svg = |id: Id| {
        dom.ancestors(id)
            .any(|around| dom.is(around, &local_name!("svg")))
    };
    let named = dom
        .all(local_name!("title"))
        .find(|&id| !svg(id))
        .map(|id| clean(&dom.text_of(id)));
    let mut first = dom.all(local_name!("h1"));
    if let (Some(heading), None, Some(named)) = (first.next(), first.next(), &named) {
        let mut text = clean(&dom.text_of(heading));
        text.truncate(
            text.trim_end_matches(['¶', '#', '§', ' ', '\u{200b}'])
                .len(),
        );
        if text.chars().count() > 3 && named.contains(&*text) {
            return Some(text);
        }
    }
    og.or(named).filter(|title| !title.is_empty())
}

/// The address that the page names as its own.
fn canonical(dom: &Dom, base: Option<&Url>) -> Option<String> {
    dom.all(local_name!("link"))
        .filter(|&id| {
            dom.attribute(id, "rel").is_some_and(|rel| {
                rel.split_ascii_whitespace()
                    .any(|one| one.eq_ignore_ascii_case("canonical"))
            })
        })
        .find_map(|id| {
            absolute(
                base,
                dom.attribute(id, "href")
                    .filter(|href| !href.trim().is_empty())?,
            )
        })
        .map(String::from)
}

fn language(dom: &Dom) -> Option<String> {
    let said = |id: Id| {
        ["lang", "xml:lang"]
            .into_iter()
            .find_map(|name| dom.attribute(id, name))
            .and_then(two_letters)
    };
    dom.all(local_name!("html"))
        .find_map(said)
        .or_else(|| dom.all(local_name!("body")).find_map(said))
}

/// `en` of `en-US`.
fn two_letters(tag: &str) -> Option<String> {
    let first = tag
        .trim()
        .split(['-', '_', ',', ' '])
        .next()?
        .to_ascii_lowercase();
    match first.len() {
        2 if first.bytes().all(|byte| byte.is_ascii_lowercase()) => Some(first),
        3 => CODES
            .iter()
            .find(|(three, _)| *three == first)
            .map(|(_, two)| (*two).to_owned()),
        _ => None,
    }
}

/// The language that a text looks like, where that is clear.
pub(crate) fn guess(text: &str) -> Option<String> {
    let info = whatlang::detect(text)?;
    if !info.is_reliable() || text.len() < 40 {
        return None;
    }
    let code = info.lang().code();
    CODES
        .iter()
        .find(|(three, _)| *three == code)
        .map(|(_, two)| (*two).to_owned())
}

/// Languages by ISO 639-3 and 639-1.
const CODES: &[(&str, &str)] = &[
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zho", "zh"),
    ("zul", "zu"),
];

/// What structured data (JSON-LD) adds: author, dates, kind.
fn structured(dom: &Dom, document: &mut Document) {
    for id in dom.all(local_name!("script")) {
        if !dom
            .attribute(id, "type")
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/ld+json"))
        {
            continue;
        }
        let Some(text) = dom
            .children(id)
            .find_map(|child| dom.text(child))
            .filter(|text| text.len() <= MAX_JSON)
        else {
            continue;
        };
        let Ok(value) = serde_json::from_str::<Value>(text.trim()) else {
            continue;
        };
        for thing in things(&value) {
            let kind = match thing.get("@type") {
                Some(Value::String(kind)) => kind.as_str(),
                Some(Value::Array(kinds)) => {
                    kinds.iter().find_map(Value::as_str).unwrap_or_default()
                }
                _ => continue,
            };
            let described = [
                "Article", "Posting", "Page", "Product", "Recipe", "Event", "Report", "Question",
            ]
            .iter()
            .any(|end| kind.ends_with(end));
            if !described {
                continue;
            }
            let mut put = |key: &str, value: Option<String>| {
                if let Some(value) = value {
                    document
                        .metadata
                        .entry(key.to_owned())
                        .or_insert_with(|| clean(&value));
                }
            };
            put("author", thing.get("author").and_then(names));
            put(
                "published",
                thing
                    .get("datePublished")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            put(
                "modified",
                thing
                    .get("dateModified")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            if is_article(kind) || is_discussion(kind) {
                document.metadata.insert("type".to_owned(), kind.to_owned());
            }
        }
    }
}

/// The things that structured data describes: itself, each of a list, each of a graph.
fn things(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    let mut out = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values.iter().rev()),
            Value::Object(thing) => {
                out.push(thing);
                open.extend(thing.get("@graph"));
            }
            _ => {}
        }
    }
    out
}

fn names(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()).filter(|name| !name.starts_with("http")),
        Value::Object(person) => person
            .get("name")
            .and_then(Value::as_str)
            .map(str::to_owned),
        Value::Array(people) => {
            let all: Vec<String> = people
                .iter()
                .take(20)
                .filter(|one| !one.is_array())
                .filter_map(names)
                .collect();
            (!all.is_empty()).then(|| all.join(", "))
        }
        _ => None,
    }
}

/// Whether a page shows next to nothing before its scripts have run.
pub(super) fn needs_scripts(dom: &Dom, content: &str) -> bool {
    let Some(body) = dom.all(local_name!("body")).next() else {
        return false;
    };
    if content.len() >= 250 {
        return false;
    }
    let mut scripts = 0;
    let mut asks = false;
    let mut empty_root = false;
    for id in 0..dom.len() {
        let Some(element) = dom.element(id) else {
            continue;
        };
        match element.name {
            local_name!("script") => {
                let kind = element
                    .attribute("type")
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let runs = kind.is_empty() || kind.contains("javascript") || kind == "module";
                let inline: usize = dom
                    .children(id)
                    .filter_map(|child| dom.text(child))
                    .map(str::len)
                    .sum();
                scripts +=
                    usize::from(runs && (element.attribute("src").is_some() || inline > 1000));
            }
            local_name!("noscript") => {
                let text = dom
                    .inside(id)
                    .filter_map(|inside| dom.text(inside))
                    .collect::<String>()
                    .to_ascii_lowercase();
                asks |= text.contains("javascript");
            }
            local_name!("iframe") | local_name!("frame") => return false,
            _ => {
                // A place for an application: empty, with a name, at the top of the page or as its main part.
                let holder = matches!(
                    element.name,
                    local_name!("div") | local_name!("main") | local_name!("section")
                ) || element.name.contains('-');
                let top = dom
                    .ancestors(id)
                    .position(|around| around == body)
                    .is_some_and(|depth| depth < 3);
                let named = element.attribute("id").is_some()
                    || element.name.contains('-')
                    || element.name == local_name!("main");
                empty_root |= holder && named && top && id > body && dom.text_of(id).len() < 32;
            }
        }
    }
    if scripts == 0 {
        return false;
    }
    let shown = dom.text_of(body).len();
    (shown < 500 && (empty_root || asks)) || (shown < 20) || (content.len() < 40 && empty_root)
}
