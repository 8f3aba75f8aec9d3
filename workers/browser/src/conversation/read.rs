//! Reading an answer: one cheap look at the page every tick, the traffic beside it, chunks out as soon as they will
//! not change, and the end by [`super::completion`].

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::assemble::{Block, content, is_placeholder, join, passing};
use super::complaints::{Regrets, asks_to_sign_in, complains};
use super::completion::{Limits, Look, Progress, Watcher};
use super::emit::{Emitter, Fit, compatible, within};
use super::traffic::{Traffic, judge_traffic, polled};
use super::waits::seconds_in;
use super::{Answer, Conversation};
use crate::chat_map::StreamMethod;
use crate::detect::words;
use crate::error::BrowserError;
use crate::network::decode::reduce;
use crate::network::recipe::{Mode, Recipe};
use crate::network::tap::Tap;
use crate::notes::Verdict;
use crate::trace::step;
use crate::view::inside;

const TICK: Duration = Duration::from_millis(85);
/// Between a look that has seen more text and the one that has to agree with it.
const AGREE: Duration = Duration::from_millis(30);
/// How long an error on the page may stand without an answer before it is believed.
const ERROR_PATIENCE: Duration = Duration::from_millis(3500);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Poll {
    /// No baseline: the document was replaced.
    lost: bool,
    /// The question was found.
    q: bool,
    /// Nothing follows the question; the blocks are from anywhere on the page.
    wide: bool,
    /// Number of blocks.
    n: usize,
    /// The first that differs from the last look.
    from: usize,
    blocks: Vec<Block>,
    marks: Vec<String>,
    alerts: Option<Vec<String>>,
    login: Option<bool>,
    /// Elements that may have a closed shadow root and were not asked about yet.
    unseen: u64,
}

/// A box that takes a question and shows it nowhere, on a page that asks for nothing and says nothing, is believed to have lost it after so long.
const LOST_AFTER: Duration = Duration::from_secs(20);
/// So often the rest of an answer is asked for.
const MOST_CONTINUED: u32 = 20;
/// How long the rest may take to begin.
const CONTINUES_WITHIN: Duration = Duration::from_secs(10);
/// How long a text that comes by another way than answers do, or that stood there before, may stand before it is given out.
const DOUBT: Duration = Duration::from_millis(1500);
const DOUBT_OF_OLD: Duration = Duration::from_millis(3000);
/// Bytes of a text that may be nothing but a complaint.
const LONGEST_COMPLAINT: usize = 300;
/// Bytes of a block that is too long to be said twice by chance.
const TELLING: usize = 16;

/// An answer with what can be learned from it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) answer: Answer,
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

