//! The model behind every page: a pure function of the question.
//!
//! Each answer carries a hash of its question at both ends, so that two answers mixed up, a lost beginning and a lost
//! end are all detectable. Words in the question (whole words, any case) switch more on:
//!
//! | word | the answer |
//! | --- | --- |
//! | `markdown` | has headings, emphasis, lists, a fenced code block, a table, a quotation and an END line |
//! | `long` | has 40 numbered sentences and an END line |
//! | `huge` | is about 60 KB, with an END line |
//! | `vast` | is about 120 KB, with an END line |
//! | `refuse` | is a polite refusal |
//! | `stall` | pauses in the middle (4 s by default), then ends in an END line |
//! | `slow` | comes with long pauses between its pieces |
//! | `error` | does not come: the page shows an error toast |
//! | `ratelimit` | does not come: the page says that the message limit is reached |
//! | `cut` | breaks off in the middle, as when the connection is lost |
//!
//! It keeps no history and knows nothing of how the answer travels.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// How fast answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Into how many pieces an answer is cut (a `huge` one into five times as many).
    pub pieces: usize,
    /// Pause before the first piece.
    pub first: Duration,
    /// Pause between two pieces.
    pub between: Duration,
    /// Pause in the middle of an answer to a question with the word `stall`.
    pub stall: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pieces: 12,
            first: Duration::from_millis(150),
            between: Duration::from_millis(50),
            stall: Duration::from_secs(4),
        }
    }
}

/// Why a question gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status that the app's server answers.
    pub status: u16,
    /// What the page tells the person.
    pub says: &'static str,
}

/// What the page says when the question held the word `error`.
pub const ERROR_TEXT: &str = "Something went wrong. Please try again.";
/// What the page says when the question held the word `ratelimit`.
pub const LIMIT_TEXT: &str = "You have reached your message limit. Please try again in 30 seconds.";
/// What meets a question while the app's server is out of order.
pub const FAILURE: Refusal = Refusal {
    status: 500,
    says: ERROR_TEXT,
};
/// What the page says when the answer broke off.
pub const CUT_TEXT: &str = "The connection was lost. The answer is incomplete.";

