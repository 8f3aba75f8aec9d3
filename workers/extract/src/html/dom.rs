//! A parsed page: its nodes in document order, so that the inside of a node is a range and every count one pass.

use html5ever::tendril::StrTendril;
use html5ever::{Attribute, LocalName, local_name};

/// A node's place.
pub(super) type Id = usize;

/// A page.
#[derive(Debug)]
pub(super) struct Dom {
    nodes: Vec<Node>,
}

/// A node. What is inside it follows it directly, up to `end`.
#[derive(Debug)]
pub(super) struct Node {
    /// The node it is in; its own place for the document.
    pub parent: u32,
    /// The place behind its last descendant.
    pub end: u32,
    /// How many nodes it is in.
    pub depth: u16,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// The page itself.
    Document,
    /// Text, entities resolved.
    Text(StrTendril),
    /// An element.
    Element(Element),
}

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    /// Its name in lower case.
    pub name: LocalName,
    /// Its attributes, each name once.
    pub attributes: Vec<Attribute>,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|one| &*one.name.local == name)
            .map(|one| &*one.value)
    }
}

impl Dom {
    /// Of nodes in document order. The first one is the document.
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A node.
    #[cfg(test)]
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// The place behind a node's last descendant.
    pub(super) fn end(&self, id: Id) -> Id {
        self.nodes[id].end as usize
    }

    /// The node that a node is in.
    pub(super) fn parent(&self, id: Id) -> Option<Id> {
        (id != 0).then(|| self.nodes[id].parent as usize)
    }

    /// The nodes around a node, the nearest first.
    pub(super) fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.parent(id), |&at| self.parent(at))
    }

    /// The nodes directly inside a node.
    pub(super) fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        let end = self.end(id);
        let first = (id + 1 < end).then_some(id + 1);
        std::iter::successors(first, move |&at| {
            Some(self.end(at)).filter(|&next| next < end)
        })
    }

    /// Everything inside a node.
    pub(super) fn inside(&self, id: Id) -> std::ops::Range<Id> {
        id + 1..self.end(id)
    }

    /// A node as an element.
    pub(super) fn element(&self, id: Id) -> Option<&Element> {
        match &self.nodes[id].kind {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    /// A node's text, if it is text.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.nodes[id].kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An element's name.
    pub(super) fn name(&self, id: Id) -> Option<&LocalName> {
        self.element(id).map(|element| &element.name)
    }

    /// Whether a node is an element of this name.
    pub(super) fn is(&self, id: Id, name: &LocalName) -> bool {
        self.name(id) == Some(name)
    }

    /// The value of an attribute of an element.
    pub(super) fn attribute(&self, id: Id, name: &str) -> Option<&str> {
        self.element(id)?.attribute(name)
    }

    /// All elements of this name, in order.
    pub(super) fn all(&self, name: LocalName) -> impl Iterator<Item = Id> {
        (0..self.len()).filter(move |&id| self.is(id, &name))
    }

    /// The text of a node, white space made single. Scripts and styles have none.
    pub(super) fn text_of(&self, id: Id) -> String {
        let mut out = String::new();
        let mut at = id;
        let end = self.end(id);
        while at < end {
            match &self.nodes[at].kind {
                Kind::Text(text) => push_single_spaced(&mut out, text),
                Kind::Element(element) if silent(&element.name) && at != id => {
                    at = self.end(at);
                    continue;
                }
                Kind::Element(element) if breaks(&element.name) => {
                    push_single_spaced(&mut out, " ")
                }
                _ => {}
            }
            at += 1;
        }
        let trimmed = out.trim_end().len();
        out.truncate(trimmed);
        out
    }
}

/// Elements whose text nobody reads.
pub(super) fn silent(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("script")
            | local_name!("style")
            | local_name!("template")
            | local_name!("noscript")
            | local_name!("iframe")
            | local_name!("object")
            | local_name!("head")
            | local_name!("svg")
            | local_name!("canvas")
            | local_name!("audio")
            | local_name!("video")
    )
}

/// Elements that words do not run across.
pub(super) fn breaks(name: &LocalName) -> bool {
    is_block(name)
        || matches!(
            *name,
            local_name!("br") | local_name!("td") | local_name!("th")
        )
}

/// Elements that stand on lines of their own.
pub(super) fn is_block(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("address")
            | local_name!("article")
            | local_name!("aside")
            | local_name!("blockquote")
            | local_name!("body")
            | local_name!("caption")
            | local_name!("center")
            | local_name!("dd")
            | local_name!("details")
            | local_name!("dialog")
            | local_name!("dir")
            | local_name!("div")
            | local_name!("dl")
            | local_name!("dt")
            | local_name!("fieldset")
            | local_name!("figcaption")
            | local_name!("figure")
            | local_name!("footer")
            | local_name!("form")
            | local_name!("h1")
            | local_name!("h2")
            | local_name!("h3")
            | local_name!("h4")
            | local_name!("h5")
            | local_name!("h6")
            | local_name!("header")
            | local_name!("hgroup")
            | local_name!("hr")
            | local_name!("html")
            | local_name!("legend")
            | local_name!("li")
            | local_name!("main")
            | local_name!("menu")
            | local_name!("nav")
            | local_name!("ol")
            | local_name!("option")
            | local_name!("p")
            | local_name!("pre")
            | local_name!("search")
            | local_name!("section")
            | local_name!("summary")
            | local_name!("table")
            | local_name!("tbody")
            | local_name!("tfoot")
            | local_name!("thead")
            | local_name!("tr")
            | local_name!("ul")
    )
}

/// Adds text, with every run of white space as one space and none at the front.
pub(super) fn push_single_spaced(out: &mut String, text: &str) {
    let mut space = out.is_empty() || out.ends_with(' ');
    for one in text.chars() {
        if one.is_whitespace() {
            if !space {
                out.push(' ');
                space = true;
            }
        } else {
            out.push(one);
            space = false;
        }
    }
}
