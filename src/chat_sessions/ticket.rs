//! Tickets: what a browser shows instead of a key. Whoever has the key asks for one, for one session and a minute.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use computetower_jobs::{ApiKeyId, ChatSessionId, TenantId};
use computetower_store::accounts::Caller;
use computetower_store::vault::Vault;
use uuid::Uuid;

const PURPOSE: &str = "chat_sessions.ticket";
/// For how long a ticket lets somebody in. A connection that is open by then goes on.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(60);

/// Makes a ticket for a session.
pub(crate) fn make(
    vault: &Vault,
    caller: &Caller,
    session: ChatSessionId,
    until: DateTime<Utc>,
) -> String {
    let body = format!(
        "{}.{}.{}",
        caller.tenant.0.simple(),
        caller.key.0.simple(),
        until.timestamp()
    );
    let signature = vault.sign(PURPOSE, &signed(&body, session));
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Who got a ticket, if it is one for this session and its time is not over.
pub(super) fn read(
    vault: &Vault,
    ticket: &str,
    session: ChatSessionId,
    now: DateTime<Utc>,
) -> Option<(TenantId, ApiKeyId)> {
    let (body, signature) = ticket.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !vault.is_signed(PURPOSE, &signed(body, session), &signature) {
        return None;
    }
    let mut parts = body.split('.');
    let tenant = Uuid::parse_str(parts.next()?).ok()?;
    let key = Uuid::parse_str(parts.next()?).ok()?;
    let until: i64 = parts.next()?.parse().ok()?;
    (now.timestamp() < until).then_some((TenantId(tenant), ApiKeyId(key)))
}

fn signed(body: &str, session: ChatSessionId) -> Vec<u8> {
    format!("{session}/{body}").into_bytes()
}
