//! Who holds a session: one connection at a time, the newest.

use computetower_jobs::{ApiKeyId, ChatSessionId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// Whether a connection may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// False once another connection has it, or it was closed.
    pub held: bool,
    /// False once the key with which the connection was opened is revoked or has expired.
    pub key_is_good: bool,
}

impl Store {
    /// Takes an open session for a connection; whoever held it before does so no more. False when it is closed or gone.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn take_chat_session(
        &self,
        tenant: TenantId,
        id: ChatSessionId,
        holder: Uuid,
    ) -> Result<bool, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let taken = sqlx::query_scalar!(
            "update chat_sessions set holder = $3, active_at = now() where id = $1 and tenant_id = $2 and state = 'open' returning id",
            id.0,
            tenant.0,
            holder
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(taken.is_some())
    }

    /// Whether a connection still holds a session with a good key. Notes what its client has acknowledged.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn hold_chat_session(
        &self,
        tenant: TenantId,
        id: ChatSessionId,
        holder: Uuid,
        key: ApiKeyId,
        acked: i64,
    ) -> Result<Held, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            r#"with held as (
                   update chat_sessions set active_at = now(), acked_seq = greatest(acked_seq, least($5, last_seq))
                   where id = $1 and tenant_id = $2 and holder = $3 and state = 'open' returning id)
               select exists (select from held) as "held!",
                      exists (select from api_keys where id = $4 and tenant_id = $2 and revoked_at is null and (expires_at is null or expires_at > now()))
                          as "key_is_good!""#,
            id.0,
            tenant.0,
            holder,
            key.0,
            acked
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(Held {
            held: row.held,
            key_is_good: row.key_is_good,
        })
    }

    /// Lets a session go, unless another connection has it already, and notes what was acknowledged.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn let_chat_session_go(
        &self,
        tenant: TenantId,
        id: ChatSessionId,
        holder: Uuid,
        acked: i64,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "update chat_sessions set holder = null, active_at = now(), acked_seq = greatest(acked_seq, least($4, last_seq))
             where id = $1 and tenant_id = $2 and holder = $3",
            id.0,
            tenant.0,
            holder,
            acked
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }
}
