//! A page of the web: what it says, where it links to, what it says of itself.

mod charset;
mod class;
mod content;
mod dom;
mod head;
mod language;
mod links;
mod parse;
mod render;

pub use charset::decode;
pub(crate) use head::guess;

use crate::{Document, ExtractError};

/// A larger page is cut.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// What is known of a page beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct HtmlSource<'a> {
    /// Its address after redirects. Without one, links that are not absolute are left out.
    pub url: &'a str,
    /// The header `content-type`.
    pub content_type: Option<&'a str>,
    /// How much of it is wanted.
    pub extent: Extent,
}

/// How much of a page is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What the page is about, without navigation and whatever else is around it.
    #[default]
    Main,
    /// Everything that shows: a chapter of a book, the body of a message.
    Whole,
}

/// Reads a page.
///
/// # Errors
/// None at present: whatever the bytes are, they are read as a browser would; what was cut is in the warnings.
pub fn html(bytes: &[u8], about: &HtmlSource<'_>) -> Result<Document, ExtractError> {
    let mut warnings = Vec::new();
    let kept = &bytes[..bytes.len().min(MAX_BYTES)];
    if kept.len() < bytes.len() {
        warnings.push(format!(
            "the page has {} bytes; only the first {MAX_BYTES} were read",
            bytes.len()
        ));
    }
    let (text, _) = decode(kept, about.content_type);
    let dom = parse::parse(&text);
    let base = links::base(&dom, about.url);
    let (mut document, article) = head::read(&dom, base.as_ref());
    document.links = links::links(&dom, base.as_ref());
    let selected = match about.extent {
        Extent::Main => content::main(&dom, article, document.title.as_deref()),
        Extent::Whole => content::whole(&dom),
    };
    let rendered = render::render(&dom, &selected.roots, &selected.skip, base.as_ref());
    document.needs_scripts = head::needs_scripts(&dom, &rendered.markdown);
    document.markdown = rendered.markdown;
    document.headings = rendered.headings;
    document.code_blocks = rendered.code_blocks;
    document.warnings = warnings;
    head::finish(&mut document);
    Ok(document)
}
