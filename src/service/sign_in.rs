//! Signing an account in while somebody waits: whose account is meant, the job, and what came of it.

use std::time::Duration;

use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{CredentialId, EventBody, FailureCode, JobId, TenantId};
use computetower_store::StoreError;
use computetower_store::credentials::{CredentialChange, NewCredential};
use computetower_store::vault::Secret;
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

use crate::api::auth::is_same;
use crate::api::credentials::checked_password;
use crate::api::events::follow;
use crate::api::problem::Problem;
use crate::app::App;
use crate::service::submit::{SubmitRequest, submit_once};
use crate::service::urls;

/// Characters that a user name may have.
const LONGEST: usize = 1_000;

/// Whose account is meant: one that is there, or one that is described.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// One that is there.
    pub credential: Option<CredentialId>,
    /// Where it signs in.
    pub service_url: Option<String>,
    /// With which name.
    pub email: Option<String>,
    /// With which password. Kept, if it is another than before.
    pub password: Option<String>,
}

/// Finds the account, and gives it the password that was named. One that is described and not there is added.
///
/// # Errors
/// The field that is wrong.
pub async fn account(app: &App, tenant: TenantId, claim: Claim) -> Result<CredentialId, Problem> {
    let password = claim.password.map(checked_password).transpose()?;
    if let Some(id) = claim.credential {
        let known = match app.store().credential(tenant, id).await {
            Ok(known) => known,
            Err(StoreError::NotFound(_)) => {
                return Err(Problem::field(
                    "credentialId",
                    "there is no such credential",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(url) = &claim.service_url
            && origin(url) != origin(&known.url)
        {
            return Err(Problem::field(
                "serviceUrl",
                "is not where this credential signs in",
            ));
        }
        if claim.email.is_some_and(|email| email != known.username) {
            return Err(Problem::field("email", "is not this credential's user"));
        }
        if let Some(password) = &password {
            keep_password(app, tenant, id, password).await?;
        }
        return Ok(id);
    }
    let url = claim
        .service_url
        .ok_or_else(|| Problem::field("serviceUrl", "is missing: name it, or a credentialId"))?;
    let url = urls::check(&url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("serviceUrl", reason))?;
    let password =
        password.ok_or_else(|| Problem::field("password", "is missing: an account needs one"))?;
    let username = claim.email.unwrap_or_default();
    if username.chars().count() > LONGEST {
        let reason = format!("must have at most {LONGEST} characters");
        return Err(Problem::field("email", reason));
    }
    let known = app.store().credential_at(tenant, url.as_str(), &username);
    if let Some(id) = known.await? {
        keep_password(app, tenant, id, &password).await?;
        return Ok(id);
    }
    let new = NewCredential {
        label: &username,
        url: url.as_str(),
        username: &username,
        password: &password,
        totp: None,
    };
    Ok(app.store().add_credential(tenant, &new).await?)
}

/// Changes the password only if it is another: a change makes an account that was refused usable again.
async fn keep_password(
    app: &App,
    tenant: TenantId,
    id: CredentialId,
    password: &Secret,
) -> Result<(), Problem> {
    let store = app.store();
    if is_same(password.reveal(), &store.password(tenant, id).await?) {
        return Ok(());
    }
    let change = CredentialChange {
        password: Some(password),
        ..CredentialChange::default()
    };
    Ok(store.change_credential(tenant, id, &change).await?)
}

fn origin(url: &str) -> Option<url::Origin> {
    Url::parse(url.trim()).ok().map(|url| url.origin())
}

/// The hash of a request that may hold a password, for its idempotency key. It is made with the master key: who reads the database cannot try passwords against it.
#[must_use]
pub fn request_hash(app: &App, tenant: TenantId, body: &[u8]) -> Vec<u8> {
    let purpose = format!("automation.login/{}", tenant.0);
    app.store().vault.sign(&purpose, body).to_vec()
}

/// The sign-in that was accepted with this idempotency key before, and its account.
///
/// # Errors
/// 409 for a key that came with another request.
pub async fn begun_before(
    app: &App,
    tenant: TenantId,
    (key, hash): &(String, Vec<u8>),
) -> Result<Option<(JobId, CredentialId)>, Problem> {
    let store = app.store();
    let Some(before) = store.submitted_before(tenant, key, hash).await? else {
        return Ok(None);
    };
    let job = store.job(tenant, before.id).await?;
    let credential =
        serde_json::from_value(job.payload["credential_id"].clone()).map_err(|error| {
            StoreError::Decode {
                what: "payload",
                source: Box::new(error),
            }
        })?;
    Ok(Some((before.id, credential)))
}

/// Queues the sign-in of an account, once for an idempotency key and its [`request_hash`].
///
/// # Errors
/// The field that is wrong, or 409 for an idempotency key that came with another request.
pub async fn begin(
    app: &App,
    tenant: TenantId,
    credential: CredentialId,
    idempotency: Option<(String, Vec<u8>)>,
) -> Result<JobId, Problem> {
    let request = json!({"kind": "login", "payload": {"credential_id": credential}});
    let request: SubmitRequest = serde_json::from_value(request)
        .map_err(|error| Problem::field("credentialId", error.to_string()))?;
    Ok(submit_once(app, tenant, request, idempotency).await?.id)
}

/// How long the job that signs an account out may wait for a worker: what it needs is not kept for longer.
const LOGOUT_WITHIN: chrono::Duration = chrono::Duration::minutes(15);

/// Queues the sign-out of an account on its web app, and forgets its browser state at once.
///
/// # Errors
/// When storage does not answer.
pub async fn begin_logout(
    app: &App,
    tenant: TenantId,
    credential: CredentialId,
) -> Result<JobId, Problem> {
    let deadline = chrono::Utc::now() + LOGOUT_WITHIN;
    let request =
        json!({"kind": "logout", "payload": {"credential_id": credential}, "deadline": deadline});
    let request: SubmitRequest = serde_json::from_value(request)
        .map_err(|error| Problem::field("credential_id", error.to_string()))?;
    let job = submit_once(app, tenant, request, None).await?.id;
    app.store().begin_logout(tenant, credential, job).await?;
    Ok(job)
}

/// What came of a sign-in, as far as is known.
#[derive(Clone, Debug, Default)]
pub struct SignedIn {
    /// The result of the job, once it has completed.
    pub result: Option<Value>,
    /// Why it has ended, or what it waits for.
    pub failure: Option<PublicFailure>,
    /// The last judgement of the sign-in, as in the job's events.
    pub judgement: Option<Value>,
    /// False while it goes on.
    pub ended: bool,
}

/// Waits until a sign-in has ended, needs a person, or the time is over.
///
/// # Errors
/// When Postgres does not answer.
pub async fn outcome(
    app: &App,
    tenant: TenantId,
    job: JobId,
    within: Duration,
) -> Result<SignedIn, Problem> {
    let mut known = SignedIn::default();
    let events = follow(app.store().clone(), tenant, job, 0).await?;
    let mut events = Box::pin(events);
    let hear = async {
        while let Some(event) = events.next().await {
            match &event.body {
                EventBody::Validation { subject, .. } if subject == "login" => {
                    known.judgement = Some(event.body.data());
                }
                EventBody::Started { .. } | EventBody::Queued { .. } => known.failure = None,
                EventBody::InterventionNeeded {
                    failure,
                    expires_at,
                    ..
                } => {
                    known.failure = Some(failure.clone());
                    // What was asked long ago, of a job that came with the same idempotency key, is over.
                    if expires_at.is_none_or(|at| at > chrono::Utc::now()) {
                        return;
                    }
                }
                EventBody::Completed { result } => {
                    known.failure = None;
                    known.result = Some(result.clone());
                    known.ended = true;
                }
                EventBody::Failed { failure } => {
                    known.failure = Some(failure.clone());
                    known.ended = true;
                }
                EventBody::Cancelled {} => {
                    known.failure = Some(PublicFailure {
                        code: FailureCode::Cancelled,
                        message: "The job was cancelled.".to_owned(),
                        evidence: Vec::new(),
                    });
                    known.ended = true;
                }
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(within, hear).await;
    Ok(known)
}
