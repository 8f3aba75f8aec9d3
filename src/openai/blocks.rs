//! Where JSON may stand in an answer: in fenced code blocks, and on lines that begin with `{` or `[`. Pure.

use serde::de::IgnoredAny;
use serde_json::Value;

/// Places that look like JSON and are none, before bare JSON is looked for no more; and values that are looked at.
const TRIES: usize = 50;

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
                    let inner = broken(&rest[indent..]);
                    let end = at + indent + inner.len();
                    // What was to be JSON is told as such, so that its fault is noticed; what is within it is nothing by itself.
                    if looks_like_json(inner) {
                        found.push(Block {
                            start: at,
                            end,
                            inner,
                            whole: true,
                        });
                    }
                    at = line_of(text, end).1;
                }
            }
        } else {
            at = next;
        }
    }
    found
}

/// A JSON value that stands in a text: alone, in a block, or somewhere between words. All of them, likeliest first, each as it is written. What
/// stands within JSON that is broken is none of them.
pub(super) fn values(text: &str) -> Vec<&str> {
    if parse(text).is_ok() {
        return vec![text.trim()];
    }
    let mut scan = Scan {
        tries: TRIES,
        ..Scan::default()
    };
    // Where the words begin that have not been looked at.
    let (mut at, mut words) = (0, 0);
    while at < text.len() {
        let (line, next) = line_of(text, at);
        let Some((mark, count)) = fence(line) else {
            at = next;
            continue;
        };
        scan.words(&text[words..at]);
        let block = fenced(text, at, next, mark, count, true);
        if !block.may_be_json() {
            scan.words(block.inner);
        } else if parse(block.inner).is_ok() {
            scan.blocks.push(block.inner.trim());
        }
        (at, words) = (block.end, block.end);
    }
    scan.words(&text[words..]);
    let mut found = scan.blocks;
    found.append(&mut scan.among);
    found.truncate(TRIES);
    found
}

/// Values that have been found.
#[derive(Default)]
struct Scan<'a> {
    /// In blocks, or on lines of their own.
    blocks: Vec<&'a str>,
    /// Between words.
    among: Vec<&'a str>,
    tries: usize,
}

impl<'a> Scan<'a> {
    /// Looks through text without fences.
    fn words(&mut self, text: &'a str) {
        let mut at = 0;
        while let Some(start) = text[at..].find(['{', '[']).map(|found| at + found) {
            let rest = &text[start..];
            at = start
                + match value_length(rest) {
                    Length::Whole(length) => {
                        let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
                        let leads = text[line..start].trim().is_empty();
                        let found = if leads {
                            &mut self.blocks
                        } else {
                            &mut self.among
                        };
                        found.push(&rest[..length]);
                        length
                    }
                    // It has begun, and all that follows is within it.
                    Length::More => return,
                    Length::None if self.tries > 0 => {
                        self.tries -= 1;
                        broken(rest).len()
                    }
                    Length::None => return,
                };
        }
    }
}

/// How far something reaches that begins like JSON and is none: nothing within it may be taken for a value of its own. A fence ends it in any case.
fn broken(text: &str) -> &str {
    let text = before_fence(text);
    let line_end = |from: usize| from + line_of(text, from).0.len();
    let end = match (balanced(text), looks_like_json(text)) {
        // Quotes that are wrong make it end too early: what follows on its last line is left out, too.
        (Some(length), true) => line_end(length),
        (Some(length), false) => length,
        (None, true) => text.len(),
        (None, false) if text.starts_with('{') => text.len(),
        // A bracket in a sentence.
        (None, false) => text.find('\n').unwrap_or(text.len()),
    };
    &text[..end]
}

/// Whether what begins with `{` or `[` was meant to be JSON.
fn looks_like_json(text: &str) -> bool {
    text.get(1..)
        .is_some_and(|inner| inner.trim_start().starts_with(['"', '\'', '{', '[']))
}

/// The lines before the first fence. The first line is none.
fn before_fence(text: &str) -> &str {
    let mut at = line_of(text, 0).1;
    while at < text.len() {
        let (line, next) = line_of(text, at);
        if fence(line).is_some() {
            return &text[..at - 1];
        }
        at = next;
    }
    text
}

/// How far it is to where all brackets are closed, if they are. A bracket that closes none is passed over.
fn balanced(text: &str) -> Option<usize> {
    let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            _ if open.last() == Some(&byte) => {
                open.pop();
                if open.is_empty() {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
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

/// How far the JSON value goes that begins here. Blanks that a page has made unbreakable are blanks.
fn value_length(text: &str) -> Length {
    match length_as_written(text) {
        // As long as before, so that the length is the same.
        Length::None if text.contains('\u{a0}') => length_as_written(&text.replace('\u{a0}', "  ")),
        length => length,
    }
}

fn length_as_written(text: &str) -> Length {
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

    #[test]
    fn nothing_is_taken_out_of_json_that_is_broken() {
        for text in [
            // A comma too many, in a block, on a line, and between words.
            "```json\n{\"a\": {\"b\": 1},}\n```",
            "{\"a\": {\"b\": 1},}",
            "Here it is: {\"a\": {\"b\": 1},} as asked.",
            "Here it is: {\"a\": [\n{\"b\": 1},\n{\"b\": 2},\n]}",
            // Cut off.
            "{\"a\":{\"b\":1},\"c\":",
            "Here: {\"a\":{\"b\":1},\"c\":",
            "```json\n{\"a\":{\"b\":1},\"c\":",
            // Brackets and quotes that do not fit.
            "{\"a\": x, \"b\": [\n{\"c\": 1}\n",
            "{\"a\": \"say \"hi} there\", \"c\": {\"b\": 1}}",
            "{\"a\": x]], \"c\": {\"b\": 1}}",
        ] {
            assert_eq!(values(text), Vec::<&str>::new(), "{text}");
        }
        // What stands elsewhere is taken all the same.
        assert_eq!(
            values("{\"a\": {\"b\": 1},}\nI mean:\n{\"a\": 2}"),
            ["{\"a\": 2}"]
        );
        assert_eq!(
            values("[0, 1) and [sic] before {\"a\": 1}\n{\"b\": 2}"),
            ["{\"b\": 2}"]
        );
        assert_eq!(
            values("{\"a\": x\n```json\n{\"b\": 2}\n```"),
            ["{\"b\": 2}"]
        );
    }

    #[test]
    fn lines_within_broken_json_are_no_blocks() {
        for text in [
            "{\"tool_calls\": [\n{\"name\": \"now\"},\n]}",
            "{\"tool_calls\": [,\n{\"name\": \"now\"}",
        ] {
            assert_eq!(inners(text), [text]);
        }
    }

    #[test]
    fn only_so_many_values_are_looked_at() {
        let text = "see {\"a\": 1}\n".repeat(TRIES + 1);
        assert_eq!(values(&text).len(), TRIES);
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
