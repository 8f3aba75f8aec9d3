//! Bytes of a page to nodes, by the rules that browsers follow (html5ever), with a bound on depth and on nodes.
//!
//! Without the bounds a page can cost any time: the rules search the open elements at every tag, and put elements that
//! were left open into every later paragraph again.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::TokenizerResult;
use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, LocalName, Namespace, QualName, local_name, ns};

use super::dom::{Dom, Element, Kind, Node, silent};

/// Tags further in than this are left out, what they hold stays. Browsers stop at 512.
const MAX_DEPTH: u16 = 200;
/// Tags after so many nodes are left out.
const MAX_NODES: usize = 1_500_000;
/// A longer value of an attribute is none.
const MAX_VALUE: usize = 16 * 1024;
/// More attributes than these are left out.
const MAX_ATTRIBUTES: usize = 48;
/// As much as is handed to the tokenizer at a time.
const PIECE: usize = 64 * 1024;

/// Reads a page.
pub(super) fn parse(text: &str) -> Dom {
    let builder = TreeBuilder::new(
        Sink::new(),
        TreeBuilderOpts {
            scripting_enabled: false,
            ..TreeBuilderOpts::default()
        },
    );
    let bounded = Bounded {
        builder,
        left_out: RefCell::default(),
    };
    let tokenizer = Tokenizer::new(bounded, TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, next) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = next;
        input.push_back(StrTendril::from_slice(piece));
        // It stops at each script and each named encoding; neither is for us.
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    }
    tokenizer.end();
    tokenizer.sink.builder.sink.finish()
}

/// Keeps tags from the tree that would make it too deep or too large.
struct Bounded {
    builder: TreeBuilder<u32, Sink>,
    /// The open ones among those left out.
    left_out: RefCell<Vec<LocalName>>,
}

impl TokenSink for Bounded {
    type Handle = u32;

    fn process_token(&self, mut token: Token, line: u64) -> TokenSinkResult<u32> {
        let sink = &self.builder.sink;
        if let Token::TagToken(tag) = &mut token {
            let mut left_out = self.left_out.borrow_mut();
            match tag.kind {
                TagKind::StartTag => {
                    let full = sink.nodes.borrow().len() > MAX_NODES;
                    // Left out, a script or a style would show what it holds.
                    if (sink.depth() > MAX_DEPTH && !silent(&tag.name) && !raw(&tag.name)) || full {
                        if left_out.len() < usize::from(u16::MAX) {
                            left_out.push(tag.name.clone());
                        }
                        return TokenSinkResult::Continue;
                    }
                    tag.attrs.truncate(MAX_ATTRIBUTES);
                    tag.attrs.retain(|one| one.value.len() <= MAX_VALUE);
                }
                TagKind::EndTag => {
                    if left_out.last() == Some(&tag.name) {
                        left_out.pop();
                        return TokenSinkResult::Continue;
                    }
                    sink.ends(&tag.name);
                }
            }
        }
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Elements whose inside is text whatever it looks like.
fn raw(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("title")
            | local_name!("textarea")
            | local_name!("xmp")
            | local_name!("noembed")
            | local_name!("noframes")
    )
}

/// Elements that hold nothing.
fn is_void(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("area")
            | local_name!("base")
            | local_name!("br")
            | local_name!("col")
            | local_name!("embed")
            | local_name!("hr")
            | local_name!("img")
            | local_name!("input")
            | local_name!("link")
            | local_name!("meta")
            | local_name!("source")
            | local_name!("track")
            | local_name!("wbr")
    )
}

const NONE: u32 = u32::MAX;

/// A node while the tree is built.
struct Growing {
    parent: u32,
    first: u32,
    last: u32,
    previous: u32,
    next: u32,
    depth: u16,
    name: QualName,
    kind: Kind,
}

/// The tree while it is built.
struct Sink {
    nodes: RefCell<Vec<Growing>>,
    /// The element that the next node goes into, nearly.
    current: Cell<u32>,
}

