//! Requests of clients that repeat them by themselves: the repetition of one that was accepted is known as such, so that nothing is asked twice.

use std::time::Duration;

use computetower_jobs::{JobId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A request that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeatable {
    /// Its id.
    pub id: Uuid,
    /// The idempotency key of its first job.
    pub key: String,
    /// How often the client has repeated it.
    pub retries: i32,
}

impl Store {
    /// Notes a request that is made for the first time.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn note_request(
        &self,
        tenant: TenantId,
        digest: &[u8],
        retries: i32,
    ) -> Result<Repeatable, StoreError> {
        let id = Uuid::now_v7();
        let key = format!("request {}", id.simple());
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "insert into openai_requests (id, tenant_id, digest, key, retries) values ($1, $2, $3, $4, $5)",
            id,
            tenant.0,
            digest,
            key,
            retries
        )
        .execute(&mut *connection)
        .await?;
        Ok(Repeatable { id, key, retries })
    }

    /// The request of which this is the `retries`th repetition, so that no other is taken for it: the latest of those that nobody has been answered,
    /// or that were answered so little ago that the answer may have been lost on its way.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn repeat_request(
        &self,
        tenant: TenantId,
        digest: &[u8],
        retries: i32,
    ) -> Result<Option<Repeatable>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Repeatable,
            "update openai_requests set retries = $3, told_at = null, left_at = null, waits_until = null where id = (
                 select id from openai_requests
                 where tenant_id = $1 and digest = $2 and retries < $3 and at > now() - interval '20 minutes'
                   and (told_at is null or told_at > now() - interval '1 minute')
                 order by told_at is not null, left_at is null, retries desc, at desc limit 1 for update skip locked)
             returning id, key, retries",
            tenant.0,
            digest,
            retries
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row)
    }

    /// Notes that a request was answered, unless it was repeated since: then the repetition is what has to be answered.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn request_told(
        &self,
        tenant: TenantId,
        request: &Repeatable,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "update openai_requests set told_at = now() where id = $1 and tenant_id = $2 and retries = $3",
            request.id,
            tenant.0,
            request.retries
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Notes that a request's caller went away, and how long it is waited for.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn request_left(
        &self,
        tenant: TenantId,
        request: &Repeatable,
        patience: Duration,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "update openai_requests set left_at = now(), waits_until = now() + make_interval(secs => $4)
             where id = $1 and tenant_id = $2 and retries = $3",
            request.id,
            tenant.0,
            request.retries,
            patience.as_secs_f64()
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Whether the client has repeated the request since.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn was_repeated(
        &self,
        tenant: TenantId,
        request: &Repeatable,
    ) -> Result<bool, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let found = sqlx::query_scalar!(
            r#"select exists (select from openai_requests where id = $1 and tenant_id = $2 and retries > $3) as "found!""#,
            request.id,
            tenant.0,
            request.retries
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(found)
    }

    /// Cancels first jobs of requests whose callers went away and did not come back, where the process that waited for them has ended meanwhile.
    /// Returns how many.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn cancel_abandoned(&self) -> Result<usize, StoreError> {
        let found = sqlx::query!(
            r#"select j.id as "id!", j.tenant_id as "tenant!" from openai_requests r join jobs j on j.tenant_id = r.tenant_id and j.idempotency_key = r.key
             where r.waits_until < now() - interval '5 seconds' and r.told_at is null
               and not j.cancel_requested and j.state not in ('completed', 'failed', 'cancelled') limit 100"#
        )
        .fetch_all(&self.system)
        .await?;
        let mut cancelled = 0;
        for row in found {
            match self.cancel(TenantId(row.tenant), JobId(row.id)).await {
                Ok(_) => cancelled += 1,
                // It has ended meanwhile.
                Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cancelled)
    }

    /// Forgets requests that nobody repeats any more, a slice of them.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_requests(&self) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from openai_requests where id in (select id from openai_requests where at < now() - interval '1 hour' limit 1000)"
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
