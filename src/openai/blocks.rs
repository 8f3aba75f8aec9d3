//! Where JSON may stand in an answer: in fenced code blocks, and on lines that begin with `{` or `[`. Pure.

use serde::de::IgnoredAny;
use serde_json::Value;

/// Lines that look like JSON and are none, before bare JSON is looked for no more.
const TRIES: usize = 200;

/// A place of an answer that may be JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Byte at which its first line begins.
    pub(super) start: usize,
    /// Byte behind it.
    pub(super) end: usize,
    /// What is in it.
    pub(super) inner: &'a str,
    /// Whether its end has come.
    pub(super) whole: bool,
}

impl Block<'_> {
    /// Whether it is JSON, or may still become so.
    pub(super) fn may_be_json(&self) -> bool {
        let inner = self.inner.trim_start();
        inner.is_empty() || inner.starts_with(['{', '['])
    }
}

/// The blocks of a text, in order. `finished` is false while more may come: then a last line has no end yet.
pub(super) fn blocks(text: &str, finished: bool) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut tries = TRIES;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (line, next) = line_of(text, at);
        let indent = line.len() - line.trim_start().len();
        if let Some((mark, count)) = fence(line) {
            let block = fenced(text, at, next, mark, count, finished);
            at = block.end;
            found.push(block);
        } else if tries > 0 && rest[indent..].starts_with(['{', '[']) && indent < line.len() {
            match value_length(&rest[indent..]) {
                Length::Whole(length) => {
                    let end = at + indent + length;
                    found.push(Block {
                        start: at,
                        end,
                        inner: &text[at + indent..end],
                        whole: true,
                    });
                    at = line_of(text, end).1;
                }
                Length::More => {
                    found.push(Block {
                        start: at,
                        end: text.len(),
                        inner: &rest[indent..],
                        whole: false,
                    });
                    at = text.len();
                }
                Length::None => {
                    tries -= 1;
                    at = next;
                }
            }
        } else {
            at = next;
        }
    }
    found
}

/// A JSON value that stands in a text: alone, in a block, or somewhere between words. All of them, likeliest first, each as it is written.
pub(super) fn values(text: &str) -> Vec<&str> {
    if parse(text).is_ok() {
        return vec![text.trim()];
    }
    let mut found: Vec<&str> = Vec::new();
    for block in blocks(text, true) {
        if block.may_be_json() && parse(block.inner).is_ok() {
            found.push(block.inner.trim());
        }
    }
    let (mut at, mut tries) = (0, TRIES);
    while let Some(start) = text[at..].find(['{', '[']).map(|found| at + found) {
        match value_length(&text[start..]) {
            Length::Whole(length) => {
                found.push(&text[start..start + length]);
                at = start + length;
            }
            Length::More | Length::None if tries > 0 => {
                tries -= 1;
                at = start + 1;
            }
            _ => break,
        }
    }
    found
}

/// Reads JSON. Blanks that a page has made unbreakable are blanks.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    match serde_json::from_str(text.trim()) {
        Err(_) if text.contains('\u{a0}') => {
            serde_json::from_str(text.replace('\u{a0}', " ").trim())
        }
        read => read,
    }
}

/// The line that begins at a byte, without its end, and where the next begins.
fn line_of(text: &str, at: usize) -> (&str, usize) {
    match text[at..].find('\n') {
        Some(length) => (&text[at..at + length], at + length + 1),
        None => (&text[at..], text.len()),
    }
}

/// Mark and length of a fence that opens a code block.
fn fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start();
    let mark = line
        .chars()
        .next()
        .filter(|mark| ['`', '~'].contains(mark))?;
    let count = line.chars().take_while(|c| *c == mark).count();
    // With a mark behind it, it is code within a line.
    let opens = count >= 3 && !(mark == '`' && line[count..].contains('`'));
    opens.then_some((mark, count))
}

fn fenced(
    text: &str,
    start: usize,
    inner: usize,
    mark: char,
    count: usize,
    finished: bool,
) -> Block<'_> {
    let mut at = inner;
    while at < text.len() {
        let (line, next) = line_of(text, at);
        let closing = line.trim();
        let ended = finished || at + line.len() < text.len();
        if ended && closing.len() >= count && closing.chars().all(|c| c == mark) {
            return Block {
                start,
                end: next,
                inner: &text[inner..at],
                whole: true,
            };
        }
        at = next;
    }
    Block {
        start,
        end: text.len(),
        inner: &text[inner..],
        whole: finished,
    }
}

enum Length {
    Whole(usize),
    More,
    None,
}

/// How far the JSON value goes that begins here.
fn value_length(text: &str) -> Length {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Length::Whole(values.byte_offset()),
        Some(Err(error)) if error.is_eof() => Length::More,
        _ => Length::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inners(text: &str) -> Vec<&str> {
        blocks(text, true).iter().map(|block| block.inner).collect()
    }

    #[test]
    fn blocks_are_found_with_and_without_a_fence() {
        assert_eq!(inners("a\n```json\n{\"x\": 1}\n```\nb"), ["{\"x\": 1}\n"]);
        assert_eq!(inners("  ~~~~\n```\n~~~~"), ["```\n"]);
        assert_eq!(
            inners("so:\n{\"x\":\n 1} then\n[2]"),
            ["{\"x\":\n 1}", "[2]"]
        );
        // A link, a task and code within a line are none.
        assert_eq!(
            inners("[link](x)\n{ not json }\n```code``` in a line"),
            Vec::<&str>::new()
        );
        assert_eq!(inners("```js\nlet a = {\n"), ["let a = {\n"]);
    }

    #[test]
    fn a_value_is_found_among_words() {
        assert_eq!(values(" {\"a\": [1]} "), ["{\"a\": [1]}"]);
        assert_eq!(
            values("Here it is: {\"a\": 1}, as asked [sic]."),
            ["{\"a\": 1}"]
        );
        assert_eq!(
            values("```\n{\"a\": \"```\"}\n```\nGood?")[0],
            "{\"a\": \"```\"}"
        );
        assert_eq!(values("nothing"), Vec::<&str>::new());
        assert_eq!(
            parse("{\u{a0}\"a\": \"b\u{a0}\"}").ok(),
            parse("{\"a\": \"b \"}").ok()
        );
    }

    proptest! {
        #[test]
        fn blocks_lie_in_order_whatever_the_text(text in "[`~{}\\[\\]\":,a1 \n]{0,80}", finished: bool) {
            let mut last = 0;
            for block in blocks(&text, finished) {
                prop_assert!(last <= block.start && block.start < block.end && block.end <= text.len());
                last = block.end;
            }
            for value in values(&text) {
                prop_assert!(text.contains(value) && parse(value).is_ok());
            }
        }
    }
}
