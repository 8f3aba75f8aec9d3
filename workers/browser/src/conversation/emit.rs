//! Chunks out of a text that is still growing: only what will not change, so that they join to the final text
//! exactly. Pure.

use super::assemble::Block;
use crate::network::decode::{is_fence, reduce};

/// What has been given out, and what was seen last.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    given: String,
    seen: String,
}

/// How the end fitted what had been given out before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The final text starts with it.
    Exact,
    /// The same letters with other punctuation; the final text was taken from there on.
    Letters,
    /// The page went back on what it had shown.
    Retracted,
}

impl Emitter {
    /// All that was given out.
    pub(crate) fn given(&self) -> &str {
        &self.given
    }

    /// The next chunk of a source text, which only ever grows.
    pub(crate) fn source_chunk(&mut self, text: &str) -> Option<String> {
        let rest = text
            .strip_prefix(self.given.as_str())
            .filter(|rest| !rest.is_empty())?
            .to_owned();
        self.given.push_str(&rest);
        Some(rest)
    }

    /// The next chunk of a source text that is known whole, as far as the page shows it letter by letter.
    pub(crate) fn shown_chunk(&mut self, source: &str, page: &str) -> Option<String> {
        let shown = &source[..common(source, page)];
        self.source_chunk(shown.trim_end())
    }

    /// The next chunk of what the page shows: what two looks agree on, up to a safe place.
    pub(crate) fn page_chunk(&mut self, text: &str, blocks: &[Block]) -> Option<String> {
        let agreed = common(&self.seen, text);
        text.clone_into(&mut self.seen);
        let safe = safe_end(text, blocks).min(agreed);
        let rest = text
            .get(..safe)?
            .strip_prefix(self.given.as_str())
            .filter(|rest| !rest.is_empty())?
            .to_owned();
        self.given.push_str(&rest);
        Some(rest)
    }

    /// The last chunk, and the whole text as it was given out.
    pub(crate) fn finish(mut self, text: &str) -> (Option<String>, String, Fit) {
        if let Some(rest) = text.strip_prefix(self.given.as_str()) {
            let rest = rest.to_owned();
            self.given.push_str(&rest);
            return ((!rest.is_empty()).then_some(rest), self.given, Fit::Exact);
        }
        let (at, fit) = continuation(&self.given, text);
        let rest = text[at..].to_owned();
        self.given.push_str(&rest);
        ((!rest.is_empty()).then_some(rest), self.given, fit)
    }
}

/// Where to go on in `text` after `given`: behind the same number of letters, as far as the letters agree.
fn continuation(given: &str, text: &str) -> (usize, Fit) {
    let (wanted, have) = (letters(given), letters(text));
    let alike = |(a, b): &(&Letter, &Letter)| a.1 == b.1;
    let agreed = wanted.iter().zip(&have).take_while(alike).count();
    let fit = if agreed == wanted.len() {
        Fit::Letters
    } else {
        Fit::Retracted
    };
    let end = |letter: &Letter| letter.0 + letter.1.len_utf8();
    let behind = agreed.checked_sub(1).map_or(0, |last| end(&have[last]));
    let tail = &given[wanted.last().map_or(0, end)..];
    if tail.is_empty() {
        return (behind, fit);
    }
    // What stands between two letters was given out already, but for fences that were not.
    let next = have.get(agreed).map(|letter| letter.0);
    let gap = &text[behind..next.unwrap_or(text.len())];
    let at = match (fences(gap).get(fences(tail).len()), next) {
        (Some(fence), _) => behind + fence,
        (None, Some(next)) => next,
        (None, None) => behind + common(tail, gap),
    };
    (at, fit)
}

/// Where lines begin that begin or end code blocks.
fn fences(text: &str) -> Vec<usize> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if is_fence(line) {
            found.push(start);
        }
        start += line.len();
    }
    found
}

/// A letter or digit, and where it stands.
type Letter = (usize, char);

