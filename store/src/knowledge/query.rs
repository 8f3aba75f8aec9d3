//! What somebody looks for: words, "phrases", and what is not wanted, after a dash. Made into what Postgres looks up, with the forms that the words have
//! in each of the languages.

use std::collections::BTreeSet;

use computetower_jobs::{SourceId, TenantId};

use super::words::{Rules, source_word, tenant_word, words};

/// Terms that count; what comes after them is not looked for.
const MOST_TERMS: usize = 24;

/// A question, as Postgres looks it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each as a `tsquery`: a word in all its forms, or words in a row.
    pub terms: Vec<String>,
    /// The same, of what must not be there.
    pub excluded: Vec<String>,
    /// Terms that have to be there: phrases in quotes.
    pub required: Vec<String>,
    /// The forms of the words, for marking them where they are found.
    pub forms: BTreeSet<String>,
}

impl Query {
    /// Reads what somebody typed, for passages in these languages.
    #[must_use]
    pub fn read(text: &str, languages: &[String]) -> Self {
        let rules: Vec<Rules> = languages
            .iter()
            .map(|language| Rules::of(Some(language)))
            .chain([Rules::of(None)])
            .collect();
        let mut query = Self::pieces(text, &rules, true);
        if query.terms.is_empty() && query.required.is_empty() {
            // Nothing but words that say nothing: then those.
            query = Self::pieces(text, &rules, false);
        }
        query
    }

    fn pieces(text: &str, rules: &[Rules], leave_out: bool) -> Self {
        let mut query = Self::default();
        for piece in split(text) {
            if query.terms.len() + query.required.len() + query.excluded.len() >= MOST_TERMS {
                break;
            }
            let mut row: Vec<BTreeSet<String>> = Vec::new();
            for word in words(piece.text, 1).iter().filter(|word| !word.part) {
                let forms = forms(word.text, rules, leave_out);
                if !forms.is_empty() {
                    row.push(forms);
                }
            }
            if row.is_empty() {
                continue;
            }
            let term = row
                .iter()
                .map(|forms| {
                    let forms: Vec<String> = forms.iter().map(|form| format!("'{form}'")).collect();
                    format!("({})", forms.join(" | "))
                })
                .collect::<Vec<_>>()
                .join(" <-> ");
            let term = format!("({term})");
            if piece.excluded {
                query.excluded.push(term);
                continue;
            }
            query.forms.extend(row.into_iter().flatten());
            if piece.quoted {
                query.required.push(term.clone());
            }
            if !query.terms.contains(&term) {
                query.terms.push(term);
            }
        }
        query
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// What a tenant may see, of these sources or of all, as a `tsquery`.
#[must_use]
pub fn scope(tenant: TenantId, sources: &[SourceId]) -> String {
    let mut scope = format!("'{}'", tenant_word(tenant));
    if !sources.is_empty() {
        let sources: Vec<String> = sources
            .iter()
            .map(|source| format!("'{}'", source_word(*source)))
            .collect();
        scope.push_str(&format!(" & ({})", sources.join(" | ")));
    }
    scope
}

/// The forms of a word. One that says nothing in one of the languages has none, unless it is all there is.
fn forms(word: &str, rules: &[Rules], leave_out: bool) -> BTreeSet<String> {
    let found: Vec<Option<String>> = rules.iter().map(|rules| rules.reduce(word)).collect();
    if leave_out && found.iter().any(Option::is_none) {
        return BTreeSet::new();
    }
    found.into_iter().flatten().collect()
}

struct PieceOf<'a> {
    text: &'a str,
    quoted: bool,
    excluded: bool,
}

fn split(text: &str) -> Vec<PieceOf<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (excluded, from) = match rest.strip_prefix('-') {
            Some(from) if from.starts_with(|c: char| c == '"' || c.is_alphanumeric()) => {
                (true, from)
            }
            _ => (false, rest),
        };
        let (piece, quoted, after) = match from.strip_prefix('"') {
            Some(inner) => match inner.split_once('"') {
                Some((phrase, after)) => (phrase, true, after),
                None => (inner, false, ""),
            },
            None => {
                let end = from
                    .find(|c: char| c.is_whitespace() || c == '"')
                    .unwrap_or(from.len());
                let (piece, after) = from.split_at(end);
                (piece, false, after)
            }
        };
        found.push(PieceOf {
            text: piece,
            quoted,
            excluded,
        });
        rest = after.trim_start();
    }
    found
}

