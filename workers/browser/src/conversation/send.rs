//! Typing a question and sending it, once: whether it left is proven by what the page shows, and another way to send
//! is tried only while the question provably still stands in the box.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Conversation;
use crate::chat_map::SendBy;
use crate::detect::chat::{SEND_THRESHOLD, send_buttons};
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::input::Key;
use crate::network::decode::reduce;
use crate::network::tap::Tap;
use crate::notes::Verdict;
use crate::page::Page;
use crate::trace::step;

const LEAVE_LIMIT: Duration = Duration::from_millis(2500);
/// The same once something has gone out: the page may wait for its server before it empties the box, and to send again would be to ask twice.
const ACKNOWLEDGE_LIMIT: Duration = Duration::from_secs(15);
/// The same while a new document is on its way: a page without scripts shows the old one, with the question in its box, until its server has answered.
const DOCUMENT_LIMIT: Duration = Duration::from_secs(180);

/// A box that kept less of a question than this did not cut it off: it lost it.
const SHORTEST_CUT: usize = 40;

/// From here on Chromium takes ever longer to insert the lines of a text: 4,000 at once more than ten seconds.
const MANY_LINES: usize = 200;
const MANY_KEYS: usize = 4_000;

/// Whether what an editor draws shows that it holds the question: all of it, or, of one that is longer than its view, a
/// good piece of its end or of its beginning.
fn drawn(shown: &str, question: &str) -> bool {
    let piece = shown.len() >= 60.min(question.len())
        && (question.ends_with(shown) || question.starts_with(shown));
    !shown.is_empty() && (shown == question || piece)
}

#[derive(Debug, Default, Deserialize)]
struct Sent {
    gone: bool,
    empty: bool,
    disabled: bool,
    shown: bool,
}

