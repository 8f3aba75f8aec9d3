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

/// The challenge in the way, if there is one: it stands alone, or was not there `before`, when the page could be used. One that was there may belong to a
/// form beside the chat, and is in nobody's way. A `turnstile` beside something else solves itself.
fn in_the_way(facts: &PageFacts, before: &[String]) -> Option<String> {
    match stage(facts) {
        // What stands alone has no fields but that for a picture's text.
        Stage::Challenge(kind) if facts.fields.len() < 2 => Some(kind),
        _ => facts
            .challenges
            .iter()
            .find(|kind| *kind != "turnstile" && !before.contains(kind))
            .cloned(),
    }
}

/// What a failure on a page comes to when a challenge stands there: after it was answered the page is tried again; when nobody answers, the job fails with
/// that. `before` are the challenges that were there when the page could be used ([`Page::challenges`]).
pub(crate) async fn behind(
    context: &JobContext,
    page: &Page,
    about: About,
    before: &[String],
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
    let Some(kind) = in_the_way(&facts, before) else {
        return failure;
    };
    let stood = Stood { kind, before };
    let kind = &stood.kind;
    context.store.metrics.captcha_detected(kind);
    if solved(context, page, about, &stood).await {
        return again();
    }
    let error = BrowserError::Captcha {
        kind: kind.clone(),
        submitted: false,
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
            let taken = is_taken(page, &stood).await;
            context
                .recovered(about, code, Strategy::Person, taken)
                .await;
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

/// A challenge that stood in the way.
struct Stood<'a> {
    kind: String,
    before: &'a [String],
}

async fn solved(context: &JobContext, page: &Page, about: About, stood: &Stood<'_>) -> bool {
    let Some(solver) = &context.outside.solver else {
        return false;
    };
    let credential: Option<CredentialId> = about.credential;
    let solved = {
        let _waits = context.waiting.begin();
        solver.solve(context, page, &stood.kind, credential).await
    };
    let solution = match solved {
        Ok(Some(solution)) => solution,
        Ok(None) => return false,
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the solver's answer could not be handed to the page");
            return false;
        }
    };
    let taken = is_taken(page, stood).await;
    solver.settle(context, &solution, taken).await;
    let code = FailureCode::Captcha;
    context
        .recovered(about, code, Strategy::Solver, taken)
        .await;
    taken
}

/// Whether the page takes the answer: it soon goes on, or keeps what its field was given. A widget stays where it is after it was solved; a page that
/// refuses the answer shows itself anew, with an empty field.
async fn is_taken(page: &Page, stood: &Stood<'_>) -> bool {
    let began = Instant::now();
    loop {
        if let Ok(facts) = page.facts().await
            && in_the_way(&facts, stood.before).is_none()
        {
            return true;
        }
        if began.elapsed() > GOES {
            return page.holds_answer(&stood.kind).await;
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
        let none: [String; 0] = [];
        let there = ["hcaptcha".to_owned()];
        assert_eq!(in_the_way(&facts(&["turnstile"], true), &none), None);
        assert_eq!(
            in_the_way(&facts(&["turnstile"], false), &none).as_deref(),
            Some("turnstile")
        );
        assert_eq!(
            in_the_way(&facts(&["hcaptcha"], true), &none).as_deref(),
            Some("hcaptcha")
        );
        // One that was there when the question was typed hindered nobody then.
        assert_eq!(in_the_way(&facts(&["hcaptcha"], true), &there), None);
        assert_eq!(
            in_the_way(&facts(&["hcaptcha"], false), &there).as_deref(),
            Some("hcaptcha")
        );
        assert_eq!(in_the_way(&facts(&[], false), &none), None);
        // A form at the foot of a page whose chat box is not found any more.
        let mut foot = facts(&["hcaptcha"], false);
        for name in ["your-name", "subject"] {
            foot.fields.push(computetower_browser::Field {
                r#type: "text".into(),
                name: name.into(),
                locator: name.into(),
                area: [100.0, 900.0, 200.0, 30.0],
                ..Default::default()
            });
        }
        assert_eq!(in_the_way(&foot, &there), None);
    }
}
