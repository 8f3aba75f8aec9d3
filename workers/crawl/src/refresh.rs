//! Pages that send their readers elsewhere by `<meta http-equiv="refresh">`.

use url::Url;

/// How much of a page is looked at: it stands in its head.
const HEAD: usize = 64 * 1024;
/// A page that shows itself for longer than this, in seconds, is a page.
const AT_ONCE: f32 = 1.0;
/// What stands in these is no part of the page as its readers see it.
const ASIDE: &[&str] = &[
    "iframe", "noframes", "noscript", "script", "style", "svg", "template", "textarea", "title",
    "xmp",
];

/// Where a page sends its readers at once. A page that is refreshed later, or shows itself again, sends nobody anywhere; nor does what is said to old
/// browsers, in comments, or to those without scripts.
#[must_use]
pub fn target(html: &[u8], base: &Url) -> Option<Url> {
    let head = String::from_utf8_lossy(&html[..html.len().min(HEAD)]);
    let lower = head.to_ascii_lowercase();
    let mut at = 0;
    while let Some(found) = lower[at..].find('<') {
        at += found + 1;
        let rest = &lower[at..];
        if rest.starts_with("!--") {
            at = after(&lower, at, "-->")?;
            continue;
        }
        let length = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let name = &rest[..length];
        if name.is_empty() {
            continue;
        }
        let (attributes, end) = attributes(&head, at + length);
        at = end;
        if ASIDE.contains(&name) {
            at = after(&lower, at, &format!("</{name}"))?;
        } else if name == "meta"
            && let Some(to) = leads_to(&attributes, base)
        {
            return to;
        }
    }
    None
}

/// Where that stands next ends.
fn after(text: &str, from: usize, what: &str) -> Option<usize> {
    text[from..].find(what).map(|at| from + at + what.len())
}

/// Where a refresh leads: `None` for another meta element, `Some(None)` for one that leads nowhere.
fn leads_to(attributes: &[(&str, &str)], base: &Url) -> Option<Option<Url>> {
    let of = |wanted: &str| {
        let mut found = attributes.iter();
        found
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    if !of("http-equiv")?.eq_ignore_ascii_case("refresh") {
        return None;
    }
    Some(of("content").and_then(|content| address(content, base)))
}

/// What `content` says: `0; url=/x`.
fn address(content: &str, base: &Url) -> Option<Url> {
    let (wait, rest) = content.split_once([';', ','])?;
    if !wait
        .trim()
        .parse::<f32>()
        .is_ok_and(|seconds| (0.0..=AT_ONCE).contains(&seconds))
    {
        return None;
    }
    let rest = rest.trim();
    let named = rest
        .get(..3)
        .filter(|word| word.eq_ignore_ascii_case("url"))
        .and_then(|_| rest[3..].trim_start().strip_prefix('='));
    let text = named.unwrap_or(rest).trim().trim_matches(['"', '\'']);
    let found = base.join(&text.replace("&amp;", "&")).ok()?;
    let is_same = found[..url::Position::AfterQuery] == base[..url::Position::AfterQuery];
    (!is_same).then_some(found)
}

/// The attributes of a tag from behind its name, and where the tag ends.
fn attributes(text: &str, from: usize) -> (Vec<(&str, &str)>, usize) {
    let mut all = Vec::new();
    let mut at = from;
    loop {
        let blank = |letter: char| letter.is_ascii_whitespace() || letter == '/';
        at += text[at..].len() - text[at..].trim_start_matches(blank).len();
        let rest = &text[at..];
        if rest.is_empty() || rest.starts_with('>') {
            return (all, (at + 1).min(text.len()));
        }
        // An equals sign at the beginning is part of the name.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let ends = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '/' | '>' | '=');
        let length = rest[first..]
            .find(ends)
            .map_or(rest.len(), |found| found + first);
        let name = &rest[..length];
        at += length;
        let rest = text[at..].trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        let Some(value) = rest.strip_prefix('=') else {
            all.push((name, ""));
            continue;
        };
        let value = value.trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        at = text.len() - value.len();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = &value[1..];
                let length = inner.find(quote).unwrap_or(inner.len());
                at = (at + length + 2).min(text.len());
                &inner[..length]
            }
            _ => {
                let ends = |letter: char| letter.is_ascii_whitespace() || letter == '>';
                let length = value.find(ends).unwrap_or(value.len());
                at += length;
                &value[..length]
            }
        };
        all.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn to(html: &str) -> Option<String> {
        let base = Url::parse("https://a.example/x/y.html").unwrap();
        target(html.as_bytes(), &base).map(|url| url.to_string())
    }

    #[test]
    fn where_a_page_sends_its_readers() {
        let expected = Some("https://a.example/z.html".to_owned());
        assert_eq!(
            to(r#"<html><head><meta http-equiv="refresh" content="0;URL=../z.html">"#),
            expected
        );
        assert_eq!(
            to(r#"<META charset=utf-8><META CONTENT="0; url='/z.html'" HTTP-EQUIV='Refresh'/>"#),
            expected
        );
        assert_eq!(
            to(r#"<meta http-equiv="refresh" content="30; url=/z.html">"#),
            None
        );
        assert_eq!(to(r#"<meta http-equiv="refresh" content="0">"#), None);
        assert_eq!(
            to(r##"<meta http-equiv="refresh" content="0; url=#top">"##),
            None
        );
        assert_eq!(
            to(r#"<meta name="refresh" content="0; url=/z.html">"#),
            None
        );
    }

    #[test]
    fn what_readers_do_not_see_sends_them_nowhere() {
        for html in [
            r#"<head><noscript><meta http-equiv="refresh" content="0; url=/nojs.html"></noscript><title>A"#,
            r#"<!--[if lt IE 9]><meta http-equiv="refresh" content="0;url=/upgrade"><![endif]--><p>x"#,
            r#"<script>document.write('<meta http-equiv="refresh" content="0;url=/s">')</script>"#,
            r#"<template><meta http-equiv="refresh" content="0;url=/s"></template>"#,
            r#"<noscript><meta http-equiv="refresh" content="0; url=/nojs.html">"#,
            r#"<meta name="description" content='<meta http-equiv="refresh" content="0;url=/s">'>"#,
            r#"<meta http-equiv="refresh" content="5; url=slide3.html">"#,
            r#"<meta http-equiv="refresh" content="soon; url=slide3.html">"#,
            r#"<meta name="twitter:x" content="http-equiv refresh 0; url=/z.html">"#,
        ] {
            assert_eq!(to(html), None, "{html}");
        }
        for html in [
            r#"<noscript><img></noscript><script>x</script><meta http-equiv=refresh content="1; URL = '/z.html'">"#,
            r#"<!-- > --><meta data-a=">" content="0,/z.html" http-equiv="refresh">"#,
        ] {
            assert_eq!(
                to(html).as_deref(),
                Some("https://a.example/z.html"),
                "{html}"
            );
        }
        assert_eq!(
            to(r#"<meta http-equiv="refresh" content="0;url=/z?a=1&amp;b=2">"#).as_deref(),
            Some("https://a.example/z?a=1&b=2")
        );
    }

    proptest! {
        #[test]
        fn any_page_can_be_looked_at(text in "(<meta|<!--|<script|</script|noscript|/|=|http-equiv=|refresh|content=|[\"'; é]|url=|[a-z/]{0,4}|>){0,30}") {
            let _ = to(&text);
        }
    }
}