struct State {
    blocks: Vec<Block>,
    text: String,
    reduced: String,
    alerts: Vec<String>,
    alert_since: Option<Instant>,
    login_since: Option<Instant>,
    trouble_since: Option<Instant>,
    regrets: Regrets,
    emitter: Emitter,
    watcher: Watcher,
    /// Last blocks of every look, while learning.
    tails: Vec<Block>,
    recipe: Option<Recipe>,
    /// Looks in a row in which the recipe and the page said different things.
    disagreed: u32,
    traffic_key: (u64, usize),
    carrying: std::collections::HashMap<u64, usize>,
    /// Blocks that stood on the page before the question.
    old: HashSet<String>,
    /// How often the page was asked for the rest of the answer.
    continued: u32,
    /// When it was asked last, and how long the answer was then.
    asked_on: Option<(Instant, usize)>,
    /// The question was seen in the conversation.
    question_seen: bool,
    /// The last look saw another text than the one before.
    grows: bool,
    /// Since when there is text.
    text_since: Option<Instant>,
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
            grows: false,
            text_since: None,
        };
        let mut first_chunk: Option<Duration> = None;
        let signal = loop {
            let wakes = state.recipe.is_some() || !self.map.recipes.is_empty();
            self.pause(wakes, state.grows && state.recipe.is_none())
                .await;
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
            state.trouble_since = None;
            if poll.unseen > 0 {
                // Messages may have closed roots of their own; the next look goes into them.
                let _ = self.page.adopt_closed_roots(self.place()).await;
            }
            let changed = self.absorb(&mut state, &poll);
            state.regrets.listen(changed, &state.alerts, &state.text);
            let traffic = self.traffic(&mut state);
            state.question_seen |= poll.q;
            state.grows = changed;
            if state.text.is_empty() {
                state.text_since = None;
            } else {
                state.text_since.get_or_insert_with(Instant::now);
            }
            let doubtful = self.is_complaint(&state, traffic)
                || poll.wide && poll.q && !self.is_carried(&state);
            let chunk = if doubtful {
                None
            } else {
                self.next_chunk(&mut state, changed)
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
            };
            match state.watcher.look(Instant::now(), &look) {
                Progress::Wait => {}
                Progress::Done(signal) => {
                    let waits = |(at, length): (Instant, usize)| {
                        state.text.len() == length && at.elapsed() < CONTINUES_WITHIN
                    };
                    if state.asked_on.is_some_and(waits) {
                        continue;
                    }
                    if state.continued < MOST_CONTINUED && self.goes_on(&mut state, limits).await? {
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

    /// A frame that is gone for good may have made way for a sign-in form.
    async fn instead_of(&self, error: BrowserError) -> BrowserError {
        let asks = match self.page.facts().await {
            Ok(facts) => facts.fields.iter().any(|field| field.r#type == "password"),
            Err(_) => false,
        };
        if asks {
            return BrowserError::SessionExpired {
                evidence: self.page.evidence().await,
            };
        }
        error
    }

    /// A tick, or less when a known recipe has news, or when a second look has to agree with the last before anything is told.
    async fn pause(&self, wakes: bool, agree: bool) {
        match &self.tap {
            _ if agree => sleep(AGREE).await,
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

    fn absorb(&self, state: &mut State, poll: &Poll) -> bool {
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
        judge_traffic(
            &heard,
            &state.carrying,
            state.reduced.len(),
            !state.text.is_empty(),
        )
    }

    /// Asks for the rest of an answer that the page has cut into portions. Whether there was something to press.
    async fn goes_on(&self, state: &mut State, limits: Limits) -> Result<bool, BrowserError> {
        let place = self.place();
        let found = self
            .page
            .js_in::<Option<String>>(place, "moreButton", ())
            .await;
        let Ok(Some(button)) = found else {
            return Ok(false);
        };
        let began = Instant::now();
        self.page.click(&inside(place, &button)).await?;
        state.continued += 1;
        state.asked_on = Some((began, state.text.len()));
        state.watcher = Watcher::new(limits, began, &self.map.ignored, &self.map.closing);
        self.notes.step(
            "chat.continued",
            json!({"button": button, "characters": state.text.chars().count()}),
            began,
        );
        Ok(true)
    }

    fn old_blocks(&self) -> HashSet<String> {
        let counts = self.baseline["counts"].as_array();
        let blocks = counts
            .into_iter()
            .flatten()
            .filter_map(|pair| pair[0].as_str());
        let telling = |block: &&str| block.len() >= TELLING;
        blocks.filter(telling).map(str::to_owned).collect()
    }

    /// Whether one of the ways by which answers came before has brought any of this one.
    fn came_as_known(&self) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        let brought = |recipe: &Recipe| {
            let text = heard.assembler.assembled(recipe);
            text.is_some_and(|text| !text.trim().is_empty())
        };
        self.map.recipes.iter().any(brought)
    }

    /// Whether the page shows, among other words, a text that came whole: then the text is the answer, and the words are none of it.
    fn is_surrounded(&self, state: &State) -> bool {
        let Some(tap) = &self.tap else { return false };
        let heard = tap.heard();
        let whole = |recipe: &&Recipe| recipe.mode == Mode::Snapshot;
        self.map.recipes.iter().filter(whole).any(|recipe| {
            let text = heard.assembler.assembled(recipe);
            text.is_some_and(|text| !compatible(text, &state.text) && within(text, &state.text))
        })
    }

    /// Whether one of those ways has brought what the page shows.
    fn agrees(&self, state: &State) -> bool {
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
    fn is_complaint(&self, state: &State, traffic: Traffic) -> bool {
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
    fn is_carried(&self, state: &State) -> bool {
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
    fn is_doubtful(&self, state: &State) -> bool {
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
        let soon = since.elapsed() < DOUBT;
        self.is_surrounded(state) || soon && !self.map.recipes.is_empty() && !self.agrees(state)
    }

    /// A box that took the question for nothing.
    async fn lost(
        &mut self,
        state: &State,
        traffic: Traffic,
        poll: &Poll,
    ) -> Result<(), BrowserError> {
        let idle = poll.marks.is_empty() && !traffic.stream_open && !traffic.waiting;
        if state.question_seen || self.sent_at.is_none() || !idle || !state.text.is_empty() {
            return Ok(());
        }
        self.give_box_up();
        Err(BrowserError::NotSent {
            reason: "the box took it, and nothing came of it".to_owned(),
            evidence: self.page.evidence().await,
        })
    }

    /// From the traffic where a recipe holds and the page agrees; else from the page.
    fn next_chunk(&self, state: &mut State, changed: bool) -> Option<String> {
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
                    && heard.assembler.assembled(recipe).is_some_and(|text| {
                        !text.trim().is_empty()
                            && (compatible(text, &state.text) || within(text, &state.text))
                    })
            };
            state.recipe = self.map.recipes.iter().find(usable).cloned();
            if state.recipe.is_none() && !self.map.recipes.is_empty() {
                // Answers came by the traffic so far: it may be by another way now.
                let shown = |text: &str| within(text, &state.text);
                state.recipe = heard.assembler.streaming(shown);
            }
        }
        if let (Some(recipe), Some(tap)) = (state.recipe.clone(), &self.tap) {
            let heard = tap.heard();
            let text = heard.assembler.assembled(&recipe).unwrap_or_default();
            let agrees = compatible(text, &state.text) || within(text, &state.text);
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
        if !changed && state.emitter.given().len() >= state.text.len() {
            return None;
        }
        if state.emitter.given().is_empty() && self.is_doubtful(state) {
            return None;
        }
        let blocks = content(&state.blocks, &self.map.furniture);
        state.emitter.page_chunk(&state.text, &blocks)
    }

    /// Errors that the page shows instead of an answer.
    async fn trouble(
        &self,
        state: &mut State,
        has_text: bool,
        traffic: Traffic,
        poll: &Poll,
    ) -> Result<(), BrowserError> {
        if let Some(login) = poll.login {
            state.login_since = if login && !poll.q && !has_text {
                state.login_since.or_else(|| Some(Instant::now()))
            } else {
                None
            };
        }
        if state
            .login_since
            .is_some_and(|since| since.elapsed() > Duration::from_millis(1500))
        {
            return Err(BrowserError::SessionExpired {
                evidence: self.page.evidence().await,
            });
        }
        let instead = Some(&state.text).filter(|_| self.is_complaint(state, traffic));
        let complaint = instead.or_else(|| {
            let asks = |text: &&String| !has_text && asks_to_sign_in(text);
            let alerts = || state.alerts.iter();
            alerts()
                .find(|text| complains(text))
                .or_else(|| alerts().find(asks))
        });
        let failed = traffic
            .failed
            .filter(|status| matches!(status, 401 | 429) || *status >= 500);
        if has_text && complaint.is_none() || complaint.is_none() && failed.is_none() {
            state.alert_since = None;
            return Ok(());
        }
        let since = *state.alert_since.get_or_insert_with(Instant::now);
        // With an answer under way, an error has to outlast it.
        let busy = !poll.marks.is_empty() || traffic.stream_open;
        if since.elapsed() < ERROR_PATIENCE
            || has_text
            || busy && since.elapsed() < ERROR_PATIENCE * 4
        {
            return Ok(());
        }
        let text = complaint
            .cloned()
            .unwrap_or_else(|| format!("a request failed with status {}", failed.unwrap_or(0)));
        let evidence = self.page.evidence().await;
        if failed == Some(401) || asks_to_sign_in(&text) {
            return Err(BrowserError::SessionExpired { evidence });
        }
        if failed == Some(429) || words::any(&text.to_lowercase(), words::LOCKED) {
            return Err(BrowserError::ProviderRateLimited {
                retry_after: seconds_in(&text),
                observation: text,
                evidence,
            });
        }
        Err(BrowserError::PageError { text, evidence })
    }

    async fn finish(
        &mut self,
        mut state: State,
        signal: String,
        began: Instant,
        first_chunk: Option<Duration>,
        chunks: &mpsc::Sender<String>,
    ) -> Result<Reading, BrowserError> {
        // One full look, past every cache.
        if let Ok(poll) = self.page.js_in::<Poll>(self.place(), "poll", (true,)).await
            && !poll.lost
        {
            self.absorb(&mut state, &poll);
        }
        let (mut recipe, mut exact, mut inside) = (None, None, None);
        if let Some(tap) = &self.tap {
            let heard = tap.heard();
            if let Some((found, text)) = heard.assembler.matching(&state.reduced) {
                (recipe, exact) = (Some(polled(found, &heard)), Some(text));
            } else {
                exact = heard.assembler.exact(&state.reduced);
                if (self.learning || !self.map.recipes.is_empty()) && exact.is_none() {
                    inside = heard
                        .assembler
                        .inside(&state.reduced)
                        .map(|(found, text)| (polled(found, &heard), text));
                }
            }
            // A closing copy of the answer may be more exact than the pieces, but pieces were given out already.
            if let Some(used) = &state.recipe
                && let Some(text) = heard.assembler.assembled(used)
                && (reduce(text) == state.reduced || within(text, &state.text))
            {
                exact = Some(text.to_owned());
            }
        }
        // What the traffic says is the answer; what is around it on the page is not. Unless something else was told already.
        if !self.learning
            && exact.is_none()
            && let Some((_, source)) = &inside
            && source.starts_with(state.emitter.given())
        {
            exact = Some(source.clone());
        }
        let text = exact
            .as_deref()
            .map(str::trim_end)
            .filter(|text| !text.is_empty())
            .unwrap_or(&state.text)
            .to_owned();
        let method = recipe
            .as_ref()
            .or(state.recipe.as_ref())
            .or(self.map.recipes.first())
            .map_or(StreamMethod::Dom, |recipe| recipe.method);
        let whole = text.trim_start_matches('\n').to_owned();
        let (rest, mut text, fit) = std::mem::take(&mut state.emitter).finish(&whole);
        if let Some(rest) = rest {
            let _ = chunks.send(rest).await;
        }
        if fit != Fit::Exact {
            self.notes.step(
                "chat.answer_changed",
                json!({"how": format!("{fit:?}")}),
                began,
            );
        }
        if self.learning {
            // Nobody has heard the pieces of a trial.
            text = whole;
        } else if fit == Fit::Retracted {
            // Nobody can be told to forget what was given out; the page, which is at rest now, is read again.
            return Err(BrowserError::AnswerTakenBack {
                evidence: self.page.evidence().await,
            });
        }
        self.notes.step(
            "chat.answered",
            json!({"signal": signal, "method": method, "characters": text.chars().count(),
                   "first_chunk_ms": first_chunk.map(|d| d.as_millis() as u64),
                   "exact_source": exact.is_some()}),
            began,
        );
        let confidence = if signal == "quiet" { 0.75 } else { 0.95 };
        let observation = format!(
            "an answer of {} characters, closed by {signal}",
            text.chars().count()
        );
        let screenshot = self.page.evidence().await.0.unwrap_or_default();
        let passed = !text.trim().is_empty();
        let verdict = Verdict {
            subject: "receive",
            passed,
            confidence,
            observation,
            screenshot,
            validator: "dom",
        };
        let answer = Answer {
            text,
            closing_signal: signal,
            method,
            verdict,
        };
        let passing = passing(&state.tails, &answer.text);
        let (closing, lasting) = (state.watcher.closing_marks(), state.watcher.lasting_marks());
        self.tap = None;
        Ok(Reading {
            answer,
            raw: state.blocks,
            recipe,
            inside,
            closing,
            lasting,
            passing,
        })
    }
}
