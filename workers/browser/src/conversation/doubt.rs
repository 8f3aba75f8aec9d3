//! What to think of a text that a page shows in the place of an answer, before any of it is given out: whether it came as answers do, stood there before,
//! or is a complaint.

use std::collections::HashSet;
use std::time::Duration;

use super::Conversation;
use super::assemble::{Block, content, is_label, is_time, join};
use super::complaints::complains;
use super::emit::{compatible, within};
use super::read::State;
use super::traffic::Traffic;
use crate::network::decode::reduce;
use crate::network::recipe::{Assembler, Recipe};
use crate::network::tap::Heard;

/// How long a text that comes by another way than answers do, or that stood there before, may stand before it is given out.
const DOUBT: Duration = Duration::from_millis(1500);
const DOUBT_OF_OLD: Duration = Duration::from_millis(3000);
/// The same of a text that a known way has brought, with names and times in between.
const DOUBT_OF_SURROUNDED: Duration = Duration::from_secs(15);
/// Bytes of a text that may be nothing but a complaint.
const LONGEST_COMPLAINT: usize = 300;
/// Bytes of a block that is too long to be said twice by chance.
const TELLING: usize = 16;

/// Whether a source is the page's text without the breaks between its blocks: messages that came one by one, joined.
pub(super) fn is_flattened(source: &str, page: &str) -> bool {
    let breaks = |text: &str| text.trim().matches('\n').count();
    breaks(page) >= 2 && breaks(source) * 3 < breaks(page) * 2
}

/// Whether what stands beside a text that the traffic has brought is none of the answer: a time, or a name or a word that no exchange has brought.
fn may_go(assembler: &Assembler, text: &str) -> bool {
    let label = || is_label(text) && assembler.carriers(&reduce(text), false).is_empty();
    is_time(text) || label()
}

/// The blocks that a text from the traffic says. None when one of the others may be a part of the answer.
fn parted(assembler: &Assembler, blocks: Vec<Block>, text: &str) -> Option<Vec<Block>> {
    let text = reduce(text);
    let mut said: Vec<Block> = Vec::new();
    for mut block in blocks {
        let letters = reduce(&block.markdown);
        if letters.is_empty() {
            // A rule, or the like: a part of the answer if it stands in it.
            if block.kind != "p" && !said.is_empty() {
                said.push(block);
            }
            continue;
        }
        if text.contains(&letters) {
            said.push(block);
            continue;
        }
        if block.kind != "p" {
            return None;
        }
        let rest = block.markdown.strip_prefix(block.head.as_str());
        let rest = rest.filter(|_| !block.head.is_empty()).unwrap_or_default();
        let rest = rest.trim_start_matches([':', ' ', '\n']).to_owned();
        let after_head = !reduce(&rest).is_empty() && text.contains(&reduce(&rest));
        if after_head && may_go(assembler, &block.head) {
            block.markdown = rest;
            said.push(block);
        } else if !may_go(assembler, &block.markdown) {
            return None;
        }
    }
    Some(said)
}

/// Whether a text is all of what is shown (`reduced`), but for names and times around it. One that the page only begins with is not: what follows may
/// be the rest of the answer.
fn is_whole(
    assembler: &Assembler,
    recipe: &Recipe,
    text: &str,
    shown: impl Fn() -> Vec<Block>,
    reduced: &str,
) -> bool {
    let letters = reduce(text);
    if letters.is_empty() || !reduced.contains(&letters) {
        return false;
    }
    letters == reduced || assembler.brings_one(recipe) && parted(assembler, shown(), text).is_some()
}