/// The letters of a text, but for what stands beside the fences of code blocks: pages seldom show the language.
fn letters(text: &str) -> Vec<Letter> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !is_fence(line) {
            let letters = line.char_indices().filter(|(_, c)| c.is_alphanumeric());
            found.extend(letters.map(|(at, letter)| (start + at, letter)));
        }
        start += line.len();
    }
    found
}

fn common(a: &str, b: &str) -> usize {
    let mut end = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !b.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// How far a growing text may be given out: blocks before the last one whole, the last one up to a blank, or up to
/// its last full line where lines matter.
fn safe_end(text: &str, blocks: &[Block]) -> usize {
    let Some(last) = blocks.last() else { return 0 };
    // A fence that shows as plain text is a code block on its way.
    let mut at = 0;
    for block in blocks {
        if block.kind == "p"
            && let Some(fence) = block.markdown.find("```")
        {
            return at + fence;
        }
        at += block.markdown.len() + 2;
    }
    let start = text.len().saturating_sub(last.markdown.len());
    let tail = &text[start..];
    let cut = match last.kind.as_str() {
        "code" | "table" => {
            let body = tail.trim_end_matches('`').trim_end();
            body.rfind('\n').map_or(0, |at| at + 1)
        }
        _ => tail.rfind(char::is_whitespace).unwrap_or(0),
    };
    start + cut
}

/// Whether two texts agree as far as both go, by letters.
pub(crate) fn compatible(a: &str, b: &str) -> bool {
    let (a, b) = (reduce(unfinished(a)), reduce(unfinished(b)));
    a.starts_with(&b) || b.starts_with(&a)
}

/// Bytes of letters that may stand around an answer and be none of it.
const AROUND: usize = 120;
/// Letters by which the beginning of a text is found in another.
const BEGINNING: usize = 8;

/// Whether the page shows what the source says, as far as both go, with no more than a few words around it. What those words are is not judged here.
pub(crate) fn within(source: &str, page: &str) -> bool {
    let (source, page) = (reduce(source), reduce(page));
    let Some((end, _)) = source.char_indices().nth(BEGINNING) else {
        return false;
    };
    let Some(start) = page.find(&source[..end]).filter(|at| *at <= AROUND) else {
        return false;
    };
    let shown = &page[start..];
    let agreed = common(shown, &source);
    agreed == source.len().min(shown.len()) && shown.len() - agreed <= AROUND
}

/// A text without the start of a list's number that its last line may be.
fn unfinished(text: &str) -> &str {
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].trim();
    let numbering = line.len() <= 5
        && line
            .trim_end_matches([')', '.'])
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    if numbering { &text[..start] } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(text: &str) -> Vec<Block> {
        text.split("\n\n")
            .map(|part| Block {
                markdown: part.into(),
                kind: if part.starts_with("```") {
                    "code".into()
                } else {
                    "p".into()
                },
                head: String::new(),
                element: "p".into(),
                root: 0,
            })
            .collect()
    }

    fn run(looks: &[&str], last: &str) -> (String, String, Fit) {
        let mut emitter = Emitter::default();
        let mut chunks = String::new();
        for look in looks {
            if let Some(chunk) = emitter.page_chunk(look, &paragraph(look)) {
                chunks.push_str(&chunk);
            }
        }
        let (rest, whole, fit) = emitter.finish(last);
        chunks.push_str(&rest.unwrap_or_default());
        (chunks, whole, fit)
    }

    #[test]
    fn chunks_join_to_the_final_text() {
        let looks = [
            "He",
            "Hello wo",
            "Hello world and",
            "Hello world and all\n\n```\nx =",
            "Hello world and all\n\n```\nx = 1\ny\n```",
        ];
        let last = "Hello world and all\n\n```\nx = 1\ny = 2\n```\n\nEnd";
        let (chunks, whole, fit) = run(&looks, last);
        assert_eq!(
            (chunks.as_str(), whole.as_str(), fit),
            (last, last, Fit::Exact)
        );
    }

    #[test]
    fn text_is_given_out_before_the_end() {
        let mut emitter = Emitter::default();
        assert_eq!(
            emitter.page_chunk("one two thr", &paragraph("one two thr")),
            None
        );
        assert_eq!(
            emitter
                .page_chunk("one two three f", &paragraph("one two three f"))
                .as_deref(),
            Some("one two thr")
        );
        assert_eq!(
            emitter
                .page_chunk("one two three f", &paragraph("one two three f"))
                .as_deref(),
            Some("ee")
        );
    }

    #[test]
    fn a_text_that_is_known_whole_is_given_out_as_the_page_shows_it() {
        let source = "one *two* three";
        let mut emitter = Emitter::default();
        let mut told = |page: &str| emitter.shown_chunk(source, page);
        assert_eq!(told("on").as_deref(), Some("on"));
        assert_eq!(told("one ").as_deref(), Some("e"));
        assert_eq!(told("one *tw*").as_deref(), Some(" *tw"));
        assert_eq!(told("one other"), None, "the page says something else");
        assert_eq!(told("one *two* three").as_deref(), Some("o* three"));
    }

    #[test]
    fn a_page_that_changes_its_punctuation_is_followed_by_letters() {
        let looks = [
            "some **bold text her",
            "some **bold text here now",
            "some **bold text here now and",
        ];
        let (chunks, whole, fit) = run(&looks, "some bold text here now and then");
        assert_eq!(chunks, whole);
        assert_eq!(fit, Fit::Letters);
        assert!(whole.ends_with("here now and then") && whole.matches("bold").count() == 1);
    }

    #[test]
    fn a_language_that_the_page_does_not_show_is_no_letter_of_the_answer() {
        let end = |given: &str, text: &str| {
            let (at, fit) = continuation(given, text);
            (format!("{given}{}", &text[at..]), fit)
        };
        let page = "See:\n\n```\nx = 1\ny = 2\n```\n\nEnd";
        let whole = "See:\n\n```python\nx = 1\ny = 2\n```\n\nEnd";
        for cut in [
            "```python\n",
            "x = 1",
            "x = 1\n",
            "y = 2\n",
            "```\n\n",
            "En",
        ] {
            let at = whole.rfind(cut).unwrap() + cut.len();
            let told = end(&whole[..at], page);
            assert_eq!(told, (whole.to_owned(), Fit::Letters), "after {cut:?}");
        }
        let page = "See:\n\n```\nx = 1\n```";
        let whole = "See:\n\n```python\nx = 1\n```";
        assert_eq!(end("See:\n\n```python\nx = 1\n", page).0, whole);
    }

    #[test]
    fn a_source_that_is_ahead_agrees_with_its_page() {
        assert!(compatible("1. one\n2. two\n3", "1. one\n2. two"));
        assert!(compatible(
            "1. one\n2. two\n3. th",
            "1. one\n2. two\n3. three"
        ));
        assert!(!compatible("one two", "one three"));
    }

    #[test]
    fn a_source_is_recognised_among_names_and_times() {
        let source = "The sky is **blue** today";
        assert!(within(source, "Echo 12:03 The sky is blue today Copy"));
        assert!(
            within(source, "Echo 12:03 The sky is"),
            "the page is behind"
        );
        assert!(!within(source, "Echo: something else altogether"));
        let more = format!("The sky is blue today {}", "and more ".repeat(40));
        assert!(!within(source, &more), "the page says much more");
    }

    #[test]
    fn a_text_that_ends_otherwise_is_another_text() {
        let source = "The capital of it is Paris";
        assert!(!within(source, "The capital of it is Rome"));
        assert!(!within(source, "Echo 12:03 The capital of it is Rome Copy"));
    }

    #[test]
    fn an_unchanged_code_block_keeps_its_fence_open() {
        let text = "```\nx = 1\n```";
        let mut emitter = Emitter::default();
        emitter.page_chunk(text, &paragraph(text));
        assert_eq!(
            emitter.page_chunk(text, &paragraph(text)).as_deref(),
            Some("```\n")
        );
    }
}
