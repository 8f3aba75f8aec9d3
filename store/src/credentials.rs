//! Accounts on web apps. The password is sealed by the vault and never leaves through the API.

use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;
use crate::objects::profile_key;
use crate::vault::Secret;

const PURPOSE: &str = "credentials.secret";
const PROFILE_PURPOSE: &str = "profile";

/// An account without its secret.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub label: String,
    /// Where it signs in.
    pub url: String,
    /// With which name.
    pub username: String,
    /// `active` or `invalid`.
    pub status: String,
    /// The last login that worked.
    pub signed_in_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    has_profile: bool,
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewCredential<'a> {
    /// What people call it.
    pub label: &'a str,
    /// Where it signs in.
    pub url: &'a str,
    /// With which name.
    pub username: &'a str,
    /// With which password.
    pub password: &'a Secret,
}

impl Store {
    /// Adds an account.
    ///
    /// # Errors
    /// When Postgres does not answer or the vault cannot seal.
    pub async fn add_credential(
        &self,
        tenant: TenantId,
        new: &NewCredential<'_>,
    ) -> Result<CredentialId, StoreError> {
        let id = CredentialId::generate();
        let sealed = self
            .vault
            .seal(tenant, &purpose(id), new.password.reveal().as_bytes())
            .await?;
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "insert into credentials (id, tenant_id, label, url, username, secret) values ($1, $2, $3, $4, $5, $6)",
            id.0,
            tenant.0,
            new.label,
            new.url,
            new.username,
            sealed
        )
        .execute(&mut *connection)
        .await?;
        Ok(id)
    }

    /// One account of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn credential(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<Credential, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            "select id, label, url, username, status, signed_in_at, created_at, profile_key from credentials where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        Ok(Credential {
            id: CredentialId(row.id),
            tenant,
            label: row.label,
            url: row.url,
            username: row.username,
            status: row.status,
            signed_in_at: row.signed_in_at,
            created_at: row.created_at,
            has_profile: row.profile_key.is_some(),
        })
    }

    /// The accounts of a tenant, newest first, at most 200.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn credentials(&self, tenant: TenantId) -> Result<Vec<Credential>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            "select id, label, url, username, status, signed_in_at, created_at, profile_key from credentials
             where tenant_id = $1 order by id desc limit 200",
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Credential {
                id: CredentialId(row.id),
                tenant,
                label: row.label,
                url: row.url,
                username: row.username,
                status: row.status,
                signed_in_at: row.signed_in_at,
                created_at: row.created_at,
                has_profile: row.profile_key.is_some(),
            })
            .collect())
    }

    /// Removes an account and its profile. Providers that used it have none from then on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn remove_credential(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query!(
            "delete from credentials where id = $1 and tenant_id = $2 returning profile_key",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        if let Some(key) = row.profile_key {
            self.objects.delete(&key).await?;
        }
        Ok(())
    }

    /// The password, for the moment in which it is typed.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    pub async fn password(&self, tenant: TenantId, id: CredentialId) -> Result<Secret, StoreError> {
        let sealed = sqlx::query_scalar!(
            "select secret from credentials where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        let plain = self.vault.open(tenant, &purpose(id), &sealed).await?;
        let text = String::from_utf8(plain.to_vec())
            .map_err(|error| StoreError::decode("password", error.utf8_error()))?;
        Ok(Secret::new(text))
    }

    /// Marks an account as refused by its web app: nothing signs in with it until it is changed.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn mark_credential_invalid(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<(), StoreError> {
        sqlx::query!("update credentials set status = 'invalid', updated_at = now() where id = $1 and tenant_id = $2", id.0, tenant.0)
            .execute(&self.system)
            .await?;
        Ok(())
    }

    /// Keeps the browser state after a login, sealed.
    ///
    /// # Errors
    /// When Postgres or the object store does not answer.
    pub async fn save_profile(
        &self,
        tenant: TenantId,
        id: CredentialId,
        profile: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self
            .vault
            .seal(tenant, &format!("{PROFILE_PURPOSE}/{id}"), profile)
            .await?;
        let key = profile_key(tenant, id);
        self.objects
            .put(&key, "application/octet-stream", sealed)
            .await?;
        sqlx::query!(
            "update credentials set profile_key = $3, signed_in_at = now(), status = 'active', updated_at = now()
             where id = $1 and tenant_id = $2",
            id.0,
            tenant.0,
            key
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The browser state of the last login, when there was one.
    ///
    /// # Errors
    /// When the object store does not answer or the profile does not open.
    pub async fn load_profile(
        &self,
        credential: &Credential,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if !credential.has_profile {
            return Ok(None);
        }
        let sealed = self
            .objects
            .get(&profile_key(credential.tenant, credential.id))
            .await?;
        let plain = self
            .vault
            .open(
                credential.tenant,
                &format!("{PROFILE_PURPOSE}/{}", credential.id),
                &sealed,
            )
            .await?;
        Ok(Some(plain.to_vec()))
    }
}

fn purpose(id: CredentialId) -> String {
    format!("{PURPOSE}/{id}")
}
