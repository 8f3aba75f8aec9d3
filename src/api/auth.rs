//! Who calls: API keys for tenants, one key for operators.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use computetower_jobs::TenantId;
use computetower_store::accounts::{Caller, Scope};
use computetower_store::vault::Secret;
use sha2::{Digest, Sha256};

use crate::api::problem::{Problem, ProblemCode};
use crate::app::App;

/// For how long a key that was found good is not looked up again: a revoked key ends at most so much later.
const REMEMBERED: Duration = Duration::from_secs(3);
/// Keys that are remembered at once.
const REMEMBERED_KEYS: usize = 10_000;

/// Keys that were looked up a moment ago, by hash.
#[derive(Default)]
pub struct KeyCache {
    known: Mutex<HashMap<[u8; 32], (Caller, Instant)>>,
}

impl KeyCache {
    fn get(&self, hash: &[u8; 32]) -> Option<Caller> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(hash)
            .filter(|(_, seen)| seen.elapsed() < REMEMBERED)
            .map(|(caller, _)| caller.clone())
    }

    fn put(&self, hash: [u8; 32], caller: Caller) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_KEYS {
            known.clear();
        }
        known.insert(hash, (caller, Instant::now()));
    }
}

/// A caller whose key may read.
pub struct Reader(pub Caller);

/// A caller whose key may change things.
pub struct Writer(pub Caller);

/// An operator, acting for a tenant.
pub struct Operator(pub TenantId);

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        caller(app, &parts.headers, Scope::Read).await.map(Reader)
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        caller(app, &parts.headers, Scope::Write).await.map(Writer)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(expected) = app.admin_key() else {
            return Err(Problem::new(
                ProblemCode::Forbidden,
                "This deployment has no operator's key: set COMPUTETOWER_ADMIN_KEY.",
            ));
        };
        let shown = bearer(&parts.headers).ok_or_else(no_key)?;
        if !is_same(shown, expected) {
            return Err(Problem::new(
                ProblemCode::Unauthenticated,
                "This is not the operator's key.",
            ));
        }
        match parts.headers.get("computetower-tenant") {
            None => Ok(Operator(app.first_tenant().await?)),
            Some(named) => {
                let tenant = named.to_str().ok().and_then(|text| text.parse().ok());
                match tenant {
                    Some(tenant) if app.store().has_tenant(tenant).await? => Ok(Operator(tenant)),
                    _ => Err(Problem::field(
                        "Computetower-Tenant",
                        "must be the id of a tenant",
                    )),
                }
            }
        }
    }
}

/// Who shows which key, if it may do this.
///
/// # Errors
/// 401 without a known key, 403 when its scopes do not allow it.
pub async fn caller(app: &App, headers: &HeaderMap, scope: Scope) -> Result<Caller, Problem> {
    let key = bearer(headers).ok_or_else(no_key)?;
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let caller = match app.keys().get(&hash) {
        Some(caller) => caller,
        None => {
            let found = app.store().caller_of(key).await?;
            let Some(caller) = found else {
                return Err(Problem::new(
                    ProblemCode::Unauthenticated,
                    "This API key is not known, has been revoked, or has expired.",
                ));
            };
            app.keys().put(hash, caller.clone());
            caller
        }
    };
    if !caller.scopes.contains(&scope) {
        return Err(Problem::new(
            ProblemCode::Forbidden,
            format!("This API key lacks the scope {:?}.", scope.name()),
        ));
    }
    Ok(caller)
}

/// Hashes are compared, so that the time it takes tells nothing about the key.
pub(crate) fn is_same(shown: &str, expected: &Secret) -> bool {
    Sha256::digest(shown.as_bytes()) == Sha256::digest(expected.reveal().as_bytes())
}

fn no_key() -> Problem {
    Problem::new(
        ProblemCode::Unauthenticated,
        "Send your API key as: Authorization: Bearer ct_…",
    )
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get("authorization") {
        let text = value.to_str().ok()?;
        let (scheme, key) = text.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(key.trim())
            .filter(|key| !key.is_empty());
    }
    headers.get("x-api-key")?.to_str().ok()
}
