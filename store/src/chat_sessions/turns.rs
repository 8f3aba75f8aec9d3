//! What was asked in a session: each turn is a job, and at most one is open.

use computetower_jobs::kinds::chat::{Message, Role};
use computetower_jobs::{ChatSessionId, JobId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// A question to the page.
    Message,
    /// To sign in.
    Login,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnState {
    /// In progress.
    Open,
    /// Answered, or signed in.
    Done,
    /// Ended without.
    Failed,
}

/// A turn about to be written down.
#[derive(Clone, Debug)]
pub struct NewTurn<'a> {
    /// What is asked.
    pub kind: TurnKind,
    /// The client's name for it.
    pub message_id: &'a str,
    /// Who is asked.
    pub model: Option<&'a str>,
    /// The question; empty for a sign-in.
    pub question: &'a str,
}

/// A turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// From 1 within the session.
    pub number: i32,
    /// What is asked.
    pub kind: TurnKind,
    /// The client's name for it.
    pub message_id: String,
    /// Which conversation of the session it belongs to.
    pub conversation: i32,
    /// Who is asked.
    pub model: Option<String>,
    /// The question.
    pub question: String,
    /// How far it is.
    pub state: TurnState,
    /// Its job, once that has been accepted.
    pub job: Option<JobId>,
    /// The number of the job's last event that was told.
    pub event_seq: i64,
    /// The session's last frame when it was accepted.
    pub from_seq: i64,
}

/// How far the telling of a turn is.
#[derive(Clone, Debug)]
pub struct TurnProgress {
    /// Which turn.
    pub number: i32,
    /// The number of the job's last event that is told.
    pub event_seq: i64,
    /// How far it is.
    pub state: TurnState,
    /// The whole answer, once there is one.
    pub answer: Option<String>,
}

impl TurnKind {
    const fn name(self) -> &'static str {
        match self {
            TurnKind::Message => "message",
            TurnKind::Login => "login",
        }
    }
}

impl TurnState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            TurnState::Open => "open",
            TurnState::Done => "done",
            TurnState::Failed => "failed",
        }
    }
}

struct Row {
    number: i32,
    kind: String,
    message_id: String,
    conversation: i32,
    model: Option<String>,
    question: String,
    state: String,
    job_id: Option<Uuid>,
    event_seq: i64,
    from_seq: i64,
}

impl From<Row> for Turn {
    fn from(row: Row) -> Self {
        Self {
            number: row.number,
            // The table knows no other words.
            kind: if row.kind == "login" {
                TurnKind::Login
            } else {
                TurnKind::Message
            },
            message_id: row.message_id,
            conversation: row.conversation,
            model: row.model,
            question: row.question,
            state: match row.state.as_str() {
                "open" => TurnState::Open,
                "done" => TurnState::Done,
                _ => TurnState::Failed,
            },
            job: row.job_id.map(JobId),
            event_seq: row.event_seq,
            from_seq: row.from_seq,
        }
    }
}

impl Store {
    /// Writes a turn down, if the connection holds the session and nothing is in progress there.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn begin_turn(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        holder: Uuid,
        new: &NewTurn<'_>,
    ) -> Result<Option<Turn>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            // The session's row is locked: a connection that takes it over meanwhile sees this turn, or this one sees that it is taken.
            r#"insert into chat_session_turns (session_id, tenant_id, number, kind, message_id, conversation, model, question, from_seq)
               select s.id, s.tenant_id, coalesce((select max(t.number) from chat_session_turns t where t.session_id = s.id), 0) + 1, $4, $5, s.conversation,
                      $6, $7, s.last_seq
               from chat_sessions s where s.id = $1 and s.tenant_id = $2 and s.holder = $3 and s.state = 'open'
               for update of s
               on conflict do nothing
               returning number, kind, message_id, conversation, model, question, state, job_id, event_seq, from_seq"#,
            session.0,
            tenant.0,
            holder,
            new.kind.name(),
            new.message_id,
            new.model,
            new.question
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(Turn::from))
    }

    /// Notes the job of a turn. False when the turn has ended, or its session is closed or gone: then nobody hears what comes of the job.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn set_turn_job(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        number: i32,
        job: JobId,
    ) -> Result<bool, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let open = sqlx::query_scalar!(
            // The session's row is locked: who closes it meanwhile sees this job, or this one sees that it is closed.
            r#"with spoken as (select id, state from chat_sessions where id = $1 and tenant_id = $2 for share)
               update chat_session_turns t set job_id = coalesce(t.job_id, $4) from spoken
               where t.session_id = spoken.id and t.tenant_id = $2 and t.number = $3
               returning t.state = 'open' and spoken.state = 'open' as "open!""#,
            session.0,
            tenant.0,
            number,
            job.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(open.unwrap_or(false))
    }

    /// Ends a turn of which nothing more is told.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn fail_turn(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        number: i32,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "update chat_session_turns set state = 'failed' where session_id = $1 and tenant_id = $2 and number = $3 and state = 'open'",
            session.0,
            tenant.0,
            number
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// What is in progress in a session.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn open_turn(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
    ) -> Result<Option<Turn>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "select number, kind, message_id, conversation, model, question, state, job_id, event_seq, from_seq
             from chat_session_turns where session_id = $1 and tenant_id = $2 and state = 'open'",
            session.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(Turn::from))
    }

    /// The last turn of a session, whether it has ended or not: no other can have a job that still runs.
    pub(super) async fn last_turn(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
    ) -> Result<Option<Turn>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "select number, kind, message_id, conversation, model, question, state, job_id, event_seq, from_seq
             from chat_session_turns where session_id = $1 and tenant_id = $2 order by number desc limit 1",
            session.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(Turn::from))
    }

    /// The turn to which a client has given this name.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn turn_named(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        message_id: &str,
    ) -> Result<Option<Turn>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "select number, kind, message_id, conversation, model, question, state, job_id, event_seq, from_seq
             from chat_session_turns where session_id = $1 and tenant_id = $2 and message_id = $3",
            session.0,
            tenant.0,
            message_id
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.map(Turn::from))
    }

    /// What a conversation of a session consists of before a turn: what was asked and answered, oldest first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn conversation_before(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        conversation: i32,
        number: i32,
    ) -> Result<Vec<Message>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            r#"select question, answer as "answer!" from chat_session_turns
               where session_id = $1 and tenant_id = $2 and conversation = $3 and number < $4 and kind = 'message' and answer is not null order by number"#,
            session.0,
            tenant.0,
            conversation,
            number
        )
        .fetch_all(&mut *connection)
        .await?;
        let said = rows.into_iter().flat_map(|row| {
            [(Role::User, row.question), (Role::Assistant, row.answer)]
                .map(|(role, content)| Message { role, content })
        });
        Ok(said.collect())
    }
}
