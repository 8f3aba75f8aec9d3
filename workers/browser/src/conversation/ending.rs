//! An answer that has come to its end: its exact text, and what can be learned from it.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::assemble::passing;
use super::doubt::is_flattened;
use super::emit::Fit;
use super::read::{Poll, Reading, State};
use super::traffic::polled;
use super::{Answer, Conversation};
use crate::chat_map::StreamMethod;
use crate::error::BrowserError;
use crate::network::decode::reduce;
use crate::notes::Verdict;

impl Conversation<'_> {
    pub(super) async fn finish(
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
            && !(poll.wide && poll.q && !state.wide)
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
            // Outside of a trial, what stands beside it must be none of the answer.
            if !self.learning {
                inside = inside.filter(|(found, text)| self.is_all(&heard, found, text, &state));
            }
            // A closing copy of the answer may be more exact than the pieces, but pieces were given out already.
            if let Some(used) = &state.recipe
                && let Some(text) = heard.assembler.assembled(used)
                && (reduce(text) == state.reduced || self.is_all(&heard, used, text, &state))
            {
                exact = Some(text.to_owned());
            }
        }
        if exact
            .as_deref()
            .is_some_and(|source| is_flattened(source, &self.said_of(source, &state)))
        {
            exact = None;
        }
        // What the traffic says is the answer; what is around it on the page is not. Unless something else was told already.
        if !self.learning
            && exact.is_none()
            && let Some((_, source)) = &inside
            && source.starts_with(state.emitter.given())
            && !is_flattened(source, &self.said_of(source, &state))
        {
            exact = Some(source.clone());
        }
        if !self.learning && exact.is_none() && state.emitter.given().is_empty() {
            exact = self.without_surroundings(&state);
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
            question_seen: state.question_seen,
            raw: state.blocks,
            recipe,
            inside,
            closing,
            lasting,
            passing,
        })
    }
}
