//! Accepting a job: what the kind says about the payload, whether the things it names exist, and what it waits for.

use std::collections::HashMap;

use chrono::Utc;
pub use computetower_jobs::SubmitRequest;
use computetower_jobs::{InvalidField, JobId, JobKind, Named, TenantId};
use computetower_store::jobs::{Member, Submitted};
use sha2::{Digest, Sha256};

use crate::api::problem::{Problem, ProblemCode};
use crate::app::App;
use crate::trace;

/// Checks and accepts a job. `body` is the request as it came, for the idempotency key.
///
/// # Errors
/// The field that is wrong, or 409 for an idempotency key that came with another request.
pub async fn submit(
    app: &App,
    tenant: TenantId,
    request: SubmitRequest,
    key: Option<String>,
    body: &[u8],
) -> Result<Submitted, Problem> {
    let idempotency = key.map(|key| (key, Sha256::digest(body).to_vec()));
    submit_once(app, tenant, request, idempotency).await
}

/// Checks and accepts a job, for an idempotency key with a hash of the request that the caller has made.
///
/// # Errors
/// As [`submit`].
pub async fn submit_once(
    app: &App,
    tenant: TenantId,
    mut request: SubmitRequest,
    idempotency: Option<(String, Vec<u8>)>,
) -> Result<Submitted, Problem> {
    if let Some((key, hash)) = &idempotency
        && let Some(before) = app.store().submitted_before(tenant, key, hash).await?
    {
        // Accepted once is accepted: whether it could be accepted now is no question.
        return Ok(before);
    }
    request.check_alone()?;
    let kind = Checks::new(app, tenant).check(&mut request).await?;
    let mut member = Member::new(kind, request);
    member.new.idempotency = idempotency;
    member.new.trace_context = trace::context();
    if member.after.is_empty() {
        return Ok(app.store().submit(tenant, &member.new).await?);
    }
    let after = member.after.clone();
    app.store()
        .submit_after(tenant, member)
        .await?
        .map_err(|unknown| no_such_job(&after, unknown).into())
}

/// The field of `after` that names a job which is not there.
#[must_use]
pub fn no_such_job(after: &[JobId], unknown: JobId) -> InvalidField {
    let at = after
        .iter()
        .position(|id| *id == unknown)
        .unwrap_or_default();
    InvalidField::new(format!("after[{at}]"), "there is no such job")
}

/// The checks of a submission. What was found to exist is not asked for again: the jobs of a batch mostly name the same.
pub struct Checks<'a> {
    app: &'a App,
    tenant: TenantId,
    /// With the keys that limits may name.
    found: HashMap<Named, String>,
}

impl<'a> Checks<'a> {
    /// Checks for a tenant.
    #[must_use]
    pub fn new(app: &'a App, tenant: TenantId) -> Self {
        Self {
            app,
            tenant,
            found: HashMap::new(),
        }
    }

    /// Checks all that can be wrong with a request by itself, and gives it a key that limits may name when it has none.
    ///
    /// # Errors
    /// The field that is wrong.
    pub async fn check(&mut self, request: &mut SubmitRequest) -> Result<JobKind, Problem> {
        let (kind, payload) = request.check(Utc::now())?;
        let Some(named) = payload.names() else {
            return Ok(kind);
        };
        let key = match self.found.get(&named) {
            Some(key) => key.clone(),
            None => {
                let found = self.app.store().limit_key_of(self.tenant, &named).await?;
                let key = found.ok_or_else(|| named.missing())?;
                self.found.insert(named, key.clone());
                key
            }
        };
        request.limit_key.get_or_insert(key);
        Ok(kind)
    }
}

/// The `Idempotency-Key` of a request.
///
/// # Errors
/// When it is empty, too long, or not printable.
pub fn idempotency_key(headers: &axum::http::HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text)
            if (1..=255).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_graphic() || c == ' ') =>
        {
            Ok(Some(text.to_owned()))
        }
        _ => Err(Problem::new(
            ProblemCode::InvalidInput,
            "Idempotency-Key must be 1 to 255 printable characters.",
        )),
    }
}
