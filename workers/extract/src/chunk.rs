//! Passages: a document's Markdown, cut where its headings, blocks and sentences end. A code fence is never cut open, and a table that is cut keeps its
//! head.

mod blocks;

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::document::{Document, Heading};
use blocks::{Block, BlockKind, blocks};

/// Characters of a heading that stand before the passages below it.
const LONGEST_HEADING: usize = 300;

/// How long passages are, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    /// A passage ends before the block that would make it longer.
    pub usual: usize,
    /// A code fence may make a passage so long rather than stand apart from what leads to it.
    pub with_fence: usize,
    /// A fence, or a row of a table, that is longer is cut after all, at the end of a line. Each piece is a fence of its own.
    pub most: usize,
    /// What stands under a heading goes together with what stands under the next one when it is shorter.
    pub least: usize,
}

impl Default for ChunkSize {
    fn default() -> Self {
        Self {
            usual: 1_800,
            with_fence: 3_000,
            most: 32 * 1024,
            least: 300,
        }
    }
}

/// A passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// The fragment of the innermost of these that has one.
    pub anchor: Option<String>,
    /// The passage, Markdown that stands by itself.
    pub text: String,
    /// Where it stands in the document's Markdown, in bytes. Between two passages there is white space alone.
    pub place: Range<usize>,
    /// SHA-256 of heading path and text: passages with the same hash say the same.
    pub hash: [u8; 32],
}

/// Cuts a document into passages.
#[must_use]
pub fn chunks(document: &Document, size: ChunkSize) -> Vec<Chunk> {
    let text = document.markdown.as_str();
    let mut cutter = Cutter {
        text,
        size,
        path: Path::new(&document.headings),
        open: None,
        done: Vec::new(),
    };
    for block in blocks(text) {
        cutter.take(&block);
    }
    cutter.close();
    cutter.done
}

/// The text without its code blocks.
#[must_use]
pub fn without_code_blocks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for block in blocks(text) {
        if matches!(block.kind, BlockKind::Fence { .. }) {
            kept.push_str(text.get(at..block.place.start).unwrap_or_default());
            at = block.place.end;
        }
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    kept
}

/// A passage that may still grow.
struct Open {
    place: Range<usize>,
    path: Vec<Step>,
    /// Something else than headings.
    body: usize,
}

struct Cutter<'a> {
    text: &'a str,
    size: ChunkSize,
    path: Path<'a>,
    open: Option<Open>,
    done: Vec<Chunk>,
}

impl Cutter<'_> {
    fn take(&mut self, block: &Block) {
        if let BlockKind::Heading { level } = block.kind {
            return self.heading(block, level);
        }
        let length = block.place.len();
        let room = if matches!(block.kind, BlockKind::Fence { .. }) {
            self.size.with_fence
        } else {
            self.size.usual
        };
        let fits = |open: &Open| block.place.end - open.place.start <= room;
        match &mut self.open {
            Some(open) if fits(open) => {
                open.place.end = block.place.end;
                open.body += length;
                return;
            }
            // A heading stays with what it is the heading of.
            Some(open) if open.body > 0 => self.close(),
            _ => {}
        }
        let whole = match block.kind {
            BlockKind::Fence { .. } => length <= self.size.most,
            _ => length <= self.size.usual,
        };
        if whole {
            let begun = self.open.take().map(|open| open.place.start);
            self.open = Some(Open {
                place: begun.unwrap_or(block.place.start)..block.place.end,
                path: self.path.steps.clone(),
                body: length,
            });
        } else {
            self.cut(block);
        }
    }

    fn heading(&mut self, block: &Block, level: u8) {
        let before = self.open.as_ref().map(|open| open.body);
        self.path.enter(self.text.get(block.place.clone()), level);
        let room = |open: &Open| block.place.end - open.place.start <= self.size.usual;
        match (&mut self.open, before) {
            // Nothing but headings so far: it is about this one.
            (Some(open), Some(0)) if room(open) => {
                open.place.end = block.place.end;
                open.path.clone_from(&self.path.steps);
            }
            // Little under the last heading: both together, under what they have in common.
            (Some(open), Some(body))
                if body < self.size.least && room(open) && deep(open, level) =>
            {
                open.place.end = block.place.end;
                let same = open.path.iter().zip(&self.path.steps);
                let same = same.take_while(|(a, b)| a == b).count();
                open.path.truncate(same);
            }
            _ => {
                self.close();
                self.open = Some(Open {
                    place: block.place.clone(),
                    path: self.path.steps.clone(),
                    body: 0,
                });
            }
        }
    }

    /// Cuts a block that is too long by itself. Headings before it go with the first piece.
    fn cut(&mut self, block: &Block) {
        let begun = self.open.take().map(|open| open.place.start);
        let pieces = block.cut(self.text, self.size);
        for (number, piece) in pieces.into_iter().enumerate() {
            let start = match begun {
                Some(begun) if number == 0 => begun,
                _ => piece.place.start,
            };
            let path = self.path.steps.clone();
            self.push(start..piece.place.end, path, &piece.before, &piece.after);
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.push(open.place, open.path, "", "");
        }
    }

    fn push(&mut self, place: Range<usize>, path: Vec<Step>, before: &str, after: &str) {
        let slice = self.text.get(place.clone()).unwrap_or_default();
        let start = place.start + (slice.len() - slice.trim_start_matches(['\n', '\r']).len());
        let end = place.start + slice.trim_end().len();
        let Some(slice) = self.text.get(start..end).filter(|slice| !slice.is_empty()) else {
            return;
        };
        let text = format!("{before}{slice}{after}");
        let anchor = path.iter().rev().find_map(|step| step.anchor.clone());
        let heading_path: Vec<String> = path.into_iter().map(|step| step.text).collect();
        let mut hash = Sha256::new();
        for heading in &heading_path {
            hash.update(heading);
            hash.update([0x1f]);
        }
        hash.update([0]);
        hash.update(&text);
        self.done.push(Chunk {
            heading_path,
            anchor,
            text,
            place: start..end,
            hash: hash.finalize().into(),
        });
    }
}

