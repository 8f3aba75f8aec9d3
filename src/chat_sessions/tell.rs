//! A job's events as frames. What was told is not told again, also when the telling is taken up by another connection, or a later attempt reads the
//! answer anew.

use computetower_jobs::{Event, EventBody, FailureCode, JobId};
use computetower_store::chat_sessions::{TurnKind, TurnState};
use serde_json::Value;

use super::frame::{Asked, ErrorData, Frame, validation};

/// What has been told of a turn, and what follows from it.
pub(super) struct Telling {
    kind: TurnKind,
    message_id: String,
    job: JobId,
    model: Option<String>,
    /// The pieces that were told.
    told: String,
    /// What the present attempt has said.
    said: String,
    /// Whether MESSAGE_SENT was told.
    sent: bool,
    /// Events up to this number were told.
    seq: i64,
    worker: Option<String>,
}

/// What an event comes to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) frames: Vec<Frame>,
    /// How the turn ended, if it did.
    pub(super) end: Option<End>,
}

/// How a turn ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the whole answer; of a sign-in with none.
    Done(Option<String>),
    /// Without.
    Failed,
}

impl End {
    pub(super) fn state(&self) -> TurnState {
        match self {
            End::Done(_) => TurnState::Done,
            End::Failed => TurnState::Failed,
        }
    }
}

impl Telling {
    /// Takes up the telling after event `seq`. `record` is what was told of the turn, frame by frame, as it was written down.
    pub(super) fn new(
        kind: TurnKind,
        message_id: &str,
        job: JobId,
        model: Option<String>,
        seq: i64,
        record: &[Value],
    ) -> Self {
        let own = |frame: &&Value| frame["messageId"] == message_id;
        let mut telling = Self {
            kind,
            message_id: message_id.to_owned(),
            job,
            model,
            told: String::new(),
            said: String::new(),
            sent: false,
            seq,
            worker: None,
        };
        for frame in record.iter().filter(own) {
            match frame["type"].as_str() {
                Some("RESPONSE_CHUNK") => telling
                    .told
                    .push_str(frame["chunk"].as_str().unwrap_or_default()),
                Some("MESSAGE_SENT") => telling.sent = true,
                _ => {}
            }
        }
        telling
    }

    /// The client's name for the turn.
    pub(super) fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The number of the last event that was heard.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// Takes an event in. The events are those of the job from its first on.
    pub(super) fn hear(&mut self, event: &Event) -> Heard {
        let before = event.seq <= self.seq;
        self.seq = self.seq.max(event.seq);
        let mut heard = self.understand(&event.body);
        if before {
            // Told already. Pieces tell by themselves what is new in them, and an end that was told has ended the turn.
            heard
                .frames
                .retain(|frame| matches!(frame, Frame::ResponseChunk { .. }));
            heard.end = None;
        }
        heard
    }

    /// Ends the telling of a job that nobody knows any more.
    pub(super) fn lost(&self) -> Heard {
        self.failed(ErrorData::new(
            FailureCode::Unknown.name(),
            "What became of it is not known any more.",
        ))
    }

    /// Ends the telling with a failure.
    pub(super) fn failed(&self, error: ErrorData) -> Heard {
        Heard {
            frames: vec![self.error(error, true)],
            end: Some(End::Failed),
        }
    }

    fn understand(&mut self, body: &EventBody) -> Heard {
        match body {
            EventBody::Started { worker, .. } => {
                self.said.clear();
                self.worker = Some(worker.clone());
                Heard::default()
            }
            EventBody::Chunk { text, .. } => {
                self.said.push_str(&kept(text));
                match self.said.strip_prefix(self.told.as_str()) {
                    Some(new) if !new.is_empty() => {
                        let new = new.to_owned();
                        told(self.piece(new))
                    }
                    _ => Heard::default(),
                }
            }
            EventBody::Validation {
                subject,
                passed,
                confidence,
                observation,
                validator,
                screenshot_key,
                ..
            } => {
                let validation = validation(
                    subject,
                    *passed,
                    *confidence,
                    observation,
                    validator,
                    screenshot_key.as_deref(),
                );
                told(self.judged(subject == "send" && *passed, validation))
            }
            EventBody::InterventionNeeded {
                failure,
                intervention_id,
                reason,
                screenshot_url,
                answer_url,
                expires_at,
                ..
            } => {
                let intervention = Asked {
                    id: *intervention_id,
                    reason: reason.clone(),
                    answer_url: answer_url.clone(),
                    screenshot_url: screenshot_url.clone(),
                    expires_at: *expires_at,
                };
                let error = ErrorData {
                    intervention: Some(Box::new(intervention)),
                    ..ErrorData::from(failure)
                };
                told(self.error(error, false))
            }
            // Other reasons to try again are over in a moment, and no affair of the client's.
            EventBody::Retrying { failure, at, .. }
                if failure.code == FailureCode::ProviderRateLimited =>
            {
                let error = ErrorData {
                    retry_at: Some(*at),
                    ..ErrorData::from(failure)
                };
                told(self.error(error, false))
            }
            EventBody::Completed { result } => self.completed(result),
            EventBody::Failed { failure } => self.failed(failure.into()),
            EventBody::Cancelled {} => self.failed(ErrorData::new(
                FailureCode::Cancelled.name(),
                "It was cancelled.",
            )),
            _ => Heard::default(),
        }
    }

