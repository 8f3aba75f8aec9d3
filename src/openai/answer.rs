//! A chat job's events, heard as one text that only grows.

use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{EventBody, FailureCode};
use serde_json::Value;

use super::error::OpenAiError;

/// What has been heard of an answer. A later attempt that says the same again adds nothing; one that says something else is an error, because
/// what a client has been told cannot be taken back.
#[derive(Default)]
pub(super) struct Answer {
    /// What the client was told.
    pub(super) told: String,
    /// What the present attempt has said.
    said: String,
    content: Option<String>,
    failure: Option<PublicFailure>,
    /// When the page may be asked again, where it said so.
    again: Option<DateTime<Utc>>,
    given_up: bool,
}

impl Answer {
    /// Takes an event in. Returns what is new for the client.
    pub(super) fn hear(&mut self, event: &EventBody) -> String {
        match event {
            // A job that was retried by hand has failed before: what counts is how it ends.
            EventBody::Queued { .. } => self.go_on(),
            EventBody::Started { .. } => {
                self.go_on();
                self.said.clear();
            }
            EventBody::Chunk { text, .. } => {
                self.said.push_str(text);
                return self.tell();
            }
            EventBody::Completed { result } => {
                self.go_on();
                self.content = result
                    .get("content")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
            }
            EventBody::Failed { failure } => self.failure = Some(failure.clone()),
            // Nobody waits at the other end of a request for a person to come, or for a limit to be lifted. With an `Idempotency-Key` events of
            // long ago are heard: what they tell to wait for is over.
            EventBody::InterventionNeeded {
                failure,
                expires_at,
                ..
            } if expires_at.is_none_or(is_to_come) => self.give_up(failure),
            EventBody::Retrying { failure, at, .. }
                if failure.code == FailureCode::ProviderRateLimited && is_to_come(*at) =>
            {
                self.give_up(failure);
                self.again = Some(*at);
            }
            EventBody::Cancelled {} => {
                self.failure = Some(PublicFailure {
                    code: FailureCode::Cancelled,
                    message: "The job was cancelled.".to_owned(),
                    evidence: Vec::new(),
                });
            }
            _ => {}
        }
        String::new()
    }

    /// What went wrong before does not count.
    fn go_on(&mut self) {
        self.failure = None;
        self.again = None;
        self.given_up = false;
    }

    fn give_up(&mut self, failure: &PublicFailure) {
        self.failure = Some(failure.clone());
        self.given_up = true;
    }

    /// Tells what the present attempt has said beyond what was told, as far as the two agree.
    fn tell(&mut self) -> String {
        match self.said.strip_prefix(self.told.as_str()) {
            Some(new) => {
                let new = new.to_owned();
                self.told.push_str(&new);
                new
            }
            None => String::new(),
        }
    }

    /// True when the job may go on, but not for this request.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// What is left to tell at the end.
    pub(super) fn rest(&mut self) -> Result<String, OpenAiError> {
        if let Some(failure) = &self.failure {
            return Err(OpenAiError::failed(failure).again_at(self.again));
        }
        let content = self.content.clone().unwrap_or_else(|| self.said.clone());
        match content.strip_prefix(self.told.as_str()) {
            Some(rest) => {
                let rest = rest.to_owned();
                self.told = content;
                Ok(rest)
            }
            None => Err(OpenAiError::failed(&PublicFailure {
                code: FailureCode::Unknown,
                message: "The answer changed while it was read again; ask for it without streaming, or look at the job's result.".to_owned(),
                evidence: Vec::new(),
            })),
        }
    }

    /// The whole text, once the job has ended.
    pub(super) fn text(&self) -> Result<String, OpenAiError> {
        match &self.failure {
            Some(failure) => Err(OpenAiError::failed(failure).again_at(self.again)),
            None => Ok(self.content.clone().unwrap_or_else(|| self.said.clone())),
        }
    }
}

fn is_to_come(at: DateTime<Utc>) -> bool {
    at > Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use serde_json::json;

    fn failure(code: FailureCode) -> PublicFailure {
        PublicFailure {
            code,
            message: String::new(),
            evidence: Vec::new(),
        }
    }

    fn retrying(minutes: i64) -> EventBody {
        EventBody::Retrying {
            attempt: 1,
            at: Utc::now() + TimeDelta::minutes(minutes),
            failure: failure(FailureCode::ProviderRateLimited),
        }
    }

    fn intervention(minutes: Option<i64>) -> EventBody {
        EventBody::InterventionNeeded {
            failure: failure(FailureCode::Captcha),
            intervention_id: None,
            reason: None,
            screenshot_url: None,
            answer_url: None,
            expires_at: minutes.map(|minutes| Utc::now() + TimeDelta::minutes(minutes)),
        }
    }

    #[test]
    fn only_what_is_still_to_come_is_not_waited_for() {
        let given_up = |event: &EventBody| {
            let mut answer = Answer::default();
            answer.hear(event);
            answer.is_given_up()
        };
        assert!(given_up(&retrying(1)) && !given_up(&retrying(-1)));
        assert!(given_up(&intervention(Some(1))) && given_up(&intervention(None)));
        assert!(!given_up(&intervention(Some(-1))));
    }

    #[test]
    fn a_job_that_completed_has_not_been_given_up() {
        for event in [retrying(1), retrying(-1), intervention(None)] {
            let mut answer = Answer::default();
            answer.hear(&event);
            answer.hear(&EventBody::Completed {
                result: json!({"content": "One"}),
            });
            assert!(!answer.is_given_up());
            assert_eq!(answer.text().ok().as_deref(), Some("One"));
        }
    }

    fn chunk(text: &str) -> EventBody {
        EventBody::Chunk {
            index: 0,
            text: text.to_owned(),
        }
    }

    fn started(attempt: i32) -> EventBody {
        EventBody::Started {
            attempt,
            worker: "w".to_owned(),
        }
    }

    #[test]
    fn a_second_attempt_that_says_the_same_is_heard_once() {
        let mut answer = Answer::default();
        let events = [
            started(1),
            chunk("One "),
            chunk("two "),
            started(2),
            chunk("One two"),
            chunk(" three"),
            EventBody::Completed {
                result: json!({"content": "One two three"}),
            },
        ];
        let mut told: String = events.iter().map(|event| answer.hear(event)).collect();
        told.push_str(&answer.rest().unwrap_or_default());
        assert_eq!(told, "One two three");
    }

    #[test]
    fn a_second_attempt_that_says_something_else_is_an_error() {
        let mut answer = Answer::default();
        for event in [
            started(1),
            chunk("One "),
            started(2),
            chunk("Other"),
            EventBody::Completed {
                result: json!({"content": "Other"}),
            },
        ] {
            answer.hear(&event);
        }
        assert!(answer.rest().is_err());
    }
}