impl Conversation<'_> {
    /// Puts the question into the box, as a paste, and reads it back.
    ///
    /// # Errors
    /// [`BrowserError::NotSent`] when the box does not keep it, [`BrowserError::ElementNotFound`],
    /// [`BrowserError::SessionExpired`], and what a page can fail with at any time.
    pub async fn type_question(&mut self, question: &str) -> Result<(), BrowserError> {
        step("type", Box::pin(self.put_into_the_box(question))).await
    }

    async fn put_into_the_box(&mut self, question: &str) -> Result<(), BrowserError> {
        let began = Instant::now();
        let facts = self.resolve_input().await?;
        self.fits(&facts, question).await?;
        self.clear_overlays().await?;
        self.wait_idle().await?;
        question.clone_into(&mut self.question);
        if self.field_state().await?.is_some_and(|state| !state.empty) {
            self.page.focus(&self.map.input).await?;
            self.page.empty_focused().await?;
        }
        self.baseline = self
            .page
            .js::<Value>("baseline", (&self.map.input, self.send_locator(), question))
            .await?;
        self.before = Some(facts);
        self.tap = Some(Tap::start(self.page));
        for attempt in 0..3 {
            if !self.page.focus(&self.map.input).await? {
                continue;
            }
            if attempt > 0 {
                self.page.empty_focused().await?;
            }
            self.put(question, attempt).await?;
            for _ in 0..4 {
                if self.holds_question(attempt < 2).await? {
                    let characters = question.chars().count();
                    self.notes.step(
                        "chat.typed",
                        json!({"characters": characters, "attempt": attempt}),
                        began,
                    );
                    return Ok(());
                }
                sleep(Duration::from_millis(40)).await;
            }
        }
        if let Some(limit) = self.cut_at().await? {
            return Err(self.too_long(limit, question).await);
        }
        let reason = "the box does not hold what was typed into it".to_owned();
        Err(BrowserError::NotSent {
            reason,
            evidence: self.page.evidence().await,
        })
    }

    /// One try to put the question into the focused box.
    async fn put(&self, question: &str, attempt: u32) -> Result<(), BrowserError> {
        let breaks = question.matches('\n').count();
        let long = breaks > MANY_LINES;
        match (attempt, self.map.input_kind.as_str()) {
            // Inserted, it would take minutes.
            (0 | 1, _) if long && self.page.hand(&self.map.input, question).await? => Ok(()),
            // A code editor would indent each line further than the one before.
            (0, "rich" | "editor")
                if breaks > 0 && self.page.paste_code(&self.map.input, question).await? =>
            {
                Ok(())
            }
            // An editor of its own may drop the line breaks of a paste: there they are keys that do not send.
            (0, "rich") => self.page.insert_lines(question, true).await,
            (1, "editor") => self.page.insert_lines(question, false).await,
            // A line break among typed keys would send: only a paste may hold one.
            (2, _) if breaks == 0 && question.len() < MANY_KEYS => {
                self.page.type_keys(question).await
            }
            _ => self.page.insert(question).await,
        }
    }

    /// Refuses what the box says that it does not take.
    async fn fits(&self, facts: &PageFacts, question: &str) -> Result<(), BrowserError> {
        let field = facts.fields.iter().find(|f| f.locator == self.map.input);
        let limit = field.map_or(0, |field| usize::try_from(field.maxlength).unwrap_or(0));
        if limit > 0 && question.encode_utf16().count() > limit {
            return Err(self.too_long(limit, question).await);
        }
        Ok(())
    }

    async fn too_long(&self, limit: usize, question: &str) -> BrowserError {
        BrowserError::QuestionTooLong {
            limit,
            length: question.encode_utf16().count(),
            evidence: self.page.evidence().await,
        }
    }

    /// How much of the question the box kept, where it kept its beginning and nothing else.
    async fn cut_at(&self) -> Result<Option<usize>, BrowserError> {
        let held: Option<String> = self.page.js("fieldText", (&self.map.input,)).await?;
        let held = held.unwrap_or_default();
        let held = held.trim_end();
        let cut = self.map.input_kind != "editor"
            && held.chars().count() >= SHORTEST_CUT
            && self.question.starts_with(held);
        Ok(cut.then(|| held.encode_utf16().count()))
    }

    /// Whether the box holds the question: word by word, or by letters where the box shows it in its own way.
    async fn holds_question(&self, strict: bool) -> Result<bool, BrowserError> {
        let held = self
            .page
            .js::<Option<String>>("fieldText", (&self.map.input,))
            .await?
            .unwrap_or_default();
        if held.split_whitespace().eq(self.question.split_whitespace()) {
            return Ok(true);
        }
        let letters = reduce(&held);
        if self.map.input_kind == "editor" {
            return Ok(drawn(&letters, &reduce(&self.question)));
        }
        Ok(!strict && !letters.is_empty() && letters == reduce(&self.question))
    }

    /// Waits until an answer that is still being written by the page has ended, so that this one can be told from it.
    async fn wait_idle(&self) -> Result<(), BrowserError> {
        let began = Instant::now();
        // Where a stop control is known to come and go, it is worth a wait; elsewhere it may stand there for good.
        let known = self
            .map
            .closing
            .iter()
            .any(|mark| mark.starts_with("stop:"));
        let limit = Duration::from_millis(if known { 20_000 } else { 1_000 });
        while began.elapsed() < limit {
            if self.stop_button().await?.is_none() {
                return Ok(());
            }
            sleep(Duration::from_millis(150)).await;
        }
        Ok(())
    }

    /// Sends what stands in the box, and proves that it left.
    ///
    /// # Errors
    /// [`BrowserError::NotSent`] when the question still stands in the box after every way to send was tried, and
    /// what a page can fail with at any time.
    pub async fn send(&mut self) -> Result<(), BrowserError> {
        step("send", self.send_from_the_box()).await
    }

    async fn send_from_the_box(&mut self) -> Result<(), BrowserError> {
        let began = Instant::now();
        let primed = self.page.js_in::<Value>(self.place(), "primed", ()).await?;
        if let Some(baseline) = self.baseline.as_object_mut() {
            baseline.insert("primed".to_owned(), primed);
        }
        let known = self.map.send.clone();
        let mut tried = Vec::new();
        let mut ways: VecDeque<SendBy> = self.ways(false).await?.into();
        let mut looked = known.is_none() || ways.front() != known.as_ref();
        loop {
            if ways.is_empty() && !looked {
                // The way that was known does nothing any more.
                looked = true;
                let others = self.ways(true).await?;
                ways.extend(others.into_iter().filter(|way| !tried.contains(way)));
            }
            let Some(way) = ways.pop_front() else { break };
            if !tried.is_empty() && !self.holds_question(false).await? {
                break;
            }
            let activity = self.page.activity();
            if tried.is_empty() {
                self.activity = activity;
            }
            match &way {
                SendBy::Button(locator) => {
                    let point = match self.page.point(locator).await {
                        Ok(point) => point,
                        Err(BrowserError::ElementNotFound { .. }) => continue,
                        Err(other) => return Err(other),
                    };
                    if point.disabled || !point.shown {
                        continue;
                    }
                    self.sent_at = Some(Instant::now());
                    self.page.click(locator).await?;
                }
                SendBy::Enter | SendBy::ControlEnter => {
                    self.page.js::<bool>("focus", (&self.map.input,)).await?;
                    self.sent_at = Some(Instant::now());
                    self.page
                        .key(Key::Enter, way == SendBy::ControlEnter)
                        .await?;
                }
            }
            if let Some(proof) = self.proof(activity).await? {
                self.notes
                    .step("chat.sent", json!({"by": way, "proof": proof}), began);
                self.validate_later(proof);
                if let Some(was) = known.filter(|was| *was != way) {
                    self.notes
                        .step("chat.send_moved", json!({"was": was, "is": way}), began);
                }
                self.map.send = Some(way);
                return Ok(());
            }
            tried.push(way);
        }
        let reason = format!("it still stands in the box after {}", json!(tried));
        Err(BrowserError::NotSent {
            reason,
            evidence: self.page.evidence().await,
        })
    }

    /// The known way first; then, by what the page looks like with the question typed, the button or the Enter key.
    async fn ways(&mut self, anew: bool) -> Result<Vec<SendBy>, BrowserError> {
        let mut ways: Vec<SendBy> = self.map.send.iter().cloned().collect();
        let known = match &self.map.send {
            _ if anew => false,
            Some(SendBy::Button(locator)) => {
                self.page.js::<Value>("state", (locator,)).await?["disabled"] == Value::Bool(false)
            }
            Some(_) => return Ok(ways),
            None => false,
        };
        if !known {
            ways.clear();
            // A button may come to life a moment after the typing.
            let mut choices = Vec::new();
            for _ in 0..3 {
                let facts = self.page.facts().await?;
                choices = send_buttons(self.before.as_ref(), &facts, &self.map.input)
                    .into_iter()
                    .map(|choice| {
                        (
                            choice.score,
                            facts.buttons[choice.index].locator.clone(),
                            choice.reasons,
                        )
                    })
                    .collect::<Vec<_>>();
                if choices
                    .first()
                    .is_some_and(|(score, ..)| *score >= SEND_THRESHOLD)
                {
                    break;
                }
                sleep(Duration::from_millis(80)).await;
            }
            let mut button = None;
            if let Some((score, locator, reasons)) = choices.into_iter().next() {
                self.map
                    .reasons
                    .extend(reasons.iter().map(|reason| format!("send: {reason}")));
                if score >= SEND_THRESHOLD {
                    self.map.send_button = Some(locator.clone());
                    ways.push(SendBy::Button(locator));
                } else {
                    button = Some(SendBy::Button(locator));
                }
            }
            ways.push(SendBy::Enter);
            ways.extend(button);
        }
        for way in [SendBy::Enter, SendBy::ControlEnter] {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        Ok(ways)
    }

    /// What shows that the question left the box; none after a while.
    async fn proof(&self, activity: u64) -> Result<Option<&'static str>, BrowserError> {
        let began = Instant::now();
        loop {
            let sent = self.page.js_in::<Option<Sent>>(self.place(), "sent", ());
            let sent = match sent.await {
                // A new document took the old one's place.
                Ok(None) => return Ok(Some("the page moved on")),
                Ok(Some(sent)) => sent,
                Err(error @ BrowserError::Crashed { .. }) => return Err(error),
                Err(_) => Sent::default(),
            };
            if sent.shown {
                return Ok(Some("the question is shown"));
            }
            if sent.empty {
                return Ok(Some("the box was emptied"));
            }
            if sent.disabled || sent.gone {
                return Ok(Some("the box takes no more text"));
            }
            let left = self.page.activity() > activity;
            let limit = match (left, self.page.awaits_document()) {
                (false, _) => LEAVE_LIMIT,
                (true, false) => ACKNOWLEDGE_LIMIT,
                (true, true) => DOCUMENT_LIMIT,
            };
            if began.elapsed() > limit {
                return Ok(
                    (left && !self.holds_question(false).await?).then_some("a request was made")
                );
            }
            sleep(Duration::from_millis(40)).await;
        }
    }

    /// A screenshot takes longer than the page may take to answer: the judgement follows by itself.
    fn validate_later(&self, proof: &'static str) {
        let (page, notes) = (self.page.downgrade(), self.notes.clone());
        tokio::spawn(async move {
            let Some(inner) = page.upgrade() else { return };
            let screenshot = Page::from(inner).evidence().await.0.unwrap_or_default();
            let observation = proof.to_owned();
            notes.validation(Verdict {
                subject: "send",
                passed: true,
                confidence: 0.9,
                observation,
                screenshot,
                validator: "dom",
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn an_editor_that_draws_its_last_lines_holds_the_question_and_one_with_other_text_does_not() {
        let question: String = (100..160).map(|n| format!("w{n}")).collect();
        assert!(drawn(&question, &question) && drawn(&question[80..], &question));
        assert!(drawn(&question[..100], &question), "it has not scrolled");
        assert!(!drawn("", &question) && !drawn(&question[230..], &question));
        assert!(!drawn(&question[1..100], &question) && !drawn("abc", "abcd"));
    }
}