/// Whether a heading of this level stands beside or below those with which the passage began.
fn deep(open: &Open, level: u8) -> bool {
    open.path.last().is_some_and(|last| level >= last.level)
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    level: u8,
    text: String,
    anchor: Option<String>,
}

/// Under which headings the text stands.
struct Path<'a> {
    steps: Vec<Step>,
    /// Those that the document names and that have not come yet.
    named: &'a [Heading],
}

impl<'a> Path<'a> {
    fn new(named: &'a [Heading]) -> Self {
        Self {
            steps: Vec::new(),
            named,
        }
    }

    fn enter(&mut self, line: Option<&str>, level: u8) {
        let text = plain(line.unwrap_or_default());
        self.steps.retain(|step| step.level < level);
        // One that is not named passes by; the others still match.
        let found = self
            .named
            .iter()
            .position(|heading| heading.level == level && same(&heading.text, &text));
        let anchor = found.and_then(|at| {
            let anchor = self
                .named
                .get(at)
                .and_then(|heading| heading.anchor.clone());
            self.named = self.named.get(at + 1..).unwrap_or_default();
            anchor
        });
        // It stands before each passage below it.
        let text = text.chars().take(LONGEST_HEADING).collect();
        self.steps.push(Step {
            level,
            text,
            anchor,
        });
    }
}

fn same(a: &str, b: &str) -> bool {
    let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    letters(a) == letters(b)
}

/// What a heading reads, without Markdown's marks.
fn plain(line: &str) -> String {
    let line = line.trim().trim_start_matches('#').trim();
    let without = line.trim_end_matches('#');
    let line = if without.ends_with(' ') {
        without.trim_end()
    } else {
        line
    };
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['[', '`', '*', '\\', '!']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let mut chars = from.chars();
        match chars.next() {
            Some('\\') => {
                text.extend(chars.next());
                rest = chars.as_str();
            }
            // [text](address), and pictures of it.
            Some('[') if link(from).is_some() => {
                let (inner, after) = link(from).unwrap_or_default();
                text.push_str(&plain_marks(inner));
                rest = after;
            }
            Some('`' | '*') => rest = chars.as_str(),
            Some('!') if chars.as_str().starts_with('[') && link(chars.as_str()).is_some() => {
                rest = link(chars.as_str()).unwrap_or_default().1;
            }
            Some(c) => {
                text.push(c);
                rest = chars.as_str();
            }
            None => break,
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a link reads, without marks.
fn plain_marks(inner: &str) -> String {
    inner.replace(['`', '*', '\\'], "")
}

fn link(from: &str) -> Option<(&str, &str)> {
    let middle = from.find("](")?;
    let end = middle + from.get(middle..)?.find(')')?;
    let inner = from.get(1..middle)?;
    (!inner.contains('[')).then_some((inner, from.get(end + 1..)?))
}

#[cfg(test)]
mod tests;
