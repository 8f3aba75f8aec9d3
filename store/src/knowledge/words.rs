//! The words by which a passage is found. They are made here and not by Postgres: its parser takes `os.path.join` for the name of a host, and it needs
//! three times as long, which a crawl of some hundred pages a second has not.
//!
//! A word is a run of letters and digits, in lower case, stemmed by the rules of its language, without accents. Names of programs are words in a row
//! (`read_file` is `read` and `file`); what is written in one with capitals (`readFile`) is found whole and by its parts. Writing without spaces is cut
//! into pairs of characters.

use std::borrow::Cow;

use computetower_jobs::{SourceId, TenantId};
use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The last position that a tsvector has.
const LAST: usize = 16_383;
/// Letters of a word that count: what is longer is no word.
const LONGEST: usize = 64;
/// English words that say nothing by themselves. They take a place and are no words of the index.
const SAYS_NOTHING: [&str; 36] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "do", "does", "for", "from", "had",
    "has", "have", "how", "i", "if", "in", "is", "it", "its", "of", "on", "or", "so", "that",
    "the", "this", "to", "was", "were", "what", "which", "with",
];

/// How words of a language are reduced.
pub struct Rules {
    stemmer: Option<Stemmer>,
    english: bool,
}

impl Rules {
    /// The rules of a language, as ISO 639-1; of none when it is not known.
    #[must_use]
    pub fn of(language: Option<&str>) -> Self {
        let short = language.and_then(|language| language.get(..2));
        let algorithm = match short {
            Some("ar") => Some(Algorithm::Arabic),
            Some("da") => Some(Algorithm::Danish),
            Some("nl") => Some(Algorithm::Dutch),
            Some("en") => Some(Algorithm::English),
            Some("fi") => Some(Algorithm::Finnish),
            Some("fr") => Some(Algorithm::French),
            Some("de") => Some(Algorithm::German),
            Some("el") => Some(Algorithm::Greek),
            Some("hu") => Some(Algorithm::Hungarian),
            Some("it") => Some(Algorithm::Italian),
            Some("no" | "nb" | "nn") => Some(Algorithm::Norwegian),
            Some("pt") => Some(Algorithm::Portuguese),
            Some("ro") => Some(Algorithm::Romanian),
            Some("ru") => Some(Algorithm::Russian),
            Some("es") => Some(Algorithm::Spanish),
            Some("sv") => Some(Algorithm::Swedish),
            Some("ta") => Some(Algorithm::Tamil),
            Some("tr") => Some(Algorithm::Turkish),
            _ => None,
        };
        Self {
            stemmer: algorithm.map(Stemmer::create),
            english: short == Some("en"),
        }
    }

    /// The form in which a word is kept; `None` for one that says nothing.
    #[must_use]
    pub fn reduce(&self, word: &str) -> Option<String> {
        let lower: Cow<'_, str> =
            if word.is_ascii() && !word.bytes().any(|b| b.is_ascii_uppercase()) {
                Cow::Borrowed(word)
            } else {
                Cow::Owned(word.to_lowercase())
            };
        if self.english && SAYS_NOTHING.binary_search(&lower.as_ref()).is_ok() {
            return None;
        }
        let stem = match &self.stemmer {
            Some(stemmer) => stemmer.stem(&lower),
            None => Cow::Borrowed(lower.as_ref()),
        };
        let plain = if stem.is_ascii() {
            stem.into_owned()
        } else {
            stem.nfd().filter(|c| !is_combining_mark(*c)).collect()
        };
        (!plain.is_empty()).then_some(plain)
    }
}

/// A word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// As it is written.
    pub text: &'a str,
    /// From 1.
    pub place: usize,
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// A part of a word that stands there whole, too.
    pub part: bool,
}

/// The words of a text, in order. `place` is where the first one stands.
#[must_use]
pub fn words(text: &str, mut place: usize) -> Vec<Word<'_>> {
    let mut found = Vec::with_capacity(text.len() / 6);
    let mut begun: Option<usize> = None;
    let ends = text.char_indices().map(Some).chain([None]);
    for end in ends {
        let (at, letter) = match end {
            Some((at, c)) => (at, c.is_alphanumeric() || is_combining_mark(c)),
            None => (text.len(), false),
        };
        match (begun, letter) {
            (None, true) => begun = Some(at),
            (Some(start), false) => {
                begun = None;
                if let Some(run) = text.get(start..at) {
                    place = push_run(&mut found, run, start, place);
                }
            }
            _ => {}
        }
    }
    found
}

/// A run of letters and digits: a word, its parts, or pairs. Gives the next place.
fn push_run<'a>(found: &mut Vec<Word<'a>>, run: &'a str, start: usize, place: usize) -> usize {
    if run.is_ascii() || !run.chars().any(without_spaces) {
        return push_word(found, run, start, place);
    }
    let mut place = place;
    let starts: Vec<(usize, char)> = run.char_indices().collect();
    let mut at = 0;
    while let Some((begin, first)) = starts.get(at).copied() {
        let same = |(_, c): &&(usize, char)| without_spaces(*c) == without_spaces(first);
        let length = starts.iter().skip(at).take_while(same).count();
        let byte = |index: usize| starts.get(index).map_or(run.len(), |(byte, _)| *byte);
        if without_spaces(first) {
            // The last character has no pair, unless it stands alone.
            for pair in at..(at + length - 1).max(at + 1) {
                let end = byte((pair + 2).min(at + length));
                if let Some(text) = run.get(byte(pair)..end) {
                    found.push(Word {
                        text,
                        place,
                        start: start + byte(pair),
                        part: false,
                    });
                    place += 1;
                }
            }
        } else if let Some(text) = run.get(begin..byte(at + length)) {
            place = push_word(found, text, start + begin, place);
        }
        at += length;
    }
    place
}

