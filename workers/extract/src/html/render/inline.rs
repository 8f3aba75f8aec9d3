//! A line of text in the making: white space as a browser shows it, emphasis that Markdown will see, links and pictures.

use crate::markdown;

/// Text between two blocks.
#[derive(Debug, Default)]
pub(super) struct Line {
    out: String,
    /// White space was met since the last character.
    space: bool,
    /// White space was met before the first character.
    spaced: bool,
    open: Vec<Mark>,
    /// The emphasis that was closed last, if nothing was written since.
    closed: Option<Mark>,
    /// No emphasis here: a heading has its own.
    plain: bool,
    /// Inside a link, where no other can be.
    pub linked: bool,
}

/// Emphasis.
#[derive(Clone, Debug)]
struct Mark {
    marker: &'static str,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// No text yet.
    Pending,
    /// Here stands the marker.
    Open(usize),
    /// It would mean nothing, so it is not written.
    Off,
}

impl Line {
    /// A line without emphasis.
    pub(super) fn plain() -> Self {
        Self {
            plain: true,
            ..Self::default()
        }
    }

    /// A line inside this one: the text of a link.
    pub(super) fn inside(&self) -> Self {
        Self {
            plain: self.plain,
            linked: true,
            ..Self::default()
        }
    }

    /// Adds text.
    pub(super) fn text(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        let Some(first) = words.next() else {
            if !text.is_empty() {
                self.white();
            }
            return;
        };
        if text.starts_with(char::is_whitespace) {
            self.white();
        }
        let white = text.ends_with(char::is_whitespace);
        let mut word = first;
        for next in words {
            self.word(word, false);
            self.space = true;
            word = next;
        }
        self.word(word, !white);
        if white {
            self.white();
        }
    }

    fn white(&mut self) {
        self.space = true;
        self.spaced |= self.out.is_empty();
    }

    /// Adds a word. `open`: what follows it is not known, and may be part of it.
    fn word(&mut self, word: &str, open: bool) {
        if word.contains(['\u{ad}', '\u{200b}', '\u{feff}', '\0']) {
            let word: String = word
                .chars()
                .filter(|one| !matches!(one, '\u{ad}' | '\u{200b}' | '\u{feff}' | '\0'))
                .collect();
            if !word.is_empty() {
                self.word(&word, open);
            }
            return;
        }
        if let Some(first) = word.chars().next() {
            self.begin(first);
            if open && word.ends_with(['*', '_']) {
                markdown::escape_into(&mut self.out, &format!("{word}x"));
                self.out.pop();
            } else {
                markdown::escape_into(&mut self.out, word);
            }
        }
    }

    /// Adds Markdown as it is: a code span, a picture, a formula.
    pub(super) fn raw(&mut self, text: &str) {
        if let Some(first) = text.chars().next() {
            self.begin(first);
            self.out.push_str(text);
        }
    }

    /// What comes before a character: the space that is due, and emphasis that begins with it.
    fn begin(&mut self, next: char) {
        let space =
            std::mem::take(&mut self.space) && !self.out.is_empty() && !self.out.ends_with('\n');
        if let Some(Mark {
            marker,
            at: At::Open(at),
        }) = self.closed.take()
            && !space
            && next.is_alphanumeric()
        {
            let end = self.out.len() - marker.len();
            if !self.out[..end].ends_with(char::is_alphanumeric) {
                // A closing marker between punctuation and a letter is none to Markdown.
                self.out.truncate(end);
                self.out.replace_range(at..at + marker.len(), "");
            }
        }
        if space {
            self.out.push(' ');
        }
        let before = self.out.chars().next_back();
        let glued = before.is_some_and(char::is_alphanumeric) && !next.is_alphanumeric();
        for mark in &mut self.open {
            if mark.at == At::Pending {
                mark.at = if glued {
                    At::Off
                } else {
                    self.out.push_str(mark.marker);
                    At::Open(self.out.len() - mark.marker.len())
                };
            }
        }
    }

    /// Emphasis begins (`*`, `**`, `~~`).
    pub(super) fn open(&mut self, marker: &'static str) {
        let off = self.plain || self.open.iter().any(|mark| mark.marker == marker);
        if !off
            && !self.space
            && let Some(Mark { at, .. }) = self.closed.take_if(|closed| closed.marker == marker)
        {
            // It goes on where it has just ended.
            self.out.truncate(self.out.len() - marker.len());
            self.open.push(Mark { marker, at });
            return;
        }
        self.open.push(Mark {
            marker,
            at: if off { At::Off } else { At::Pending },
        });
    }

    /// What began last ends.
    pub(super) fn close(&mut self) {
        let Some(mark) = self.open.pop() else { return };
        if let At::Open(at) = mark.at {
            let end = self.out.trim_end().len();
            if end < self.out.len() {
                self.out.truncate(end);
                self.space = true;
            }
            if self.out.len() <= at + mark.marker.len() {
                self.out.truncate(at);
                return;
            }
            self.out.push_str(mark.marker);
            self.closed = Some(mark);
        }
    }

    /// Adds a link with what was written into `text`.
    pub(super) fn link(&mut self, text: Self, url: &str) {
        if text.spaced {
            self.white();
        }
        let space = text.space;
        let text = text.finish();
        if !text.is_empty() {
            let text = text.replace("  \n", " ").replace('\n', " ");
            let text = if balanced(&text) {
                text
            } else {
                markdown::brackets(&text)
            };
            self.raw(&markdown::link(&text, url));
        }
        if space {
            self.white();
        }
    }

    /// A new line; two of them are a new paragraph.
    pub(super) fn line_break(&mut self) {
        self.space = false;
        if self.out.is_empty() {
            return;
        }
        if self.out.ends_with("  \n") {
            if self.open.iter().all(|mark| !matches!(mark.at, At::Open(_))) {
                self.out.truncate(self.out.len() - 3);
                self.out.push_str("\n\n");
            }
        } else if !self.out.ends_with('\n') {
            self.closed = None;
            self.out.push_str("  \n");
        }
    }

    /// Its Markdown. Empty lines are between paragraphs.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        self.out
    }
}

fn balanced(text: &str) -> bool {
    let mut open = 0i32;
    text.bytes().all(|byte| {
        open += match byte {
            b'[' => 1,
            b']' => -1,
            _ => 0,
        };
        open >= 0
    }) && open == 0
}
