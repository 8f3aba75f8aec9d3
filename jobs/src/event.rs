//! What a subscriber of a job sees. Protocols (SSE, OpenAI chunks) are views of these.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::failure::PublicFailure;
use crate::ids::InterventionId;

/// The body of an event. Its name and its data are the `event` and `data` fields of the SSE stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum EventBody {
    /// Waits for a worker.
    Queued {
        /// The number of the dispatch: 1 for the first.
        dispatch: i32,
    },
    /// An attempt has begun.
    Started {
        /// The number of the attempt: 1 for the first.
        attempt: i32,
        /// The name of the worker that took it.
        worker: String,
    },
    /// How far it is.
    Progress {
        /// 0 to 100.
        percent: f32,
        /// A short stable word.
        phase: String,
        /// A plain sentence.
        message: String,
        /// Milliseconds since the epoch when the worker said it, for measuring delivery.
        #[serde(default)]
        t: i64,
    },
    /// One recorded thing that the attempt did.
    Step {
        /// What was done, a stable word.
        kind: String,
        /// What was found or changed.
        detail: Value,
        /// How long it took.
        duration_ms: u64,
    },
    /// A piece of the answer. All pieces in order are the whole text.
    Chunk {
        /// 0 for the first piece of an attempt.
        index: u64,
        /// The text.
        text: String,
    },
    /// A judgement that an action did what it should.
    Validation {
        /// `login`, `send` or `receive`.
        subject: String,
        /// Whether it did.
        passed: bool,
        /// 0 to 1.
        confidence: f32,
        /// What was seen.
        observation: String,
        /// By whom: `dom`, or a vision model's name.
        validator: String,
        /// Object key of the screenshot.
        screenshot_key: Option<String>,
    },
    /// Held back by a person.
    Paused {},
    /// Goes on.
    Resumed {},
    /// A person has to act.
    InterventionNeeded {
        /// Why, as a failure with its evidence.
        failure: PublicFailure,
        /// The question, where one can be answered: then the attempt waits with its page open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intervention_id: Option<InterventionId>,
        /// What the page asks for, in plain words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The page as it looked; good for an hour.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        screenshot_url: Option<String>,
        /// Where the question can be seen (GET) and answered (POST) without a key, until it expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_url: Option<String>,
        /// When nobody can answer any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<DateTime<Utc>>,
    },
    /// The attempt did not succeed; there will be another.
    Retrying {
        /// The attempt that ended.
        attempt: i32,
        /// When the next may start.
        at: DateTime<Utc>,
        /// What went wrong.
        failure: PublicFailure,
    },
    /// Done.
    Completed {
        /// The result.
        result: Value,
    },
    /// Ended without a result.
    Failed {
        /// Why.
        failure: PublicFailure,
    },
    /// Ended on request.
    Cancelled {},
}

impl EventBody {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            EventBody::Queued { .. } => "queued",
            EventBody::Started { .. } => "started",
            EventBody::Progress { .. } => "progress",
            EventBody::Step { .. } => "step",
            EventBody::Chunk { .. } => "chunk",
            EventBody::Validation { .. } => "validation",
            EventBody::Paused {} => "paused",
            EventBody::Resumed {} => "resumed",
            EventBody::InterventionNeeded { .. } => "intervention_needed",
            EventBody::Retrying { .. } => "retrying",
            EventBody::Completed { .. } => "completed",
            EventBody::Failed { .. } => "failed",
            EventBody::Cancelled {} => "cancelled",
        }
    }

    /// True for the last event of a job.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            EventBody::Completed { .. } | EventBody::Failed { .. } | EventBody::Cancelled {}
        )
    }

    /// The data alone, as JSON.
    #[must_use]
    pub fn data(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut fields)) => fields.remove("data").unwrap_or(Value::Null),
            _ => Value::Null,
        }
    }

    /// Puts name and data together again.
    ///
    /// # Errors
    /// When no event has that name and shape.
    pub fn from_parts(name: &str, data: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "event": name, "data": data }))
    }
}

/// A numbered event. Numbers start at 1, rise, and never repeat within a job. They rise by one, except where a worker died while Redis was
/// wiped: then those that may have been heard are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"seq": 3, "event": "progress", "data": {"percent": 50.0, "phase": "working", "message": "1 of 2", "t": 1_767_225_600_000_i64}, "at": "2026-01-01T00:00:00Z"}))]
pub struct Event {
    /// The number within the job.
    pub seq: i64,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
    /// When.
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_data_survive_the_way_there_and_back() {
        let bodies = [
            EventBody::Queued { dispatch: 1 },
            EventBody::Chunk {
                index: 3,
                text: "é\n".into(),
            },
            EventBody::Cancelled {},
            EventBody::Completed {
                result: serde_json::json!({"ok": true}),
            },
        ];
        for body in bodies {
            let back = EventBody::from_parts(body.name(), body.data());
            assert_eq!(back.ok().as_ref(), Some(&body));
        }
    }
}