fn push_word<'a>(found: &mut Vec<Word<'a>>, word: &'a str, start: usize, place: usize) -> usize {
    if word.len() > LONGEST * 4 || word.chars().nth(LONGEST).is_some() {
        return place + 1;
    }
    let whole = |part| Word {
        text: word,
        place,
        start,
        part,
    };
    found.push(whole(false));
    let mut cuts = vec![0];
    let mut before = ' ';
    for (at, c) in word.char_indices() {
        if before.is_lowercase() && c.is_uppercase() {
            cuts.push(at);
        }
        before = c;
    }
    if cuts.len() == 1 {
        return place + 1;
    }
    cuts.push(word.len());
    for (number, pair) in cuts.windows(2).enumerate() {
        if let [from, to] = pair
            && let Some(text) = word.get(*from..*to)
        {
            found.push(Word {
                text,
                place: place + number,
                start: start + from,
                part: true,
            });
        }
    }
    place + cuts.len() - 1
}

/// Characters of writings that put no spaces between words.
fn without_spaces(c: char) -> bool {
    matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

/// The word that stands for a tenant in the index.
#[must_use]
pub fn tenant_word(tenant: TenantId) -> String {
    format!("t:{}", tenant.0.simple())
}

/// The word that stands for a source in the index.
#[must_use]
pub fn source_word(source: SourceId) -> String {
    format!("s:{}", source.0.simple())
}

/// Bytes of a vector from which on no word is added: Postgres takes a megabyte.
const LONGEST_VECTOR: usize = 500_000;

/// The tsvector of a passage, as Postgres reads it: the words of its headings weigh most.
#[must_use]
pub fn search_vector(
    tenant: TenantId,
    source: SourceId,
    headings: &[&str],
    text: &str,
    rules: &Rules,
) -> String {
    use std::fmt::Write;
    let mut vector = format!("'{}' '{}'", tenant_word(tenant), source_word(source));
    let mut place = 1;
    let mut put = |text: &str, weight: &str, place: usize| {
        let mut next = place;
        for word in words(text, place) {
            if word.place > LAST || vector.len() > LONGEST_VECTOR {
                break;
            }
            next = next.max(word.place + 1);
            if let Some(reduced) = rules.reduce(word.text) {
                // Writing to a string does not fail. Words hold letters and digits alone, so that nothing needs escaping.
                let _ = write!(vector, " '{reduced}':{}{weight}", word.place);
            }
        }
        next
    };
    for heading in headings {
        // A gap, so that no phrase reaches from one into the next.
        place = put(heading, "A", place) + 1;
    }
    put(text, "", place);
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reduced(text: &str, language: &str) -> Vec<String> {
        let rules = Rules::of(Some(language));
        words(text, 1)
            .iter()
            .filter_map(|word| rules.reduce(word.text))
            .collect()
    }

    #[test]
    fn names_of_programs_are_words_in_a_row() {
        let found = words("os.path.join(readFile)", 1);
        let places: Vec<(&str, usize)> = found.iter().map(|word| (word.text, word.place)).collect();
        assert_eq!(
            places,
            [
                ("os", 1),
                ("path", 2),
                ("join", 3),
                ("readFile", 4),
                ("read", 4),
                ("File", 5)
            ]
        );
    }

    #[test]
    fn words_are_stemmed_by_their_language_and_lose_their_accents() {
        assert_eq!(
            reduced("Sorting the sorted functions", "en"),
            ["sort", "sort", "function"]
        );
        assert_eq!(reduced("Häuser und Haus", "de"), ["haus", "und", "haus"]);
        assert_eq!(reduced("Été", "xx"), ["ete"]);
    }

    #[test]
    fn writing_without_spaces_is_cut_into_pairs() {
        assert_eq!(reduced("検索機能 x", "ja"), ["検索", "索機", "機能", "x"]);
        assert_eq!(reduced("字", "zh"), ["字"]);
    }

    #[test]
    fn the_words_that_say_nothing_are_sorted() {
        assert!(SAYS_NOTHING.is_sorted());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_vector_that_could_not_be_read(text in "\\PC{0,200}|[a-zA-Z '\\\\:]{0,200}") {
            let rules = Rules::of(Some("en"));
            let vector = search_vector(TenantId::generate(), SourceId::generate(), &[&text], &text, &rules);
            // Each entry is 'letters and digits':place.
            for entry in vector.split(' ').skip(2) {
                let (word, place) = entry.rsplit_once(':').unwrap_or_default();
                let inner = word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')).unwrap_or("'");
                prop_assert!(!inner.contains(['\'', '\\', ' ']), "{entry}");
                prop_assert!(place.trim_end_matches('A').parse::<usize>().is_ok(), "{entry}");
            }
        }

        #[test]
        fn every_word_stands_where_it_says(text in "\\PC{0,100}") {
            for word in words(&text, 1) {
                prop_assert!(text[word.start..].starts_with(word.text));
            }
        }
    }
}
