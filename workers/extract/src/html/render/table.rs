//! Tables: of data as Markdown's, of layout as what is in them.

use html5ever::local_name;

use super::Render;
use super::inline::Line;
use crate::html::dom::Id;
use crate::markdown;

/// More columns than these are left out.
const MAX_COLUMNS: usize = 256;
/// More rows than these a cell does not span.
const MAX_ROWS: usize = 1000;
/// As much text as spans may add to a table before what they add is left empty.
const MAX_ADDED: usize = 64 * 1024;

/// A cell that spans rows below.
struct Span {
    left: usize,
    text: String,
}

impl Render<'_> {
    /// Writes a table.
    pub(super) fn table(&mut self, id: Id) {
        let rows = self.rows(id);
        if let Some(caption) = self
            .dom
            .children(id)
            .find(|&child| self.dom.is(child, &local_name!("caption")))
        {
            self.strong(caption);
        }
        if self.in_cell || self.is_layout(id, &rows) {
            return self.layout(&rows);
        }
        let tight = std::mem::take(&mut self.tight_item);
        let link = self.link.take();
        let (cells, head) = self.grid(&rows);
        if cells
            .iter()
            .any(|row| row.iter().any(|cell| !cell.is_empty()))
        {
            let mut out = Vec::with_capacity(cells.len() + 1);
            if !head {
                out.push(Vec::new());
            }
            out.extend(cells);
            self.writer.block(&markdown::table(&out));
        }
        self.link = link;
        self.tight_item = tight;
    }

    /// The rows with their cells, those of tables inside left out.
    fn rows(&self, id: Id) -> Vec<(Id, Vec<Id>)> {
        let dom = self.dom;
        let mut rows = Vec::new();
        let mut at = id + 1;
        while at < dom.end(id) {
            if self.hidden(at) || dom.is(at, &local_name!("caption")) {
                at = dom.end(at);
                continue;
            }
            if dom.is(at, &local_name!("tr")) {
                let cells = dom.children(at).filter(|&cell| {
                    matches!(
                        dom.name(cell),
                        Some(&local_name!("td") | &local_name!("th"))
                    ) && !self.hidden(cell)
                });
                rows.push((at, cells.collect()));
                at = dom.end(at);
                continue;
            }
            at += 1;
        }
        rows
    }

    /// Whether a table only puts things beside each other.
    fn is_layout(&self, id: Id, rows: &[(Id, Vec<Id>)]) -> bool {
        let dom = self.dom;
        if matches!(dom.attribute(id, "role"), Some("presentation" | "none")) {
            return true;
        }
        let columns = rows
            .iter()
            .map(|(_, cells)| cells.len())
            .max()
            .unwrap_or_default();
        let head = |inside: Id| {
            matches!(
                dom.name(inside),
                Some(&local_name!("th") | &local_name!("thead") | &local_name!("caption"))
            )
        };
        let nested = dom.inside(id).any(|inside| {
            dom.is(inside, &local_name!("table"))
                && !self.skip[inside]
                && !self.is_code_block(inside)
        });
        if nested || columns < 2 {
            return true;
        }
        let headed = dom.inside(id).any(head);
        if headed {
            return false;
        }
        let cells = || rows.iter().flat_map(|(_, cells)| cells.iter().copied());
        let large = |cell: Id| {
            dom.inside(cell).any(|inside| {
                matches!(
                    dom.name(inside),
                    Some(
                        &local_name!("h1")
                            | &local_name!("h2")
                            | &local_name!("h3")
                            | &local_name!("form")
                            | &local_name!("pre")
                            | &local_name!("article")
                    )
                )
            }) || dom
                .inside(cell)
                .filter_map(|inside| dom.text(inside))
                .map(str::len)
                .sum::<usize>()
                > 1200
        };
        (rows.iter().filter(|(_, cells)| !cells.is_empty()).count() < 2
            && cells().any(|cell| self.has_block[cell]))
            || cells().any(large)
    }

    /// Writes the cells of a table of layout one after another; those of a row that are but words on one line.
    fn layout(&mut self, rows: &[(Id, Vec<Id>)]) {
        for (_, cells) in rows {
            if cells.iter().any(|&cell| self.has_block[cell]) {
                for &cell in cells {
                    self.blocks(cell);
                }
            } else {
                let mut line = Line::default();
                for &cell in cells {
                    line.text(" ");
                    self.spans(&mut line, cell);
                }
                self.paragraph(line);
            }
        }
    }

    /// The cells as Markdown with spans written out, and whether the first row is a head.
    fn grid(&mut self, rows: &[(Id, Vec<Id>)]) -> (Vec<Vec<String>>, bool) {
        let dom = self.dom;
        let mut grid: Vec<Vec<String>> = Vec::with_capacity(rows.len());
        let mut spans: Vec<Option<Span>> = Vec::new();
        let mut added = 0;
        let columns = rows
            .iter()
            .map(|(_, cells)| cells.len())
            .max()
            .unwrap_or_default();
        let mut head = false;
        for (row, cells) in rows {
            if cells.is_empty() {
                continue;
            }
            if grid.is_empty() {
                head = cells.iter().all(|&cell| dom.is(cell, &local_name!("th")))
                    || dom
                        .ancestors(*row)
                        .take(1)
                        .any(|around| dom.is(around, &local_name!("thead")));
            }
            let mut line: Vec<String> = Vec::new();
            for &cell in cells {
                take_spans(&mut line, &mut spans, &mut added);
                let text = self.cell(cell);
                let number = |name, most: usize| {
                    dom.attribute(cell, name)
                        .and_then(|value| value.trim().parse::<usize>().ok())
                        .unwrap_or(1)
                        .clamp(1, most)
                };
                let (wide, high) = (number("colspan", MAX_COLUMNS), number("rowspan", MAX_ROWS));
                // A line across the whole table heads the rows below it: once is enough.
                let across = cells.len() == 1 && wide >= columns;
                for column in 0..wide {
                    if line.len() >= MAX_COLUMNS {
                        break;
                    }
                    let copy = if column == 0 {
                        text.clone()
                    } else if across {
                        String::new()
                    } else {
                        copy_of(&text, &mut added)
                    };
                    if high > 1 {
                        let place = line.len();
                        if spans.len() <= place {
                            spans.resize_with(place + 1, || None);
                        }
                        spans[place] = Some(Span {
                            left: high - 1,
                            text: copy.clone(),
                        });
                    }
                    line.push(copy);
                }
            }
            take_spans(&mut line, &mut spans, &mut added);
            line.truncate(MAX_COLUMNS);
            grid.push(line);
        }
        (grid, head)
    }

    /// A cell as one line of Markdown.
    fn cell(&mut self, id: Id) -> String {
        if !self.has_block[id] && !self.dom.children(id).any(|child| self.is_code_block(child)) {
            let mut line = Line::default();
            self.spans(&mut line, id);
            return line.finish();
        }
        let around = std::mem::take(&mut self.writer);
        let in_cell = std::mem::replace(&mut self.in_cell, true);
        self.blocks(id);
        self.in_cell = in_cell;
        let text = std::mem::replace(&mut self.writer, around).finish();
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Fills the next columns with what spans them from above.
fn take_spans(line: &mut Vec<String>, spans: &mut [Option<Span>], added: &mut usize) {
    while let Some(slot) = spans.get_mut(line.len()) {
        let Some(span) = slot else { break };
        span.left -= 1;
        line.push(copy_of(&span.text, added));
        if span.left == 0 {
            *slot = None;
        }
    }
}

fn copy_of(text: &str, added: &mut usize) -> String {
    *added += text.len();
    if *added > MAX_ADDED {
        String::new()
    } else {
        text.to_owned()
    }
}
