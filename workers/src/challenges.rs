//! A challenge where no sign-in is under way: in the middle of a chat, or on a page without an account. It is looked for when something has failed, and
//! answered by the solver or a person while the page is open; then the page is tried again.

use std::time::{Duration, Instant};

use computetower_browser::detect::login::{Stage, stage};
use computetower_browser::{BrowserError, Page, PageFacts, answer_challenge};
use computetower_jobs::{CredentialId, Failure, FailureCode, Strategy};
use computetower_store::interventions::HumanAnswer;

use crate::context::JobContext;
use crate::notes::{About, failure_of};
use crate::person;
use crate::run::chain;

/// How long a page may take to be rid of its challenge.
const GOES: Duration = Duration::from_secs(5);

/// The challenge in the way, if there is one. A `turnstile` beside something else solves itself.
fn in_the_way(facts: &PageFacts) -> Option<String> {
    match stage(facts) {
        Stage::Challenge(kind) => Some(kind),
        _ => facts
            .challenges
            .iter()
            .find(|kind| *kind != "turnstile")
            .cloned(),
    }
}

/// What a failure on a page comes to when a challenge stands there: after it was answered the page is tried again; when nobody answers, the job fails with
/// that.
pub(crate) async fn behind(
    context: &JobContext,
    page: &Page,
    about: About,
    failure: Failure,
) -> Failure {
    let may_be_one = matches!(
        failure.code,
        FailureCode::ElementNotFound | FailureCode::NavigationTimeout | FailureCode::ModelError
    );
    if !may_be_one {
        return failure;
    }
    let Ok(facts) = page.facts().await else {
        return failure;
    };
    let Some(kind) = in_the_way(&facts) else {
        return failure;
    };
    context.store.metrics.captcha_detected(&kind);
    if solved(context, page, about, &kind).await {
        return again();
    }
    let error = BrowserError::Captcha {
        kind,
        evidence: computetower_browser::Evidence(page.screenshot().await.ok()),
    };
    let code = FailureCode::Captcha;
    match person::ask(context, failure_of(context, &error).await).await {
        Ok(answer) => {
            if let HumanAnswer::Code(text) = answer
                && let Err(error) = answer_challenge(page, text.reveal()).await
            {
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "a person's text could not be put into the page");
            }
            let gone = goes(page).await;
            context.recovered(about, code, Strategy::Person, gone).await;
            again()
        }
        Err(failure) => failure,
    }
}

fn again() -> Failure {
    Failure::new(
        FailureCode::NavigationTimeout,
        "A challenge stood in the way; it was answered, and the page is tried again.",
    )
}

async fn solved(context: &JobContext, page: &Page, about: About, kind: &str) -> bool {
    let Some(solver) = &context.outside.solver else {
        return false;
    };
    let credential: Option<CredentialId> = about.credential;
    let solved = {
        let _waits = context.waiting.begin();
        solver.solve(context, page, kind, credential).await
    };
    let solution = match solved {
        Ok(Some(solution)) => solution,
        Ok(None) => return false,
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the solver's answer could not be handed to the page");
            return false;
        }
    };
    let gone = goes(page).await;
    solver.settle(context, &solution, gone).await;
    let code = FailureCode::Captcha;
    context.recovered(about, code, Strategy::Solver, gone).await;
    gone
}

/// Whether the page is rid of it soon.
async fn goes(page: &Page) -> bool {
    let began = Instant::now();
    loop {
        if let Ok(facts) = page.facts().await
            && in_the_way(&facts).is_none()
        {
            return true;
        }
        if began.elapsed() > GOES {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_widget_that_solves_itself_stands_in_nobodys_way_beside_a_chat() {
        let facts = |kinds: &[&str], has_chat: bool| {
            let mut facts = PageFacts {
                challenges: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
                ..PageFacts::default()
            };
            if has_chat {
                facts.fields.push(computetower_browser::Field {
                    r#type: "textarea".into(),
                    placeholder: "Write a message".into(),
                    locator: "textarea".into(),
                    area: [100.0, 700.0, 800.0, 60.0],
                    ..Default::default()
                });
            }
            facts
        };
        assert_eq!(in_the_way(&facts(&["turnstile"], true)), None);
        assert_eq!(
            in_the_way(&facts(&["turnstile"], false)).as_deref(),
            Some("turnstile")
        );
        assert_eq!(
            in_the_way(&facts(&["hcaptcha"], true)).as_deref(),
            Some("hcaptcha")
        );
        assert_eq!(in_the_way(&facts(&[], false)), None);
    }
}