    fn piece(&mut self, chunk: String) -> Frame {
        self.told.push_str(&chunk);
        Frame::ResponseChunk {
            message_id: self.message_id.clone(),
            chunk,
        }
    }

    fn judged(&mut self, sent: bool, validation: Value) -> Frame {
        let (message_id, job_id) = (self.message_id.clone(), self.job);
        if sent && !self.sent {
            self.sent = true;
            return Frame::MessageSent {
                message_id,
                job_id,
                validation,
            };
        }
        Frame::ValidationResult {
            message_id,
            job_id,
            validation,
        }
    }

    fn completed(&mut self, result: &Value) -> Heard {
        if self.kind == TurnKind::Login {
            return Heard {
                frames: Vec::new(),
                end: Some(End::Done(None)),
            };
        }
        let whole = match result["content"].as_str() {
            Some(content) => kept(content),
            None => self.said.clone(),
        };
        let rest = whole.strip_prefix(self.told.as_str()).map(str::to_owned);
        let chunks_match = rest.is_some();
        let mut frames = Vec::new();
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            frames.push(self.piece(rest));
        }
        frames.push(Frame::ResponseComplete {
            message_id: self.message_id.clone(),
            job_id: self.job,
            full_response: whole.clone(),
            model: self.model.clone(),
            validation: judged_by(&result["validation"]),
            chunks_match,
        });
        Heard {
            frames,
            end: Some(End::Done(Some(whole))),
        }
    }

    fn error(&self, error: ErrorData, is_final: bool) -> Frame {
        Frame::Error {
            id: None,
            message_id: Some(self.message_id.clone()),
            job_id: Some(self.job),
            error,
            is_final,
        }
    }

    /// Who signed in.
    pub(super) fn worker(&self) -> Option<&str> {
        self.worker.as_deref()
    }
}

fn told(frame: Frame) -> Heard {
    Heard {
        frames: vec![frame],
        end: None,
    }
}

/// A judgement of a job's result in the protocol's words.
fn judged_by(judgement: &Value) -> Value {
    let text = |name: &str| judgement[name].as_str().unwrap_or_default();
    match judgement["confidence"].as_f64() {
        None => Value::Null,
        Some(confidence) => validation(
            text("subject"),
            judgement["passed"] == true,
            confidence as f32,
            text("observation"),
            text("validator"),
            judgement["screenshot_key"].as_str(),
        ),
    }
}

