//! What happened on pages: judgements, calls to the vision model, challenges, recoveries.

use std::time::Duration;

use computetower_jobs::{FailureCode, Strategy};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;
use crate::captcha_uses::CaptchaOutcome;

/// What is judged.
const SUBJECTS: [&str; 4] = ["login", "logout", "send", "receive"];
/// What a vision model is asked for.
const OPERATIONS: [&str; 4] = ["login", "send", "receive", "find"];
/// The kinds of challenges; a page's own name for one is none of them.
const KINDS: [&str; 6] = [
    "recaptcha",
    "recaptcha_v2",
    "recaptcha_v3",
    "hcaptcha",
    "turnstile",
    "image",
];
const CONFIDENCE_BUCKETS: [f64; 7] = [0.25, 0.5, 0.6, 0.75, 0.9, 0.95, 1.0];
const CALL_BUCKETS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// The counters of what happened on pages.
pub(super) struct PageMetrics {
    judged: Family<JudgedLabels, Counter>,
    confidence: Family<ByLabels, Histogram, fn() -> Histogram>,
    calls: Family<CallLabels, Counter>,
    latency: Family<OperationLabels, Histogram, fn() -> Histogram>,
    detected: Family<ChallengeLabels, Counter>,
    solved: Family<SolvedLabels, Counter>,
    recoveries: Family<RecoveryLabels, Counter>,
}

impl Default for PageMetrics {
    fn default() -> Self {
        Self {
            judged: Family::default(),
            confidence: Family::new_with_constructor(|| Histogram::new(CONFIDENCE_BUCKETS)),
            calls: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS)),
            detected: Family::default(),
            solved: Family::default(),
            recoveries: Family::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JudgedLabels {
    subject: &'static str,
    by: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLabels {
    by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChallengeLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SolvedLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecoveryLabels {
    code: &'static str,
    strategy: &'static str,
    outcome: &'static str,
}

/// One of a closed list, so that no text of a page becomes a label.
fn known(list: &[&'static str], word: &str) -> &'static str {
    list.iter()
        .copied()
        .find(|known| *known == word)
        .unwrap_or("other")
}

/// What became of a call to the vision model, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisionCall {
    /// It answered as it should.
    Answered,
    /// The same had been asked a short while before.
    Cached,
    /// It did not answer, or not as it should.
    Failed,
    /// It was not asked: the day's budget is used up.
    OverBudget,
    /// It was not asked: it has failed too often lately.
    BreakerOpen,
}

impl VisionCall {
    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::OverBudget => "over_budget",
            Self::BreakerOpen => "breaker_open",
        }
    }
}

/// What became of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryOutcome {
    /// Another attempt was planned.
    Begun,
    /// It was mended.
    Recovered,
    /// It was not.
    Failed,
}

impl RecoveryOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Recovered => "recovered",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    /// Something was judged: by the DOM, or by a vision model. `passed` is none where it was unclear.
    pub fn judged(&self, subject: &str, by_vision: bool, passed: Option<bool>, confidence: f32) {
        let by = if by_vision { "vision" } else { "dom" };
        let outcome = match passed {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "unclear",
        };
        let labels = JudgedLabels {
            subject: known(&SUBJECTS, subject),
            by,
            outcome,
        };
        let pages = &self.inner.pages;
        pages.judged.get_or_create(&labels).inc();
        let histogram = pages.confidence.get_or_create(&ByLabels { by });
        histogram.observe(f64::from(confidence));
    }

    /// The vision model was asked, or would have been.
    pub fn vision_call(&self, operation: &str, outcome: VisionCall, took: Option<Duration>) {
        let operation = known(&OPERATIONS, operation);
        let labels = CallLabels {
            operation,
            outcome: outcome.name(),
        };
        let pages = &self.inner.pages;
        pages.calls.get_or_create(&labels).inc();
        if let Some(took) = took {
            let histogram = pages.latency.get_or_create(&OperationLabels { operation });
            histogram.observe(took.as_secs_f64());
        }
    }

    /// A page asked to prove that a person is there.
    pub fn captcha_detected(&self, kind: &str) {
        let kind = known(&KINDS, kind);
        let counter = &self.inner.pages.detected;
        counter.get_or_create(&ChallengeLabels { kind }).inc();
    }

    /// What became of a challenge that was sent to the solver.
    pub fn captcha_solved(&self, kind: &str, outcome: CaptchaOutcome) {
        let labels = SolvedLabels {
            kind: known(&KINDS, kind),
            outcome: outcome.name(),
        };
        self.inner.pages.solved.get_or_create(&labels).inc();
    }

    /// A failure was mended, or not, or is about to be.
    pub fn recovery(&self, code: FailureCode, strategy: Strategy, outcome: RecoveryOutcome) {
        let labels = RecoveryLabels {
            code: code.name(),
            strategy: strategy.name(),
            outcome: outcome.name(),
        };
        self.inner.pages.recoveries.get_or_create(&labels).inc();
    }
}

impl PageMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        self.begin();
        registry.register(
            "visual_validations",
            "Judgements of what was done on a page, by the DOM and by a vision model",
            self.judged.clone(),
        );
        registry.register(
            "visual_validations_confidence",
            "How sure the judgements were",
            self.confidence.clone(),
        );
        registry.register(
            "vision_api_calls",
            "Questions to the vision model, asked and not asked",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "vision_api_latency",
            "How long the vision model took to answer or to fail",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register(
            "captcha_detections",
            "Pages that asked to prove that a person is there",
            self.detected.clone(),
        );
        registry.register(
            "captcha_solutions",
            "What became of challenges that were sent to the solver",
            self.solved.clone(),
        );
        registry.register(
            "error_recoveries",
            "Failures that were mended or not, and those for which another attempt was planned",
            self.recoveries.clone(),
        );
    }

    /// One series of each begins at 0, so that it is there to be watched.
    fn begin(&self) {
        for subject in SUBJECTS {
            let labels = JudgedLabels {
                subject,
                by: "dom",
                outcome: "passed",
            };
            drop(self.judged.get_or_create(&labels));
        }
        drop(self.confidence.get_or_create(&ByLabels { by: "dom" }));
        for operation in OPERATIONS {
            let labels = CallLabels {
                operation,
                outcome: VisionCall::Answered.name(),
            };
            drop(self.calls.get_or_create(&labels));
            drop(self.latency.get_or_create(&OperationLabels { operation }));
        }
        for kind in KINDS {
            drop(self.detected.get_or_create(&ChallengeLabels { kind }));
            let outcome = CaptchaOutcome::Accepted.name();
            drop(self.solved.get_or_create(&SolvedLabels { kind, outcome }));
        }
        for code in FailureCode::ALL {
            let labels = RecoveryLabels {
                code: code.name(),
                strategy: Strategy::after(*code).name(),
                outcome: RecoveryOutcome::Recovered.name(),
            };
            drop(self.recoveries.get_or_create(&labels));
        }
    }
}
