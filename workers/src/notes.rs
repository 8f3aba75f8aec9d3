//! What a browser reports while it works becomes events, stored judgements and screenshots.

use computetower_browser::{BrowserError, Note, Notes, Verdict};
use computetower_jobs::{CredentialId, EventBody, Failure, FailureCode, ProviderId, Strategy};
use computetower_store::objects::screenshot_key;
use computetower_store::validations::NewValidation;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::classify;
use crate::context::JobContext;
use crate::run::{chain, would_end};
use crate::vision::{Looks, Told, add};

/// Which account and page the notes are about.
#[derive(Clone, Copy, Default)]
pub(crate) struct About {
    /// The account.
    pub(crate) credential: Option<CredentialId>,
    /// The provider.
    pub(crate) provider: Option<ProviderId>,
}

/// Turns notes into events until it is told that there are no more.
pub(crate) struct NotePump {
    notes: Notes,
    task: JoinHandle<Option<Value>>,
}

impl NotePump {
    /// Starts listening.
    pub(crate) fn start(context: &JobContext, about: About) -> Self {
        let (notes, mut received) = Notes::channel(256);
        let context = context.clone();
        let task = tokio::spawn(async move {
            let mut last = None;
            let mut number = 0;
            let mut looks = Looks::default();
            while let Some(note) = received.recv().await {
                match note {
                    Note::Step {
                        kind,
                        mut detail,
                        took,
                    } => {
                        strip_url(&mut detail);
                        context.feed.emit(EventBody::Step {
                            kind: kind.to_owned(),
                            detail,
                            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                        });
                        if kind == "chat.input_moved" {
                            let code = FailureCode::ElementNotFound;
                            context
                                .recovered(about, code, Strategy::AlternativeElement, true)
                                .await;
                        }
                    }
                    Note::Validation(verdict) => {
                        number += 1;
                        let picture = Looks::picture(&context, &verdict);
                        let (value, told) = keep(&context, about, number, verdict).await;
                        if let Some(picture) = picture {
                            looks.begin(&context, about, number, picture, &told);
                        }
                        last = Some(value);
                    }
                }
            }
            let said = looks.end(number).await;
            if let (Some(last), Some(said)) = (&mut last, said) {
                add(last, said);
            }
            last
        });
        Self { notes, task }
    }

    /// Where the browser puts its notes.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Waits until all is stored. Returns the last judgement as JSON.
    pub(crate) async fn finish(self) -> Option<Value> {
        drop(self.notes);
        self.task.await.ok().flatten()
    }
}

/// Takes query and fragment off an address: pages put codes and tokens there.
pub(crate) fn bare_address(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

fn strip_url(detail: &mut Value) {
    if let Some(Value::String(address)) = detail.get_mut("url") {
        *address = bare_address(address).to_owned();
    }
}

/// Stores a judgement with its screenshot, and tells it. Storage that is away costs the screenshot, not the job.
async fn keep(context: &JobContext, about: About, number: u32, verdict: Verdict) -> (Value, Told) {
    let key = keep_screenshot(
        context,
        &format!("{number}-{}", verdict.subject),
        verdict.screenshot,
    )
    .await;
    let new = NewValidation {
        tenant: context.job.tenant,
        job: context.job.id,
        attempt: context.job.attempt,
        credential: about.credential,
        provider: about.provider,
        subject: verdict.subject,
        passed: verdict.passed,
        confidence: verdict.confidence,
        observation: &verdict.observation,
        validator: verdict.validator,
        screenshot_key: key.as_deref(),
        beside: None,
    };
    let metrics = &context.store.metrics;
    metrics.judged(
        verdict.subject,
        false,
        Some(verdict.passed),
        verdict.confidence,
    );
    if let Err(error) = context.store.add_validation(&new).await {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "a validation could not be stored");
    }
    let told = json!({
        "subject": verdict.subject,
        "passed": verdict.passed,
        "confidence": verdict.confidence,
        "observation": verdict.observation,
        "validator": verdict.validator,
        "screenshot_key": key,
    });
    let judged = Told {
        subject: verdict.subject,
        passed: verdict.passed,
        confidence: verdict.confidence,
        screenshot_key: key.clone(),
    };
    context.feed.emit(EventBody::Validation {
        subject: verdict.subject.to_owned(),
        passed: verdict.passed,
        confidence: verdict.confidence,
        observation: verdict.observation,
        validator: verdict.validator.to_owned(),
        screenshot_key: key,
    });
    (told, judged)
}

async fn keep_screenshot(context: &JobContext, name: &str, jpeg: Vec<u8>) -> Option<String> {
    if jpeg.is_empty() {
        return None;
    }
    let key = screenshot_key(
        context.job.tenant,
        context.job.id,
        context.job.attempt,
        name,
    );
    let (tenant, job) = (context.job.tenant, context.job.id);
    let stored = context
        .store
        .store_object(tenant, Some(job), &key, "image/jpeg", jpeg);
    match stored.await {
        Ok(()) => Some(key),
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "a screenshot could not be stored");
            None
        }
    }
}

/// A browser's error as a failure of the job, with its screenshot stored as evidence.
pub(crate) async fn failure_of(context: &JobContext, error: &BrowserError) -> Failure {
    let mut failure = classify::browser(error);
    if let Some(jpeg) = error.evidence()
        && let Some(key) = keep_screenshot(context, "failure", jpeg.to_vec()).await
    {
        failure.evidence.push(key);
    }
    tracing::info!(job.id = %context.job.id, code = %failure.code, error = %chain(error), last = would_end(&context.job, &failure), "the page could not be worked with");
    failure
}
