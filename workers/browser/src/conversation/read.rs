//! Reading an answer: one cheap look at the page every tick, the traffic beside it, chunks out as soon as they will
//! not change, and the end by [`super::completion`].

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::assemble::{Block, content, is_placeholder, join};
use super::complaints::Regrets;
use super::completion::{Limits, Look, Progress, Watcher};
use super::emit::{Emitter, compatible, within};
use super::traffic::{Asked, Traffic, judge_traffic};
use super::{Answer, Conversation};
use crate::error::BrowserError;
use crate::network::decode::reduce;
use crate::network::recipe::{Carried, Mode, Recipe};
use crate::network::tap::Tap;
use crate::trace::step;
use crate::view::inside;

const TICK: Duration = Duration::from_millis(85);
/// Between a look that has seen more text and the one that has to agree with it.
const AGREE: Duration = Duration::from_millis(30);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Poll {
    /// No baseline: the document was replaced.
    pub(super) lost: bool,
    /// The question was found.
    pub(super) q: bool,
    /// Nothing follows the question; the blocks are from anywhere on the page.
    pub(super) wide: bool,
    /// Number of blocks.
    pub(super) n: usize,
    /// The first that differs from the last look.
    pub(super) from: usize,
    pub(super) blocks: Vec<Block>,
    pub(super) marks: Vec<String>,
    pub(super) alerts: Option<Vec<String>>,
    pub(super) login: Option<bool>,
    /// Elements that may have a closed shadow root and were not asked about yet.
    pub(super) unseen: u64,
}

/// A box that takes a question and shows it nowhere, on a page that asks for nothing and says nothing, is believed to have lost it after so long.
const LOST_AFTER: Duration = Duration::from_secs(20);
/// So often the rest of an answer is asked for.
const MOST_CONTINUED: u32 = 20;
/// How long the rest may take to begin.
const CONTINUES_WITHIN: Duration = Duration::from_secs(10);
/// How long what may be no answer has to stand unchanged before it is judged for good.
const FRESH: Duration = Duration::from_secs(20);
/// How soon a page shows what has come, if it does so at once.
const DUE: Duration = Duration::from_secs(2);

/// An answer with what can be learned from it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) answer: Answer,
    /// The question stood in the conversation.
    pub(crate) question_seen: bool,
    /// Every block after the question, furniture included.
    pub(crate) raw: Vec<Block>,
    /// Where in the traffic exactly this text was.
    pub(crate) recipe: Option<Recipe>,
    /// Where in the traffic a part of it was, and that part: the rest may be furniture.
    pub(crate) inside: Option<(Recipe, String)>,
    pub(crate) closing: Vec<String>,
    pub(crate) lasting: Vec<String>,
    /// Short texts that stood below the answer only while it was written.
    pub(crate) passing: Vec<String>,
}

pub(super) struct State {
    pub(super) blocks: Vec<Block>,
    pub(super) text: String,
    pub(super) reduced: String,
    pub(super) alerts: Vec<String>,
    pub(super) alert_since: Option<Instant>,
    pub(super) login_since: Option<Instant>,
    pub(super) trouble_since: Option<Instant>,
    pub(super) regrets: Regrets,
    pub(super) emitter: Emitter,
    pub(super) watcher: Watcher,
    /// Last blocks of every look, while learning.
    pub(super) tails: Vec<Block>,
    pub(super) recipe: Option<Recipe>,
    /// Looks in a row in which the recipe and the page said different things.
    pub(super) disagreed: u32,
    pub(super) traffic_key: (u64, usize),
    pub(super) carrying: std::collections::HashMap<u64, Carried>,
    /// Blocks that stood on the page before the question.
    pub(super) old: HashSet<String>,
    /// How often the page was asked for the rest of the answer.
    pub(super) continued: u32,
    /// When it was asked last, and how long the answer was then.
    pub(super) asked_on: Option<(Instant, usize)>,
    /// The question was seen in the conversation.
    pub(super) question_seen: bool,
    /// The last look saw nothing below the question, and blocks from elsewhere.
    pub(super) wide: bool,
    /// The last look saw another text than the one before.
    pub(super) grows: bool,
    /// When the text last changed.
    pub(super) changed_at: Option<Instant>,
    /// Since when there is text.
    pub(super) text_since: Option<Instant>,
    /// When a known way first brought something.
    brought_at: Option<Instant>,
}

