//! What stands within a line.

use html5ever::{LocalName, local_name};

use super::Render;
use super::inline::Line;
use crate::html::class;
use crate::html::dom::Id;
use crate::markdown;

impl Render<'_> {
    /// Adds what is inside a node to a line.
    pub(super) fn spans(&mut self, line: &mut Line, id: Id) {
        for child in self.dom.children(id) {
            self.span(line, child);
        }
    }

    /// Adds a node to a line.
    pub(super) fn span(&mut self, line: &mut Line, id: Id) {
        let dom = self.dom;
        if self.skip[id] {
            return;
        }
        if let Some(text) = dom.text(id) {
            line.text(text);
            return;
        }
        if let Some(formula) = self.math(id) {
            line.raw(&formula);
            return;
        }
        if self.hidden(id) || self.is_preview(id) {
            return;
        }
        let Some(name) = dom.name(id) else { return };
        match *name {
            local_name!("br") => line.line_break(),
            local_name!("b") | local_name!("strong") => self.emphasis(line, id, "**"),
            local_name!("em")
            | local_name!("i")
            | local_name!("cite")
            | local_name!("dfn")
            | local_name!("var") => {
                self.emphasis(line, id, "*");
            }
            local_name!("del") | local_name!("s") | local_name!("strike") => {
                self.emphasis(line, id, "~~")
            }
            local_name!("code") | local_name!("tt") | local_name!("kbd") | local_name!("samp") => {
                line.raw_spaced(&markdown::code_span(&self.code_text(id)), dom, id);
            }
            local_name!("a") => self.anchor(line, id),
            local_name!("img") => self.picture(line, id),
            local_name!("q") => {
                line.raw("“");
                self.spans(line, id);
                line.raw("”");
            }
            local_name!("sup") => self.superscript(line, id),
            local_name!("input") => {
                if dom.attribute(id, "type") == Some("checkbox") && self.in_item(id) {
                    line.raw(if dom.attribute(id, "checked").is_some() {
                        "[x]"
                    } else {
                        "[ ]"
                    });
                    line.text(" ");
                }
            }
            ref name if is_control(name) => {}
            local_name!("span") if self.footnotes.is_label(dom, id) => {}
            _ => self.spans(line, id),
        }
    }

    fn emphasis(&mut self, line: &mut Line, id: Id, marker: &'static str) {
        line.open(marker);
        self.spans(line, id);
        line.close();
    }

    /// Whether a box to tick is at the front of a list's item.
    fn in_item(&self, id: Id) -> bool {
        self.dom
            .ancestors(id)
            .take(3)
            .any(|around| self.dom.is(around, &local_name!("li")))
    }

    fn anchor(&mut self, line: &mut Line, id: Id) {
        if let Some(label) = self.footnotes.label_of(id) {
            let mark = format!("[^{label}]");
            line.raw(&mark);
            return;
        }
        if self.footnotes.leads_back(self.dom, id) {
            return;
        }
        let url = self
            .dom
            .attribute(id, "href")
            .filter(|href| !href.trim().is_empty())
            .and_then(|href| self.absolute(href));
        let Some(url) = url.filter(|_| !line.linked) else {
            self.spans(line, id);
            return;
        };
        if self.is_permalink(id) {
            return;
        }
        let mut text = line.inside();
        self.spans(&mut text, id);
        line.link(text, &url);
    }

    /// Whether a link only marks a place on its own page: `¶`, `#`, a symbol.
    pub(super) fn is_permalink(&self, id: Id) -> bool {
        let dom = self.dom;
        if !dom
            .attribute(id, "href")
            .is_some_and(|href| href.contains('#'))
        {
            return false;
        }
        let text = dom.text_of(id);
        let mark = text.trim_matches(|one: char| {
            one.is_whitespace() || matches!(one, '\u{200b}' | '\u{feff}' | '\u{2060}')
        });
        let named = class::any_word(
            dom.attribute(id, "class"),
            &[
                "headerlink",
                "permalink",
                "anchor",
                "hash",
                "headinglink",
                "anchorjs",
                "selflink",
            ],
        );
        if mark.is_empty() {
            return !dom
                .inside(id)
                .any(|inside| dom.is(inside, &local_name!("img")) && !named);
        }
        let symbol = !mark.contains(char::is_alphanumeric) && mark.chars().count() <= 3;
        (symbol
            && (named
                || matches!(
                    mark,
                    "¶" | "#" | "§" | "🔗" | "⚓" | "❡" | "[¶]" | "[#]" | "§§"
                )))
            || (named && matches!(&*mark.to_lowercase(), "permalink" | "link" | "anchor"))
    }

    fn picture(&mut self, line: &mut Line, id: Id) {
        let element = |name| {
            self.dom
                .attribute(id, name)
                .map(str::trim)
                .filter(|value| !value.is_empty())
        };
        let Some(alt) = element("alt") else { return };
        let source = ["src", "data-src", "data-original", "data-lazy-src"]
            .into_iter()
            .filter_map(element)
            .chain(
                ["srcset", "data-srcset"]
                    .into_iter()
                    .filter_map(element)
                    .filter_map(|set| set.split_ascii_whitespace().next()),
            )
            .find_map(|address| self.absolute(address.trim_end_matches(',')));
        if let Some(url) = source {
            line.raw(&markdown::image(
                &alt.split_whitespace().collect::<Vec<_>>().join(" "),
                &url,
            ));
        }
    }

    /// A raised number is written with raised digits: `2` of `10²` is no digit of the number.
    fn superscript(&mut self, line: &mut Line, id: Id) {
        let text = self.dom.text_of(id);
        let raised: Option<String> = text.chars().map(raised).collect();
        match raised.filter(|raised| {
            !raised.is_empty()
                && self
                    .dom
                    .inside(id)
                    .all(|inside| !self.dom.is(inside, &local_name!("a")))
        }) {
            Some(raised) => line.raw(&raised),
            None => self.spans(line, id),
        }
    }
}

fn raised(one: char) -> Option<char> {
    Some(match one {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        '+' => '⁺',
        '-' | '−' => '⁻',
        _ => return None,
    })
}

/// Elements that a reader presses or fills in.
pub(super) fn is_control(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("button")
            | local_name!("select")
            | local_name!("textarea")
            | local_name!("datalist")
            | local_name!("option")
            | local_name!("progress")
            | local_name!("meter")
            | local_name!("title")
    )
}

impl Line {
    /// Adds a code span, and the white space at its ends, which belongs to the text around it.
    fn raw_spaced(&mut self, span: &str, dom: &crate::html::dom::Dom, id: Id) {
        let first = dom.inside(id).find_map(|inside| dom.text(inside));
        if first.is_some_and(|text| text.starts_with(char::is_whitespace)) {
            self.text(" ");
        }
        self.raw(span);
        let last = dom.inside(id).rev().find_map(|inside| dom.text(inside));
        if last.is_some_and(|text| text.ends_with(char::is_whitespace)) {
            self.text(" ");
        }
    }
}
