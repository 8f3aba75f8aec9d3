//! Lists and definitions.

use html5ever::local_name;

use super::Render;
use super::inline::Line;
use crate::html::dom::Id;
use crate::markdown;

impl Render<'_> {
    /// Writes a list.
    pub(super) fn list(&mut self, id: Id) {
        let dom = self.dom;
        let ordered = dom.is(id, &local_name!("ol"));
        let mut number: i64 = dom
            .attribute(id, "start")
            .and_then(|start| start.trim().parse().ok())
            .unwrap_or(1);
        let loose = dom.children(id).any(|child| self.pieces(child) > 1);
        let nested = std::mem::replace(&mut self.tight_item, !loose);
        let mut first = true;
        for child in dom.children(id) {
            if self.hidden(child) {
                continue;
            }
            if self.footnotes.note_at(child).is_some() || !dom.is(child, &local_name!("li")) {
                match dom.text(child) {
                    Some(text) if text.trim().is_empty() => {}
                    _ => self.stray(child, !first),
                }
                continue;
            }
            if let Some(value) = dom
                .attribute(child, "value")
                .and_then(|value| value.trim().parse().ok())
            {
                number = value;
            }
            let marker = if ordered {
                format!("{}. ", number.clamp(0, 999_999_999))
            } else {
                "- ".to_owned()
            };
            number = number.saturating_add(1);
            if !loose && (!first || nested) {
                self.writer.tight();
            }
            first = false;
            self.writer.open(&marker, &" ".repeat(marker.len()));
            self.blocks(child);
            self.writer.close();
        }
        self.tight_item = nested;
    }

    /// What is in a list without being an item of it; a list in a list belongs to the item before.
    fn stray(&mut self, id: Id, inside: bool) {
        if inside
            && matches!(
                self.dom.name(id),
                Some(&local_name!("ul") | &local_name!("ol"))
            )
        {
            self.writer.open("  ", "  ");
            self.block(id);
            self.writer.close();
        } else {
            self.block(id);
        }
    }

    /// How many blocks an item is made of, lists aside.
    fn pieces(&self, id: Id) -> usize {
        let dom = self.dom;
        let (mut pieces, mut text, mut only) = (0, false, None);
        for child in dom.children(id) {
            if self.hidden(child) {
                continue;
            }
            if self.is_block(child) {
                text = false;
                if !matches!(
                    dom.name(child),
                    Some(&local_name!("ul") | &local_name!("ol"))
                ) {
                    pieces += 1;
                    only = Some(child);
                }
            } else if !text && dom.text(child).is_none_or(|text| !text.trim().is_empty()) {
                text = true;
                pieces += 1;
                only = None;
            }
        }
        match only {
            Some(only)
                if pieces == 1 && self.has_block[only] && !dom.is(only, &local_name!("table")) =>
            {
                self.pieces(only)
            }
            Some(only) if pieces == 1 && self.is_code_block(only) => 2,
            _ => pieces,
        }
    }

    /// Writes terms and what they mean.
    pub(super) fn definitions(&mut self, id: Id) {
        let dom = self.dom;
        let tight = std::mem::take(&mut self.tight_item);
        let mut term: Option<String> = None;
        let parts: Vec<Id> = dom
            .children(id)
            .flat_map(|child| {
                if dom.is(child, &local_name!("div")) {
                    dom.children(child).collect()
                } else {
                    vec![child]
                }
            })
            .collect();
        for part in parts {
            if self.hidden(part) || dom.text(part).is_some_and(|text| text.trim().is_empty()) {
                continue;
            }
            let simple = !self.has_block[part] && self.footnotes.note_at(part).is_none();
            match dom.name(part) {
                Some(&local_name!("dt")) if simple && !self.is_code_block(part) => {
                    let mut line = Line::plain();
                    self.spans(&mut line, part);
                    let text = line.finish().replace("  \n", " ").replace("\n\n", " ");
                    if !text.is_empty() {
                        let text = format!("**{text}**");
                        term = Some(match term.take() {
                            Some(before) => format!("{before}\n{text}"),
                            None => text,
                        });
                    }
                }
                Some(&local_name!("dd")) if simple => {
                    let mut line = Line::default();
                    self.spans(&mut line, part);
                    let text = line.finish();
                    let mut paragraphs = text.split("\n\n");
                    let first = markdown::escape_line_start(paragraphs.next().unwrap_or_default())
                        .into_owned();
                    let first = if first.is_empty() {
                        first
                    } else {
                        format!(": {first}")
                    };
                    match term.take() {
                        Some(term) if first.is_empty() => self.writer.block(&term),
                        Some(term) => self.writer.block(&format!("{term}\n{first}")),
                        None => {
                            if !first.is_empty() {
                                self.writer.block(&first);
                            }
                        }
                    }
                    for paragraph in paragraphs {
                        self.writer.block(&markdown::escape_line_start(paragraph));
                    }
                }
                Some(_) => {
                    if let Some(term) = term.take() {
                        self.writer.block(&term);
                    }
                    self.block(part);
                }
                None => {
                    if let Some(term) = term.take() {
                        self.writer.block(&term);
                    }
                    self.block(part);
                }
            }
        }
        if let Some(term) = term {
            self.writer.block(&term);
        }
        self.tight_item = tight;
    }
}
