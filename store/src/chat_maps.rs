//! What questions find out about a provider's page, and pages that are to be looked at again.

use computetower_jobs::{CredentialId, ProviderId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;
use crate::providers::limit_key;

/// A provider whose page is to be looked at again.
#[derive(Clone, Debug)]
pub struct ToRecheck {
    /// Its id.
    pub id: ProviderId,
    /// Whose.
    pub tenant: TenantId,
    /// The limit key of its jobs.
    pub limit_key: String,
}

impl Store {
    /// Keeps a chat map that an answer has made better. False when it is no longer the one that the question went by.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn chat_map_learned(
        &self,
        id: ProviderId,
        before: &Value,
        after: &Value,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "update providers set chat_map = $3, updated_at = now() where id = $1 and chat_map = $2",
            id.0,
            before,
            after
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes up to twenty providers that have been unhealthy for so many seconds (twice as long after each discovery of the last seven days that failed,
    /// a day at most), and of which no discovery is queued. Not those where looking again could cost something: where the page asked for a person or
    /// for less haste, or refused the account; with an account, only where the failure had nothing to do with signing in.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn take_unhealthy(&self, seconds: f64) -> Result<Vec<ToRecheck>, StoreError> {
        let rows = sqlx::query!(
            "update providers p set updated_at = now()
             where p.id in (
                 select u.id from providers u
                 where u.status = 'unhealthy'
                   and u.updated_at < now() - make_interval(secs => least(86400, $1 * power(2, greatest(0, (
                           select least(count(*), 10) from jobs j where j.kind = 'discovery' and j.payload ->> 'provider_id' = u.id::text
                              and j.state = 'failed' and j.created_at > now() - interval '7 days') - 1))))
                   and case when u.credential_id is null
                       then coalesce(u.failure ->> 'code', '') not in ('captcha', 'second_factor', 'provider_rate_limited', 'invalid_credentials')
                       else coalesce(u.failure ->> 'code', '') in ('network', 'navigation_timeout', 'model_error', 'browser_crashed') end
                 order by u.updated_at limit 20 for update skip locked)
               and not exists (select 1 from jobs j where j.kind = 'discovery' and j.payload ->> 'provider_id' = p.id::text
                               and j.state in ('pending', 'queued', 'running', 'paused', 'intervention_needed'))
             returning p.id, p.tenant_id, p.credential_id,
                 exists (select 1 from provider_accounts a where a.provider_id = p.id
                         and a.credential_id is distinct from p.credential_id) as \"more_accounts!\"",
            seconds
        )
        .fetch_all(&self.system)
        .await?;
        let found = rows.into_iter().map(|row| ToRecheck {
            id: ProviderId(row.id),
            tenant: TenantId(row.tenant_id),
            limit_key: limit_key(
                ProviderId(row.id),
                row.credential_id
                    .map(CredentialId)
                    .filter(|_| !row.more_accounts),
            ),
        });
        Ok(found.collect())
    }
}
