//! A page that is not as it was found: another way to the box, and what an answer has proved of the page, for the next question.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::completion::is_weak;
use super::{Conversation, Reading};
use crate::chat_map::{ChatMap, StreamMethod};
use crate::detect::{chat, launcher};
use crate::error::BrowserError;
use crate::eyes::POINTED;
use crate::facts::{Field, PageFacts};
use crate::selectors::{is_due, prove};

/// How long a page may take to show its box where it was, before the other ways to it are tried.
const OTHER_WAYS: Duration = Duration::from_millis(500);
/// And before the likeliest box is taken for it.
const LIKELIEST: Duration = Duration::from_secs(2);
/// So many points more than the known box has to have another one that is taken in its place.
const DISPLACES: i32 = 30;
/// And before something is pressed that may open the chat, on a page without any box; again after each.
const LAUNCHES: Duration = Duration::from_secs(4);
/// How many things are pressed for it.
const MOST_LAUNCHES: usize = 3;
/// Ways in the traffic that are kept.
const RECIPES: usize = 4;

impl Conversation<'_> {
    /// Whether a question was lost in this box before.
    pub(super) fn is_given_up(&self, locator: &str) -> bool {
        self.map.given_up.iter().any(|known| known == locator)
    }

    /// Whether what stands where the box was is hardly one any more, and another is.
    pub(super) fn is_displaced(&self, facts: &PageFacts) -> bool {
        let choices = chat::inputs(facts);
        let Some(best) = choices.first() else {
            return false;
        };
        let here = choices
            .iter()
            .find(|choice| facts.fields[choice.index].locator == self.map.input);
        // A box that no rule finds was pointed at, and has proved itself.
        let mut reasons = self.known.reasons.iter();
        let pointed = reasons.any(|reason| reason.ends_with(POINTED));
        !pointed && here.map_or(0, |choice| choice.score) + DISPLACES <= best.score
    }

    /// The box by another of the ways that are known to it, or the likeliest one. After it was looked for in vain for a while, that is.
    pub(super) async fn another_box(
        &self,
        facts: &PageFacts,
        waited: Duration,
    ) -> Option<(Field, &'static str)> {
        if waited < OTHER_WAYS {
            return None;
        }
        let choices = chat::inputs(facts);
        let best = choices.first().map_or(0, |choice| choice.score);
        let boxes = || choices.iter().map(|choice| &facts.fields[choice.index]);
        // A field for notes, a search: not while there is one that is for nothing else.
        let plain = boxes().any(|field| !chat::may_be_another(field, facts));
        let unfit = |field: &Field| {
            let is_another = plain && chat::may_be_another(field, facts);
            field.disabled || is_another || self.is_given_up(&field.locator)
        };
        let fits = |field: &&Field| !unfit(field);
        for selector in &self.map.inputs {
            // The frame that it was in may be gone.
            let found = self
                .page
                .js::<Option<String>>("canonical", (&selector.locator,));
            let Ok(Some(now)) = found.await else { continue };
            let place = crate::view::frame_of(&selector.locator).unwrap_or_default();
            let now = crate::view::inside(place, &now);
            // Not where another field is far more likely to be the box.
            let near = choices
                .iter()
                .filter(|choice| choice.score + DISPLACES > best);
            let mut near = near.map(|choice| &facts.fields[choice.index]).filter(fits);
            if let Some(field) = near.find(|field| field.locator == now) {
                return Some((field.clone(), "another selector"));
            }
        }
        if waited < LIKELIEST {
            return None;
        }
        let likeliest = boxes().find(fits).or_else(|| boxes().next());
        likeliest.map(|field| (field.clone(), "its looks"))
    }

    /// Presses what may open the chat, on a page that is complete and shows no box any more. Whether there was such a thing. What was pressed is known to
    /// open it once an answer has come.
    pub(super) async fn press_launcher(
        &mut self,
        facts: &PageFacts,
        pressed: &mut Vec<String>,
        waited: Duration,
    ) -> Result<bool, BrowserError> {
        let shows_none = chat::inputs(facts).is_empty() && facts.ready != "loading" && !facts.busy;
        let asks_password = facts.fields.iter().any(|field| field.r#type == "password");
        if waited < LAUNCHES || !shows_none || asks_password || pressed.len() >= MOST_LAUNCHES {
            return Ok(false);
        }
        let Some(button) = launcher::next(facts, self.map.launchers(), pressed) else {
            return Ok(false);
        };
        let began = Instant::now();
        match self.page.click(&button).await {
            // It went before it could be pressed: the page is looked at anew.
            Err(BrowserError::ElementNotFound { .. }) => return Ok(true),
            other => other?,
        }
        self.notes
            .step("chat.launched", json!({"button": button}), began);
        self.map.before_launcher.clone_from(pressed);
        self.map.launcher = Some(button.clone());
        pressed.push(button);
        Ok(true)
    }

    /// Finds a box that has moved, before a conversation is read that an earlier attempt left.
    pub(super) async fn find_moved_box(&mut self) {
        let Ok(facts) = self.page.facts().await else {
            return;
        };
        if facts
            .fields
            .iter()
            .any(|field| field.locator == self.map.input)
        {
            return;
        }
        if let Some((field, _)) = self.another_box(&facts, LIKELIEST).await {
            self.map.input.clone_from(&field.locator);
            self.map.input_kind.clone_from(&field.r#type);
        }
    }

    /// Takes in what an answer has proved.
    pub(super) async fn take_in(&mut self, reading: &Reading) {
        let input = self.map.input.clone();
        self.map.given_up.retain(|known| *known != input);
        self.take_in_the_way(reading);
        let changed = self.map.input != self.known.input || self.map.send != self.known.send;
        if changed || is_due(&self.map.inputs, seconds()) {
            self.take_in_the_elements().await;
        }
    }

    /// Notes every way to the box, as an answer has proved it.
    pub(crate) async fn take_in_the_elements(&mut self) {
        let now = seconds();
        let ways = self.ways_to(&self.map.input).await;
        if !ways.is_empty() {
            prove(&mut self.map.inputs, &ways, now);
        }
    }

    /// Every way to an element, with what each promises; none when it is gone.
    async fn ways_to(&self, locator: &str) -> Vec<(String, f32)> {
        let place = crate::view::frame_of(locator).unwrap_or_default();
        let found = self.page.js::<Vec<(String, f32)>>("ways", (locator,)).await;
        let found = found.unwrap_or_default();
        found
            .into_iter()
            .map(|(way, stability)| (crate::view::inside(place, &way), stability))
            .collect()
    }

    /// How the answer came. What stood around it is learned in trials alone: an answer may have had it for a part.
    fn take_in_the_way(&mut self, reading: &Reading) {
        let mut learned = Vec::new();
        let found = reading
            .recipe
            .as_ref()
            .or(reading.inside.as_ref().map(|(recipe, _)| recipe));
        if let Some(recipe) = found
            && !self.map.recipes.contains(recipe)
            && recipe.method != StreamMethod::Dom
            && !recipe.is_joined()
        {
            self.map.recipes.insert(0, recipe.clone());
            self.map.recipes.truncate(RECIPES);
            self.map.method = recipe.method;
            learned.push("transport");
        }
        if reading.answer.closing_signal == "quiet" {
            // It outlasted the answer: the next one need not wait for it. What a page declares means what it says, and what was not seen to begin
            // may always be on.
            let telling = |mark: &&String| {
                self.sent_at.is_some() && is_weak(mark) && !self.map.closing.contains(mark)
            };
            let lasting: Vec<&String> = reading.lasting.iter().filter(telling).collect();
            for mark in lasting {
                if !self.map.ignored.contains(mark) {
                    self.map.ignored.push(mark.clone());
                    learned.push("sign");
                }
            }
        } else {
            for mark in &reading.closing {
                if !self.map.closing.contains(mark) && !self.map.ignored.contains(mark) {
                    self.map.closing.push(mark.clone());
                }
            }
        }
        if !learned.is_empty() {
            self.notes
                .step("chat.learned", json!({ "of": learned }), Instant::now());
        }
    }

    /// What an answer has made known of the page, if it is more than was known when the conversation began. Without an answer nothing has proved right.
    #[must_use]
    pub fn learned(&self) -> Option<ChatMap> {
        let mut now = self.map.clone();
        let reasons = std::mem::replace(&mut now.reasons, self.known.reasons.clone());
        let changed = now != self.known;
        now.reasons = reasons;
        changed.then_some(now)
    }
}

fn seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
