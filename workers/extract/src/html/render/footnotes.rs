//! Which links are marks of footnotes, and which blocks are the notes.

use std::collections::HashMap;

use html5ever::local_name;

use crate::html::class;
use crate::html::dom::{Dom, Id};

/// The footnotes of a page.
#[derive(Debug, Default)]
pub(super) struct Footnotes {
    /// By the link in the text.
    marks: HashMap<Id, String>,
    /// By the block of the note.
    notes: HashMap<Id, String>,
    /// The fragments of the places that notes lead back to.
    back: HashMap<String, ()>,
}

impl Footnotes {
    /// Finds the marks: links to a place on the page, raised or named as such, whose place is a note.
    pub(super) fn find(dom: &Dom) -> Self {
        let mut found = Self::default();
        let mut candidates = Vec::new();
        for id in dom.all(local_name!("a")) {
            let Some(fragment) = dom
                .attribute(id, "href")
                .and_then(|href| href.strip_prefix('#'))
                .filter(|one| !one.is_empty())
            else {
                continue;
            };
            let raised = || {
                dom.ancestors(id)
                    .take(2)
                    .chain(dom.children(id))
                    .any(|near| dom.is(near, &local_name!("sup")))
            };
            let named = dom.attribute(id, "role") == Some("doc-noteref")
                || class::any_word(
                    dom.attribute(id, "class"),
                    &["footnote", "noteref", "fnref"],
                );
            if !named && !raised() {
                continue;
            }
            let text = dom.text_of(id);
            let label: String = text
                .trim_matches(|one: char| {
                    matches!(one, '[' | ']' | '(' | ')') || one.is_whitespace()
                })
                .to_owned();
            if label.is_empty()
                || label.len() > 16
                || label.contains(|one: char| one.is_whitespace() || matches!(one, '[' | ']' | '^'))
            {
                continue;
            }
            candidates.push((id, fragment, label));
        }
        if candidates.is_empty() {
            return found;
        }
        let mut places: HashMap<&str, Id> = HashMap::new();
        for id in 0..dom.len() {
            if let Some(name) = dom.attribute(id, "id") {
                places.entry(name).or_insert(id);
            }
        }
        for (id, fragment, label) in candidates {
            let Some(&place) = places.get(fragment) else {
                continue;
            };
            let Some(note) = note_of(dom, place) else {
                continue;
            };
            // A note does not hold the mark that leads to it, and comes after it.
            if note < id {
                continue;
            }
            let label = found.notes.entry(note).or_insert(label).clone();
            found.marks.insert(id, label);
            for near in std::iter::once(id)
                .chain(dom.ancestors(id).take(2))
                .chain(dom.children(id))
            {
                if let Some(back) = dom.attribute(near, "id") {
                    found.back.insert(back.to_owned(), ());
                }
            }
        }
        found
    }

    /// The label of the note that a link in the text leads to.
    pub(super) fn label_of(&self, link: Id) -> Option<&str> {
        self.marks.get(&link).map(String::as_str)
    }

    /// The label of a note.
    pub(super) fn note_at(&self, block: Id) -> Option<&str> {
        self.notes.get(&block).map(String::as_str)
    }

    /// Whether an element is but the label in front of a note, in brackets.
    pub(super) fn is_label(&self, dom: &Dom, id: Id) -> bool {
        if self.notes.is_empty()
            || !dom
                .inside(id)
                .take(8)
                .any(|inside| self.leads_back(dom, inside))
        {
            return false;
        }
        let text = dom.text_of(id);
        let text = text
            .trim_matches(|one: char| matches!(one, '[' | ']' | '(' | ')') || one.is_whitespace());
        self.notes.values().any(|label| label == text)
    }

    /// Whether a link leads from a note back to the text.
    pub(super) fn leads_back(&self, dom: &Dom, link: Id) -> bool {
        if self.notes.is_empty() {
            return false;
        }
        let fragment = dom
            .attribute(link, "href")
            .and_then(|href| href.strip_prefix('#'));
        dom.attribute(link, "role") == Some("doc-backlink")
            || fragment.is_some_and(|fragment| self.back.contains_key(fragment))
    }
}

/// The block that is the note at a place: the place itself, or what it stands at the front of.
fn note_of(dom: &Dom, place: Id) -> Option<Id> {
    let holds = |id: Id| {
        matches!(
            dom.name(id),
            Some(
                &local_name!("li")
                    | &local_name!("aside")
                    | &local_name!("div")
                    | &local_name!("p")
                    | &local_name!("dd")
            )
        )
    };
    let block = std::iter::once(place)
        .chain(dom.ancestors(place).take(3))
        .find(|&id| holds(id))?;
    // Not a chapter: a note is short, and holds no heading.
    let heading = dom.inside(block).any(|inside| {
        matches!(
            dom.name(inside),
            Some(&local_name!("h1") | &local_name!("h2") | &local_name!("h3"))
        )
    });
    (!heading && dom.inside(block).len() < 400).then_some(block)
}