impl Sink {
    fn new() -> Self {
        let sink = Self {
            nodes: RefCell::default(),
            current: Cell::new(0),
        };
        sink.add(Kind::Document, nameless());
        sink
    }

    fn depth(&self) -> u16 {
        self.nodes.borrow()[self.current.get() as usize].depth
    }

    /// The end tag of what is open. The builder does not say of all it closes that it is closed.
    fn ends(&self, name: &LocalName) {
        let nodes = self.nodes.borrow();
        let node = &nodes[self.current.get() as usize];
        if node.name.local == *name && node.parent != NONE {
            self.current.set(node.parent);
        }
    }

    fn add(&self, kind: Kind, name: QualName) -> u32 {
        let mut nodes = self.nodes.borrow_mut();
        // Far below the limit of the type by MAX_NODES and what one tag can add.
        let id = u32::try_from(nodes.len()).unwrap_or(NONE - 1);
        nodes.push(Growing {
            parent: NONE,
            first: NONE,
            last: NONE,
            previous: NONE,
            next: NONE,
            depth: 0,
            name,
            kind,
        });
        id
    }

    fn detach(&self, id: u32) {
        let mut nodes = self.nodes.borrow_mut();
        let Growing {
            parent,
            previous,
            next,
            ..
        } = nodes[id as usize];
        if parent == NONE {
            return;
        }
        match previous {
            NONE => nodes[parent as usize].first = next,
            previous => nodes[previous as usize].next = next,
        }
        match next {
            NONE => nodes[parent as usize].last = previous,
            next => nodes[next as usize].previous = previous,
        }
        let node = &mut nodes[id as usize];
        (node.parent, node.previous, node.next) = (NONE, NONE, NONE);
    }

    /// Puts a node before `next`, or last.
    fn attach(&self, parent: u32, next: u32, id: u32) {
        self.detach(id);
        let mut nodes = self.nodes.borrow_mut();
        let previous = if next == NONE {
            nodes[parent as usize].last
        } else {
            nodes[next as usize].previous
        };
        let depth = nodes[parent as usize].depth.saturating_add(1);
        let node = &mut nodes[id as usize];
        (node.parent, node.previous, node.next, node.depth) = (parent, previous, next, depth);
        match previous {
            NONE => nodes[parent as usize].first = id,
            previous => nodes[previous as usize].next = id,
        }
        match next {
            NONE => nodes[parent as usize].last = id,
            next => nodes[next as usize].previous = id,
        }
        let void = matches!(nodes[id as usize].kind, Kind::Text(_))
            || is_void(&nodes[id as usize].name.local);
        self.current.set(if void { parent } else { id });
    }

    fn place(&self, parent: u32, next: u32, child: NodeOrText<u32>) {
        match child {
            NodeOrText::AppendNode(id) => self.attach(parent, next, id),
            NodeOrText::AppendText(text) => {
                let previous = {
                    let mut nodes = self.nodes.borrow_mut();
                    let previous = if next == NONE {
                        nodes[parent as usize].last
                    } else {
                        nodes[next as usize].previous
                    };
                    if previous != NONE
                        && let Kind::Text(before) = &mut nodes[previous as usize].kind
                    {
                        before.push_tendril(&text);
                        true
                    } else {
                        false
                    }
                };
                if !previous {
                    let id = self.add(Kind::Text(text), nameless());
                    self.attach(parent, next, id);
                }
                self.current.set(parent);
            }
        }
    }
}

fn nameless() -> QualName {
    QualName::new(None, ns!(), local_name!(""))
}

/// The name of a node in the tree.
#[derive(Debug)]
struct Name<'a>(Ref<'a, QualName>);

