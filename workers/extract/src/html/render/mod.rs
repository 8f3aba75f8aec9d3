//! Nodes to Markdown.

mod blocks;
mod code;
mod footnotes;
mod inline;
mod lists;
mod math;
mod spans;
mod table;

use url::Url;

use super::dom::{Dom, Id, is_block, silent};
use crate::markdown::Writer;
use crate::{CodeBlock, Heading};

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub markdown: String,
    pub headings: Vec<Heading>,
    pub code_blocks: Vec<CodeBlock>,
}

/// Writes a part of a page. `skip` says of each node whether it is left out, with all inside it.
pub(super) fn render(dom: &Dom, roots: &[Id], skip: &[bool], base: Option<&Url>) -> Rendered {
    let mut render = Render {
        dom,
        skip,
        base,
        has_block: has_block(dom, skip),
        footnotes: footnotes::Footnotes::find(dom),
        writer: Writer::default(),
        rendered: Rendered::default(),
        link: None,
        in_cell: false,
        in_note: false,
        tight_item: false,
    };
    for &root in roots {
        render.block(root);
    }
    let mut rendered = render.rendered;
    rendered.markdown = render.writer.finish();
    if rendered.markdown.ends_with("\n\n---\n") {
        rendered.markdown.truncate(rendered.markdown.len() - 5);
    }
    rendered
}

/// A page being written.
struct Render<'a> {
    dom: &'a Dom,
    skip: &'a [bool],
    base: Option<&'a Url>,
    /// Whether blocks are inside a node.
    has_block: Vec<bool>,
    footnotes: footnotes::Footnotes,
    writer: Writer,
    rendered: Rendered,
    /// The address of a link around blocks: the first line of text gets it.
    link: Option<String>,
    /// In the cell of a table, where a fence cannot be.
    in_cell: bool,
    /// In a note, whose heading is none of the page's.
    in_note: bool,
    /// In an item of a tight list.
    tight_item: bool,
}

fn has_block(dom: &Dom, skip: &[bool]) -> Vec<bool> {
    let mut has = vec![false; dom.len()];
    for id in (1..dom.len()).rev() {
        if skip[id] {
            continue;
        }
        let Some(name) = dom.name(id) else { continue };
        if (has[id] || is_block(name))
            && !silent(name)
            && let Some(parent) = dom.parent(id)
        {
            has[parent] = true;
        }
    }
    has
}

impl Render<'_> {
    /// Whether a node shows nothing.
    fn hidden(&self, id: Id) -> bool {
        self.skip[id] || self.dom.name(id).is_some_and(silent)
    }

    /// An address as the page means it; none for what is no page (`javascript:`).
    fn absolute(&self, address: &str) -> Option<String> {
        super::links::absolute(self.base, address).map(String::from)
    }
}
