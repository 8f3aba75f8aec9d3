//! Where in the traffic an answer's source text is. Texts are collected by where they stand; those that, put
//! together, say the same as the page are a recipe, to be used from then on. Pure.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::decode::{Leaf, reduce};
use crate::chat_map::StreamMethod;

/// How the texts at one place make up the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each is the next piece.
    Delta,
    /// Each is the answer so far.
    Cumulative,
    /// One is the whole answer.
    Snapshot,
}

/// Where an answer's text stands in the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// How it travels.
    pub method: StreamMethod,
    /// Path of the address, ids as `*`.
    pub address: String,
    /// Kind of message; `*` for any.
    pub tag: String,
    /// Place in the message.
    pub leaf: String,
    /// How the pieces fit.
    pub mode: Mode,
}

impl Recipe {
    /// Whether its text is made of several responses, one after the other: separate messages, without what stands between them.
    pub(crate) fn is_joined(&self) -> bool {
        self.mode == Mode::Delta
            && matches!(self.method, StreamMethod::Polling | StreamMethod::Response)
    }
}

/// Which exchange a text came in: a stream of its own, or all requests to one address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) method: StreamMethodKey,
    pub(crate) address: String,
    /// Number of the exchange, or of the first of those that are taken together.
    pub(crate) exchange: u64,
}

/// [`StreamMethod`] as part of a key.
pub(crate) type StreamMethodKey = &'static str;

/// A text of an exchange that begins like the answer shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Its reduced length.
    pub(crate) length: usize,
    /// It came behind others in the same place, as in a list of messages.
    pub(crate) among_others: bool,
}

#[derive(Debug, Default)]
struct Series {
    joined: String,
    last: String,
    count: usize,
    extends: bool,
}

/// Texts that come in fewer pieces are no stream worth following.
const PIECES: usize = 4;
const SNAPSHOTS: usize = 800;
const SERIES_BYTES: usize = 2_000_000;

/// Collects texts while an answer comes in.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    series: HashMap<(Source, String, String), Series>,
    snapshots: VecDeque<String>,
    /// Counts every text taken in, to tell whether there is anything new.
    pub(crate) version: u64,
}

impl Assembler {
    pub(crate) fn take(&mut self, source: &Source, leaf: Leaf) {
        self.version += 1;
        for tag in [leaf.tag.clone(), "*".to_owned()] {
            let series = self
                .series
                .entry((source.clone(), tag, leaf.path.clone()))
                .or_default();
            series.extends =
                (series.count == 0 || series.extends) && leaf.value.starts_with(&series.last);
            series.count += 1;
            if series.joined.len() + leaf.value.len() <= SERIES_BYTES {
                series.joined.push_str(&leaf.value);
            }
            series.last.clone_from(&leaf.value);
        }
        if leaf.value.len() < SERIES_BYTES {
            if self.snapshots.len() == SNAPSHOTS {
                self.snapshots.pop_front();
            }
            self.snapshots.push_back(leaf.value);
        }
    }

    /// The text that says exactly what the page shows, and where it was found. `shown` is reduced.
    pub(crate) fn matching(&self, shown: &str) -> Option<(Recipe, String)> {
        if shown.is_empty() {
            return None;
        }
        let mut best: Option<((u8, usize, bool), Recipe, &str)> = None;
        for ((source, tag, leaf), series) in &self.series {
            let mut offers = Vec::new();
            if series.count >= PIECES && !series.extends {
                offers.push((Mode::Delta, &series.joined, 3));
            }
            if series.count >= PIECES && series.extends {
                offers.push((Mode::Cumulative, &series.last, 3));
            }
            offers.push((Mode::Snapshot, &series.last, 1));
            if series.count > 1 && series.count < PIECES {
                offers.push((Mode::Snapshot, &series.joined, 1));
            }
            for (mode, text, rank) in offers {
                // Reducing is dear: most texts differ by far too much in length.
                if text.len() < shown.len() || !is_readable(text) || reduce(text) != shown {
                    continue;
                }
                let order = (rank, series.count, tag != "*");
                if best.as_ref().is_none_or(|(known, ..)| order > *known) {
                    let recipe = Recipe {
                        method: method_of(source.method),
                        address: source.address.clone(),
                        tag: tag.clone(),
                        leaf: leaf.clone(),
                        mode,
                    };
                    best = Some((order, recipe, text));
                }
            }
        }
        best.map(|(_, recipe, text)| (recipe, text.to_owned()))
    }

