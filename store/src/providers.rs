//! Chat web apps: where they are, who signs in there, and what was found out about their pages.

use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{CredentialId, ProviderId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

/// Failures in a row after which the page is discovered anew.
pub const MISSES_BEFORE_DISCOVERY: i32 = 3;

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// Whose.
    pub tenant: TenantId,
    /// The model id in the OpenAI surface.
    pub name: String,
    /// Where the chat page is.
    pub url: String,
    /// Who signs in, if anybody: the account that the provider began with.
    pub credential: Option<CredentialId>,
    /// Whether it has more accounts than that.
    pub more_accounts: bool,
    /// Until when the page asked everybody to slow down.
    pub limited_until: Option<DateTime<Utc>>,
    /// `discovering`, `ready`, `unhealthy` or `failed`.
    pub status: String,
    /// What discovery found.
    pub chat_map: Option<Value>,
    /// Why discovery failed.
    pub failure: Option<PublicFailure>,
    /// Failures in a row since the last answer.
    pub misses: i32,
    /// When discovery last succeeded.
    pub discovered_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// The limit key of a provider's jobs, where this account is its only one.
pub(crate) fn limit_key(id: ProviderId, only: Option<CredentialId>) -> String {
    match only {
        Some(credential) => format!("credential:{credential}"),
        None => format!("provider:{id}"),
    }
}

impl Provider {
    /// What its jobs have in common for limits: the account, or the page itself where there is none or more than one.
    #[must_use]
    pub fn limit_key(&self) -> String {
        limit_key(self.id, self.credential.filter(|_| !self.more_accounts))
    }

    /// The models that the page offers, as it calls them.
    #[must_use]
    pub fn page_models(&self) -> Vec<String> {
        let names = self
            .chat_map
            .as_ref()
            .and_then(|map| map.pointer("/models/names"))
            .and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }
}

struct Row {
    id: uuid::Uuid,
    tenant_id: uuid::Uuid,
    name: String,
    url: String,
    credential_id: Option<uuid::Uuid>,
    more_accounts: bool,
    limited_until: Option<DateTime<Utc>>,
    status: String,
    chat_map: Option<Value>,
    failure: Option<Value>,
    misses: i32,
    discovered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Row> for Provider {
    fn from(row: Row) -> Self {
        Self {
            id: ProviderId(row.id),
            tenant: TenantId(row.tenant_id),
            name: row.name,
            url: row.url,
            credential: row.credential_id.map(CredentialId),
            more_accounts: row.more_accounts,
            limited_until: row.limited_until,
            status: row.status,
            chat_map: row.chat_map,
            failure: row
                .failure
                .and_then(|failure| serde_json::from_value(failure).ok()),
            misses: row.misses,
            discovered_at: row.discovered_at,
            created_at: row.created_at,
        }
    }
}

impl Store {
    /// Registers a chat page under a name.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tenant has a provider or an alias of that name.
    pub async fn add_provider(
        &self,
        tenant: TenantId,
        name: &str,
        url: &str,
        credential: Option<CredentialId>,
    ) -> Result<ProviderId, StoreError> {
        let id = ProviderId::generate();
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "insert into providers (id, tenant_id, name, url, credential_id)
             select $1, $2, $3, $4, $5 where not exists (select 1 from model_aliases where tenant_id = $2 and name = $3)
             on conflict on constraint providers_name_key do nothing",
            id.0,
            tenant.0,
            name,
            url,
            credential.map(|id| id.0)
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict(format!(
                "there is a provider or an alias named {name:?} already: choose another name, or remove that one first"
            )));
        }
        Ok(id)
    }

    /// One provider of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn provider(&self, tenant: TenantId, id: ProviderId) -> Result<Provider, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"select id, tenant_id, name, url, credential_id, status, chat_map, failure, misses, discovered_at, created_at, limited_until,
                      exists (select 1 from provider_accounts a where a.provider_id = providers.id
                              and a.credential_id is distinct from providers.credential_id) as "more_accounts!"
               from providers where id = $1 and tenant_id = $2"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(Provider::from)
        .ok_or(StoreError::NotFound("provider"))
    }

    /// The provider of a name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of that name.
    pub async fn provider_named(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Provider, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"select id, tenant_id, name, url, credential_id, status, chat_map, failure, misses, discovered_at, created_at, limited_until,
                      exists (select 1 from provider_accounts a where a.provider_id = providers.id
                              and a.credential_id is distinct from providers.credential_id) as "more_accounts!"
               from providers where name = $1 and tenant_id = $2"#,
            name,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(Provider::from)
        .ok_or(StoreError::NotFound("provider"))
    }

    /// The providers of a tenant by name, at most 500.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn providers(&self, tenant: TenantId) -> Result<Vec<Provider>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"select id, tenant_id, name, url, credential_id, status, chat_map, failure, misses, discovered_at, created_at, limited_until,
                      exists (select 1 from provider_accounts a where a.provider_id = providers.id
                              and a.credential_id is distinct from providers.credential_id) as "more_accounts!"
               from providers where tenant_id = $1 order by name limit 500"#,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows.into_iter().map(Provider::from).collect())
    }

    /// Removes a provider. Its credential stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn remove_provider(
        &self,
        tenant: TenantId,
        id: ProviderId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "delete from providers where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("provider"));
        }
        Ok(())
    }

    /// A discovery begins.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_discovering(&self, id: ProviderId) -> Result<(), StoreError> {
        sqlx::query!("update providers set status = 'discovering', failure = null, updated_at = now() where id = $1", id.0)
            .execute(&self.system)
            .await?;
        Ok(())
    }

    /// A discovery succeeded, or an answer taught something new about the page.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_ready(&self, id: ProviderId, chat_map: &Value) -> Result<(), StoreError> {
        sqlx::query!(
            "update providers set status = 'ready', chat_map = $2, failure = null, misses = 0, discovered_at = now(), updated_at = now()
             where id = $1",
            id.0,
            chat_map
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// A discovery failed for good. What an earlier one found is kept.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_failed(
        &self,
        id: ProviderId,
        failure: &PublicFailure,
    ) -> Result<(), StoreError> {
        let failure =
            serde_json::to_value(failure).map_err(|error| StoreError::decode("failure", error))?;
        sqlx::query!(
            "update providers set status = case when chat_map is null then 'failed' else 'unhealthy' end, failure = $2, updated_at = now()
             where id = $1",
            id.0,
            failure
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Marks providers whose discovery ended without a word (timed out, cancelled, its worker lost too often) or was never queued.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn fail_abandoned_discoveries(
        &self,
        failure: &PublicFailure,
    ) -> Result<u64, StoreError> {
        let failure =
            serde_json::to_value(failure).map_err(|error| StoreError::decode("failure", error))?;
        let done = sqlx::query!(
            "update providers p set status = case when chat_map is null then 'failed' else 'unhealthy' end, failure = $1, updated_at = now()
             where p.status = 'discovering' and p.updated_at < now() - interval '10 seconds'
               and not exists (select 1 from jobs j where j.kind = 'discovery' and j.payload ->> 'provider_id' = p.id::text
                               and j.state in ('pending', 'queued', 'running', 'paused', 'intervention_needed'))",
            failure
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }

    /// An answer came: the page works as it was found.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_hit(&self, id: ProviderId) -> Result<(), StoreError> {
        sqlx::query!("update providers set misses = 0, status = 'ready' where id = $1 and (misses > 0 or status = 'unhealthy')", id.0)
            .execute(&self.system)
            .await?;
        Ok(())
    }

    /// The page was not as it was found. Returns how often in a row.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_miss(&self, id: ProviderId) -> Result<i32, StoreError> {
        let misses = sqlx::query_scalar!("update providers set misses = misses + 1, updated_at = case when status = 'unhealthy' then updated_at else now() end where id = $1 returning misses", id.0)
            .fetch_optional(&self.system)
            .await?;
        Ok(misses.unwrap_or_default())
    }
}
