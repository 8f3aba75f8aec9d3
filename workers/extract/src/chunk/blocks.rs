//! The blocks of Markdown that a cut must know: headings, fences, tables, and the rest by empty lines.

use std::ops::Range;

use super::ChunkSize;

/// A block of lines.
pub(super) struct Block {
    pub(super) place: Range<usize>,
    pub(super) kind: BlockKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Heading {
        level: u8,
    },
    /// Where its first line ends.
    Fence {
        opened: usize,
        closed: bool,
    },
    /// Where its head ends.
    Table {
        head: usize,
    },
    Text,
}

/// A piece of a block, and what makes it stand by itself.
pub(super) struct Piece {
    pub(super) place: Range<usize>,
    pub(super) before: String,
    pub(super) after: String,
}

/// What a fence is made of: the character, how often, and where it stands in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: u8,
    count: usize,
}

/// Whether a line opens a fence, within lists and quotations, too.
pub(super) fn opens(line: &str) -> Option<Fence> {
    let rest = inner(line);
    let mark = *rest
        .as_bytes()
        .first()
        .filter(|b| matches!(b, b'`' | b'~'))?;
    let count = rest.bytes().take_while(|b| *b == mark).count();
    // What follows three backticks with another backtick is code within a line.
    let info = rest.get(count..).unwrap_or_default();
    (count >= 3 && !(mark == b'`' && info.contains('`'))).then_some(Fence { mark, count })
}

/// Whether a line closes the fence.
pub(super) fn closes(line: &str, fence: Fence) -> bool {
    let rest = line.trim_start_matches([' ', '\t', '>']).trim_end();
    rest.len() >= fence.count && rest.bytes().all(|b| b == fence.mark)
}

/// A line without what makes it a part of quotations and lists.
fn inner(line: &str) -> &str {
    let mut rest = line.trim_start();
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = if let Some(after) = rest.strip_prefix('>') {
            after
        } else if let Some(after) = rest
            .strip_prefix(['-', '*', '+'])
            .and_then(|after| after.strip_prefix(' '))
        {
            after
        } else if let Some(after) = (1..=9)
            .contains(&digits)
            .then(|| rest.get(digits..))
            .flatten()
            && let Some(after) = after
                .strip_prefix(". ")
                .or_else(|| after.strip_prefix(") "))
        {
            after
        } else {
            return rest;
        };
        rest = after.trim_start();
    }
}

fn heading(line: &str) -> Option<u8> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let line = line.trim();
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let after = line.get(level..)?;
    (indent <= 3
        && (1..=6).contains(&level)
        && (after.is_empty() || after.starts_with([' ', '\t'])))
    .then(|| u8::try_from(level).unwrap_or(6))
}

fn is_rule_of_table(line: &str) -> bool {
    let line = line.trim();
    line.contains('-')
        && line.contains('|')
        && line
            .bytes()
            .all(|b| matches!(b, b'|' | b'-' | b':' | b' ' | b'\t'))
}

/// The blocks of a text, in order. Between them stand empty lines.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut at = 0;
    let mut fence: Option<Fence> = None;
    // The block before takes further lines: no empty line has come.
    let mut goes_on = false;
    for line in text.split_inclusive('\n') {
        let place = at..at + line.len();
        at = place.end;
        if let Some(open) = fence {
            if let Some(block) = found.last_mut() {
                block.place.end = place.end;
                if closes(line, open) {
                    fence = None;
                    if let BlockKind::Fence { closed, .. } = &mut block.kind {
                        *closed = true;
                    }
                }
            }
            goes_on = false;
            continue;
        }
        if line.trim().is_empty() {
            goes_on = false;
            continue;
        }
        fence = opens(line);
        let kind = if fence.is_some() {
            BlockKind::Fence {
                opened: place.end,
                closed: false,
            }
        } else if let Some(level) = heading(line) {
            BlockKind::Heading { level }
        } else {
            BlockKind::Text
        };
        match found.last_mut() {
            Some(before) if goes_on && kind == BlockKind::Text => {
                let one_line = !text
                    .get(before.place.clone())
                    .unwrap_or_default()
                    .trim_end()
                    .contains('\n');
                if before.kind == BlockKind::Text && one_line && is_rule_of_table(line) {
                    before.kind = BlockKind::Table { head: place.end };
                }
                before.place.end = place.end;
            }
            _ => found.push(Block { place, kind }),
        }
        goes_on = kind == BlockKind::Text;
    }
    found
}

