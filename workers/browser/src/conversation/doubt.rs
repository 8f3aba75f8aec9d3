//! What to think of a text that a page shows in the place of an answer, before any of it is given out: whether it came as answers do, stood there before,
//! or is a complaint.

use std::collections::HashSet;
use std::time::Duration;

use super::Conversation;
use super::assemble::{Block, content, join};
use super::complaints::complains;
use super::emit::{compatible, within};
use super::read::State;
use super::traffic::Traffic;
use crate::network::decode::reduce;
use crate::network::recipe::{Mode, Recipe};

/// How long a text that comes by another way than answers do, or that stood there before, may stand before it is given out.
const DOUBT: Duration = Duration::from_millis(1500);
const DOUBT_OF_OLD: Duration = Duration::from_millis(3000);
/// Bytes of a text that may be nothing but a complaint.
const LONGEST_COMPLAINT: usize = 300;
/// Bytes of a block that is too long to be said twice by chance.
const TELLING: usize = 16;

/// Whether a source is the page's text without the breaks between its blocks: messages that came one by one, joined.
pub(super) fn is_flattened(source: &str, page: &str) -> bool {
    let breaks = |text: &str| text.trim().matches('\n').count();
    breaks(page) >= 2 && breaks(source) * 3 < breaks(page) * 2
}

/// The blocks that a text from the traffic says, too.
fn brought(blocks: &[Block], text: &str) -> Vec<Block> {
    let text = reduce(text);
    let said = |block: &&Block| {
        let block = reduce(&block.markdown);
        !block.is_empty() && text.contains(&block)
    };
    blocks.iter().filter(said).cloned().collect()
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

    /// Whether one of the ways by which answers came before has brought any of this one.
    pub(super) fn came_as_known(&self) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        let brought = |recipe: &Recipe| {
            let text = heard.assembler.assembled(recipe);
            text.is_some_and(|text| !text.trim().is_empty())
        };
        self.map.recipes.iter().any(brought)
    }

    /// Whether the page shows what a known way has brought, with other words in between: then those are none of the answer.
    fn is_surrounded(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        if self.map.recipes.is_empty() {
            return false;
        }
        // By a new way, it may be: what lies inside of what is shown is the answer, then.
        let inside = heard.assembler.inside(&state.reduced);
        if inside.is_some_and(|(_, text)| reduce(&text) != state.reduced) {
            return true;
        }
        self.map.recipes.iter().any(|recipe| {
            let text = heard.assembler.whole(recipe).unwrap_or_default();
            if text.trim().is_empty() || compatible(text, &state.text) {
                return false;
            }
            if recipe.mode == Mode::Snapshot && within(text, &state.text) {
                return true;
            }
            let known = join(&brought(&content(&state.blocks, &self.map.furniture), text));
            !known.is_empty() && compatible(&known, text)
        })
    }

    /// The answer out of what the page shows, where a known way has brought all of it, and nothing of the rest.
    pub(super) fn without_surroundings(&self, state: &State) -> Option<String> {
        let heard = self.tap.as_ref()?.heard();
        self.map.recipes.iter().find_map(|recipe| {
            let text = heard.assembler.whole(recipe)?;
            let known = join(&brought(&content(&state.blocks, &self.map.furniture), text));
            (!known.is_empty() && reduce(&known) == reduce(text)).then_some(known)
        })
    }

    /// Whether one of those ways has brought what the page shows.
    pub(super) fn agrees(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        self.map.recipes.iter().any(|recipe| {
            let text = heard.assembler.assembled(recipe);
            text.is_some_and(|text| {
                !text.trim().is_empty()
                    && (compatible(text, &state.text) || within(text, &state.text))
            })
        })
    }

    /// Whether what stands in the place of an answer is a complaint: short, worded so, and brought by a request that failed, or not by the way by
    /// which answers come here.
    pub(super) fn is_complaint(&self, state: &State, traffic: Traffic) -> bool {
        if state.text.is_empty()
            || state.text.len() > LONGEST_COMPLAINT
            || !state.emitter.given().is_empty()
            || !complains(&state.text)
        {
            return false;
        }
        traffic.failed.is_some() || !self.map.recipes.is_empty() && !self.came_as_known()
    }

    /// Whether the traffic has brought what the page shows.
    pub(super) fn is_carried(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        if state.text.is_empty() {
            return false;
        }
        let heard = tap.heard();
        let found = &heard.assembler;
        let shown = |text: &str| within(text, &state.text);
        found.streaming(shown).is_some()
            || found.exact(&state.reduced).is_some()
            || found.inside(&state.reduced).is_some()
    }

    /// Whether to wait before the page's text is given out: it came by another way than answers did so far, or it stood there before.
    pub(super) fn is_doubtful(&self, state: &State) -> bool {
        let Some(since) = state.text_since else {
            return false;
        };
        let blocks = content(&state.blocks, &self.map.furniture);
        let telling = || {
            blocks
                .iter()
                .filter(|block| block.markdown.len() >= TELLING)
        };
        let old = telling().next().is_some()
            && telling().all(|block| state.old.contains(&block.markdown));
        if old {
            return since.elapsed() < DOUBT_OF_OLD;
        }
        let agrees =
            self.map.recipes.is_empty() || self.agrees(state) && !self.is_surrounded(state);
        !agrees && (since.elapsed() < DOUBT || self.is_surrounded(state))
    }
}

#[cfg(test)]
mod tests {
    use super::is_flattened;

    #[test]
    fn joined_messages_are_told_from_a_source() {
        assert!(is_flattened("onetwothree", "one\n\ntwo\n\nthree"));
        assert!(!is_flattened("one\n\ntwo\n\nthree", "one\n\ntwo\n\nthree"));
        assert!(!is_flattened("one", "one"));
    }
}
