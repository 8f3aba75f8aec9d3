//! What a detector or a strategy reports while it works: steps and validations. Whoever listens stores them; nobody
//! has to.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A judgement that an action did what it should.
#[derive(Clone)]
pub struct Verdict {
    /// `login`, `logout`, `send` or `receive`.
    pub subject: &'static str,
    /// Whether it did.
    pub passed: bool,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// What was seen, in words.
    pub observation: String,
    /// The page as it looked (JPEG); empty when none could be taken.
    pub screenshot: Vec<u8>,
    /// Who judged: `dom`; `vision` where a model decided what the page left open.
    pub validator: &'static str,
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdict")
            .field("subject", &self.subject)
            .field("passed", &self.passed)
            .field("confidence", &self.confidence)
            .field("observation", &self.observation)
            .field("screenshot_bytes", &self.screenshot.len())
            .finish_non_exhaustive()
    }
}

/// One thing worth recording.
#[derive(Debug, Clone)]
pub enum Note {
    /// Something was done.
    Step {
        /// What, for example `login.filled`. Closed set per module.
        kind: &'static str,
        /// Details; never a secret.
        detail: Value,
        /// How long it took.
        took: Duration,
    },
    /// Something was judged.
    Validation(Verdict),
}

/// Where notes go. Cheap to clone; a full or closed channel loses notes rather than holding work up.
#[derive(Clone, Default)]
pub struct Notes {
    sender: Option<mpsc::Sender<Note>>,
}

impl Notes {
    /// Notes into a channel of `capacity`.
    #[must_use]
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Note>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (
            Self {
                sender: Some(sender),
            },
            receiver,
        )
    }

    /// Notes that nobody reads.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Records a step that began at `since`.
    pub fn step(&self, kind: &'static str, detail: Value, since: Instant) {
        tracing::debug!(kind, %detail, "step");
        self.put(Note::Step {
            kind,
            detail,
            took: since.elapsed(),
        });
    }

    /// Records a judgement.
    pub fn validation(&self, verdict: Verdict) {
        self.put(Note::Validation(verdict));
    }

    fn put(&self, note: Note) {
        if let Some(sender) = &self.sender
            && sender.try_send(note).is_err()
        {
            tracing::debug!("a note was lost: nobody reads them fast enough");
        }
    }
}
