//! `login`: opens the page, signs in if it asks for it, judges by what it shows, keeps the profile.

use computetower_browser::{BrowserError, Evidence, Shows};
use computetower_jobs::kinds::login::Login;
use computetower_jobs::{Failure, Outcome};
use serde_json::{Value, json};

use crate::account::{Place, SignedIn, open_signed_in};
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, NotePump, bare_address, failure_of};

pub(super) async fn run(context: &JobContext, login: &Login) -> Outcome {
    let about = About {
        credential: Some(login.credential_id),
        provider: None,
    };
    let pump = NotePump::start(context, about);
    let done = attempt(context, login, &pump).await;
    let validation = pump.finish().await;
    match done {
        Ok(mut result) => {
            result["validation"] = validation.unwrap_or(Value::Null);
            Outcome::Completed(result)
        }
        Err(failure) => Outcome::Failed(failure),
    }
}

async fn attempt(context: &JobContext, login: &Login, pump: &NotePump) -> Result<Value, Failure> {
    let credential = context
        .store
        .credential(context.job.tenant, login.credential_id)
        .await
        .map_err(|error| classify::store(&error))?;
    context.progress(10.0, "opening", format!("Opening {}", credential.url));
    let place = Place {
        url: &credential.url,
        credential: Some(credential.id),
        provider: None,
        chat: None,
    };
    let signed_in = open_signed_in(context, place, pump.notes()).await?;
    let has_been_asked = credential.has_profile || signed_in.session.was_asked();
    if let Some(observation) = unseen(&signed_in, has_been_asked) {
        let evidence = Evidence(signed_in.page.screenshot().await.ok());
        let error = BrowserError::SignInUnclear {
            observation,
            evidence,
        };
        return Err(failure_of(context, &error).await);
    }
    context.progress(100.0, "signed_in", "Signed in");
    let url = signed_in
        .page
        .url()
        .await
        .unwrap_or_else(|_| credential.url.clone());
    Ok(json!({
        "credential_id": credential.id,
        "url": bare_address(&url),
        "was_signed_in": signed_in.sign_in.as_ref().is_some_and(|done| !done.needed),
    }))
}

/// Why nothing says that somebody is in. That a page asks for no sign-in says so only where it has asked before.
fn unseen(signed_in: &SignedIn, has_been_asked: bool) -> Option<String> {
    match &signed_in.sign_in.as_ref()?.shows {
        Shows::Inside => None,
        // That it asks no more is nothing that such a page says.
        Shows::TurnedAway(what) => Some(what.clone()),
        Shows::Nothing | Shows::Unclear(_) if has_been_asked => None,
        Shows::Nothing => Some(
            "the page shows neither a sign-in nor anything of somebody who is signed in".to_owned(),
        ),
        Shows::Unclear(what) => Some(what.clone()),
    }
}