/// Text as Postgres can keep it: what is told live must be what is told again later.
fn kept(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_jobs::failure::PublicFailure;
    use proptest::prelude::*;
    use serde_json::json;

    fn numbered(bodies: Vec<EventBody>) -> Vec<Event> {
        let at = chrono::Utc::now();
        (1..)
            .zip(bodies)
            .map(|(seq, body)| Event { seq, body, at })
            .collect()
    }

    fn started(attempt: i32) -> EventBody {
        EventBody::Started {
            attempt,
            worker: "w".to_owned(),
        }
    }

    fn chunk(text: &str) -> EventBody {
        EventBody::Chunk {
            index: 0,
            text: text.to_owned(),
        }
    }

    fn body(name: &str, data: Value) -> EventBody {
        EventBody::from_parts(name, data).expect("an event")
    }

    fn sent() -> EventBody {
        body(
            "validation",
            json!({"subject": "send", "passed": true, "confidence": 0.9, "observation": "It stands there.", "validator": "dom",
                   "screenshot_key": null}),
        )
    }

    fn completed(content: &str) -> EventBody {
        EventBody::Completed {
            result: json!({"content": content, "validation": {"subject": "receive", "passed": true, "confidence": 0.95, "observation": "x", "validator": "dom"}}),
        }
    }

    /// The frames of a whole job, told over connections that end after so many events each.
    fn tell(events: &[Event], cuts: &[usize]) -> Vec<Value> {
        let mut record: Vec<Value> = Vec::new();
        let mut seq = 0;
        for cut in cuts.iter().copied().chain([usize::MAX]) {
            let mut telling = Telling::new(
                TurnKind::Message,
                "m",
                JobId::generate(),
                None,
                seq,
                &record,
            );
            let until = (seq as usize).saturating_add(cut);
            for event in events.iter().take(until) {
                let heard = telling.hear(event);
                record.extend(heard.frames.iter().map(Frame::record));
                if heard.end.is_some() {
                    return record;
                }
            }
            seq = telling.seq();
        }
        record
    }

    fn pieces(record: &[Value]) -> String {
        let chunks = record
            .iter()
            .filter(|frame| frame["type"] == "RESPONSE_CHUNK");
        chunks
            .map(|frame| frame["chunk"].as_str().unwrap_or_default())
            .collect()
    }

    fn count(record: &[Value], kind: &str) -> usize {
        record.iter().filter(|frame| frame["type"] == kind).count()
    }

    #[test]
    fn an_answer_is_told_in_the_protocols_words() {
        let events = numbered(vec![
            started(1),
            sent(),
            chunk("One "),
            chunk("two"),
            completed("One two."),
        ]);
        let record = tell(&events, &[]);
        let kinds: Vec<&str> = record
            .iter()
            .filter_map(|frame| frame["type"].as_str())
            .collect();
        assert_eq!(
            kinds,
            [
                "MESSAGE_SENT",
                "RESPONSE_CHUNK",
                "RESPONSE_CHUNK",
                "RESPONSE_CHUNK",
                "RESPONSE_COMPLETE"
            ]
        );
        let last = &record[4];
        assert_eq!(
            (&last["fullResponse"], &last["chunksMatch"]),
            (&json!("One two."), &json!(true))
        );
        assert_eq!(last["validation"]["success"], true);
    }

    #[test]
    fn an_answer_that_changed_is_told_as_such() {
        let events = numbered(vec![
            started(1),
            chunk("One "),
            started(2),
            chunk("Other"),
            completed("Other"),
        ]);
        let record = tell(&events, &[]);
        assert_eq!(pieces(&record), "One ");
        let last = record.last().expect("a frame");
        assert_eq!(
            (&last["fullResponse"], &last["chunksMatch"]),
            (&json!("Other"), &json!(false))
        );
    }

    #[test]
    fn a_failure_ends_it_and_a_question_to_a_person_does_not() {
        let failure = PublicFailure {
            code: FailureCode::SecondFactor,
            message: "A code is needed.".to_owned(),
            evidence: Vec::new(),
        };
        let asked = body(
            "intervention_needed",
            json!({"failure": failure, "reason": "Enter the code", "answer_url": "/api/v1/interventions/x"}),
        );
        let record = tell(
            &numbered(vec![started(1), asked, EventBody::Failed { failure }]),
            &[],
        );
        assert_eq!(record.len(), 2);
        assert_eq!(
            (&record[0]["final"], &record[1]["final"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(
            record[0]["error"]["intervention"]["answerUrl"],
            "/api/v1/interventions/x"
        );
        assert_eq!(record[1]["error"]["code"], "second_factor");
    }

    proptest! {
        #[test]
        fn however_often_the_connection_is_cut_the_pieces_join_to_the_answer(
            parts in prop::collection::vec("[a-c\\x00 ]{0,4}", 1..12),
            again in any::<bool>(),
            cuts in prop::collection::vec(0usize..6, 0..12),
        ) {
            let mut bodies = vec![started(1), sent()];
            bodies.extend(parts.iter().map(|part| chunk(part)));
            if again {
                // The worker was lost; another reads the same from the beginning, in other pieces.
                bodies.push(started(2));
                bodies.push(sent());
                bodies.push(chunk(&parts.concat()));
            }
            bodies.push(completed(&parts.concat()));
            let record = tell(&numbered(bodies), &cuts);
            let whole = parts.concat().replace('\0', "");
            prop_assert_eq!(pieces(&record), whole.clone());
            prop_assert_eq!(count(&record, "MESSAGE_SENT"), 1);
            prop_assert_eq!(count(&record, "VALIDATION_RESULT"), usize::from(again));
            prop_assert_eq!(count(&record, "RESPONSE_COMPLETE"), 1);
            prop_assert_eq!(&record.last().expect("a frame")["fullResponse"], &json!(whole));
            prop_assert_eq!(&record.last().expect("a frame")["chunksMatch"], &json!(true));
        }
    }
}
