//! Chat sessions: what a WebSocket speaks to. A file per question that is asked of them.
//!
//! One connection at a time *holds* a session. What is said in it is numbered by whoever holds it, and written down before it is told; a write of a
//! connection that no longer holds it changes nothing.

mod accounts;
mod frames;
mod hold;
mod turns;

pub use frames::{Append, KeptFrames, NamedCommand, SessionChange};
pub use hold::Held;
pub use turns::{NewTurn, Turn, TurnKind, TurnProgress, TurnState};

use chrono::{DateTime, Utc};
use computetower_jobs::{ChatSessionId, CredentialId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// Open sessions that a tenant may have.
pub const MOST_OPEN: i64 = 1_000;

/// A chat session.
#[derive(Clone, Debug)]
pub struct ChatSession {
    /// Its id.
    pub id: ChatSessionId,
    /// Whose.
    pub tenant: TenantId,
    /// The account that it signs in with, where there is one.
    pub credential: Option<CredentialId>,
    /// Who is asked.
    pub model: Option<String>,
    /// False once it has been closed.
    pub open: bool,
    /// The number of the present conversation, from 1.
    pub conversation: i32,
    /// The number of its last frame; 0 before the first.
    pub last_seq: i64,
    /// The highest number that its client has acknowledged.
    pub acked_seq: i64,
    /// What is in progress, by the client's name.
    pub in_progress: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub active_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A page of sessions, newest first.
#[derive(Clone, Debug)]
pub struct ChatSessionPage {
    /// The sessions.
    pub sessions: Vec<ChatSession>,
    /// Where the next page starts, when there is one.
    pub next: Option<ChatSessionId>,
}

struct Row {
    id: Uuid,
    tenant_id: Uuid,
    credential_id: Option<Uuid>,
    model: Option<String>,
    state: String,
    conversation: i32,
    last_seq: i64,
    acked_seq: i64,
    in_progress: Option<String>,
    created_at: DateTime<Utc>,
    active_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl From<Row> for ChatSession {
    fn from(row: Row) -> Self {
        Self {
            id: ChatSessionId(row.id),
            tenant: TenantId(row.tenant_id),
            credential: row.credential_id.map(CredentialId),
            model: row.model,
            open: row.state == "open",
            conversation: row.conversation,
            last_seq: row.last_seq,
            acked_seq: row.acked_seq,
            in_progress: row.in_progress,
            created_at: row.created_at,
            active_at: row.active_at,
            closed_at: row.closed_at,
        }
    }
}

impl Store {
    /// Opens a session.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tenant has too many open ones.
    pub async fn add_chat_session(
        &self,
        tenant: TenantId,
        model: Option<&str>,
        credential: Option<CredentialId>,
    ) -> Result<ChatSessionId, StoreError> {
        let id = ChatSessionId::generate();
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "insert into chat_sessions (id, tenant_id, credential_id, model)
             select $1, $2, $3, $4 where (select count(*) from chat_sessions where tenant_id = $2 and state = 'open') < $5",
            id.0,
            tenant.0,
            credential.map(|id| id.0),
            model,
            MOST_OPEN
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict(format!(
                "there are {MOST_OPEN} open sessions already: close some first"
            )));
        }
        Ok(id)
    }

    /// One session of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn chat_session(
        &self,
        tenant: TenantId,
        id: ChatSessionId,
    ) -> Result<ChatSession, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"select s.id, s.tenant_id, s.credential_id, s.model, s.state, s.conversation, s.last_seq, s.acked_seq, s.created_at, s.active_at, s.closed_at,
                      (select t.message_id from chat_session_turns t where t.session_id = s.id and t.state = 'open') as in_progress
               from chat_sessions s where s.id = $1 and s.tenant_id = $2"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(ChatSession::from)
        .ok_or(StoreError::NotFound("session"))
    }

    /// A page of a tenant's sessions, newest first: only the open or the closed ones where that is asked for.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn chat_sessions(
        &self,
        tenant: TenantId,
        open: Option<bool>,
        before: Option<ChatSessionId>,
        limit: i64,
    ) -> Result<ChatSessionPage, StoreError> {
        let limit = limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"select s.id, s.tenant_id, s.credential_id, s.model, s.state, s.conversation, s.last_seq, s.acked_seq, s.created_at, s.active_at, s.closed_at,
                      (select t.message_id from chat_session_turns t where t.session_id = s.id and t.state = 'open') as in_progress
               from chat_sessions s
               where s.tenant_id = $1 and ($2::bool is null or (s.state = 'open') = $2) and ($3::uuid is null or s.id < $3)
               order by s.id desc limit $4"#,
            tenant.0,
            open,
            before.map(|id| id.0),
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?;
        let more = i64::try_from(rows.len()).unwrap_or_default() > limit;
        let mut sessions: Vec<ChatSession> = rows.into_iter().map(ChatSession::from).collect();
        sessions.truncate(usize::try_from(limit).unwrap_or_default());
        let next = sessions.last().filter(|_| more).map(|session| session.id);
        Ok(ChatSessionPage { sessions, next })
    }

    /// Closes a session: nothing is said in it any more. Its last turn is told, whether it has ended or not, so that whoever closes can cancel its job and then end
    /// it ([`Store::fail_turn`]). Closing a closed one changes nothing and tells the same, so that who is interrupted can do it again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn close_chat_session(
        &self,
        tenant: TenantId,
        id: ChatSessionId,
    ) -> Result<Option<Turn>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let found = sqlx::query_scalar!(
            "update chat_sessions set state = 'closed', closed_at = coalesce(closed_at, now()), holder = null
             where id = $1 and tenant_id = $2 returning id",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        drop(connection);
        if found.is_none() {
            return Err(StoreError::NotFound("session"));
        }
        self.last_turn(tenant, id).await
    }

    /// Removes sessions that nobody has used for `days`. How many.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_chat_sessions(&self, days: i32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from chat_sessions where id in (select id from chat_sessions where active_at < now() - make_interval(days => $1) limit 200)",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