impl Block {
    /// Cuts a block that is too long.
    pub(super) fn cut(&self, text: &str, size: ChunkSize) -> Vec<Piece> {
        let slice = text.get(self.place.clone()).unwrap_or_default();
        match self.kind {
            BlockKind::Fence { opened, closed } => self.cut_fence(slice, opened, closed, size),
            BlockKind::Table { head } => {
                let head_text = text.get(self.place.start..head).unwrap_or_default();
                let ends = line_ends(slice, head - self.place.start, size.usual, size.most);
                self.pieces(ends, |number| {
                    if number == 0 {
                        String::new()
                    } else {
                        head_text.to_owned()
                    }
                })
            }
            BlockKind::Heading { .. } | BlockKind::Text => {
                self.pieces(sentence_ends(slice, size.usual), |_| String::new())
            }
        }
    }

    fn cut_fence(&self, slice: &str, opened: usize, closed: bool, size: ChunkSize) -> Vec<Piece> {
        let first = slice.get(..opened - self.place.start).unwrap_or_default();
        let opening = format!("{}\n", inner(first).trim_end());
        let marks: String = inner(first)
            .chars()
            .take_while(|c| matches!(c, '`' | '~'))
            .collect();
        let ends = line_ends(slice, first.len(), size.most, size.most);
        let last = ends.len().saturating_sub(1);
        let mut pieces = self.pieces(ends, |number| {
            if number == 0 {
                String::new()
            } else {
                opening.clone()
            }
        });
        for (number, piece) in pieces.iter_mut().enumerate() {
            if number < last || !closed {
                piece.after = format!("\n{marks}");
            }
        }
        pieces
    }

    /// Pieces that end there, counted from the block's beginning.
    fn pieces(&self, ends: Vec<usize>, before: impl Fn(usize) -> String) -> Vec<Piece> {
        let mut start = self.place.start;
        let pieces = ends.into_iter().enumerate().map(|(number, end)| {
            let place = start..self.place.start + end;
            start = place.end;
            Piece {
                place,
                before: before(number),
                after: String::new(),
            }
        });
        pieces.collect()
    }
}

/// Where lines end so that pieces are at most `usual` long; a line that is longer stands alone, and one longer than `most` is cut. The first `head` bytes
/// are not left alone.
fn line_ends(slice: &str, head: usize, usual: usize, most: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in slice.split_inclusive('\n') {
        let end = at + line.len();
        if end - start > usual && at > start && at > head {
            ends.push(at);
            start = at;
        }
        while end - start > most {
            let cut = boundary(slice, start + most);
            if cut <= start {
                break;
            }
            ends.push(cut);
            start = cut;
        }
        at = end;
    }
    if start < slice.len() {
        ends.push(slice.len());
    }
    ends
}

/// Where a text is cut so that pieces are at most `usual` long: after a line, a sentence, a word, or somewhere, but always in the second half.
fn sentence_ends(slice: &str, usual: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut start = 0;
    while slice.len() - start > usual {
        let (half, most) = (
            boundary(slice, start + usual / 2),
            boundary(slice, start + usual),
        );
        let window = slice.get(half..most).unwrap_or_default();
        let marks = [". ", "! ", "? ", "。", "; "];
        let sentence = || {
            marks
                .iter()
                .filter_map(|mark| window.rfind(mark).map(|at| at + mark.len()))
                .max()
        };
        let cut = window
            .rfind('\n')
            .map(|at| at + 1)
            .or_else(sentence)
            .or_else(|| window.rfind(char::is_whitespace).map(|at| at + 1))
            .map_or(most, |at| boundary(slice, half + at));
        let cut = if cut > start {
            cut
        } else {
            next_boundary(slice, start + 1)
        };
        ends.push(cut);
        start = cut;
    }
    if start < slice.len() {
        ends.push(slice.len());
    }
    ends
}

/// The last place at or before this one that is no middle of a character.
fn boundary(slice: &str, at: usize) -> usize {
    let mut at = at.min(slice.len());
    while !slice.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn next_boundary(slice: &str, at: usize) -> usize {
    let mut at = at.min(slice.len());
    while !slice.is_char_boundary(at) {
        at += 1;
    }
    at
}
