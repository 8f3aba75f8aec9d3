//! What can go wrong between a worker and a page. Says what happened in the browser's own words; what a job does
//! about it (retry, re-login, ask a person) is decided elsewhere.

use std::fmt;
use std::path::PathBuf;

/// A JPEG taken when something went wrong, if one could be taken. `Debug` prints its size only.
#[derive(Clone, Default)]
pub struct Evidence(pub Option<Vec<u8>>);

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(bytes) => write!(f, "Evidence({} bytes)", bytes.len()),
            None => f.write_str("Evidence(none)"),
        }
    }
}

/// Why something asked of a browser did not come about.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The page has no element that fits.
    #[error("{what} was not found on the page")]
    ElementNotFound {
        /// What was looked for, for example `chat input`.
        what: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The document was not usable within the deadline.
    #[error("{url} was not usable in time")]
    NavigationTimeout {
        /// The address navigated to.
        url: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The browser could not fetch the document.
    #[error("{url} could not be loaded: {reason}")]
    Network {
        /// The address navigated to.
        url: String,
        /// Chromium's own name for the failure, for example `net::ERR_CONNECTION_REFUSED`.
        reason: String,
    },
    /// The page refused the account.
    #[error("the page refused the account: {observation}")]
    InvalidCredentials {
        /// What the page showed.
        observation: String,
        /// The page as it looked, password fields blurred.
        evidence: Evidence,
    },
    /// A challenge that a person has to solve stands in the way.
    #[error("a {kind} challenge stands in the way")]
    Captcha {
        /// `recaptcha`, `hcaptcha`, `turnstile` or `image`.
        kind: String,
        /// It came after a password was submitted.
        submitted: bool,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// A second factor is asked for.
    #[error("the page asks for a second factor: {observation}")]
    SecondFactor {
        /// What the page showed.
        observation: String,
        /// The code of an authenticator app may be meant: there is a field for a code, and nothing says that one was sent.
        by_app: bool,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The page refused the code of the second factor.
    #[error("the page refused the code: {observation}")]
    CodeRefused {
        /// What the page showed.
        observation: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The sign-in form was submitted, and nothing shows that it was accepted or refused.
    #[error("nothing shows what became of the sign-in: {observation}")]
    SignInUnclear {
        /// What the page showed.
        observation: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The page took back what it had shown of an answer, so that what was given out of it is wrong.
    #[error("the page took back what it had shown of the answer")]
    AnswerTakenBack {
        /// The page as it looked.
        evidence: Evidence,
    },
    /// A sign-in form where the signed-in page was expected.
    #[error("the page asks to sign in again")]
    SessionExpired {
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The page says that it was asked too often.
    #[error("the page limits requests: {observation}")]
    ProviderRateLimited {
        /// What the page showed.
        observation: String,
        /// Seconds to wait, when the page named them.
        retry_after: Option<u64>,
        /// It stands where the answer to a question belongs: the question itself was refused.
        in_its_place: bool,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The browser process, its connection or the page's renderer is gone.
    #[error("the browser is gone: {reason}")]
    Crashed {
        /// What was seen of it.
        reason: String,
    },
    /// Chromium did not start.
    #[error("Chromium did not start: {reason}")]
    Launch {
        /// What was waited for.
        reason: String,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// There is no such executable.
    #[error("there is no Chromium at {}", path.display())]
    ChromiumMissing {
        /// The configured path.
        path: PathBuf,
    },
    /// The page did not answer, or stopped in mid-answer, for longer than is allowed.
    #[error("the answer stalled after {received} characters: {waited_for}")]
    AnswerStalled {
        /// Characters of answer seen until then.
        received: usize,
        /// What was still missing.
        waited_for: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The answer broke off, and the page or its traffic says so.
    #[error("the answer broke off after {} characters: {observation}", text.chars().count())]
    AnswerCut {
        /// What came of it.
        text: String,
        /// What shows that there would have been more.
        observation: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The page itself showed an error.
    #[error("the page shows an error: {text}")]
    PageError {
        /// What it showed.
        text: String,
        /// It stood where the answer belongs, and will be found there by whoever looks again.
        in_its_place: bool,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The box takes fewer characters than the question has.
    #[error("the question has {length} characters, and the box takes {limit}")]
    QuestionTooLong {
        /// UTF-16 units that the box takes.
        limit: usize,
        /// UTF-16 units of the question.
        length: usize,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// Nothing was found that takes files.
    #[error("the page takes no files")]
    TakesNoFiles {
        /// The page as it looked.
        evidence: Evidence,
    },
    /// The question could not be put into the page, or did not leave the composer.
    #[error("the question was not sent: {reason}")]
    NotSent {
        /// What was tried and seen.
        reason: String,
        /// The page as it looked.
        evidence: Evidence,
    },
    /// A file of the browser's own folder could not be made or read.
    #[error("{attempted}")]
    Files {
        /// What was attempted.
        attempted: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// Chromium refused a command, answered something unexpected, or not in time.
    #[error("{command} failed: {reason}")]
    Protocol {
        /// The command.
        command: String,
        /// Chromium's words, or `no answer within …`.
        reason: String,
    },
}

impl BrowserError {
    /// The screenshot that belongs to this error, if one was taken (JPEG).
    #[must_use]
    pub fn evidence(&self) -> Option<&[u8]> {
        match self {
            Self::ElementNotFound { evidence, .. }
            | Self::NavigationTimeout { evidence, .. }
            | Self::InvalidCredentials { evidence, .. }
            | Self::Captcha { evidence, .. }
            | Self::SecondFactor { evidence, .. }
            | Self::CodeRefused { evidence, .. }
            | Self::SignInUnclear { evidence, .. }
            | Self::SessionExpired { evidence }
            | Self::TakesNoFiles { evidence }
            | Self::AnswerTakenBack { evidence }
            | Self::ProviderRateLimited { evidence, .. }
            | Self::AnswerStalled { evidence, .. }
            | Self::AnswerCut { evidence, .. }
            | Self::NotSent { evidence, .. }
            | Self::QuestionTooLong { evidence, .. }
            | Self::PageError { evidence, .. } => evidence.0.as_deref(),
            Self::Network { .. }
            | Self::Crashed { .. }
            | Self::Launch { .. }
            | Self::ChromiumMissing { .. }
            | Self::Files { .. }
            | Self::Protocol { .. } => None,
        }
    }

    /// Whether the page, or the whole browser, has to be replaced before anything else can work.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        matches!(self, Self::Crashed { .. })
    }
}
