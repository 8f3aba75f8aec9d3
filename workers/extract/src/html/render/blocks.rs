//! Paragraphs, headings, quotes and what holds them.

use html5ever::{LocalName, local_name};

use super::Render;
use super::inline::Line;
use crate::Heading;
use crate::html::class;
use crate::html::dom::{Id, is_block};
use crate::markdown;

impl Render<'_> {
    /// Writes what is inside a node: blocks, and the text between them as paragraphs.
    pub(super) fn blocks(&mut self, id: Id) {
        let mut line = Line::default();
        for child in self.dom.children(id) {
            if self.is_block(child) {
                self.paragraph(std::mem::take(&mut line));
                self.block(child);
            } else {
                self.span(&mut line, child);
            }
        }
        self.paragraph(line);
    }

    /// Whether a node stands on lines of its own.
    pub(super) fn is_block(&self, id: Id) -> bool {
        !self.hidden(id)
            && self
                .dom
                .name(id)
                .is_some_and(|name| is_block(name) || self.has_block[id] || self.is_code_block(id))
    }

    /// Writes a line of text as a paragraph, or as several where empty lines are in it.
    pub(super) fn paragraph(&mut self, line: Line) {
        let text = line.finish();
        for part in text.split("\n\n") {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let part = markdown::escape_line_start(part);
            match self.link.take() {
                Some(url) if !part.contains("](") => self
                    .writer
                    .block(&markdown::link(&part.replace("  \n", " "), &url)),
                _ => self.writer.block(&part),
            }
        }
    }

    /// Writes a node that stands on lines of its own.
    pub(super) fn block(&mut self, id: Id) {
        if self.hidden(id) || self.is_preview(id) {
            return;
        }
        let dom = self.dom;
        let Some(name) = dom.name(id) else {
            return if id == 0 {
                self.blocks(id)
            } else {
                self.lone(id)
            };
        };
        if let Some(label) = self.footnotes.note_at(id) {
            let label = format!("[^{label}]: ");
            self.writer.open(&label, "    ");
            self.blocks(id);
            self.writer.close();
            return;
        }
        if self.is_code_block(id) {
            self.code_block(id);
            return;
        }
        if let Some(formula) = self.math(id) {
            self.writer.block(&formula);
            return;
        }
        if self.is_note(id, name) {
            self.note(id);
            return;
        }
        if self.in_note
            && !self.has_block[id]
            && class::any_word(dom.attribute(id, "class"), &["title"])
        {
            return self.strong(id);
        }
        match *name {
            local_name!("h1") => self.heading(id, 1),
            local_name!("h2") => self.heading(id, 2),
            local_name!("h3") => self.heading(id, 3),
            local_name!("h4") => self.heading(id, 4),
            local_name!("h5") => self.heading(id, 5),
            local_name!("h6") => self.heading(id, 6),
            local_name!("ul") | local_name!("ol") | local_name!("menu") | local_name!("dir") => {
                self.list(id)
            }
            local_name!("dl") => self.definitions(id),
            local_name!("dt") | local_name!("summary") => self.strong(id),
            local_name!("blockquote") => {
                self.writer.open("> ", "> ");
                let tight = std::mem::take(&mut self.tight_item);
                self.blocks(id);
                self.tight_item = tight;
                self.writer.close();
            }
            local_name!("table") => self.table(id),
            local_name!("hr") => {
                if !self.writer.is_empty() && !self.in_cell {
                    self.writer.block("---");
                }
            }
            local_name!("a") if self.link.is_none() => {
                self.link = dom
                    .attribute(id, "href")
                    .and_then(|href| self.absolute(href));
                self.blocks(id);
                self.link = None;
            }
            _ if is_block(name) || self.has_block[id] => self.blocks(id),
            _ => self.lone(id),
        }
    }

    /// Writes a node without blocks as a paragraph.
    fn lone(&mut self, id: Id) {
        let mut line = Line::default();
        self.span(&mut line, id);
        self.paragraph(line);
    }

    /// Writes a line that heads what follows without being a heading: a term, the title of a note.
    pub(super) fn strong(&mut self, id: Id) {
        if self.has_block[id] {
            return self.blocks(id);
        }
        let mut line = Line::plain();
        self.spans(&mut line, id);
        self.strong_line(line);
    }

    fn strong_line(&mut self, line: Line) {
        let text = line.finish().replace("  \n", " ").replace("\n\n", " ");
        if !text.is_empty() {
            self.writer.block(&format!("**{text}**"));
        }
    }

    fn heading(&mut self, id: Id, level: u8) {
        if self.dom.inside(id).any(|inside| {
            self.dom.is(inside, &local_name!("table")) || self.dom.is(inside, &local_name!("pre"))
        }) {
            return self.blocks(id);
        }
        let mut line = Line::plain();
        self.heading_spans(&mut line, id);
        let text = line.finish().replace("  \n", " ").replace("\n\n", " ");
        if !text.contains(char::is_alphanumeric) && text.chars().count() < 2 {
            return;
        }
        if self.in_note || self.in_cell {
            self.writer.block(&format!("**{text}**"));
            return;
        }
        let text = match self.link.take() {
            Some(url) if !text.contains("](") => markdown::link(&text, &url),
            _ => text,
        };
        self.writer.block(&markdown::heading(level, &text));
        self.rendered.headings.push(Heading {
            level,
            text: self.heading_text(id),
            anchor: self.heading_anchor(id),
        });
    }

    /// The text of a heading without what marks the place: such a link is dropped, one around the text is not shown as a link.
    fn heading_spans(&mut self, line: &mut Line, id: Id) {
        let dom = self.dom;
        for child in dom.children(id) {
            if self.marks_place(child) {
                continue;
            }
            let own = dom.is(child, &local_name!("a"))
                && dom
                    .attribute(child, "href")
                    .is_none_or(|href| href.starts_with('#'));
            if own || self.has_block[child] {
                line.text(if self.has_block[child] { " " } else { "" });
                self.heading_spans(line, child);
                line.text(if self.has_block[child] { " " } else { "" });
            } else if dom.name(child).is_some_and(is_block) {
                line.text(" ");
                self.spans(line, child);
                line.text(" ");
            } else {
                self.span(line, child);
            }
        }
    }

    /// Whether a part of a heading is a link to the heading.
    fn marks_place(&self, id: Id) -> bool {
        self.dom.is(id, &local_name!("a")) && self.is_permalink(id)
    }

    fn heading_text(&self, id: Id) -> String {
        let mut out = String::new();
        let dom = self.dom;
        let end = dom.end(id);
        let mut at = id + 1;
        while at < end {
            if self.hidden(at)
                || self.marks_place(at)
                || dom.name(at).is_some_and(super::spans::is_control)
            {
                at = dom.end(at);
                continue;
            }
            if let Some(text) = dom.text(at) {
                crate::html::dom::push_single_spaced(&mut out, text);
            } else if dom.name(at).is_some_and(crate::html::dom::breaks) {
                crate::html::dom::push_single_spaced(&mut out, " ");
            }
            at += 1;
        }
        out.trim().replace(['\u{ad}', '\u{200b}', '\u{feff}'], "")
    }

    /// The fragment that leads to a heading: its own, one inside it, where its mark leads, or that of the section it begins.
    fn heading_anchor(&self, id: Id) -> Option<String> {
        let dom = self.dom;
        let named = |id: Id| {
            dom.attribute(id, "id").or_else(|| {
                dom.attribute(id, "name")
                    .filter(|_| dom.is(id, &local_name!("a")))
            })
        };
        let leads = |id: Id| {
            dom.attribute(id, "href")
                .and_then(|href| href.strip_prefix('#'))
        };
        let place = |inside: &Id| {
            matches!(
                dom.name(*inside),
                Some(&local_name!("a") | &local_name!("span"))
            )
        };
        let inside = || {
            dom.inside(id)
                .filter(place)
                .find_map(|inside| named(inside).or_else(|| leads(inside)))
        };
        let before = || {
            let around = dom.parent(id)?;
            let first = dom
                .children(around)
                .find(|&child| dom.text(child).is_none_or(|text| !text.trim().is_empty()))?;
            let begins = first == id
                || (dom.is(first, &local_name!("a"))
                    && dom
                        .children(around)
                        .filter(|&child| dom.element(child).is_some())
                        .nth(1)
                        == Some(id));
            let section = matches!(
                *dom.name(around)?,
                local_name!("section")
                    | local_name!("div")
                    | local_name!("header")
                    | local_name!("article")
            );
            if !begins || !section {
                return None;
            }
            named(first).or_else(|| named(around)).or_else(|| {
                // DocBook wraps a heading in title pages of its own.
                dom.ancestors(around)
                    .take(3)
                    .take_while(|&outer| {
                        dom.inside(outer)
                            .find(|&one| dom.is(one, dom.name(id).unwrap_or(&local_name!("h1"))))
                            == Some(id)
                    })
                    .find_map(named)
            })
        };
        named(id)
            .or_else(inside)
            .or_else(before)
            .filter(|anchor| !anchor.is_empty())
            .map(str::to_owned)
    }

    /// Whether a block is a note beside the text: a hint, a warning.
    fn is_note(&self, id: Id, name: &LocalName) -> bool {
        const KINDS: &[&str] = &[
            "admonition",
            "admonitionblock",
            "callout",
            "note",
            "tip",
            "warning",
            "caution",
            "important",
            "danger",
            "hint",
        ];
        let holder = matches!(
            *name,
            local_name!("div")
                | local_name!("aside")
                | local_name!("section")
                | local_name!("details")
        );
        if !holder || self.in_note || self.in_cell {
            return false;
        }
        let class = self.dom.attribute(id, "class");
        class::any_name(class, KINDS)
            || (class::any_word(class, &["admonition", "callout", "admonitionblock"]))
    }

    fn note(&mut self, id: Id) {
        let tight = std::mem::take(&mut self.tight_item);
        self.in_note = true;
        self.writer.open("> ", "> ");
        self.note_blocks(id);
        self.writer.close();
        self.in_note = false;
        self.tight_item = tight;
    }

    /// The inside of a note, the line that says which kind it is in bold.
    fn note_blocks(&mut self, id: Id) {
        let dom = self.dom;
        let first = dom.inside(id).find(|&inside| {
            dom.text(inside).is_some_and(|text| !text.trim().is_empty()) && !self.hidden(inside)
        });
        let title = first.and_then(|first| {
            dom.ancestors(first)
                .take_while(|&around| around != id)
                .filter(|&around| self.is_title(around))
                .last()
        });
        match title {
            Some(title)
                if !self.has_block[title] && dom.children(id).any(|child| child == title) =>
            {
                self.strong(title);
                let mut line = Line::default();
                for child in dom.children(id).filter(|&child| child > title) {
                    if self.is_block(child) {
                        self.paragraph(std::mem::take(&mut line));
                        self.block(child);
                    } else {
                        self.span(&mut line, child);
                    }
                }
                self.paragraph(line);
            }
            _ => self.blocks(id),
        }
    }

    fn is_title(&self, id: Id) -> bool {
        class::any_word(
            self.dom.attribute(id, "class"),
            &["title", "heading", "head", "header", "label"],
        )
    }
}