impl State {
    fn is_fresh(&self) -> bool {
        self.changed_at.is_none_or(|at| at.elapsed() < FRESH)
    }
}

impl Conversation<'_> {
    /// Reads the answer to the question that was sent, or that [`Conversation::shows`] found on the page. Chunks join
    /// to exactly the answer's text. A receiver that went away does not stop the reading.
    ///
    /// # Errors
    /// [`BrowserError::AnswerStalled`], [`BrowserError::AnswerCut`], [`BrowserError::PageError`], [`BrowserError::ProviderRateLimited`],
    /// [`BrowserError::SessionExpired`], [`BrowserError::Crashed`].
    pub async fn read_answer(
        &mut self,
        chunks: &mpsc::Sender<String>,
    ) -> Result<Answer, BrowserError> {
        let reading = self.read(chunks).await?;
        self.take_in(&reading).await;
        self.notes.validation(reading.answer.verdict.clone());
        Ok(reading.answer)
    }

    /// For an answer to a question that was sent by someone else, or before: names the question.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn resume(&mut self, question: &str) -> Result<bool, BrowserError> {
        question.clone_into(&mut self.question);
        self.sent_at = None;
        self.find_moved_box().await;
        self.tap = Some(Tap::start(self.page));
        self.page
            .js("resume", (&self.map.input, self.send_locator(), question))
            .await
    }

    pub(crate) async fn read(
        &mut self,
        chunks: &mpsc::Sender<String>,
    ) -> Result<Reading, BrowserError> {
        step("read answer", Box::pin(self.read_to_its_end(chunks))).await
    }

    async fn read_to_its_end(
        &mut self,
        chunks: &mpsc::Sender<String>,
    ) -> Result<Reading, BrowserError> {
        let began = self.sent_at.unwrap_or_else(Instant::now);
        let mut limits = Limits::default();
        if self.map.settle_ms > 0 {
            limits.settle = Duration::from_millis(self.map.settle_ms);
        }
        if self.learning {
            limits.stuck = Duration::from_secs(20);
            limits.leftover = Duration::from_secs(3);
            limits.first = Duration::from_secs(40);
        } else if self.sent_at.is_none() {
            // What was on before the question is not known: most of it means nothing.
            limits.stuck = Duration::from_secs(30);
        }
        let mut state = State {
            blocks: Vec::new(),
            text: String::new(),
            reduced: String::new(),
            alerts: Vec::new(),
            alert_since: None,
            login_since: None,
            trouble_since: None,
            regrets: Regrets::default(),
            emitter: Emitter::default(),
            watcher: Watcher::new(limits, began, &self.map.ignored, &self.map.closing),
            tails: Vec::new(),
            recipe: None,
            disagreed: 0,
            traffic_key: (0, usize::MAX),
            carrying: Default::default(),
            old: self.old_blocks(),
            continued: 0,
            asked_on: None,
            question_seen: false,
            wide: false,
            grows: false,
            changed_at: None,
            text_since: None,
            brought_at: None,
        };
        let mut first_chunk: Option<Duration> = None;
        let signal = loop {
            let wakes = state.recipe.is_some() || !self.map.recipes.is_empty();
            let due = state.recipe.is_none() && (state.grows || self.is_due(&mut state));
            self.pause(wakes, due).await;
            let looked = Instant::now();
            let poll = match self
                .page
                .js_in::<Poll>(self.place(), "poll", (false,))
                .await
            {
                Ok(poll) if poll.lost => {
                    self.rewatch().await?;
                    continue;
                }
                Ok(poll) => poll,
                Err(error @ BrowserError::Crashed { .. }) => return Err(error),
                Err(error) => {
                    // Between two documents there is nothing to read.
                    if state
                        .trouble_since
                        .get_or_insert_with(Instant::now)
                        .elapsed()
                        > Duration::from_secs(12)
                    {
                        return Err(self.instead_of(error).await);
                    }
                    continue;
                }
            };
            let took = looked.elapsed();
            state.trouble_since = None;
            if poll.unseen > 0 {
                // Messages may have closed roots of their own; the next look goes into them.
                let _ = self.page.adopt_closed_roots(self.place()).await;
            }
            let changed = self.absorb(&mut state, &poll);
            state.regrets.listen(changed, &state.alerts, &state.text);
            let traffic = self.traffic(&mut state);
            state.question_seen |= poll.q;
            state.wide = poll.wide && poll.q;
            state.grows = changed;
            let unbegun = self.is_unbegun(&state);
            if state.text.is_empty() || unbegun {
                state.text_since = None;
            } else {
                state.text_since.get_or_insert_with(Instant::now);
            }
            if changed {
                state.changed_at = Some(Instant::now());
            }
            // Beside the questions, anything new may be an answer, or a title: it has to stand for a while, and to have come as answers do.
            let at_rest = state
                .changed_at
                .is_some_and(|at| at.elapsed() >= limits.quiet);
            let elsewhere = poll.wide && poll.q && !(at_rest && self.is_carried(&state, traffic))
                || !poll.q && self.is_astray(&state);
            let doubtful = unbegun || elsewhere || self.is_complaint(&state);
            let chunk = if doubtful || self.is_ahead(&poll, traffic) {
                None
            } else {
                self.next_chunk(&mut state, changed, poll.q)
            };
            if let Some(chunk) = chunk {
                first_chunk.get_or_insert_with(|| began.elapsed());
                // Whoever read the chunks may have gone; the answer is still wanted.
                let _ = chunks.send(chunk).await;
            }
            let has_text = !state.text.is_empty() && !is_placeholder(&state.text) && !doubtful;
            self.trouble(&mut state, has_text, traffic, &poll).await?;
            if !has_text && began.elapsed() > LOST_AFTER {
                self.lost(&state, traffic, &poll).await?;
            }
            let look = Look {
                has_text,
                changed,
                marks: &poll.marks,
                stream_open: traffic.stream_open,
                stream_ended: traffic.stream_ended,
                polling_stopped: traffic.polling_stopped,
                page_behind: traffic.page_behind,
                took,
            };
            match state.watcher.look(Instant::now(), &look) {
                Progress::Wait => {}
                // What may be no answer is given time to become one.
                Progress::Done(_) if !has_text && state.is_fresh() => {}
                Progress::Done(_) if state.text.is_empty() || elsewhere => {
                    return Err(BrowserError::AnswerStalled {
                        received: 0,
                        waited_for: "an answer below the question".to_owned(),
                        evidence: self.page.evidence().await,
                    });
                }
                Progress::Done(signal) => {
                    let patience = if traffic.waiting {
                        limits.stuck
                    } else {
                        CONTINUES_WITHIN
                    };
                    let waits = |(at, length): (Instant, usize)| {
                        state.text.len() == length && at.elapsed() < patience
                    };
                    if state.asked_on.is_some_and(waits) {
                        continue;
                    }
                    if state.continued < MOST_CONTINUED && self.goes_on(&mut state, limits).await {
                        continue;
                    }
                    let cut = if traffic.broken {
                        Some("the connection that brought it broke".to_owned())
                    } else {
                        state.regrets.cut_short(traffic.stream_ended)
                    };
                    let Some(observation) = cut else { break signal };
                    return Err(BrowserError::AnswerCut {
                        text: state.text,
                        observation,
                        evidence: self.page.evidence().await,
                    });
                }
                Progress::Stalled(waited_for) => {
                    let received = state.text.chars().count();
                    let evidence = self.page.evidence().await;
                    return Err(BrowserError::AnswerStalled {
                        received,
                        waited_for,
                        evidence,
                    });
                }
            }
        };
        self.finish(state, signal, began, first_chunk, chunks).await
    }

    /// A tick, or less when a known recipe has news, or when something is `due` on the page: a second look that has to agree with the last before
    /// anything is told, or a text that has come.
    async fn pause(&self, wakes: bool, due: bool) {
        match &self.tap {
            _ if due => sleep(AGREE).await,
            Some(tap) if wakes => {
                sleep(Duration::from_millis(25)).await;
                tokio::select! {
                    () = tap.news() => {}
                    () = sleep(TICK - Duration::from_millis(25)) => {}
                }
            }
            _ => sleep(TICK).await,
        }
    }

    async fn rewatch(&self) -> Result<(), BrowserError> {
        if self.baseline.is_null() {
            self.page
                .js::<bool>(
                    "resume",
                    (&self.map.input, self.send_locator(), &self.question),
                )
                .await?;
        } else {
            let arguments = (
                &self.map.input,
                self.send_locator(),
                &self.question,
                &self.baseline,
            );
            self.page.js::<bool>("restore", arguments).await?;
        }
        Ok(())
    }

    pub(super) fn absorb(&self, state: &mut State, poll: &Poll) -> bool {
        state.blocks.truncate(poll.from);
        state.blocks.extend(poll.blocks.iter().cloned());
        if state.blocks.len() != poll.n {
            tracing::debug!(
                have = state.blocks.len(),
                told = poll.n,
                "a look at the page was lost"
            );
        }
        if let Some(alerts) = &poll.alerts {
            state.alerts.clone_from(alerts);
        }
        if poll.blocks.is_empty() && poll.from == poll.n && poll.alerts.is_none() {
            return false;
        }
        if self.learning
            && state.tails.len() < 400
            && let Some(last) = state.blocks.last()
            && state.tails.last() != Some(last)
        {
            state.tails.push(last.clone());
        }
        let text = join(&content(&state.blocks, &self.map.furniture));
        let changed = text != state.text;
        if changed {
            state.reduced = reduce(&text);
            state.text = text;
        }
        changed
    }

    fn traffic(&self, state: &mut State) -> Traffic {
        let Some(tap) = &self.tap else {
            return Traffic::default();
        };
        let heard = tap.heard();
        let key = (heard.assembler.version, state.reduced.len());
        if key != state.traffic_key {
            state.traffic_key = key;
            state.carrying = heard.assembler.carrying(&state.reduced);
        }
        let asked = Asked {
            recipes: &self.map.recipes,
            sent: self.sent_at,
        };
        judge_traffic(
            &heard,
            asked,
            &state.carrying,
            state.reduced.len(),
            !state.text.is_empty(),
        )
    }

    /// Asks for the rest of an answer that the page has cut into portions. Whether there was something to press.
    async fn goes_on(&self, state: &mut State, limits: Limits) -> bool {
        let place = self.place();
        let found = self
            .page
            .js_in::<Option<String>>(place, "moreButton", ())
            .await;
        let Ok(Some(button)) = found else {
            return false;
        };
        let began = Instant::now();
        if self.page.click(&inside(place, &button)).await.is_err() {
            // What there is of the answer was complete by all other signs.
            return false;
        }
        state.continued += 1;
        state.asked_on = Some((began, state.text.len()));
        state.watcher = Watcher::new(limits, began, &self.map.ignored, &self.map.closing);
        self.notes.step(
            "chat.continued",
            json!({"button": button, "characters": state.text.chars().count()}),
            began,
        );
        true
    }

    /// From the traffic where a recipe holds and the page agrees; else from the page, where it stands `below` the question: what is read while the
    /// question does not show may be a greeting that was late.
    fn next_chunk(&self, state: &mut State, changed: bool, below: bool) -> Option<String> {
        if is_placeholder(&state.text) {
            return None;
        }
        if let Some(tap) = &self.tap
            && state.recipe.is_none()
            && state.emitter.given().is_empty()
        {
            let heard = tap.heard();
            let usable = |recipe: &&Recipe| {
                recipe.mode != Mode::Snapshot
                    && !recipe.is_joined()
                    && self.says(&heard, recipe, state)
            };
            let mut found = self.map.recipes.iter().find(usable).cloned();
            if found.is_none() && !self.map.recipes.is_empty() {
                // Answers came by the traffic so far: it may be by another way now.
                let shown = |text: &str| within(text, &state.text);
                let other = heard.assembler.streaming(shown);
                found = other.filter(|recipe| self.says(&heard, recipe, state));
            }
            state.recipe = found;
        }
        if let (Some(recipe), Some(tap)) = (state.recipe.clone(), &self.tap) {
            let heard = tap.heard();
            let text = heard.assembler.assembled(&recipe).unwrap_or_default();
            let agrees = compatible(text, &state.text) || self.says(&heard, &recipe, state);
            if agrees && text.starts_with(state.emitter.given()) {
                state.disagreed = 0;
                return state.emitter.source_chunk(text);
            }
            drop(heard);
            // A page in the middle of drawing may differ for a moment.
            state.disagreed += 1;
            if state.disagreed < 4 {
                return None;
            }
            self.notes.step(
                "chat.recipe_dropped",
                json!({"recipe": recipe}),
                Instant::now(),
            );
            state.recipe = None;
        }
        if !below || !changed && state.emitter.given().len() >= state.text.len() {
            return None;
        }
        if state.emitter.given().is_empty() && self.is_doubtful(state) {
            return None;
        }
        if let Some(chunk) = self.shown_chunk(state) {
            return Some(chunk);
        }
        let blocks = content(&state.blocks, &self.map.furniture);
        state.emitter.page_chunk(&state.text, &blocks)
    }

    /// Whether a known way has just brought what the page does not show yet.
    fn is_due(&self, state: &mut State) -> bool {
        if !state.text.is_empty() {
            return false;
        }
        let brought = |tap: &Tap| self.came_as_known(&tap.heard());
        if state.brought_at.is_none() && self.tap.as_ref().is_some_and(brought) {
            state.brought_at = Some(Instant::now());
        }
        state.brought_at.is_some_and(|at| at.elapsed() < DUE)
    }

    /// Whether the page is at work, and none of the ways by which answers come has brought anything: what it shows may be what it does, or thinks. To
    /// wait costs time; what was told cannot be taken back.
    fn is_ahead(&self, poll: &Poll, traffic: Traffic) -> bool {
        let Some(tap) = &self.tap else { return false };
        let works = traffic.stream_open
            || traffic.waiting
            || poll
                .marks
                .iter()
                .any(|mark| !self.map.ignored.contains(mark));
        self.sent_at.is_some()
            && !self.map.recipes.is_empty()
            && works
            && !self.came_as_known(&tap.heard())
    }

    /// What the page shows of an answer that came whole, by a known way: no second look has to agree.
    fn shown_chunk(&self, state: &mut State) -> Option<String> {
        let heard = self.tap.as_ref()?.heard();
        let whole = |recipe: &&Recipe| recipe.mode == Mode::Snapshot;
        let texts = self.map.recipes.iter().filter(whole);
        let mut texts = texts.filter_map(|recipe| heard.assembler.assembled(recipe));
        let source = texts.find(|text| compatible(text, &state.text))?;
        state.emitter.shown_chunk(source, &state.text)
    }
}
