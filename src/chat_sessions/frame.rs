//! What clients are told. A frame with a `seq` is part of the session's record; one without is about this connection alone.

use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{CredentialId, InterventionId, JobId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::problem::Problem;

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub(super) enum Frame {
    /// The session can be used: told when a connection begins, after LOGIN, NEW_CHAT and CHANGE_MODEL.
    SessionReady {
        /// The worker that signed in; otherwise the process that serves the connection.
        worker_id: String,
        #[serde(flatten)]
        now: Now,
        /// The LOGIN that it answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<JobId>,
        /// At the beginning of a connection.
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// The question stands on the page.
    MessageSent {
        message_id: String,
        job_id: JobId,
        validation: Value,
    },
    /// Another judgement.
    ValidationResult {
        message_id: String,
        job_id: JobId,
        validation: Value,
    },
    /// A piece of the answer. All pieces in order are the whole.
    ResponseChunk { message_id: String, chunk: String },
    /// The whole answer.
    ResponseComplete {
        message_id: String,
        job_id: JobId,
        full_response: String,
        model: Option<String>,
        /// Of the answer; null where nothing was judged.
        validation: Value,
        /// False when a later attempt read something else than the pieces that were told: the whole is what counts.
        chunks_match: bool,
    },
    /// Something went wrong, or a person is needed.
    Error {
        /// The command that was refused, by the client's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The message that it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<JobId>,
        error: ErrorData,
        /// False while the message goes on all the same.
        #[serde(rename = "final")]
        is_final: bool,
    },
    /// A sign of life, and the answer to HEALTH_CHECK.
    Heartbeat {
        worker_id: String,
        /// Of the same tenant, on the same process.
        active_sessions: usize,
        timestamp: i64,
        /// The time that HEALTH_CHECK named.
        #[serde(skip_serializing_if = "Option::is_none")]
        asked_at: Option<Value>,
    },
    /// A command with an id was taken.
    Ack {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<JobId>,
        /// True when the same message had been taken before.
        repeated: bool,
    },
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Now {
    pub(super) model: Option<String>,
    pub(super) credential_id: Option<CredentialId>,
    pub(super) conversation: i32,
}

/// Where a connection begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resume {
    /// Frames after this number follow.
    pub(super) after: i64,
    /// The number of the last frame that there is.
    pub(super) last_seq: i64,
    /// What is in progress.
    pub(super) in_progress: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorData {
    /// For programs: of the table in `docs/sessions.md`, or a failure code of a job.
    pub(super) code: String,
    /// For people.
    pub(super) message: String,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// When it is tried again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_at: Option<DateTime<Utc>>,
    /// What a person is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intervention: Option<Box<Asked>>,
    /// Keys of screenshots; they get URLs when they are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) evidence: Vec<String>,
}

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<InterventionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) screenshot_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl ErrorData {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    pub(super) fn field(field: &str, reason: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new("invalid_input", format!("{field} {reason}"))
        }
    }
}

impl From<&PublicFailure> for ErrorData {
    fn from(failure: &PublicFailure) -> Self {
        Self {
            evidence: failure.evidence.clone(),
            ..Self::new(failure.code.name(), failure.message.clone())
        }
    }
}

impl From<&Problem> for ErrorData {
    fn from(problem: &Problem) -> Self {
        let code = serde_json::to_value(problem.code()).unwrap_or_default();
        Self {
            field: problem.first_field().map(str::to_owned),
            ..Self::new(code.as_str().unwrap_or("internal"), problem.detail())
        }
    }
}

impl Frame {
    /// A command that was refused.
    pub(super) fn refusal(id: Option<String>, error: ErrorData) -> Self {
        Frame::Error {
            id,
            message_id: None,
            job_id: None,
            error,
            is_final: true,
        }
    }

    /// As it is written down: without its number.
    pub(super) fn record(&self) -> Value {
        // Strings, numbers and JSON: nothing in it can fail to be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A judgement in the protocol's words.
pub(super) fn validation(
    subject: &str,
    passed: bool,
    confidence: f32,
    observation: &str,
    validator: &str,
    screenshot_key: Option<&str>,
) -> Value {
    json!({
        "subject": subject, "success": passed, "confidence": confidence, "observation": observation, "validator": validator,
        "screenshot_key": screenshot_key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_shape_of_the_protocol() {
        let now = Now {
            model: Some("helpdesk".to_owned()),
            credential_id: None,
            conversation: 1,
        };
        let ready = Frame::SessionReady {
            worker_id: "web-1".to_owned(),
            now,
            message_id: None,
            job_id: None,
            resume: Some(Resume {
                after: 3,
                last_seq: 4,
                in_progress: None,
            }),
        };
        assert_eq!(
            ready.record(),
            json!({"type": "SESSION_READY", "workerId": "web-1", "model": "helpdesk", "credentialId": null, "conversation": 1,
                   "after": 3, "lastSeq": 4, "inProgress": null})
        );
        let refused = Frame::refusal(
            Some("a".to_owned()),
            ErrorData::field("model", "is missing"),
        );
        assert_eq!(
            refused.record(),
            json!({"type": "ERROR", "id": "a", "final": true,
                   "error": {"code": "invalid_input", "message": "model is missing", "field": "model"}})
        );
    }
}
