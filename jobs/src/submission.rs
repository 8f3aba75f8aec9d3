//! What a caller says about a job: the request, and what can be checked of it without asking anybody.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::ids::{CredentialId, JobId, ProviderId, SourceId};
use crate::kind::{JobKind, Payload, UnknownKind};
use crate::policy::RetryPolicy;

/// Jobs that one job may wait for.
pub const MOST_PREDECESSORS: usize = 100;

/// A job to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "noop", "payload": {"progress": 3, "sleep_ms": 100}}))]
pub struct SubmitRequest {
    /// `login`, `logout`, `discovery`, `chat`, `crawl`, `ingest` or `noop`.
    pub kind: String,
    /// What the kind takes; see the schemas Login, Logout, Discovery, Chat, Crawl, Ingest and Noop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// -100 to 100; higher goes first.
    #[serde(default)]
    pub priority: i16,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// Not after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
    /// How long one attempt may run, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 86_400_000)]
    pub timeout_ms: Option<i64>,
    /// How it is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// What limits may name: jobs with the same key can be limited together. Jobs that use an account or a page and give none get `credential:<id>` or
    /// `provider:<id>`, those of knowledge `source:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub limit_key: Option<String>,
    /// Jobs that have to complete before this one starts; with `after_index`, at most 100. When one of them fails or is cancelled, this one fails
    /// with `dependency_failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub after: Vec<JobId>,
    /// In a batch: the same, by place. 0 is the first job of the batch; only earlier ones can be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub after_index: Vec<usize>,
    /// True: it starts once they have ended, in whatever way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_any_end: bool,
}

/// A field of a request that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// Its path, for example `payload.messages`.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl InvalidField {
    /// A field and what is wrong with it.
    #[must_use]
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// Something that has to exist for a job to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// An account.
    Credential(CredentialId),
    /// A chat page by its id.
    Provider(ProviderId),
    /// A chat page by its name.
    Model(String),
    /// Where knowledge comes from.
    Source(SourceId),
}

impl Named {
    /// Why a job that names it cannot be accepted when it is not there.
    #[must_use]
    pub fn missing(&self) -> InvalidField {
        match self {
            Named::Credential(_) => {
                InvalidField::new("payload.credential_id", "there is no such credential")
            }
            Named::Provider(_) => {
                InvalidField::new("payload.provider_id", "there is no such provider")
            }
            Named::Source(_) => InvalidField::new("payload.source_id", "there is no such source"),
            Named::Model(_) => InvalidField::new("payload.model", "there is no such provider"),
        }
    }
}

/// The key of a limit that counts all keys together. No job can have it.
pub const ALL_KEYS: &str = "*";

/// Refuses a key that limits could not name.
///
/// # Errors
/// The field, when it is empty, too long, `*`, or holds control characters.
pub fn check_limit_key(field: &str, key: &str) -> Result<(), InvalidField> {
    if key.is_empty() || key.chars().count() > 200 || key.chars().any(char::is_control) {
        return Err(InvalidField::new(
            field,
            "must be 1 to 200 printable characters",
        ));
    }
    if key == ALL_KEYS {
        return Err(InvalidField::new(
            field,
            "must not be *, which stands for all keys",
        ));
    }
    Ok(())
}

impl Payload {
    /// What has to exist before the job can be accepted.
    #[must_use]
    pub fn names(&self) -> Option<Named> {
        match self {
            Payload::Noop(_) => None,
            Payload::Login(login) => Some(Named::Credential(login.credential_id)),
            Payload::Logout(logout) => Some(Named::Credential(logout.credential_id)),
            Payload::Discovery(discovery) => Some(Named::Provider(discovery.provider_id)),
            Payload::Crawl(crawl) => Some(Named::Source(crawl.source_id)),
            Payload::Ingest(ingest) => Some(Named::Source(ingest.source_id)),
            Payload::Chat(chat) => Some(Named::Model(chat.model.clone())),
        }
    }
}

impl SubmitRequest {
    /// The payload, `{}` when it was left out.
    #[must_use]
    pub fn payload(&self) -> Value {
        self.payload.clone().unwrap_or_else(|| json!({}))
    }

