//! Kinds of work, in one place: the name, the queue, the policy and the payload of each.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kinds::{chat, crawl, discovery, ingest, login, logout, noop};
use crate::policy::KindPolicy;
use crate::queue::Queue;

/// What a job is. The name is stable and never taken from a Rust type; a rename keeps the old name as an alias first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Signs a credential in and keeps its profile.
    Login,
    /// Signs a credential out on its web app.
    Logout,
    /// Finds out how a provider's page works.
    Discovery,
    /// Asks a chat page one question.
    Chat,
    /// Reads a site into a knowledge source.
    Crawl,
    /// Reads the files of a knowledge source.
    Ingest,
    /// Does nothing, for health checks and benchmarks.
    Noop,
}

/// The payload of a job, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// See [`login::Login`].
    Login(login::Login),
    /// See [`logout::Logout`].
    Logout(logout::Logout),
    /// See [`discovery::Discovery`].
    Discovery(discovery::Discovery),
    /// See [`chat::Chat`].
    Chat(chat::Chat),
    /// See [`crawl::Crawl`].
    Crawl(crawl::Crawl),
    /// See [`ingest::Ingest`].
    Ingest(ingest::Ingest),
    /// See [`noop::Noop`].
    Noop(noop::Noop),
}

impl JobKind {
    /// Every kind.
    pub const ALL: [JobKind; 7] = [
        JobKind::Login,
        JobKind::Logout,
        JobKind::Discovery,
        JobKind::Chat,
        JobKind::Crawl,
        JobKind::Ingest,
        JobKind::Noop,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            JobKind::Login => "login",
            JobKind::Logout => "logout",
            JobKind::Discovery => "discovery",
            JobKind::Chat => "chat",
            JobKind::Crawl => "crawl",
            JobKind::Ingest => "ingest",
            JobKind::Noop => "noop",
        }
    }

    /// The queue in which its jobs wait.
    #[must_use]
    pub const fn queue(self) -> Queue {
        match self {
            JobKind::Login | JobKind::Logout | JobKind::Discovery => Queue::Login,
            JobKind::Chat => Queue::Chat,
            JobKind::Crawl | JobKind::Ingest => Queue::Knowledge,
            JobKind::Noop => Queue::Noop,
        }
    }

    /// How often and how long it is tried.
    #[must_use]
    pub const fn policy(self) -> KindPolicy {
        match self {
            JobKind::Login => login::POLICY,
            JobKind::Logout => logout::POLICY,
            JobKind::Discovery => discovery::POLICY,
            JobKind::Chat => chat::POLICY,
            JobKind::Crawl => crawl::POLICY,
            JobKind::Ingest => ingest::POLICY,
            JobKind::Noop => noop::POLICY,
        }
    }

    /// Checks a payload: shape, unknown fields, ranges.
    ///
    /// # Errors
    /// The path of the first field that is wrong, and why.
    pub fn parse(self, payload: Value) -> Result<Payload, InvalidPayload> {
        // Lists would be taken for fields in order.
        if !payload.is_object() {
            return Err(InvalidPayload::new("", "must be an object"));
        }
        Ok(match self {
            JobKind::Login => Payload::Login(read(payload)?),
            JobKind::Logout => Payload::Logout(read(payload)?),
            JobKind::Discovery => Payload::Discovery(read(payload)?),
            JobKind::Chat => {
                let chat: chat::Chat = read(payload)?;
                chat.check()?;
                Payload::Chat(chat)
            }
            JobKind::Crawl => {
                let crawl: crawl::Crawl = read(payload)?;
                crawl.check()?;
                Payload::Crawl(crawl)
            }
            JobKind::Ingest => {
                let ingest: ingest::Ingest = read(payload)?;
                ingest.check()?;
                Payload::Ingest(ingest)
            }
            JobKind::Noop => {
                let noop: noop::Noop = read(payload)?;
                noop.check()?;
                Payload::Noop(noop)
            }
        })
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, InvalidPayload> {
    serde_path_to_error::deserialize(payload).map_err(|error| InvalidPayload {
        field: match error.path().to_string().as_str() {
            "." => String::new(),
            path => path.to_owned(),
        },
        reason: error.inner().to_string(),
    })
}

/// A payload that its kind does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidPayload {
    /// The path within the payload, empty for the whole.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl InvalidPayload {
    /// A field that is out of its range.
    #[must_use]
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is not a kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown job kind: use one of login, logout, discovery, chat, crawl, ingest, noop")]
pub struct UnknownKind(pub String);

impl FromStr for JobKind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        JobKind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_and_the_stable_name_agree() {
        for kind in JobKind::ALL {
            assert_eq!(
                serde_json::to_value(kind).ok(),
                Some(Value::from(kind.name()))
            );
            assert_eq!(kind.name().parse::<JobKind>().ok(), Some(kind));
        }
    }

    #[test]
    fn a_retry_never_waits_longer_than_its_cap_and_policies_make_sense() {
        for kind in JobKind::ALL {
            assert_eq!(kind.policy().retry.check(), Ok(()), "{kind}");
        }
    }

    #[test]
    fn the_worst_case_of_each_kind_is_known() {
        let lines: Vec<String> = JobKind::ALL
            .iter()
            .map(|kind| {
                let policy = kind.policy();
                let tries = u64::from(policy.retry.attempts);
                let worst =
                    policy.timeout.as_secs() * tries + policy.retry.cap_ms / 1000 * (tries - 1);
                format!("{kind}: at most {worst} s over {tries} attempts")
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let wrong = JobKind::Noop.parse(serde_json::json!({"progress": "three"}));
        assert_eq!(wrong.err().map(|e| e.field), Some("progress".to_owned()));
        let unknown = JobKind::Noop.parse(serde_json::json!({"colour": 3}));
        assert!(unknown.is_err());
    }
}
