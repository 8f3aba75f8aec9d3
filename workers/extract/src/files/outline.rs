//! What a Markdown text is made of: its headings, code blocks and links. Every extractor writes Markdown, and this reads it back, so that what a document
//! says of itself is always what stands in it.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::limits;
use crate::{CodeBlock, Document, Heading, Link};

/// Fills headings, code blocks, links and, where there is none, the title from the Markdown. Links are made absolute by `base`; others than of the web go.
pub(crate) fn fill(document: &mut Document, base: Option<&str>) {
    let outline = read(&document.markdown, base);
    document.headings = outline.headings;
    document.code_blocks = outline.code_blocks;
    for link in outline.links {
        if !document.links.iter().any(|known| known.url == link.url) {
            document.links.push(link);
        }
    }
    if document.title.is_none() {
        document.title = document
            .headings
            .iter()
            .min_by_key(|heading| heading.level)
            .map(|heading| heading.text.clone());
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) headings: Vec<Heading>,
    pub(crate) code_blocks: Vec<CodeBlock>,
    pub(crate) links: Vec<Link>,
}

/// The text of headings, code and links being collected at one time.
#[derive(Default)]
struct Collecting {
    heading: Option<(u8, String)>,
    code: Option<CodeBlock>,
    link: Option<Link>,
}

pub(crate) fn read(markdown: &str, base: Option<&str>) -> Outline {
    let base = base.and_then(|base| url::Url::parse(base).ok());
    let mut outline = Outline::default();
    let mut now = Collecting::default();
    let mut slugs: HashMap<String, u32> = HashMap::new();
    let mut known: HashSet<String> = HashSet::new();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                now.heading = Some((number(level), String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = now.heading.take() {
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    if !text.is_empty() && outline.headings.len() < limits::HEADINGS {
                        let anchor = anchor(&text, &mut slugs);
                        outline.headings.push(Heading {
                            level,
                            text,
                            anchor,
                        });
                    }
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                now.code = Some(CodeBlock {
                    language: match kind {
                        CodeBlockKind::Fenced(info) => language(&info),
                        CodeBlockKind::Indented => None,
                    },
                    text: String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(mut code) = now.code.take() {
                    if code.text.ends_with('\n') {
                        code.text.pop();
                    }
                    if outline.code_blocks.len() < limits::CODE_BLOCKS {
                        outline.code_blocks.push(code);
                    }
                }
            }
            // A picture in a link: the link is what leads away.
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                if now.link.is_none() =>
            {
                now.link = Some(Link {
                    url: dest_url.into_string(),
                    text: String::new(),
                    no_follow: false,
                });
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                let found = now
                    .link
                    .take()
                    .and_then(|link| absolute(link, base.as_ref()));
                if let Some(link) = found
                    && outline.links.len() < limits::LINKS
                    && known.insert(link.url.clone())
                {
                    outline.links.push(link);
                }
            }
            Event::Text(text) => now.take(&text),
            Event::Code(text) => now.take(&text),
            Event::SoftBreak | Event::HardBreak => now.take(" "),
            _ => {}
        }
    }
    outline
}

impl Collecting {
    fn take(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            code.text.push_str(text);
            return;
        }
        if let Some((_, heading)) = &mut self.heading {
            heading.push_str(text);
        }
        if let Some(link) = &mut self.link {
            link.text.push_str(text);
        }
    }
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The language that a fence names: its first word, without the marks that some tools put around it.
fn language(info: &str) -> Option<String> {
    let word = info
        .split([' ', '\t', ',', '{'])
        .find(|word| !word.is_empty())?;
    let word = word.trim_matches(['{', '}', '.']).to_lowercase();
    (!word.is_empty()).then_some(word)
}

/// The fragment by which GitHub and most others lead to a heading.
fn anchor(text: &str, slugs: &mut HashMap<String, u32>) -> Option<String> {
    let slug: String = text
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect();
    if slug.is_empty() {
        return None;
    }
    let seen = slugs.entry(slug.clone()).or_insert(0);
    *seen += 1;
    Some(match *seen {
        1 => slug,
        again => format!("{slug}-{}", again - 1),
    })
}

fn absolute(mut link: Link, base: Option<&url::Url>) -> Option<Link> {
    let url = match base {
        Some(base) => base.join(&link.url).ok()?,
        None => url::Url::parse(&link.url).ok()?,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    link.url = url.into();
    link.text = link.text.trim().to_owned();
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_markdown_is_told() {
        let text = "# A *big* `thing`\n\ntext [one](https://a.test/x) and [two](../y#z) [mail](mailto:a@b.test)\n\n\
            ```rust,ignore\nfn main() {}\n\n    let x;\n```\n\n    indented\n\n## Ärger\n\n## Ärger\n\n```\n# no heading\n```\n";
        let outline = read(text, Some("https://b.test/docs/page/"));
        let headings: Vec<_> = outline
            .headings
            .iter()
            .map(|h| (h.level, h.text.as_str(), h.anchor.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(
            headings,
            [
                (1, "A big thing", "a-big-thing"),
                (2, "Ärger", "ärger"),
                (2, "Ärger", "ärger-1")
            ]
        );
        let code: Vec<_> = outline
            .code_blocks
            .iter()
            .map(|c| (c.language.as_deref(), c.text.as_str()))
            .collect();
        assert_eq!(
            code,
            [
                (Some("rust"), "fn main() {}\n\n    let x;"),
                (None, "indented"),
                (None, "# no heading")
            ]
        );
        let links: Vec<_> = outline
            .links
            .iter()
            .map(|l| (l.url.as_str(), l.text.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                ("https://a.test/x", "one"),
                ("https://b.test/docs/y#z", "two")
            ]
        );
    }
}
