//! One question and its answer on a discovered chat page: typed, sent, proven to have left, read until complete.
//! Decides neither what to ask nor what to do when it fails.

pub(crate) mod assemble;
pub(crate) mod attach;
mod complaints;
pub(crate) mod completion;
mod doubt;
mod emit;
mod ending;
mod heal;
pub(crate) mod models;
pub(crate) mod new_chat;
mod read;
mod send;
mod traffic;
mod trouble;
mod waits;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::chat_map::{ChatMap, StreamMethod};
use crate::detect::{launcher, words};
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::network::tap::Tap;
use crate::notes::{Notes, Verdict};
use crate::page::Page;
use crate::view::{WINDOW, frame_of, inside};

pub use models::choose_model;
pub use new_chat::{LastTurn, recognises, start_new};
pub(crate) use read::Reading;

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Markdown; what the chunks join to, exactly.
    pub text: String,
    /// What said that it was complete: `stream_end`, `busy_cleared:<mark>`, `polling_stopped`, `quiet`.
    pub closing_signal: String,
    /// How it reached the page.
    pub method: StreamMethod,
    /// The judgement, with a screenshot.
    pub verdict: Verdict,
}

/// A conversation on one page.
pub struct Conversation<'p> {
    page: &'p Page,
    map: ChatMap,
    /// The map as it was given.
    known: ChatMap,
    notes: Notes,
    tap: Option<Tap>,
    question: String,
    baseline: Value,
    /// The page as it was before the question was typed.
    before: Option<PageFacts>,
    sent_at: Option<Instant>,
    /// What had left the page when the question was sent.
    activity: u64,
    /// The page knows somebody: it may ask to sign in again.
    account: bool,
    /// Watching for the marks and waits that a later conversation may rely on.
    learning: bool,
}

/// What a field says about itself.
#[derive(Debug, Clone, serde::Deserialize)]
struct FieldState {
    empty: bool,
}

#[derive(Debug, serde::Deserialize)]
struct Overlay {
    what: String,
    text: String,
    doors: Vec<Door>,
}

#[derive(Debug, serde::Deserialize)]
struct Door {
    locator: String,
    text: String,
    aria: String,
}

impl Page {
    /// Presses the control that stops the answer being written in the conversation of this box, if there is one. Whether there was.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn press_stop(&self, input: &str) -> Result<bool, BrowserError> {
        let Some(button) = stop_button(self, input).await? else {
            return Ok(false);
        };
        self.click(&button).await?;
        Ok(true)
    }
}

async fn stop_button(page: &Page, input: &str) -> Result<Option<String>, BrowserError> {
    let place = frame_of(input).unwrap_or_default();
    let found: Option<String> = page.js_in(place, "stopButton", ()).await?;
    Ok(found.map(|locator| inside(place, &locator)))
}

impl<'p> Conversation<'p> {
    /// A conversation on the page as it stands.
    #[must_use]
    pub fn new(page: &'p Page, map: &ChatMap, notes: &Notes) -> Self {
        Self {
            page,
            map: map.clone(),
            known: map.clone(),
            notes: notes.clone(),
            tap: None,
            question: String::new(),
            baseline: Value::Null,
            before: None,
            sent_at: None,
            activity: 0,
            account: false,
            learning: false,
        }
    }

    /// Tells whether somebody is signed in to the page.
    #[must_use]
    pub fn of_account(mut self, account: bool) -> Self {
        self.account = account;
        self
    }

    pub(crate) fn learning(mut self) -> Self {
        self.learning = true;
        self
    }

