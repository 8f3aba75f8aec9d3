//! The numbered frames of a session: written down before they are told, read again by whoever comes back.

use computetower_jobs::{ChatSessionId, CredentialId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{TurnProgress, TurnState};
use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::json_text;

/// Frames of a session that are kept at least; older ones go.
const KEPT: i64 = 20_000;
/// How often old ones are looked for: each time that a number passes a multiple of this.
const TRIM_EVERY: i64 = 1_000;
/// Rows that are read at a time.
const ROWS: i64 = 200;

/// A command that is done once, by the client's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCommand {
    /// The client's name.
    pub id: String,
    /// What was said.
    pub said: String,
}

/// What changes in a session together with frames.
#[derive(Clone, Debug, Default)]
pub struct SessionChange {
    /// Begins a new conversation.
    pub new_conversation: bool,
    /// Who is asked from now on, and with which account.
    pub model: Option<(String, Option<CredentialId>)>,
    /// The command that changes it, where it has a name: it is remembered, so that it is done once.
    pub command: Option<NamedCommand>,
}

/// Frames to be written down, and what goes with them.
#[derive(Clone, Debug)]
pub struct Append<'a> {
    /// Whose session.
    pub tenant: TenantId,
    /// Which.
    pub session: ChatSessionId,
    /// The connection that writes.
    pub holder: Uuid,
    /// The number of the last frame before these.
    pub last_seq: i64,
    /// The frames, at least one.
    pub frames: &'a [Value],
    /// How far the turn is that they tell of.
    pub turn: Option<&'a TurnProgress>,
    /// What changes in the session.
    pub change: Option<&'a SessionChange>,
}

/// Frames that were written down before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptFrames {
    /// The frames with their numbers, in order.
    pub frames: Vec<(i64, Value)>,
    /// True when there are more behind these.
    pub more: bool,
}

impl Store {
    /// Writes frames down under the next numbers. False when the connection does not hold the session any more: nothing was changed then, and nothing may
    /// be told.
    ///
    /// # Errors
    /// When Postgres does not answer: then nobody knows whether they stand, and only who reads the session anew finds out.
    pub async fn append_frames(&self, append: &Append<'_>) -> Result<bool, StoreError> {
        let count = i64::try_from(append.frames.len()).unwrap_or(i64::MAX);
        let last = append.last_seq.saturating_add(count);
        let no_change = SessionChange::default();
        let change = append.change.unwrap_or(&no_change);
        let command = change.command.as_ref();
        let (model, credential) = change.model.clone().unzip();
        let credential = credential.flatten();
        let mut connection = self.as_tenant(append.tenant).await?;
        let done = sqlx::query!(
            "with held as (
                 update chat_sessions set last_seq = $5, active_at = now(), conversation = conversation + $10, model = coalesce($11, model),
                        credential_id = case when $12 then $13 else credential_id end
                 where id = $1 and tenant_id = $2 and holder = $3 and last_seq = $4 and state = 'open' returning id, tenant_id
             ), told as (
                 update chat_session_turns t set event_seq = $7, state = $8, answer = coalesce($9, t.answer)
                 from held where t.session_id = held.id and t.number = $6
             ), named as (
                 insert into chat_session_commands (session_id, tenant_id, command_id, said)
                 select id, tenant_id, $15::text, $16::text from held where $15::text is not null
             )
             insert into chat_session_frames (session_id, tenant_id, first_seq, last_seq, frames)
             select id, tenant_id, $4 + 1, $5, $14::text::jsonb from held",
            append.session.0,
            append.tenant.0,
            append.holder,
            append.last_seq,
            last,
            append.turn.map(|turn| turn.number),
            append.turn.map(|turn| turn.event_seq).unwrap_or_default(),
            append
                .turn
                .map_or(TurnState::Open, |turn| turn.state)
                .name(),
            append.turn.and_then(|turn| turn.answer.clone()),
            i32::from(change.new_conversation),
            model,
            change.model.is_some(),
            credential.map(|id| id.0),
            json_text(&append.frames),
            command.map(|command| command.id.as_str()),
            command.map(|command| command.said.as_str())
        )
        .execute(&mut *connection)
        .await?;
        drop(connection);
        let written = done.rows_affected() > 0;
        if written && last / TRIM_EVERY != append.last_seq / TRIM_EVERY && last > KEPT {
            self.trim_frames(append.session, last - KEPT).await?;
        }
        Ok(written)
    }

    /// What was said in a session under this name, if it was a command that is remembered.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn command_named(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        id: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let said = sqlx::query_scalar!(
            "select said from chat_session_commands where session_id = $1 and tenant_id = $2 and command_id = $3",
            session.0,
            tenant.0,
            id
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(said)
    }

    async fn trim_frames(&self, session: ChatSessionId, up_to: i64) -> Result<(), StoreError> {
        sqlx::query!(
            "delete from chat_session_frames where session_id = $1 and last_seq <= $2",
            session.0,
            up_to
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The frames of a session after a number, in order, some at a time. Where the oldest have gone, the first has a higher number than the next.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn frames_after(
        &self,
        tenant: TenantId,
        session: ChatSessionId,
        after: i64,
    ) -> Result<KeptFrames, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            "select first_seq, frames from chat_session_frames where session_id = $1 and tenant_id = $2 and last_seq > $3 order by last_seq limit $4",
            session.0,
            tenant.0,
            after,
            ROWS
        )
        .fetch_all(&mut *connection)
        .await?;
        let more = i64::try_from(rows.len()).unwrap_or_default() == ROWS;
        let mut frames = Vec::new();
        for row in rows {
            let packed: Vec<Value> = serde_json::from_value(row.frames)
                .map_err(|error| StoreError::decode("frames", error))?;
            let numbered = (row.first_seq..).zip(packed);
            frames.extend(numbered.filter(|(seq, _)| *seq > after));
        }
        Ok(KeptFrames { frames, more })
    }
}
