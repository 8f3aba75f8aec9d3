//! Where the page's elements say neither that a sign-in was accepted nor that it was refused, a vision model's look may decide. Its yes counts for little,
//! and only on a page on which nothing speaks against it; nothing is built on it but the work with that page. Its no keeps the account from being knocked on again, and blames it for nothing.

use computetower_browser::detect::undecided::nothing_speaks_against;
use computetower_browser::{BrowserError, LoginForm, Notes, Page, Shows, SignIn, Verdict};
use computetower_store::validations::{Beside, NewValidation};
use serde_json::json;

use crate::context::JobContext;
use crate::run::chain;
use crate::vision::{Asker, Question};

/// How sure a model has to be.
const SURE: f32 = 0.8;
/// What its yes is worth at most.
const WORTH: f32 = 0.6;

/// What becomes of an undecided sign-in.
pub(crate) enum Tie {
    /// It counts as accepted.
    In(Box<SignIn>),
    /// It is not tried again; this is what is to be told.
    Out(String),
    /// Nobody can say.
    Unknown,
}

/// Has a sign-in looked at that is unclear by the page's elements.
pub(crate) async fn tie(
    context: &JobContext,
    page: &Page,
    error: &BrowserError,
    notes: &Notes,
) -> Tie {
    let Some(vision) = &context.outside.vision else {
        return Tie::Unknown;
    };
    let BrowserError::SignInUnclear {
        observation,
        evidence,
    } = error
    else {
        return Tie::Unknown;
    };
    let Some(jpeg) = &evidence.0 else {
        return Tie::Unknown;
    };
    let is_open = match page.facts().await {
        Ok(facts) => nothing_speaks_against(&facts),
        Err(_) => return Tie::Unknown,
    };
    let asker = Asker {
        store: &context.store,
        tenant: context.job.tenant,
    };
    let judged = match vision.ask(asker, Question::Login, jpeg).await {
        Ok(judged) => judged,
        Err(trouble) => {
            context.vision_failed(Question::Login, &trouble);
            return Tie::Unknown;
        }
    };
    let answer = judged.answer;
    let said = answer.passed();
    context
        .store
        .metrics
        .judged("login", true, said, answer.confidence);
    let detail = json!({"subject": "login", "verdict": answer.verdict, "confidence": answer.confidence, "dom": "unclear", "cached": judged.cached});
    context.step("vision.judged", detail, judged.took);
    let new = NewValidation {
        tenant: context.job.tenant,
        job: context.job.id,
        attempt: context.job.attempt,
        credential: None,
        provider: None,
        subject: "login",
        passed: said.unwrap_or(false),
        confidence: answer.confidence,
        observation: &answer.observation,
        validator: vision.name(),
        screenshot_key: None,
        beside: Some(Beside {
            agrees: None,
            unclear: said.is_none(),
            combined: WORTH * answer.confidence,
            took: judged.took,
            cached: judged.cached,
        }),
    };
    if let Err(error) = context.store.add_validation(&new).await {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "a vision model's judgement could not be stored");
    }
    match said {
        Some(true) if answer.confidence >= SURE && is_open => {
            let verdict = Verdict {
                subject: "login",
                passed: true,
                confidence: WORTH * answer.confidence,
                observation: format!("{observation}; a vision model sees: {}", answer.observation),
                screenshot: jpeg.clone(),
                validator: "vision",
            };
            notes.validation(verdict.clone());
            Tie::In(Box::new(SignIn {
                verdict,
                form: LoginForm::default(),
                needed: true,
                shows: Shows::Inside,
            }))
        }
        Some(false) if answer.confidence >= SURE => {
            Tie::Out(format!("A vision model sees: {}", answer.observation))
        }
        _ => Tie::Unknown,
    }
}