    /// Whether the page shows the question already, outside the box that it would be typed into.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn shows(&self, question: &str) -> Result<bool, BrowserError> {
        match self.page.js("asks", (&self.map.input, question)).await {
            // The frame that it would show in is not there (yet).
            Err(BrowserError::ElementNotFound { .. }) => Ok(false),
            other => other,
        }
    }

    /// How often the question stands in the conversation, as a whole.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn times_shown(&self, question: &str) -> Result<u64, BrowserError> {
        match self.page.js("times", (&self.map.input, question)).await {
            // The frame that it would show in is not there (yet).
            Err(BrowserError::ElementNotFound { .. }) => Ok(0),
            other => other,
        }
    }

    /// Opens the chat where something has to be pressed for it, and waits until its box is there; at most ten seconds.
    /// Does nothing on other pages, and where the box shows.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn open(&self) -> Result<(), BrowserError> {
        if self.map.launcher.is_none() {
            return Ok(());
        }
        let began = Instant::now();
        let mut seen = ("", 0);
        let mut pressed: Vec<(&str, Instant)> = Vec::new();
        while began.elapsed() < Duration::from_secs(10) {
            let facts = self.page.facts().await?;
            if facts
                .fields
                .iter()
                .any(|field| field.locator == self.map.input)
            {
                return Ok(());
            }
            // The last one first: what had to be pressed before it may stand there still, and close it again.
            let there = self.map.launchers().find(|launcher| {
                launcher::controls(&facts)
                    .any(|button| button.locator == **launcher && !button.disabled)
            });
            let there = there.map_or("", String::as_str);
            seen = if seen.0 == there {
                (there, seen.1 + 1)
            } else {
                (there, 1)
            };
            let lately = pressed
                .iter()
                .any(|(which, at)| *which == there && at.elapsed() < Duration::from_secs(4));
            // Many open by themselves where they were open before: to press then would close them.
            if !there.is_empty() && seen.1 >= 4 && !lately {
                self.page.click(there).await?;
                self.notes
                    .step("chat.launched", json!({"button": there}), began);
                pressed.push((there, Instant::now()));
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        Ok(())
    }

    /// What is known about the page by now; richer after a learning read.
    #[must_use]
    pub fn map(&self) -> &ChatMap {
        &self.map
    }

    /// Locator of the frame that the conversation is in; empty for the page itself.
    fn place(&self) -> &str {
        frame_of(&self.map.input).unwrap_or_default()
    }

    async fn stop_button(&self) -> Result<Option<String>, BrowserError> {
        stop_button(self.page, &self.map.input).await
    }

    async fn field_state(&self) -> Result<Option<FieldState>, BrowserError> {
        self.page.js("state", (&self.map.input,)).await
    }

    fn send_locator(&self) -> Option<&str> {
        self.map.send_button.as_deref()
    }

    /// Finds the box again when it is not where it was.
    async fn resolve_input(&mut self) -> Result<PageFacts, BrowserError> {
        self.open().await?;
        let mut began = Instant::now();
        let limit = Duration::from_secs(15);
        let mut pressed = Vec::new();
        loop {
            let facts = self.page.facts().await?;
            let known = facts
                .fields
                .iter()
                .find(|field| field.locator == self.map.input);
            let usable = known.is_some_and(|field| !field.disabled && !field.readonly);
            if usable && !self.is_given_up(&self.map.input) && !self.is_displaced(&facts) {
                return Ok(facts);
            }
            let lost = known.is_none() || usable;
            if lost && let Some((field, by)) = self.another_box(&facts, began.elapsed()).await {
                if field.locator == self.map.input {
                    return Ok(facts);
                }
                self.notes.step(
                    "chat.input_moved",
                    json!({"was": self.map.input, "is": field.locator, "by": by}),
                    began,
                );
                self.map.input.clone_from(&field.locator);
                self.map.input_kind.clone_from(&field.r#type);
                continue;
            }
            let waited = began.elapsed();
            if lost && self.press_launcher(&facts, &mut pressed, waited).await? {
                began = Instant::now();
                continue;
            }
            let asks_password = facts.fields.iter().any(|field| field.r#type == "password");
            if asks_password && began.elapsed() > Duration::from_secs(1) {
                return Err(BrowserError::SessionExpired {
                    evidence: self.page.evidence().await,
                });
            }
            if began.elapsed() > limit {
                let what = if known.is_some() {
                    "chat input that takes text"
                } else {
                    "chat input"
                };
                return Err(BrowserError::ElementNotFound {
                    what: what.to_owned(),
                    evidence: self.page.evidence().await,
                });
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// What lies over the box, or over a frame that it is in; outside first.
    async fn overlay(&self) -> Result<Option<Overlay>, BrowserError> {
        let mut levels = vec![self.map.input.as_str()];
        while let Some(frame) = levels.last().and_then(|inner| frame_of(inner))
            && frame != WINDOW
        {
            levels.push(frame);
        }
        let point = match levels.len() {
            1 => None,
            _ => Some(self.page.point(&self.map.input).await?.at()),
        };
        for (depth, level) in levels.iter().rev().enumerate() {
            // The page's own coordinates hold in its own document.
            let at = point.filter(|_| depth == 0);
            let found: Option<Overlay> = self.page.js("overlay", (level, at)).await?;
            if let Some(mut overlay) = found {
                for door in &mut overlay.doors {
                    door.locator = inside(frame_of(level).unwrap_or_default(), &door.locator);
                }
                return Ok(Some(overlay));
            }
        }
        Ok(None)
    }

    /// Closes what lies over the box, as a person would: by a button that closes or declines before one that agrees,
    /// else by Escape. Every door taken is noted.
    pub(crate) async fn clear_overlays(&self) -> Result<(), BrowserError> {
        for attempt in 0..4 {
            let began = Instant::now();
            let Some(overlay) = self.overlay().await? else {
                return Ok(());
            };
            let named = |door: &&Door| {
                words::any(
                    &format!("{} {}", door.text, door.aria).to_lowercase(),
                    words::CLOSE,
                )
            };
            let rank = |door: &Door| {
                let text = format!("{} {}", door.text, door.aria).to_lowercase();
                words::CLOSE
                    .iter()
                    .position(|word| words::any(&text, &[word]))
                    .unwrap_or(usize::MAX)
            };
            let door = overlay
                .doors
                .iter()
                .filter(named)
                .min_by_key(|door| rank(door));
            let door = door.or_else(|| {
                overlay
                    .doors
                    .first()
                    .filter(|_| overlay.doors.len() == 1 && attempt > 0)
            });
            match door {
                Some(door) => self.page.click(&door.locator).await?,
                None => self.page.key(crate::input::Key::Escape, false).await?,
            }
            self.notes.step(
                "chat.overlay_closed",
                json!({"overlay": overlay.what, "text": overlay.text, "door": door.map(|door| &door.text)}),
                began,
            );
            tokio::time::sleep(Duration::from_millis(350)).await;
        }
        Ok(())
    }
}