impl Conversation<'_> {
    pub(super) fn old_blocks(&self) -> HashSet<String> {
        let counts = self.baseline["counts"].as_array();
        let blocks = counts
            .into_iter()
            .flatten()
            .filter_map(|pair| pair[0].as_str());
        let telling = |block: &&str| block.len() >= TELLING;
        blocks.filter(telling).map(str::to_owned).collect()
    }

    fn shown(&self, state: &State) -> Vec<Block> {
        content(&state.blocks, &self.map.furniture)
    }

    /// Whether one of the ways by which answers came before has brought any of this one.
    pub(super) fn came_as_known(&self, heard: &Heard) -> bool {
        let brought = |recipe: &Recipe| {
            let text = heard.assembler.assembled(recipe);
            text.is_some_and(|text| !text.trim().is_empty())
        };
        self.map.recipes.iter().any(brought)
    }

    /// Whether the page shows what this recipe has brought, as far as both go, and beside it nothing that may be a part of the answer.
    pub(super) fn says(&self, heard: &Heard, recipe: &Recipe, state: &State) -> bool {
        let text = heard.assembler.assembled(recipe).unwrap_or_default();
        self.is_said(heard, recipe, text, state)
    }

    fn is_said(&self, heard: &Heard, recipe: &Recipe, text: &str, state: &State) -> bool {
        if text.trim().is_empty() {
            return false;
        }
        compatible(text, &state.text)
            || within(text, &state.text)
                && heard.assembler.brings_one(recipe)
                && parted(&heard.assembler, self.shown(state), text).is_some()
    }

    /// Whether a text of this recipe is all of the answer that the page shows: beside it stands nothing that may be a part of it.
    pub(super) fn is_all(&self, heard: &Heard, recipe: &Recipe, text: &str, state: &State) -> bool {
        is_whole(
            &heard.assembler,
            recipe,
            text,
            || self.shown(state),
            &state.reduced,
        )
    }

    /// What the page shows of this text, without names and times around it; all of it where they cannot be told apart.
    pub(super) fn said_of(&self, text: &str, state: &State) -> String {
        let Some(tap) = &self.tap else {
            return state.text.clone();
        };
        let said = parted(&tap.heard().assembler, self.shown(state), text);
        said.map_or_else(|| state.text.clone(), |said| join(&said))
    }

    /// Whether the page shows what a known way has brought, with names and times in between: then those are none of the answer.
    fn is_surrounded(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        if self.map.recipes.is_empty() {
            return false;
        }
        // By a new way, it may be: what lies inside of what is shown is the answer, then.
        let inside = heard.assembler.inside(&state.reduced);
        let among_others = inside.is_some_and(|(recipe, text)| {
            reduce(&text) != state.reduced && self.is_all(&heard, &recipe, &text, state)
        });
        among_others
            || self.map.recipes.iter().any(|recipe| {
                let text = heard.assembler.whole(recipe).unwrap_or_default();
                if text.trim().is_empty() || compatible(text, &state.text) {
                    return false;
                }
                parted(&heard.assembler, self.shown(state), text)
                    .is_some_and(|said| !said.is_empty())
            })
    }

    /// The answer out of what the page shows, where a known way has brought all of it, and the rest is names and times.
    pub(super) fn without_surroundings(&self, state: &State) -> Option<String> {
        let heard = self.tap.as_ref()?.heard();
        self.map.recipes.iter().find_map(|recipe| {
            let text = heard.assembler.whole(recipe)?;
            let known = join(&parted(&heard.assembler, self.shown(state), text)?);
            (!known.is_empty() && reduce(&known) == reduce(text)).then_some(known)
        })
    }

    /// Whether all that the page shows yet is names and times, while answers come by a way that is known: the answer itself has not begun. An answer
    /// that is read on has no traffic to be judged by.
    pub(super) fn is_unbegun(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        if self.map.recipes.is_empty() || self.sent_at.is_none() || state.text.is_empty() {
            return false;
        }
        let heard = tap.heard();
        let blocks = self.shown(state);
        blocks
            .iter()
            .all(|block| block.kind == "p" && may_go(&heard.assembler, &block.markdown))
    }

    /// Whether one of those ways has brought what the page shows.
    pub(super) fn agrees(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        self.map
            .recipes
            .iter()
            .any(|recipe| self.says(&heard, recipe, state))
    }

    /// Whether what stands in the place of an answer is a complaint: short, worded so, and either answers come by a way that is known, and this did not, or
    /// nothing that went well has brought it, and all that was asked of the page's own site since the question was sent has failed, or a request that failed
    /// has brought it.
    pub(super) fn is_complaint(&self, state: &State) -> bool {
        if state.text.is_empty()
            || state.text.len() > LONGEST_COMPLAINT
            || !state.emitter.given().is_empty()
            || !complains(&state.text)
        {
            return false;
        }
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        // Of requests that are taken together, one that went well may have brought it.
        let went_well = |number: &u64| {
            let found = heard.exchanges.iter().find(|e| e.number == *number);
            found.is_none_or(|found| {
                let mut alike = heard.exchanges.iter();
                alike.any(|e| e.address == found.address && !e.refused)
            })
        };
        // An answer that is read on has no traffic to be judged by.
        let other_way =
            self.sent_at.is_some() && !self.map.recipes.is_empty() && !self.came_as_known(&heard);
        let brought = heard.assembler.carriers(&state.reduced, true);
        if !other_way && brought.iter().any(went_well) {
            return false;
        }
        let since_sent = |at: tokio::time::Instant| self.sent_at.is_none_or(|sent| at >= sent);
        let asked = || {
            let exchanges = heard.exchanges.iter();
            exchanges.filter(|e| e.asks && since_sent(e.began))
        };
        // A socket may have brought it, beside requests of which all have failed.
        let all_failed = asked().next().is_some()
            && asked().all(|e| e.status.is_some())
            && !self.came_as_known(&heard);
        let by_failed = || {
            let carriers = heard.assembler.carriers(&state.reduced, false);
            carriers.iter().any(|number| !went_well(number))
        };
        all_failed || by_failed() || other_way
    }

    /// Whether a known way, or a stream of the kind that answers come by, has brought all of what the page shows, and nothing is on its way any more. In a
    /// trial, where no kind is known yet, any stream.
    pub(super) fn is_carried(&self, state: &State, traffic: Traffic) -> bool {
        let Some(tap) = &self.tap else { return false };
        if state.text.is_empty() || traffic.waiting || traffic.stream_open {
            return false;
        }
        if self.without_surroundings(state).is_some() {
            return true;
        }
        let heard = tap.heard();
        let found = heard
            .assembler
            .streaming(|text| within(text, &state.text) || compatible(text, &state.text));
        let Some(found) = found else { return false };
        let unknown = self.learning && self.map.recipes.is_empty();
        let known = |recipe: &Recipe| recipe.tag == found.tag && recipe.leaf == found.leaf;
        let text = heard.assembler.assembled(&found).unwrap_or_default();
        (unknown || self.map.recipes.iter().any(known)) && self.is_all(&heard, &found, text, state)
    }

    /// Whether what is read while the question does not show is none of the answer, for all that can be told: questions do show on this page (a
    /// greeting may have taken its place), or no known way says it.
    pub(super) fn is_astray(&self, state: &State) -> bool {
        self.sent_at.is_some()
            && !self.learning
            && state.emitter.given().is_empty()
            && (self.map.shows_questions || !self.map.recipes.is_empty() && !self.agrees(state))
    }

    /// Whether to wait before the page's text is given out: it came by another way than answers did so far, or it stood there before.
    pub(super) fn is_doubtful(&self, state: &State) -> bool {
        let Some(since) = state.text_since else {
            return false;
        };
        let blocks = self.shown(state);
        let telling = || {
            blocks
                .iter()
                .filter(|block| block.markdown.len() >= TELLING)
        };
        let old = telling().next().is_some()
            && telling().all(|block| state.old.contains(&block.markdown));
        let stood = since.elapsed();
        if old {
            return stood < DOUBT_OF_OLD;
        }
        let agrees =
            self.map.recipes.is_empty() || self.agrees(state) && !self.is_surrounded(state);
        !agrees && (stood < DOUBT || stood < DOUBT_OF_SURROUNDED && self.is_surrounded(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::decode::Leaf;
    use crate::network::recipe::Source;

    fn block(markdown: &str) -> Block {
        Block {
            markdown: markdown.into(),
            kind: "p".into(),
            head: String::new(),
            element: "p".into(),
            root: 0,
        }
    }

    fn heard(texts: &[&str]) -> Assembler {
        let mut assembler = Assembler::default();
        for (number, text) in texts.iter().enumerate() {
            let source = Source {
                method: "sse",
                address: "/chat".to_owned(),
                exchange: number as u64,
            };
            let leaf = Leaf {
                tag: String::new(),
                path: "text".to_owned(),
                value: (*text).to_owned(),
            };
            assembler.take(&source, leaf);
        }
        assembler
    }

    fn left(assembler: &Assembler, blocks: &[&str], text: &str) -> Option<String> {
        let blocks = blocks.iter().map(|text| block(text)).collect();
        parted(assembler, blocks, text).map(|said| join(&said))
    }

    #[test]
    fn names_and_times_around_an_answer_go_and_parts_of_it_stay() {
        let source = "So the total is 42.";
        let one = heard(&[source]);
        let page = ["Echo", "12:03", source];
        assert_eq!(left(&one, &page, source).as_deref(), Some(source));
        let sentence = ["I have added them up for you.", source];
        assert_eq!(left(&one, &sentence, source), None, "a sentence");
        let two = heard(&["Seven items", source]);
        let both = ["Seven items", source];
        assert_eq!(left(&two, &both, source), None, "brought by another");
    }

    #[test]
    fn a_text_that_the_page_only_begins_with_is_not_all_of_it() {
        let thought = "First I look at the orders, one by one, and then at the days.";
        let one = heard(&[thought]);
        let recipe = Recipe {
            method: crate::chat_map::StreamMethod::Sse,
            address: "/chat".to_owned(),
            tag: String::new(),
            leaf: "text".to_owned(),
            mode: crate::network::recipe::Mode::Delta,
        };
        let whole = |page: &[&str]| {
            let blocks = || page.iter().map(|text| block(text)).collect::<Vec<_>>();
            is_whole(&one, &recipe, thought, blocks, &reduce(&page.join("\n\n")))
        };
        assert!(whole(&[thought]));
        assert!(whole(&["Echo", "12:03", thought]), "a name and a time");
        assert!(
            !whole(&[thought, "It arrives on Tuesday."]),
            "the answer below"
        );
    }

    #[test]
    fn joined_messages_are_told_from_a_source() {
        assert!(is_flattened("onetwothree", "one\n\ntwo\n\nthree"));
        assert!(!is_flattened("one\n\ntwo\n\nthree", "one\n\ntwo\n\nthree"));
        assert!(!is_flattened("one", "one"));
    }
}
