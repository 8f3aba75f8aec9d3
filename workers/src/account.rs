//! An account in a browser: its session, restored or live, and its sign-in, once at a time.

use std::sync::Arc;

use computetower_browser::{Account, Notes, Page, Profile, SignIn, sign_in};
use computetower_jobs::{CredentialId, Failure, FailureCode, ProviderId};
use computetower_store::credentials::Credential;

use crate::browsers::{LiveSession, OpenPage, SessionOwner};
use crate::classify;
use crate::context::JobContext;
use crate::notes::failure_of;
use crate::run::chain;

/// A page of a session, signed in where there is an account.
pub(crate) struct SignedIn {
    /// Keeps the session from being recycled while the page is used.
    _session: Arc<LiveSession>,
    /// The page.
    pub(crate) page: OpenPage,
    /// How the sign-in went, when there is an account.
    pub(crate) sign_in: Option<SignIn>,
}

/// Opens a page and signs in if it asks for it.
///
/// # Errors
/// As a failure of the job. A refused account is marked, so that nothing tries it again.
pub(crate) async fn open_signed_in(
    context: &JobContext,
    url: &str,
    credential: Option<CredentialId>,
    provider: Option<ProviderId>,
    notes: &Notes,
) -> Result<SignedIn, Failure> {
    let credential = match credential {
        Some(id) => Some(usable(context, id).await?),
        None => None,
    };
    let owner = match (&credential, provider) {
        (Some(credential), _) => SessionOwner::Credential(credential.id),
        (None, Some(provider)) => SessionOwner::Provider(provider),
        (None, None) => {
            return Err(Failure::new(
                FailureCode::InvalidInput,
                "The job names neither an account nor a provider.",
            ));
        }
    };
    let opened = open(context, url, owner, credential.as_ref()).await;
    let (session, page) = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(failure_of(context, &error).await),
    };
    let Some(credential) = credential else {
        return Ok(SignedIn {
            _session: session,
            page,
            sign_in: None,
        });
    };
    let done = {
        let _alone = session.signing_in.lock().await;
        sign_in_with(context, &page, &credential, notes).await?
    };
    if done.needed {
        keep_profile(context, &session, &credential).await;
        if let Err(error) = page.goto(url).await {
            return Err(failure_of(context, &error).await);
        }
    }
    Ok(SignedIn {
        _session: session,
        page,
        sign_in: Some(done),
    })
}

async fn usable(context: &JobContext, id: CredentialId) -> Result<Credential, Failure> {
    let credential = context
        .store
        .credential(context.job.tenant, id)
        .await
        .map_err(|error| classify::store(&error))?;
    if credential.status == "invalid" {
        return Err(Failure::new(
            FailureCode::InvalidCredentials,
            "The page refused this account before; make a new credential with the right password.",
        ));
    }
    Ok(credential)
}

async fn open(
    context: &JobContext,
    url: &str,
    owner: SessionOwner,
    credential: Option<&Credential>,
) -> Result<(Arc<LiveSession>, OpenPage), computetower_browser::BrowserError> {
    let restored = async {
        let stored = context.store.load_profile(credential?).await;
        match stored {
            Ok(bytes) => serde_json::from_slice::<Profile>(&bytes?).ok(),
            Err(error) => {
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the profile could not be read; signing in afresh");
                None
            }
        }
    };
    let session = context.browsers.session(owner, restored).await?;
    let page = session.open(url).await?;
    Ok((session, page))
}

async fn sign_in_with(
    context: &JobContext,
    page: &Page,
    credential: &Credential,
    notes: &Notes,
) -> Result<SignIn, Failure> {
    let password = context
        .store
        .password(context.job.tenant, credential.id)
        .await
        .map_err(|error| classify::store(&error))?;
    let account = Account {
        username: &credential.username,
        password: password.reveal(),
    };
    match sign_in(page, &account, notes).await {
        Ok(done) => Ok(done),
        Err(error) => {
            let failure = failure_of(context, &error).await;
            if failure.code == FailureCode::InvalidCredentials
                && let Err(error) = context
                    .store
                    .mark_credential_invalid(context.job.tenant, credential.id)
                    .await
            {
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the refused credential could not be marked");
            }
            Err(failure)
        }
    }
}

/// Keeps the signed-in state for other workers. Failing costs them a login, not this job.
async fn keep_profile(context: &JobContext, session: &LiveSession, credential: &Credential) {
    let profile = match session.export_profile().await {
        Ok(profile) => profile,
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the profile could not be exported");
            return;
        }
    };
    let Ok(bytes) = serde_json::to_vec(&profile) else {
        return;
    };
    if let Err(error) = context
        .store
        .save_profile(context.job.tenant, credential.id, &bytes)
        .await
    {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the profile could not be stored");
    }
}
