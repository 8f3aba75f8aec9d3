//! What a vision model has been asked: how much of a tenant's day is used up (Postgres), and what it said a short while ago (Redis).

use std::time::Duration;

use computetower_jobs::TenantId;

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// Counts a call to the vision model, unless the tenant has had as many today, or as many tokens. Whether it may be made.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn reserve_vision_call(
        &self,
        tenant: TenantId,
        most_calls: i32,
        most_tokens: i64,
    ) -> Result<bool, StoreError> {
        let counted = sqlx::query_scalar!(
            r#"insert into vision_usage (tenant_id, day, calls) select $1, (now() at time zone 'utc')::date, 1 where $2::int > 0 and $3::bigint > 0
               on conflict (tenant_id, day) do update set calls = vision_usage.calls + 1 where vision_usage.calls < $2::int and vision_usage.tokens < $3::bigint
               returning calls"#,
            tenant.0,
            most_calls,
            most_tokens
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(counted.is_some())
    }

    /// Counts what a call has used.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn count_vision_tokens(
        &self,
        tenant: TenantId,
        tokens: i64,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into vision_usage (tenant_id, day, tokens) values ($1, (now() at time zone 'utc')::date, $2)
             on conflict (tenant_id, day) do update set tokens = vision_usage.tokens + excluded.tokens",
            tenant.0,
            tokens
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Removes the days before the last so many. How many rows.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_vision_usage(&self, days: i32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from vision_usage where day < (now() at time zone 'utc')::date - $1::int",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }

    /// What was said to the same question about the same picture a short while ago. Redis may forget it at any time, and one that is away knows nothing.
    pub async fn recent_judgement(&self, digest: &str) -> Option<String> {
        let mut redis = self.redis.clone();
        let found = redis::cmd("GET")
            .arg(self.keys.judgement(digest))
            .query_async::<Option<String>>(&mut redis)
            .await;
        found.ok().flatten()
    }

    /// Keeps what was said for a while. A Redis that is away costs a call.
    pub async fn keep_judgement(&self, digest: &str, said: &str, keep: Duration) {
        let mut redis = self.redis.clone();
        let kept = redis::cmd("SET")
            .arg(self.keys.judgement(digest))
            .arg(said)
            .arg("PX")
            .arg(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX))
            .query_async::<()>(&mut redis)
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "a judgement could not be kept for the next time");
        }
    }
}