/// A part of a passage with the words that were looked for marked, as HTML: `<mark>` around each, all else escaped.
#[must_use]
pub fn snippet(
    text: &str,
    forms: &BTreeSet<String>,
    language: Option<&str>,
    length: usize,
) -> String {
    let rules = Rules::of(language);
    let hits: Vec<(usize, usize)> = words(text, 1)
        .iter()
        .filter(|word| {
            rules
                .reduce(word.text)
                .is_some_and(|form| forms.contains(&form))
        })
        .map(|word| (word.start, word.start + word.text.len()))
        .collect();
    // Where most of them stand together.
    let count = |from: usize| {
        hits.iter()
            .filter(|(start, end)| *start >= from && *end <= from + length)
            .count()
    };
    let best = hits
        .iter()
        .map(|(start, _)| *start)
        .max_by_key(|start| (count(*start), usize::MAX - start));
    let from = best.unwrap_or_default().saturating_sub(length / 6);
    let from = words(text, 1)
        .iter()
        .map(|word| word.start)
        .find(|start| *start >= from)
        .filter(|_| from > 0)
        .unwrap_or_default();
    let mut end = (from + length).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut marked = String::new();
    if from > 0 {
        marked.push('…');
    }
    let mut at = from;
    for (start, stop) in hits {
        // Parts of a word that is marked whole lie behind.
        if start < at || stop > end {
            continue;
        }
        escape(text.get(at..start).unwrap_or_default(), &mut marked);
        marked.push_str("<mark>");
        escape(text.get(start..stop).unwrap_or_default(), &mut marked);
        marked.push_str("</mark>");
        at = stop;
    }
    escape(text.get(at..end).unwrap_or_default(), &mut marked);
    if end < text.len() {
        marked.push('…');
    }
    marked
}

fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Query {
        Query::read(text, &["en".to_owned()])
    }

    #[test]
    fn words_phrases_and_what_is_not_wanted() {
        let query = read("how to sort \"reading files\" os.path.join -windows");
        assert_eq!(
            query.terms,
            [
                "(('sort'))",
                "(('read' | 'reading') <-> ('file' | 'files'))",
                "(('os') <-> ('path') <-> ('join'))"
            ]
        );
        assert_eq!(query.required.len(), 1);
        assert_eq!(query.excluded, ["(('window' | 'windows'))"]);
    }

    #[test]
    fn words_that_say_nothing_are_looked_for_when_there_are_no_others() {
        assert_eq!(read("what is this").terms.len(), 3);
        assert!(read(" -\"' ").is_empty());
    }

    #[test]
    fn what_was_looked_for_is_marked_and_the_rest_escaped() {
        let forms = read("sorting").forms;
        let text = format!(
            "{} a <b> sorted list & more {}",
            "x ".repeat(200),
            "y ".repeat(200)
        );
        let found = snippet(&text, &forms, Some("en"), 60);
        assert!(
            found.contains("&lt;b&gt; <mark>sorted</mark> list &amp; more"),
            "{found}"
        );
        assert!(found.starts_with('…') && found.ends_with('…'));
    }

    proptest! {
        #[test]
        fn nothing_typed_breaks_out_of_its_quotes(text in "\\PC{0,80}") {
            let query = read(&text);
            for term in query.terms.iter().chain(&query.excluded) {
                let rest: String = term.split('\'').step_by(2).collect();
                prop_assert!(rest.chars().all(|c| "()|<-> ".contains(c)), "{term}");
                prop_assert!(!term.contains('\\'));
            }
        }

        #[test]
        fn a_snippet_is_as_long_as_it_may_be(text in "\\PC{0,300}", typed in "\\PC{0,20}", length in 1usize..200) {
            let found = snippet(&text, &read(&typed).forms, None, length);
            let plain = found.replace("<mark>", "").replace("</mark>", "").replace('…', "");
            prop_assert!(plain.replace("&quot;", "q").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").len() <= length.max(4) + 8);
        }
    }
}
