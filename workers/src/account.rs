//! An account in a browser: its session, restored or live, and its sign-in, once at a time.

use std::sync::Arc;
use std::time::Duration;

use computetower_browser::{
    BrowserError, ChatMap, Conversation, Notes, Page, Profile, SignIn, shows,
};
use computetower_jobs::{CredentialId, Failure, FailureCode, ProviderId, Strategy};
use computetower_store::credentials::Credential;

use crate::browsers::{LiveSession, OpenPage, SessionOwner};
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, failure_of};
use crate::run::chain;
use crate::signing_in::sign_in_with;

/// How long a job waits for another that signs in with the same account.
const SIGNING_IN: Duration = Duration::from_secs(45);

/// A page of a session, signed in where there is an account.
pub(crate) struct SignedIn {
    /// Whose page it is. Kept so that it is not recycled meanwhile.
    pub(crate) session: Arc<LiveSession>,
    /// The page.
    pub(crate) page: OpenPage,
    /// How the sign-in went, where one was looked for.
    pub(crate) sign_in: Option<SignIn>,
}

/// Where a job works, and as whom.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The page.
    pub(crate) url: &'a str,
    /// The account, if the page has a login.
    pub(crate) credential: Option<CredentialId>,
    /// The provider, if the page is one's.
    pub(crate) provider: Option<ProviderId>,
    /// The chat, where it is known: a session that was signed in a moment ago and shows its box needs no closer look.
    pub(crate) chat: Option<&'a ChatMap>,
}

/// An account's session, with no page of it yet.
pub(crate) struct AccountSession {
    /// The session.
    pub(crate) session: Arc<LiveSession>,
    credential: Option<Credential>,
}

impl AccountSession {
    /// Whether pages that it has open can be used without a closer look: there is no login, or it was seen to be signed in a short while ago.
    pub(crate) fn is_trusted(&self) -> bool {
        self.credential.is_none() || self.session.is_trusted()
    }
}

/// The session of an account, live or restored.
///
/// # Errors
/// As a failure of the job: the account was refused before, or Chromium does not start.
pub(crate) async fn session_of(
    context: &JobContext,
    place: Place<'_>,
) -> Result<AccountSession, Failure> {
    let credential = match place.credential {
        Some(id) => Some(usable(context, id).await?),
        None => None,
    };
    let owner = match (&credential, place.provider) {
        (Some(credential), _) => SessionOwner::Credential(credential.id),
        (None, Some(provider)) => SessionOwner::Provider(provider),
        (None, None) => {
            return Err(Failure::new(
                FailureCode::InvalidInput,
                "The job names neither an account nor a provider.",
            ));
        }
    };
    let restored = restored(context, credential.as_ref());
    let version = credential.as_ref().map(Credential::version);
    match context.browsers.session(owner, version, restored).await {
        Ok(session) => {
            context
                .store
                .hold_session(&owner.lease_name(), context.worker)
                .await;
            Ok(AccountSession {
                session,
                credential,
            })
        }
        Err(error) => Err(failure_of(context, &error).await),
    }
}

/// Opens a page and signs in if it asks for it.
///
/// # Errors
/// As a failure of the job. A refused account is marked, so that nothing tries it again.
pub(crate) async fn open_signed_in(
    context: &JobContext,
    place: Place<'_>,
    notes: &Notes,
) -> Result<SignedIn, Failure> {
    let account = session_of(context, place).await?;
    open_in(context, account, place, notes).await
}

/// The same in a session that is at hand.
///
/// # Errors
/// As [`open_signed_in`].
pub(crate) async fn open_in(
    context: &JobContext,
    account: AccountSession,
    place: Place<'_>,
    notes: &Notes,
) -> Result<SignedIn, Failure> {
    match open(context, place, account, notes).await {
        Ok(opened) => Ok(opened),
        Err(Trouble::Browser(error)) => Err(failure_of(context, &error).await),
        Err(Trouble::Job(failure)) => Err(failure),
    }
}

/// Opens a chat that is behind a button, and waits a little until it can be typed into. What is wrong with one that does not open shows when it is
/// typed into.
pub(crate) async fn comes_to_rest(page: &Page, map: &ChatMap) -> bool {
    let notes = Notes::none();
    let _ = Conversation::new(page, map, &notes).open().await;
    shows(page, &map.input).await
}

/// What can go wrong on the way to a page.
enum Trouble {
    Browser(BrowserError),
    Job(Failure),
}

impl From<BrowserError> for Trouble {
    fn from(error: BrowserError) -> Self {
        Trouble::Browser(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Job(failure)
    }
}

async fn open(
    context: &JobContext,
    place: Place<'_>,
    account: AccountSession,
    notes: &Notes,
) -> Result<SignedIn, Trouble> {
    let AccountSession {
        session,
        credential,
    } = account;
    let seen = session.generation();
    let page = session.open(place.url).await?;
    let Some(credential) = credential else {
        return Ok(SignedIn {
            session,
            page,
            sign_in: None,
        });
    };
    if let Some(chat) = place.chat
        && session.is_trusted()
        && !session.forgets()
        && comes_to_rest(&page, chat).await
    {
        return Ok(SignedIn {
            session,
            page,
            sign_in: None,
        });
    }
    let done = {
        let patience = if context.has_another_way {
            SIGNING_IN / 10
        } else {
            SIGNING_IN
        };
        let alone = tokio::time::timeout(patience, session.signing_in.lock()).await;
        let Ok(_alone) = alone else {
            // Whoever signs in may wait for a person; the worker's slot is of use to others meanwhile.
            return Err(Trouble::Job(Failure::new(
                FailureCode::NotReady,
                "Another job is signing in with this account, and may be waiting for a person.",
            )));
        };
        // Another job may have been refused meanwhile: the same wrong password five times is a lock-out.
        let credential = usable(context, credential.id).await?;
        if session.generation() != seen {
            // Somebody else signed in while this page was opened; it may still show the login.
            page.goto(place.url).await?;
        }
        let done = sign_in_with(context, &page, &credential, notes).await;
        // There was a form, and nothing shows what became of it.
        let unclear = |failure: &Failure| failure.code == FailureCode::ElementNotFound;
        if done.as_ref().map_or_else(unclear, |done| done.needed) {
            session.found_asking();
        }
        let done = done?;
        // What the page itself does not show is good for this page, and neither kept, trusted nor tried again.
        if done.is_shown() {
            session.trust();
        }
        if done.needed && done.is_shown() {
            // It was signed in before, and the page asked again.
            if seen > 0 && !session.forgets() {
                let about = About {
                    credential: Some(credential.id),
                    provider: place.provider,
                };
                let code = FailureCode::SessionExpired;
                context
                    .recovered(about, code, Strategy::SignInAgain, true)
                    .await;
            }
            keep_profile(context, &session, &credential).await;
            if !session.forgets() {
                page.goto(place.url).await?;
                // A page that keeps its sign-in in memory alone asks again. From now on the page that has signed in is used as it is.
                let again = sign_in_with(context, &page, &credential, notes).await?;
                if again.needed {
                    session.found_forgetful();
                }
            }
        }
        done
    };
    Ok(SignedIn {
        session,
        page,
        sign_in: Some(done),
    })
}

/// The browser state of the last login, when there was one.
async fn restored(context: &JobContext, credential: Option<&Credential>) -> Option<Profile> {
    match context.store.load_profile(credential?).await {
        Ok(bytes) => serde_json::from_slice(&bytes?).ok(),
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the profile could not be read; signing in afresh");
            None
        }
    }
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
    if let Err(error) = context.store.save_profile(credential, &bytes).await {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the profile could not be stored");
    }
}
