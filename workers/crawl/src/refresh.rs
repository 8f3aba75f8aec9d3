//! Pages that send their readers elsewhere by `<meta http-equiv="refresh">`.

use url::Url;

/// How much of a page is looked at: it stands in its head.
const HEAD: usize = 8 * 1024;

/// Where a page sends its readers at once. A page that is refreshed later, or shows itself again, sends nobody anywhere.
#[must_use]
pub fn target(html: &[u8], base: &Url) -> Option<Url> {
    let head = String::from_utf8_lossy(&html[..html.len().min(HEAD)]);
    let lower = head.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find("<meta").map(|at| at + from) {
        let end = lower[at..].find('>').map_or(lower.len(), |end| at + end);
        let (tag, tag_lower) = (&head[at..end], &lower[at..end]);
        from = end;
        if !tag_lower.contains("http-equiv") || !tag_lower.contains("refresh") {
            continue;
        }
        let content = attribute(tag, tag_lower, "content")?;
        let (wait, rest) = content.split_once([';', ','])?;
        if wait
            .trim()
            .parse::<f32>()
            .is_ok_and(|seconds| seconds > 5.0)
        {
            return None;
        }
        let rest = rest.trim();
        let url = rest
            .get(..4)
            .filter(|word| word.eq_ignore_ascii_case("url="))
            .map_or(rest, |_| &rest[4..]);
        let found = base.join(url.trim().trim_matches(['"', '\''])).ok()?;
        let is_same = found[..url::Position::AfterQuery] == base[..url::Position::AfterQuery];
        return (!is_same).then_some(found);
    }
    None
}

/// The value of an attribute. `lower` is the tag in lower case.
fn attribute<'a>(tag: &'a str, lower: &str, name: &str) -> Option<&'a str> {
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let rest = tag.get(at..)?;
    match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next(),
        _ => rest.split_whitespace().next(),
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

    proptest! {
        #[test]
        fn any_page_can_be_looked_at(text in "(<meta|http-equiv=|refresh|content=|[\"'; é]|url=|[a-z/]{0,4}|>){0,30}") {
            let _ = to(&text);
        }
    }
}
