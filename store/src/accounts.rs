//! Tenants and the keys with which programs call the API.

use chrono::{DateTime, Utc};
use computetower_jobs::{ApiKeyId, TenantId};
use sha2::{Digest, Sha256};

use crate::connect::Store;
use crate::error::StoreError;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read jobs, results, models, credentials' public parts.
    Read,
    /// Submit, cancel and retry jobs, chat, change credentials.
    Write,
}

impl Scope {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key that was shown.
    pub key: ApiKeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// A tenant as operators see it.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// Turns that it gets where others get one.
    pub weight: i32,
    /// True while an operator has paused it.
    pub paused: bool,
    /// Since when it is there.
    pub created_at: DateTime<Utc>,
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct NewApiKey<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub name: &'a str,
    /// The whole key; only its hash is kept.
    pub key: &'a str,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Store {
    /// The oldest tenant, made when there is none yet. One machine with one owner needs no more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn first_tenant(&self) -> Result<TenantId, StoreError> {
        let mut transaction = self.system.begin().await?;
        sqlx::query!("select pg_advisory_xact_lock(hashtext('computetower first tenant'))")
            .execute(&mut *transaction)
            .await?;
        let found = sqlx::query_scalar!("select id from tenants order by created_at limit 1")
            .fetch_optional(&mut *transaction)
            .await?;
        let id = match found {
            Some(id) => TenantId(id),
            None => {
                let id = TenantId::generate();
                sqlx::query!(
                    "insert into tenants (id, name) values ($1, 'default')",
                    id.0
                )
                .execute(&mut *transaction)
                .await?;
                id
            }
        };
        transaction.commit().await?;
        Ok(id)
    }

    /// Whether there is such a tenant.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn has_tenant(&self, id: TenantId) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(
            r#"select exists (select 1 from tenants where id = $1) as "found!""#,
            id.0
        )
        .fetch_one(&self.system)
        .await?;
        Ok(found)
    }

    /// A tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn tenant(&self, id: TenantId) -> Result<TenantRow, StoreError> {
        let row = sqlx::query!(
            r#"select t.id, t.name, t.weight, t.created_at,
                      exists (select 1 from pauses p where p.tenant_id = t.id and p.queue is null) as "paused!"
               from tenants t where t.id = $1"#,
            id.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("tenant"))?;
        Ok(TenantRow {
            id: TenantId(row.id),
            name: row.name,
            weight: row.weight,
            paused: row.paused,
            created_at: row.created_at,
        })
    }

    /// Gives a tenant a weight: so many turns where others get one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn weigh_tenant(&self, id: TenantId, weight: i32) -> Result<(), StoreError> {
        let done = sqlx::query!("update tenants set weight = $2 where id = $1", id.0, weight)
            .execute(&self.system)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("tenant"));
        }
        Ok(())
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_tenant(&self, name: &str) -> Result<TenantId, StoreError> {
        let id = TenantId::generate();
        sqlx::query!("insert into tenants (id, name) values ($1, $2)", id.0, name)
            .execute(&self.system)
            .await?;
        Ok(id)
    }

    /// Keeps the hash of a key. A key that is kept already stays as it is.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_api_key(&self, new: &NewApiKey<'_>) -> Result<ApiKeyId, StoreError> {
        let id = ApiKeyId::generate();
        let scopes: Vec<String> = new
            .scopes
            .iter()
            .map(|scope| scope.name().to_owned())
            .collect();
        let prefix: String = new.key.chars().take(9).collect();
        let kept = sqlx::query_scalar!(
            "insert into api_keys (id, tenant_id, name, prefix, hash, scopes, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
             on conflict on constraint api_keys_hash_key do update set name = excluded.name
             returning id",
            id.0,
            new.tenant.0,
            new.name,
            prefix,
            hash(new.key),
            &scopes,
            new.expires_at,
        )
        .fetch_one(&self.system)
        .await?;
        Ok(ApiKeyId(kept))
    }

    /// Who has this key: nobody when it is unknown, revoked or expired.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn caller_of(&self, key: &str) -> Result<Option<Caller>, StoreError> {
        let row = sqlx::query!(
            "select id, tenant_id, scopes from api_keys
             where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
            hash(key)
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(row.map(|row| Caller {
            key: ApiKeyId(row.id),
            tenant: TenantId(row.tenant_id),
            scopes: [Scope::Read, Scope::Write]
                .into_iter()
                .filter(|scope| row.scopes.iter().any(|name| name == scope.name()))
                .collect(),
        }))
    }

    /// Ends a key. Processes that have seen it a moment ago forget it within seconds.
    ///
    /// # Errors
    /// When Postgres does not answer, or there is no such key.
    pub async fn revoke_api_key(&self, key: &str) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "update api_keys set revoked_at = now() where hash = $1 and revoked_at is null",
            hash(key)
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("key"));
        }
        Ok(())
    }
}

/// Keys are long and random, so one round of SHA-256 is enough: there is nothing to guess.
fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key.as_bytes()).to_vec()
}
