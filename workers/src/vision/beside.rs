//! The model's judgement beside the DOM's: asked in the background, kept, told, and put into the result of the job.

use std::time::Duration;

use computetower_browser::Verdict;
use computetower_jobs::EventBody;
use computetower_store::validations::{Beside, NewValidation};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Asker, Question, Trouble, combined};
use crate::context::JobContext;
use crate::notes::About;
use crate::run::chain;

/// Looks that are on their way, each at the judgement of this number.
#[derive(Default)]
pub(crate) struct Looks {
    under_way: Vec<(u32, JoinHandle<Option<Value>>)>,
    wait: Duration,
}

/// A judgement of the DOM, as the model needs it.
struct Judged {
    subject: &'static str,
    passed: bool,
    confidence: f32,
    jpeg: Vec<u8>,
    screenshot_key: Option<String>,
}

impl Looks {
    /// The picture of a judgement, if a model is to look at it.
    pub(crate) fn picture(context: &JobContext, verdict: &Verdict) -> Option<Vec<u8>> {
        let wanted = context.outside.vision.is_some()
            && verdict.validator == "dom"
            && Question::of(verdict.subject).is_some()
            && !verdict.screenshot.is_empty();
        wanted.then(|| verdict.screenshot.clone())
    }

    /// Has the model look, while the work goes on.
    pub(crate) fn begin(
        &mut self,
        context: &JobContext,
        about: About,
        number: u32,
        jpeg: Vec<u8>,
        told: &Told,
    ) {
        let judged = Judged {
            subject: told.subject,
            passed: told.passed,
            confidence: told.confidence,
            jpeg,
            screenshot_key: told.screenshot_key.clone(),
        };
        if let Some(vision) = &context.outside.vision {
            self.wait = vision.wait();
        }
        let context = context.clone();
        let look = tokio::spawn(async move { look(&context, about, judged).await });
        self.under_way.push((number, look));
    }

    /// Waits a while for what is on its way, and returns what was said about the judgement of this number. What comes later is kept, but not told.
    pub(crate) async fn end(self, number: u32) -> Option<Value> {
        let deadline = Instant::now() + self.wait;
        let mut said = None;
        for (about, look) in self.under_way {
            if let Ok(Ok(value)) = tokio::time::timeout_at(deadline, look).await
                && about == number
            {
                said = value;
            }
        }
        said
    }
}

/// What was told of a judgement of the DOM.
pub(crate) struct Told {
    pub(crate) subject: &'static str,
    pub(crate) passed: bool,
    pub(crate) confidence: f32,
    pub(crate) screenshot_key: Option<String>,
}

async fn look(context: &JobContext, about: About, dom: Judged) -> Option<Value> {
    let vision = context.outside.vision.as_ref()?;
    let question = Question::of(dom.subject)?;
    let asker = Asker {
        store: &context.store,
        tenant: context.job.tenant,
    };
    let judged = match vision.ask(asker, question, &dom.jpeg).await {
        Ok(judged) => judged,
        Err(trouble) => {
            context.vision_failed(question, &trouble);
            return None;
        }
    };
    let (answer, took) = (judged.answer, judged.took);
    let said = answer.passed();
    let beside = Beside {
        agrees: said.map(|said| said == dom.passed),
        unclear: said.is_none(),
        combined: combined(
            dom.confidence,
            said.map(|said| said == dom.passed),
            answer.confidence,
        ),
        took,
        cached: judged.cached,
    };
    let new = NewValidation {
        tenant: context.job.tenant,
        job: context.job.id,
        attempt: context.job.attempt,
        credential: about.credential,
        provider: about.provider,
        subject: dom.subject,
        passed: said.unwrap_or(false),
        confidence: answer.confidence,
        observation: &answer.observation,
        validator: vision.name(),
        screenshot_key: dom.screenshot_key.as_deref(),
        beside: Some(beside),
    };
    if let Err(error) = context.store.add_validation(&new).await {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "a vision model's judgement could not be stored");
    }
    context
        .store
        .metrics
        .judged(dom.subject, true, said, answer.confidence);
    if said.is_some() {
        context.feed.emit(EventBody::Validation {
            subject: dom.subject.to_owned(),
            passed: said.unwrap_or(false),
            confidence: answer.confidence,
            observation: answer.observation.clone(),
            validator: vision.name().to_owned(),
            screenshot_key: dom.screenshot_key,
        });
    }
    let detail = json!({"subject": dom.subject, "verdict": answer.verdict, "agrees": beside.agrees, "combined": beside.combined, "cached": beside.cached});
    context.step("vision.judged", detail, took);
    Some(json!({
        "validator": vision.name(), "verdict": answer.verdict, "agrees": beside.agrees, "confidence": answer.confidence,
        "observation": answer.observation, "combined": beside.combined,
    }))
}

/// Puts what a model said into what the result says of the DOM's judgement.
pub(crate) fn add(told: &mut Value, said: Value) {
    told["dom_confidence"] = told["confidence"].clone();
    told["confidence"] = said["combined"].clone();
    told["vision"] = said;
}

impl JobContext {
    /// A vision model could not be asked. That is told, and changes nothing else.
    pub(crate) fn vision_failed(&self, question: Question, trouble: &Trouble) {
        tracing::warn!(job.id = %self.job.id, operation = question.name(), error = %chain(trouble), "there is no judgement of the vision model");
        let detail = json!({"operation": question.name(), "warning": trouble.to_string()});
        self.step("vision.failed", detail, Duration::ZERO);
    }
}
