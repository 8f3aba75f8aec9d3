//! Code, byte for byte.

use html5ever::local_name;

use super::Render;
use super::spans::is_control;
use crate::CodeBlock;
use crate::html::class;
use crate::html::dom::{Id, is_block};
use crate::html::language;
use crate::markdown;

impl Render<'_> {
    /// Whether a node is a code block: `<pre>`, code with line breaks of its own, or a table of numbered lines.
    pub(super) fn is_code_block(&self, id: Id) -> bool {
        let dom = self.dom;
        match *match dom.name(id) {
            Some(name) => name,
            None => return false,
        } {
            local_name!("pre")
            | local_name!("listing")
            | local_name!("xmp")
            | local_name!("plaintext") => true,
            local_name!("code") => {
                let breaks = dom.inside(id).any(|inside| {
                    dom.name(inside)
                        .is_some_and(|name| *name == local_name!("br") || is_block(name))
                });
                breaks
                    && !dom
                        .ancestors(id)
                        .any(|around| dom.is(around, &local_name!("pre")))
            }
            local_name!("table") => self.code_cells(id).is_some(),
            _ => false,
        }
    }

    /// Writes a code block.
    pub(super) fn code_block(&mut self, id: Id) {
        let mut text = String::new();
        match self.code_cells(id) {
            Some(cells) => {
                for cell in cells {
                    self.code_into(&mut text, cell);
                    if !text.ends_with('\n') {
                        text.push('\n');
                    }
                }
            }
            None => self.code_into(&mut text, id),
        }
        if text.ends_with('\n') {
            text.pop();
        }
        if text.trim().is_empty() {
            return;
        }
        if self.in_cell {
            // No fence fits in a cell: each line is a span.
            for line in text.lines() {
                self.writer.block(&markdown::code_span(line));
            }
        }
        let code_like = !self.in_cell;
        let language = language::of(self.dom, id);
        if code_like {
            self.link = None;
            self.writer
                .block(&markdown::fence(&text, language.as_deref()));
        }
        self.rendered.code_blocks.push(CodeBlock { language, text });
    }

    /// The text of code within a line.
    pub(super) fn code_text(&self, id: Id) -> String {
        let mut out = String::new();
        self.code_into(&mut out, id);
        out
    }

    /// Adds the code of a node: all of its text as it stands, without numbers of lines, buttons and drawings. Elements that
    /// stand on lines of their own are lines.
    fn code_into(&self, out: &mut String, id: Id) {
        let dom = self.dom;
        // The ends of the elements that are lines, innermost last.
        let mut lines: Vec<Id> = Vec::new();
        // Whether elements that are lines are in the node that was asked last.
        let mut of_lines: Option<(Id, bool)> = None;
        let end = dom.end(id);
        let mut at = id + 1;
        while at < end {
            while lines.last().is_some_and(|&line| line <= at) {
                lines.pop();
                end_line(out);
            }
            if let Some(text) = dom.text(at) {
                // White space between lines that are elements is the page's own, not the code's.
                let blank = text.trim().is_empty() && (out.is_empty() || out.ends_with('\n'));
                let between = blank
                    && dom.parent(at).is_some_and(|around| {
                        if of_lines.is_none_or(|(known, _)| known != around) {
                            let any = dom.children(around).any(|child| is_line(dom, child));
                            of_lines = Some((around, any));
                        }
                        of_lines.is_some_and(|(_, any)| any)
                    });
                if !between {
                    push_code(out, text);
                }
            } else if let Some(name) = dom.name(at) {
                if *name == local_name!("br") {
                    out.push('\n');
                } else if self.is_no_code(at) {
                    at = dom.end(at);
                    continue;
                } else if is_line(dom, at) {
                    if !out.is_empty() && !out.ends_with('\n') {
                        out.push('\n');
                    }
                    lines.push(dom.end(at));
                    if dom.inside(at).is_empty() {
                        out.push('\n');
                    }
                }
            }
            at += 1;
        }
        while lines.pop().is_some() {
            end_line(out);
        }
    }

    /// What is drawn beside code: numbers of lines, buttons.
    fn is_no_code(&self, id: Id) -> bool {
        let dom = self.dom;
        let Some(element) = dom.element(id) else {
            return false;
        };
        if self.hidden(id) || is_control(&element.name) {
            return true;
        }
        let class = element.attribute("class");
        if class.is_some() && is_gutter(class) {
            return true;
        }
        let Some(cell) = (element.name == local_name!("td")).then_some(id) else {
            return false;
        };
        // A cell of numbers beside a cell of code.
        dom.text_of(cell)
            .split_whitespace()
            .all(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
            && dom.parent(cell).is_some_and(|row| {
                dom.children(row)
                    .any(|other| other > cell && dom.is(other, &local_name!("td")))
            })
    }

    /// The cells with the code, where a table only puts numbers beside lines.
    fn code_cells(&self, id: Id) -> Option<Vec<Id>> {
        let dom = self.dom;
        if !dom.is(id, &local_name!("table")) {
            return None;
        }
        let mut cells = Vec::new();
        let mut gutters = 0;
        for row in dom
            .inside(id)
            .filter(|&inside| dom.is(inside, &local_name!("tr")))
        {
            let columns: Vec<Id> = dom
                .children(row)
                .filter(|&cell| dom.is(cell, &local_name!("td")))
                .collect();
            match columns[..] {
                [] => {}
                [number, code] if self.is_numbers(number) => {
                    gutters += 1;
                    cells.push(code);
                }
                _ => return None,
            }
        }
        // A table of numbers and words is no code: the code says so itself.
        let says_code = |cell: Id| {
            dom.inside(cell)
                .any(|inside| matches!(dom.name(inside), Some(&local_name!("pre"))))
                || class::any_word(dom.attribute(cell, "class"), &["code"])
                || dom
                    .children(cell)
                    .any(|child| dom.is(child, &local_name!("code")))
        };
        (gutters > 0 && cells.iter().all(|&cell| says_code(cell))).then_some(cells)
    }

    fn is_numbers(&self, cell: Id) -> bool {
        let dom = self.dom;
        let text = dom.text_of(cell);
        let digits = text
            .split_whitespace()
            .all(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        digits
            && (!text.is_empty()
                || is_gutter(dom.attribute(cell, "class"))
                || dom.attribute(cell, "data-line-number").is_some())
    }
}

/// An element that is a line of code.
fn is_line(dom: &crate::html::dom::Dom, id: Id) -> bool {
    matches!(
        dom.name(id),
        Some(
            &local_name!("div")
                | &local_name!("li")
                | &local_name!("p")
                | &local_name!("tr")
                | &local_name!("pre")
        )
    )
}

fn end_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// Adds code. Indents made of fixed spaces are indents.
fn push_code(out: &mut String, text: &str) {
    if !text.contains(['\u{a0}', '\0']) {
        return out.push_str(text);
    }
    let mut indent = out.is_empty() || out.ends_with('\n');
    for one in text.chars() {
        match one {
            '\0' => {}
            '\u{a0}' if indent => out.push(' '),
            _ => {
                indent = one == '\n' || (indent && one == ' ');
                out.push(one);
            }
        }
    }
}

/// Whether a class says that numbers of lines are here, or a button to copy.
fn is_gutter(class: Option<&str>) -> bool {
    let Some(class) = class else { return false };
    class.split_ascii_whitespace().any(|name| {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        matches!(
            &*name,
            "lineno"
                | "linenos"
                | "linenumber"
                | "linenumbers"
                | "linenumbersrows"
                | "gutter"
                | "linenodiv"
                | "lineanchor"
                | "rougegutter"
                | "blobnum"
                | "codelinenumber"
                | "hljslnnumbers"
                | "copy"
                | "copybtn"
                | "copybutton"
                | "copycode"
                | "linenumberspan"
                | "lnum"
                | "ln"
                | "lnt"
                | "srclinenumbers"
                | "buttons"
                | "toolbar"
        )
    })
}
