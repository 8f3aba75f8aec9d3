//! What can go wrong with work: a closed, append-only list of codes, each with one class that says what happens next.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens after a failure of this class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Retried with backoff, at most this many attempts whatever the policy allows.
    Transient {
        /// The limit of the code itself.
        limit: u32,
    },
    /// The other side asked for patience: waits without counting an attempt.
    Throttled,
    /// The attempt was cut off by no fault of the job: runs again at once; the first few are not counted.
    Interrupted,
    /// A person has to act.
    Intervention,
    /// Never retried.
    Permanent,
    /// Ended on request.
    Cancelled,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:expr, $http:literal;)*) => {
        /// What happened. The names are part of the API and never change; `docs/errors.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum FailureCode { $($(#[$doc])* $variant,)* }

        impl FailureCode {
            /// Every code, in the order of `docs/errors.md`.
            pub const ALL: &'static [FailureCode] = &[$(FailureCode::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(FailureCode::$variant => $name,)* } }

            /// What happens next.
            #[must_use]
            pub const fn class(self) -> FailureClass { match self { $(FailureCode::$variant => $class,)* } }

            /// The HTTP status where the failure of a job has to be told as the answer to a request.
            #[must_use]
            pub const fn http_status(self) -> u16 { match self { $(FailureCode::$variant => $http,)* } }
        }
    };
}

codes! {
    /// The page has no element for what had to be done.
    ElementNotFound = "element_not_found", FailureClass::Transient { limit: 3 }, 502;
    /// A page did not become usable in time.
    NavigationTimeout = "navigation_timeout", FailureClass::Transient { limit: 3 }, 504;
    /// The web app could not be reached.
    Network = "network", FailureClass::Transient { limit: 3 }, 502;
    /// The page asks to prove that a person is there.
    Captcha = "captcha", FailureClass::Intervention, 503;
    /// The page asks for a second factor.
    SecondFactor = "second_factor", FailureClass::Intervention, 503;
    /// The web app refused the account.
    InvalidCredentials = "invalid_credentials", FailureClass::Permanent, 502;
    /// The web app signed the account out in the middle.
    SessionExpired = "session_expired", FailureClass::Transient { limit: 3 }, 502;
    /// Chromium or its page died.
    BrowserCrashed = "browser_crashed", FailureClass::Transient { limit: 5 }, 502;
    /// The web app asked to slow down.
    ProviderRateLimited = "provider_rate_limited", FailureClass::Throttled, 429;
    /// A model's endpoint failed.
    ModelError = "model_error", FailureClass::Transient { limit: 4 }, 502;
    /// The job's input cannot be worked with.
    InvalidInput = "invalid_input", FailureClass::Permanent, 400;
    /// Postgres, Redis or S3 did not answer.
    StorageUnavailable = "storage_unavailable", FailureClass::Transient { limit: u32::MAX }, 503;
    /// Somebody cancelled the job.
    Cancelled = "cancelled", FailureClass::Cancelled, 499;
    /// The job's deadline passed.
    DeadlineExceeded = "deadline_exceeded", FailureClass::Permanent, 504;
    /// Something that has no code of its own; recorded in full.
    Unknown = "unknown", FailureClass::Transient { limit: u32::MAX }, 500;
    /// One attempt ran longer than its kind allows.
    AttemptTimeout = "attempt_timeout", FailureClass::Transient { limit: 3 }, 504;
    /// The worker died or shut down in mid-attempt.
    WorkerLost = "worker_lost", FailureClass::Interrupted, 503;
    /// What the job needs is still being prepared.
    NotReady = "not_ready", FailureClass::Throttled, 503;
    /// A job that this one waited for did not complete.
    DependencyFailed = "dependency_failed", FailureClass::Permanent, 424;
    /// The page's answer broke off. Whether a later look at the page shows all of it, nobody could tell.
    AnswerCut = "answer_cut", FailureClass::Permanent, 502;
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is not a failure code.
#[derive(Debug, thiserror::Error)]
#[error("unknown failure code {0:?}")]
pub struct UnknownCode(pub String);

impl FromStr for FailureCode {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        FailureCode::ALL
            .iter()
            .copied()
            .find(|code| code.name() == text)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// Text for operators. It has no `Display`, so that it does not slip into an answer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Internal(String);

impl Internal {
    /// Wraps text that only the log and the attempt's record may hold.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for a log line or the record of an attempt.
    #[must_use]
    pub fn for_operators(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One failure, made in one place per side and never from message text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub code: FailureCode,
    /// What people are told: plain, and what to do next.
    pub public: Cow<'static, str>,
    /// What operators see in the log and in the record of the attempt.
    pub internal: Internal,
    /// How long the other side asked to wait, where it did.
    pub retry_after: Option<Duration>,
    /// Object keys of what was seen (screenshots).
    pub evidence: Vec<String>,
    /// True when nothing is left to try or to wait for: the job fails, whatever the class of the code.
    pub given_up: bool,
}

impl Failure {
    /// A failure with a text for people and nothing else.
    #[must_use]
    pub fn new(code: FailureCode, public: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            public: public.into(),
            internal: Internal::default(),
            retry_after: None,
            evidence: Vec::new(),
            given_up: false,
        }
    }

    /// Nothing is left to try: the job fails.
    #[must_use]
    pub fn given_up(mut self) -> Self {
        self.given_up = true;
        self
    }

    /// Adds the text for operators.
    #[must_use]
    pub fn with_internal(mut self, text: impl Into<String>) -> Self {
        self.internal = Internal::new(text);
        self
    }

    /// The form that callers see.
    #[must_use]
    pub fn to_public(&self) -> PublicFailure {
        PublicFailure {
            code: self.code,
            message: self.public.to_string(),
            evidence: self.evidence.clone(),
        }
    }
}

/// A failure as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicFailure {
    /// What happened.
    pub code: FailureCode,
    /// A plain sentence.
    pub message: String,
    /// Object keys of screenshots, where some were taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_only_grows() {
        let lines: Vec<String> = FailureCode::ALL
            .iter()
            .map(|code| format!("{} {:?} {}", code.name(), code.class(), code.http_status()))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn serde_and_the_stable_name_agree() {
        for code in FailureCode::ALL {
            assert_eq!(
                serde_json::to_value(code).ok(),
                Some(serde_json::Value::from(code.name()))
            );
            assert_eq!(code.name().parse::<FailureCode>().ok(), Some(*code));
        }
    }

    #[test]
    fn every_code_is_explained_in_the_docs() {
        let page = include_str!("../../docs/errors.md");
        for code in FailureCode::ALL {
            assert!(
                page.contains(&format!("| `{code}` |")),
                "docs/errors.md has no row for {code}"
            );
        }
    }
}