    /// The longest text that comes in pieces and that the page shows, as `shown` tells.
    pub(crate) fn streaming(&self, shown: impl Fn(&str) -> bool) -> Option<Recipe> {
        let mut best: Option<(usize, bool, Recipe)> = None;
        for ((source, tag, leaf), series) in &self.series {
            let (mode, text) = if series.extends {
                (Mode::Cumulative, &series.last)
            } else {
                (Mode::Delta, &series.joined)
            };
            let longer = best
                .as_ref()
                .is_none_or(|(length, told, _)| (text.len(), tag != "*") > (*length, *told));
            let streams = matches!(
                method_of(source.method),
                StreamMethod::Sse | StreamMethod::FetchStream | StreamMethod::Websocket
            );
            // Responses one after the other are separate messages, unless each holds what was before.
            if !streams && mode == Mode::Delta {
                continue;
            }
            let beside = is_beside(tag) || is_beside(leaf);
            if beside || series.count < PIECES || !longer || !is_readable(text) || !shown(text) {
                continue;
            }
            let recipe = Recipe {
                method: method_of(source.method),
                address: source.address.clone(),
                tag: tag.clone(),
                leaf: leaf.clone(),
                mode,
            };
            best = Some((text.len(), tag != "*", recipe));
        }
        best.map(|(.., recipe)| recipe)
    }

    /// Any text at all that says exactly what the page shows.
    pub(crate) fn exact(&self, shown: &str) -> Option<String> {
        if shown.is_empty() {
            return None;
        }
        self.snapshots
            .iter()
            .rev()
            .find(|text| text.len() >= shown.len() && is_readable(text) && reduce(text) == shown)
            .cloned()
    }

    fn fitting<'a>(&'a self, recipe: &Recipe) -> impl Iterator<Item = &'a Series> {
        let fits = |((source, tag, leaf), series): &(&(Source, String, String), &Series)| {
            *tag == recipe.tag
                && *leaf == recipe.leaf
                && source.address == recipe.address
                && series.count > 0
        };
        self.series.iter().filter(fits).map(|(_, series)| series)
    }

    /// What a known recipe has assembled so far; the longest where several exchanges fit.
    pub(crate) fn assembled(&self, recipe: &Recipe) -> Option<&str> {
        self.fitting(recipe)
            .map(|series| match recipe.mode {
                Mode::Delta => series.joined.as_str(),
                Mode::Cumulative | Mode::Snapshot => series.last.as_str(),
            })
            .max_by_key(|text| text.len())
    }

    /// Whether a recipe has brought one text and no other. Of several, [`Self::assembled`] knows one only: the others may be parts of the answer.
    pub(crate) fn brings_one(&self, recipe: &Recipe) -> bool {
        let mut found = self
            .fitting(recipe)
            .filter(|series| !series.joined.trim().is_empty());
        let Some(one) = found.next() else {
            return false;
        };
        found.next().is_none() && (recipe.mode == Mode::Delta || one.count == 1 || one.extends)
    }

    /// The exchanges that have brought this text (reduced), alone or in a longer one. `as_answer` leaves out what is named as an error there.
    pub(crate) fn carriers(&self, shown: &str, as_answer: bool) -> Vec<u64> {
        let named = |tag: &str, leaf: &str| {
            let name = format!("{tag} {leaf}").to_lowercase();
            name.contains("error") || name.contains("fail")
        };
        let holds = |text: &str| text.len() >= shown.len() && reduce(text).contains(shown);
        self.series
            .iter()
            // Under any tag, what is named as an error comes once more without its name.
            .filter(|((_, tag, leaf), _)| !as_answer || tag != "*" && !named(tag, leaf))
            .filter(|(_, series)| {
                let apart = !series.extends || series.count == 1;
                holds(&series.last) || apart && holds(&series.joined)
            })
            .map(|((source, ..), _)| source.exchange)
            .collect()
    }

    /// All that came where a recipe points: also where it came as several messages. None where more than one exchange brought some.
    pub(crate) fn whole(&self, recipe: &Recipe) -> Option<&str> {
        let mut found = self
            .fitting(recipe)
            .filter(|series| !series.joined.trim().is_empty());
        let one = found.next()?;
        if found.next().is_some() {
            return None;
        }
        Some(if one.extends { &one.last } else { &one.joined })
    }

    /// The exchanges that carry an answer that begins like what is shown (reduced), by number: the longest such text.
    pub(crate) fn carrying(&self, shown: &str) -> HashMap<u64, Carried> {
        let mut out: HashMap<u64, Carried> = HashMap::new();
        if shown.chars().count() < 3 {
            return out;
        }
        for ((source, tag, _), series) in &self.series {
            if tag == "*" {
                continue;
            }
            let grown = series.extends && series.count > 1;
            let text = if grown { &series.last } else { &series.joined };
            let mut offers = vec![(text, false)];
            // A reply may hold the whole conversation, whose last message is the answer.
            let whole = method_of(source.method) == StreamMethod::Response;
            if whole && !grown && series.count > 1 {
                offers.push((&series.last, true));
            }
            for (text, among_others) in offers {
                if text.len() < shown.len() {
                    continue;
                }
                let reduced = reduce(text);
                let known = out.get(&source.exchange).map(|carried| carried.length);
                if reduced.starts_with(shown) && known.is_none_or(|known| reduced.len() > known) {
                    let length = reduced.len();
                    let carried = Carried {
                        length,
                        among_others,
                    };
                    out.insert(source.exchange, carried);
                }
            }
        }
        out
    }

    /// The longest text whose reduced form lies inside what is shown, with what surrounds it there: what is left
    /// over is the page's furniture.
    pub(crate) fn inside(&self, shown: &str) -> Option<(Recipe, String)> {
        // Under any tag, what is an error by its name would count as well.
        let mut best: Option<((usize, bool), Recipe, String)> = None;
        for ((source, tag, leaf), series) in &self.series {
            for (mode, text) in [
                (Mode::Delta, &series.joined),
                (Mode::Cumulative, &series.last),
            ] {
                if mode == Mode::Delta && (series.extends && series.count > 1) {
                    continue;
                }
                let reduced = reduce(text);
                let enough = reduced.len() >= 8
                    && reduced.len() * 10 >= shown.len() * 5
                    && shown.len() - reduced.len().min(shown.len()) <= 120;
                if enough
                    && shown.contains(&reduced)
                    && best
                        .as_ref()
                        .is_none_or(|(known, ..)| (reduced.len(), tag != "*") > *known)
                {
                    let recipe = Recipe {
                        method: method_of(source.method),
                        address: source.address.clone(),
                        tag: tag.clone(),
                        leaf: leaf.clone(),
                        mode: if series.count >= PIECES {
                            mode
                        } else {
                            Mode::Snapshot
                        },
                    };
                    best = Some(((reduced.len(), tag != "*"), recipe, text.clone()));
                }
            }
        }
        best.map(|(_, recipe, text)| (recipe, text))
    }
}

