//! `logout`: presses the page's own way out in the session that the account had, and says whether the page then asks to sign in. What was kept of the
//! session is gone whatever comes of it.

use std::sync::Arc;
use std::time::Duration;

use computetower_browser::{Departure, Notes, sign_out};
use computetower_jobs::kinds::logout::Logout;
use computetower_jobs::{Failure, FailureCode, Outcome};
use computetower_store::credentials::Credential;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::browsers::{LiveSession, SessionOwner};
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, NotePump, bare_address, failure_of};
use crate::run::{chain, would_end};

/// How long the jobs that still work in the session are waited for.
const OTHERS: Duration = Duration::from_secs(60);
/// How often it is looked whether they do.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(context: &JobContext, logout: &Logout) -> Outcome {
    let about = About {
        credential: Some(logout.credential_id),
        provider: None,
    };
    let pump = NotePump::start(context, about);
    let done = attempt(context, logout, pump.notes()).await;
    let validation = pump.finish().await;
    let ends = done
        .as_ref()
        .err()
        .is_none_or(|failure| would_end(&context.job, failure));
    if ends {
        let ended = context.store.end_logout(context.job.tenant, context.job.id);
        if let Err(error) = ended.await {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "what was laid aside is still noted; it is removed later");
        }
    }
    match done {
        Ok(mut result) => {
            result["validation"] = validation.unwrap_or(Value::Null);
            Outcome::Completed(result)
        }
        Err(failure) => Outcome::Failed(failure),
    }
}

async fn attempt(context: &JobContext, logout: &Logout, notes: &Notes) -> Result<Value, Failure> {
    let (store, job) = (&context.store, &context.job);
    let id = logout.credential_id;
    store
        .begin_logout(job.tenant, id, job.id)
        .await
        .map_err(|error| classify::store(&error))?;
    let credential = store
        .credential(job.tenant, id)
        .await
        .map_err(|error| classify::store(&error))?;
    let Some(session) = session_of(context, &credential).await? else {
        let why = "no session of this account was kept, so there was nobody to sign out";
        return Ok(result(
            &credential,
            Departure::NoSession,
            why,
            &credential.url,
        ));
    };
    context.progress(
        10.0,
        "waiting",
        "Waiting for jobs that still use the session",
    );
    let begun = Instant::now();
    // Ours is the last.
    while Arc::strong_count(&session) > 1 && begun.elapsed() < OTHERS {
        tokio::time::sleep(LOOK).await;
    }
    session.close_pages();
    context.progress(30.0, "opening", format!("Opening {}", credential.url));
    let done = async {
        let page = session.open(&credential.url).await?;
        let gone = sign_out(&page, &credential.url, &credential.username, notes).await?;
        let url = page.url().await;
        Ok((gone, url.unwrap_or_else(|_| credential.url.clone())))
    };
    match done.await {
        Ok((gone, url)) => {
            context.progress(100.0, "signed_out", "Done");
            Ok(result(&credential, gone.departure, &gone.observation, &url))
        }
        Err(error) => {
            let failure = failure_of(context, &error).await;
            let owner = SessionOwner::Credential(id);
            context.browsers.wait_for_logout(owner, session).await;
            Err(failure)
        }
    }
}

fn result(credential: &Credential, departure: Departure, why: &str, url: &str) -> Value {
    json!({
        "credential_id": credential.id,
        "page_told": departure == Departure::SignedOut,
        "outcome": departure.name(),
        "observation": why,
        "url": bare_address(url),
    })
}

/// The session that the account had in this process; else one that is restored from what was laid aside.
async fn session_of(
    context: &JobContext,
    credential: &Credential,
) -> Result<Option<Arc<LiveSession>>, Failure> {
    let (store, job) = (&context.store, &context.job);
    let aside = store
        .laid_aside(job.tenant, credential.id, job.id)
        .await
        .map_err(|error| classify::store(&error))?;
    let profile = match aside {
        None => None,
        Some(bytes) => Some(serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(FailureCode::Unknown, "The browser state cannot be read.")
                .with_internal(error.to_string())
        })?),
    };
    let owner = SessionOwner::Credential(credential.id);
    let found = context
        .browsers
        .last_session(owner, credential.version(), profile.as_ref());
    match found.await {
        Ok(session) => Ok(session),
        Err(error) => Err(failure_of(context, &error).await),
    }
}