impl ElemName for Name<'_> {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl TreeSink for Sink {
    type Handle = u32;
    type Output = Dom;
    type ElemName<'a> = Name<'a>;

    fn finish(self) -> Dom {
        flatten(self.nodes.into_inner())
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> u32 {
        0
    }

    fn elem_name<'a>(&'a self, target: &'a u32) -> Name<'a> {
        Name(Ref::map(self.nodes.borrow(), |nodes| {
            &nodes[*target as usize].name
        }))
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> u32 {
        let element = Element {
            name: name.local.clone(),
            attributes,
        };
        self.add(Kind::Element(element), name)
    }

    fn create_comment(&self, _: StrTendril) -> u32 {
        self.add(Kind::Document, nameless())
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> u32 {
        self.add(Kind::Document, nameless())
    }

    fn append(&self, parent: &u32, child: NodeOrText<u32>) {
        self.place(*parent, NONE, child);
    }

    fn append_based_on_parent_node(&self, element: &u32, previous: &u32, child: NodeOrText<u32>) {
        let parent = self.nodes.borrow()[*element as usize].parent;
        if parent == NONE {
            self.place(*previous, NONE, child);
        } else {
            self.place(parent, *element, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn pop(&self, node: &u32) {
        let parent = self.nodes.borrow()[*node as usize].parent;
        if parent != NONE {
            self.current.set(parent);
        }
    }

    /// What a template holds is no part of the page: it is hung on nothing and falls away.
    fn get_template_contents(&self, _: &u32) -> u32 {
        self.add(Kind::Document, nameless())
    }

    fn same_node(&self, one: &u32, other: &u32) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &u32, node: NodeOrText<u32>) {
        let parent = self.nodes.borrow()[*sibling as usize].parent;
        if parent != NONE {
            self.place(parent, *sibling, node);
        }
    }

    fn add_attrs_if_missing(&self, target: &u32, attributes: Vec<Attribute>) {
        if let Kind::Element(element) = &mut self.nodes.borrow_mut()[*target as usize].kind {
            for attribute in attributes {
                if element.attribute(&attribute.name.local).is_none()
                    && element.attributes.len() < MAX_ATTRIBUTES
                {
                    element.attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &u32) {
        self.detach(*target);
    }

    fn reparent_children(&self, node: &u32, parent: &u32) {
        loop {
            let first = self.nodes.borrow()[*node as usize].first;
            if first == NONE {
                break;
            }
            self.attach(*parent, NONE, first);
        }
    }
}

/// The tree in document order, without comments and without what hangs on nothing.
fn flatten(mut from: Vec<Growing>) -> Dom {
    let mut to: Vec<Node> = Vec::with_capacity(from.len());
    to.push(Node {
        parent: 0,
        end: 0,
        depth: 0,
        kind: Kind::Document,
    });
    // The open nodes: where they were, and where they are now.
    let mut open: Vec<(u32, u32)> = vec![(0, 0)];
    let mut at = from[0].first;
    while let Some(&(_, parent)) = open.last() {
        if at == NONE {
            let end = u32::try_from(to.len()).unwrap_or(NONE);
            to[parent as usize].end = end;
            at = open
                .pop()
                .map_or(NONE, |(before, _)| from[before as usize].next);
            continue;
        }
        let node = &mut from[at as usize];
        let kind = std::mem::replace(&mut node.kind, Kind::Document);
        if matches!(kind, Kind::Document) {
            at = node.next;
            continue;
        }
        let id = u32::try_from(to.len()).unwrap_or(NONE);
        let depth = to[parent as usize].depth + 1;
        to.push(Node {
            parent,
            end: id + 1,
            depth,
            kind,
        });
        if node.first == NONE {
            at = node.next;
        } else if depth >= 2 * MAX_DEPTH {
            // Moved deeper by the rules for broken markup: what it holds stands beside it.
            open.push((at, parent));
            at = node.first;
        } else {
            open.push((at, id));
            at = node.first;
        }
    }
    Dom::new(to)
}

#[cfg(test)]
mod tests;