/// Whether what stands at a place is named as something beside an answer: what a model thinks, or what a page does meanwhile.
fn is_beside(name: &str) -> bool {
    let name = name.to_lowercase();
    ["reason", "think", "thought", "title", "status", "summary"]
        .iter()
        .any(|word| name.contains(word))
}

/// Text as people write it; anything else is a protocol's.
fn is_readable(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn method_of(name: &str) -> StreamMethod {
    use StreamMethod::{Dom, FetchStream, Polling, Response, Sse, Websocket};
    [Sse, FetchStream, Websocket, Polling, Response]
        .into_iter()
        .find(|method| method.as_str() == name)
        .unwrap_or(Dom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(assembler: &mut Assembler, exchange: u64, tag: &str, path: &str, value: &str) {
        let source = Source {
            method: "sse",
            address: "/chat".to_owned(),
            exchange,
        };
        assembler.take(
            &source,
            Leaf {
                tag: tag.to_owned(),
                path: path.to_owned(),
                value: value.to_owned(),
            },
        );
    }

    #[test]
    fn pieces_are_joined_and_the_closing_copy_told_from_them() {
        let mut assembler = Assembler::default();
        for piece in ["Hel", "lo", " **wor", "ld**"] {
            take(&mut assembler, 1, "/token", "text", piece);
        }
        take(&mut assembler, 1, "/done", "text", "Hello **world**");
        let (recipe, text) = assembler.matching("Helloworld").unwrap();
        assert_eq!(
            (recipe.mode, recipe.tag.as_str(), text.as_str()),
            (Mode::Delta, "/token", "Hello **world**")
        );
        assert_eq!(assembler.assembled(&recipe), Some("Hello **world**"));
        assert_eq!(
            assembler.exact("Helloworld").as_deref(),
            Some("Hello **world**")
        );
    }

    #[test]
    fn a_stream_is_found_by_what_the_page_shows_of_it() {
        let mut assembler = Assembler::default();
        for piece in ["Hel", "lo", " **wor", "ld**"] {
            take(&mut assembler, 1, "/token", "text", piece);
            take(&mut assembler, 1, "/token", "id", "x");
        }
        let recipe = assembler.streaming(|text| text == "Hello **world**");
        let recipe = recipe.unwrap();
        assert_eq!(
            (recipe.tag.as_str(), recipe.leaf.as_str()),
            ("/token", "text")
        );
        assert!(assembler.streaming(|text| text == "Hello").is_none());
    }

    #[test]
    fn what_a_model_thinks_is_no_stream_to_follow() {
        let mut assembler = Assembler::default();
        for piece in ["Let ", "me ", "think ", "first"] {
            take(&mut assembler, 1, "", "delta.reasoning_content", piece);
        }
        assert!(
            assembler
                .streaming(|text| text.starts_with("Let"))
                .is_none()
        );
        for piece in ["The ", "answer ", "is ", "42"] {
            take(&mut assembler, 1, "", "delta.content", piece);
        }
        let found = assembler.streaming(|_| true).unwrap();
        assert_eq!(found.leaf, "delta.content");
    }

    #[test]
    fn what_lies_inside_of_the_page_is_found_under_its_own_tag() {
        for _ in 0..20 {
            let mut assembler = Assembler::default();
            for piece in ["Hello ", "to ", "you ", "all"] {
                take(&mut assembler, 1, "delta", "text", piece);
            }
            let (recipe, _) = assembler.inside("EchoHellotoyouall").unwrap();
            assert_eq!(recipe.tag, "delta");
        }
    }

    #[test]
    fn a_second_text_of_one_address_is_noticed() {
        let mut assembler = Assembler::default();
        for piece in ["Fir", "st ", "par", "t"] {
            take(&mut assembler, 1, "/token", "text", piece);
        }
        let (recipe, _) = assembler.matching("Firstpart").unwrap();
        assert!(assembler.brings_one(&recipe));
        take(&mut assembler, 2, "/token", "text", "So the total is 42.");
        assert!(!assembler.brings_one(&recipe));
    }

    #[test]
    fn what_is_named_as_an_error_is_not_carried_as_an_answer() {
        let mut assembler = Assembler::default();
        take(&mut assembler, 1, "/token", "text", "All is well");
        take(&mut assembler, 2, "", "error.message", "It went wrong");
        assert_eq!(assembler.carriers("Alliswell", true), [1]);
        assert!(assembler.carriers("Itwentwrong", true).is_empty());
        assert!(assembler.carriers("Itwentwrong", false).contains(&2));
    }

    #[test]
    fn texts_that_grow_are_cumulative() {
        let mut assembler = Assembler::default();
        for text in ["A", "A b", "A b ", "A b c"] {
            take(&mut assembler, 2, "", "out.*", text);
        }
        assert_eq!(assembler.matching("Abc").unwrap().0.mode, Mode::Cumulative);
        assert!(assembler.matching("Abcd").is_none());
        let length = |shown| assembler.carrying(shown).get(&2).map(|one| one.length);
        assert_eq!(length("Abc"), Some(3));
        assert!(assembler.carrying("xyz").is_empty());
    }

    #[test]
    fn the_last_message_of_a_whole_conversation_is_carried() {
        let mut assembler = Assembler::default();
        for (exchange, method) in [(7, "response"), (8, "sse")] {
            for text in ["A question", "An answer"] {
                let address = "/update".to_owned();
                let source = Source {
                    method,
                    address,
                    exchange,
                };
                let leaf = Leaf {
                    tag: String::new(),
                    path: "messages.*.content".to_owned(),
                    value: text.to_owned(),
                };
                assembler.take(&source, leaf);
            }
        }
        let carried = Carried {
            length: "Ananswer".len(),
            among_others: true,
        };
        // What streams comes in pieces, of which the last alone is no answer.
        let expected = HashMap::from([(7, carried)]);
        assert_eq!(assembler.carrying("Ananswer"), expected);
        assert!(assembler.carrying("question").is_empty());
    }

    #[test]
    fn furniture_around_the_answer_is_what_the_traffic_does_not_say() {
        let mut assembler = Assembler::default();
        take(&mut assembler, 1, "", "t", "The quick ");
        take(&mut assembler, 1, "", "t", "brown fox");
        let (_, text) = assembler.inside("BotThequickbrownfox1203").unwrap();
        assert_eq!(text, "The quick brown fox");
    }
}