/// The question with runs of white space made single blanks, trimmed.
pub fn normal(question: &str) -> String {
    question.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Eight hexadecimal digits that stand for the question (white space does not matter).
pub fn hash(question: &str) -> String {
    let digest = Sha256::digest(normal(question).as_bytes());
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether the question holds this word as a whole word, in any case.
pub fn has(word: &str, question: &str) -> bool {
    question
        .split(|c: char| !c.is_alphanumeric())
        .any(|found| found.eq_ignore_ascii_case(word))
}

/// The refusal that this question meets, if it holds `error` or `ratelimit`.
pub fn refusal(question: &str) -> Option<Refusal> {
    if has("error", question) {
        return Some(Refusal {
            status: 500,
            says: ERROR_TEXT,
        });
    }
    has("ratelimit", question).then_some(Refusal {
        status: 429,
        says: LIMIT_TEXT,
    })
}

/// The blocks of the answer as Markdown; [`answer`] joins them by blank lines.
pub fn blocks(question: &str) -> Vec<String> {
    let h = hash(question);
    let text = normal(question);
    let mut reversed: Vec<&str> = text.split(' ').collect();
    reversed.reverse();
    if has("refuse", question) {
        return vec![format!(
            "I'm sorry, but I can't help with that request ({h})."
        )];
    }
    let mut out = vec![format!("Reply {h}: {} ({h})", reversed.join(" "))];
    let mut end = false;
    if has("markdown", question) {
        out.extend([
            format!("# Title {h}"),
            format!("A paragraph with **bold {h}**, *italic words* and `inline_{h}` in it."),
            "## Lists".to_owned(),
            format!("- alpha {h}\n- beta with **weight**\n- gamma {h}"),
            "1. one\n2. two\n3. three".to_owned(),
            "### Code".to_owned(),
            format!(
                "```python\ndef answer(a, b):\n    # indented & <escaped>\n    if a < b:\n        return \"{h}\"\n\n    return None\n```"
            ),
            format!("| key | value |\n| --- | --- |\n| sha | {h} |\n| two | 2 |"),
            format!("> Quoted {h}"),
        ]);
        end = true;
    }
    if has("long", question) {
        let sentences: Vec<String> = (1..=40)
            .map(|n| format!("Sentence number {n} of {h} stands here."))
            .collect();
        out.extend(sentences.chunks(4).map(|four| four.join(" ")));
        end = true;
    }
    let paragraphs = match (has("huge", question), has("vast", question)) {
        (_, true) => 400,
        (true, _) => 200,
        _ => 0,
    };
    if paragraphs > 0 {
        out.extend((1..=paragraphs).map(|n| {
            format!(
                "Paragraph {n} of {h}. {}",
                "The quick brown fox jumps over the lazy dog again and again. "
                    .repeat(5)
                    .trim_end(),
            )
        }));
        end = true;
    }
    if end || has("stall", question) {
        out.push(format!("END {h}"));
    }
    out
}

/// The whole answer to the question, as Markdown.
pub fn answer(question: &str) -> String {
    blocks(question).join("\n\n")
}

/// The answer cut into pieces, each with the pause before it. Joined, the pieces are [`answer`].
pub fn pieces(question: &str, pace: &Pace) -> Vec<(Duration, String)> {
    let large = has("huge", question) || has("vast", question);
    let factor = if large { 5 } else { 1 };
    let letters: Vec<char> = answer(question).chars().collect();
    let count = (pace.pieces * factor).clamp(1, letters.len().max(1));
    let texts = letters
        .chunks(letters.len().div_ceil(count).max(1))
        .map(|piece| piece.iter().collect());
    timed(question, pace, texts.collect())
}

/// A text cut into pieces, each with the usual pause before it.
pub fn pieces_of(text: &str, pace: &Pace) -> Vec<(Duration, String)> {
    let letters: Vec<char> = text.chars().collect();
    let length = letters.len().div_ceil(pace.pieces.max(1)).max(1);
    let texts = letters.chunks(length).map(|piece| piece.iter().collect());
    timed("", pace, texts.collect())
}

/// The answer as separate messages, one for each block, with the pause before each.
pub fn messages(question: &str, pace: &Pace) -> Vec<(Duration, String)> {
    timed(question, pace, blocks(question))
}

fn timed(question: &str, pace: &Pace, texts: Vec<String>) -> Vec<(Duration, String)> {
    let slow = has("slow", question);
    let middle = has("stall", question).then_some(texts.len() / 2);
    let pause = |index: usize| {
        let usual = match (index, slow) {
            (0, true) => pace.first + Duration::from_secs(2),
            (0, false) => pace.first,
            (_, true) => pace.between + Duration::from_millis(250),
            (_, false) => pace.between,
        };
        if middle == Some(index) {
            usual + pace.stall
        } else {
            usual
        }
    };
    texts
        .into_iter()
        .enumerate()
        .map(|(index, text)| (pause(index), text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_depend_on_the_words_alone() {
        assert_eq!(answer("one  two\nthree"), answer(" one two three "));
        assert_ne!(hash("one two"), hash("one three"));
        assert!(answer("one two three").contains(": three two one ("));
    }

    #[test]
    fn pieces_join_to_the_answer_and_pause_where_asked() {
        let pace = Pace::default();
        for question in [
            "hi",
            "markdown please",
            "a long one",
            "huge",
            "stall é ü 漢字",
        ] {
            let cut = pieces(question, &pace);
            let joined: String = cut.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(joined, answer(question));
            let stalls = cut.iter().filter(|(pause, _)| *pause >= pace.stall).count();
            assert_eq!(stalls, usize::from(question.starts_with("stall")));
        }
        assert!(answer("huge").ends_with(&format!("END {}", hash("huge"))));
        assert!((50_000..80_000).contains(&answer("huge").len()));
        assert!(answer("vast").len() > 100_000);
    }

    #[test]
    fn words_count_only_whole() {
        assert!(has("long", "a LONG, one"));
        assert!(!has("long", "belonging"));
        assert_eq!(refusal("an error please").map(|r| r.status), Some(500));
        assert_eq!(refusal("errors"), None);
    }
}