    /// Checks kind, payload and ranges, as of a moment.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(JobKind, Payload), InvalidField> {
        let kind: JobKind = self
            .kind
            .parse()
            .map_err(|error: UnknownKind| InvalidField::new("kind", error.to_string()))?;
        self.check_envelope(now)?;
        let parsed = kind.parse(self.payload()).map_err(|invalid| {
            let field = if invalid.field.is_empty() {
                "payload".to_owned()
            } else {
                format!("payload.{}", invalid.field)
            };
            InvalidField::new(field, invalid.reason)
        })?;
        Ok((kind, parsed))
    }

    fn check_envelope(&self, now: DateTime<Utc>) -> Result<(), InvalidField> {
        if !(-100..=100).contains(&self.priority) {
            return Err(InvalidField::new(
                "priority",
                "must be between -100 and 100",
            ));
        }
        for (field, moment) in [("run_at", self.run_at), ("deadline", self.deadline)] {
            if moment.is_some_and(|moment| !(1970..=9999).contains(&moment.year())) {
                return Err(InvalidField::new(
                    field,
                    "must lie in the years 1970 to 9999",
                ));
            }
        }
        if let Some(deadline) = self.deadline
            && deadline <= self.run_at.unwrap_or(now)
        {
            return Err(InvalidField::new(
                "deadline",
                "must be in the future, and after run_at",
            ));
        }
        if self
            .timeout_ms
            .is_some_and(|timeout| !(100..=86_400_000).contains(&timeout))
        {
            return Err(InvalidField::new(
                "timeout_ms",
                "must be between 100 and 86400000",
            ));
        }
        if let Some(key) = &self.limit_key {
            check_limit_key("limit_key", key)?;
        }
        if let Some(retry) = &self.retry {
            retry
                .check()
                .map_err(|(field, reason)| InvalidField::new(format!("retry.{field}"), reason))?;
        }
        if self.after.len() + self.after_index.len() > MOST_PREDECESSORS {
            let field = if self.after.len() > MOST_PREDECESSORS {
                "after"
            } else {
                "after_index"
            };
            return Err(InvalidField::new(
                field,
                format!("a job may wait for at most {MOST_PREDECESSORS} others"),
            ));
        }
        Ok(())
    }

    /// Checks what only a batch can have: the places of the jobs that this one, at `index`, waits for.
    ///
    /// # Errors
    /// The first place that does not come before.
    pub fn check_place(&self, index: usize) -> Result<(), InvalidField> {
        match self.after_index.iter().position(|place| *place >= index) {
            None => Ok(()),
            Some(at) => Err(InvalidField::new(
                format!("after_index[{at}]"),
                "must be the place of an earlier job of the batch, 0 for the first",
            )),
        }
    }

    /// Checks that it stands for itself: outside of a batch there is no place to name.
    ///
    /// # Errors
    /// When it names one.
    pub fn check_alone(&self) -> Result<(), InvalidField> {
        if self.after_index.is_empty() {
            Ok(())
        } else {
            Err(InvalidField::new(
                "after_index",
                "is for jobs of a batch; use after, with the ids of the jobs",
            ))
        }
    }

    /// Checks that it can be made again and again: what names a moment or another job cannot.
    ///
    /// # Errors
    /// The first field that cannot be repeated.
    pub fn check_repeatable(&self) -> Result<(), InvalidField> {
        let once = [
            ("run_at", self.run_at.is_some()),
            ("deadline", self.deadline.is_some()),
            ("after", !self.after.is_empty()),
            ("after_index", !self.after_index.is_empty()),
        ];
        match once.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => Err(InvalidField::new(
                *field,
                "is not for the job of a schedule: it would hold for one run only",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(value: Value) -> SubmitRequest {
        serde_json::from_value(value).expect("a request")
    }

    #[test]
    fn what_is_kept_of_a_request_reads_back_as_the_same() {
        let full = request(json!({
            "kind": "noop", "payload": {"progress": 3}, "priority": 4, "timeout_ms": 200, "after_any_end": true,
            "after": ["01890000-0000-7000-8000-000000000000"], "run_at": "2030-01-01T00:00:00Z",
        }));
        let kept = serde_json::to_value(&full).expect("JSON");
        assert_eq!(request(kept), full);
        let short = request(json!({"kind": "noop"}));
        assert_eq!(request(serde_json::to_value(&short).expect("JSON")), short);
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let field = |value: Value| {
            request(value)
                .check(Utc::now())
                .err()
                .map(|error| error.field)
        };
        assert_eq!(field(json!({"kind": "noop"})), None);
        assert_eq!(field(json!({"kind": "x"})).as_deref(), Some("kind"));
        let wrong = json!({"kind": "noop", "payload": {"progress": "x"}});
        assert_eq!(field(wrong).as_deref(), Some("payload.progress"));
        let many: Vec<usize> = (0..101).collect();
        let wrong = json!({"kind": "noop", "after_index": many});
        assert_eq!(field(wrong).as_deref(), Some("after_index"));
        let alone = request(json!({"kind": "noop", "after_index": [0]}));
        assert!(alone.check_alone().is_err() && alone.check_repeatable().is_err());
    }

    proptest! {
        #[test]
        fn only_earlier_jobs_of_a_batch_can_be_named(index in 0usize..50, places in prop::collection::vec(0usize..50, 0..5)) {
            let request = request(json!({"kind": "noop", "after_index": places}));
            prop_assert_eq!(request.check_place(index).is_ok(), places.iter().all(|place| *place < index));
        }
    }
}
