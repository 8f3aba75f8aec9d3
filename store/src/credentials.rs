//! Accounts on web apps. The password is sealed by the vault and never leaves through the API.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, TenantId, Totp};
use zeroize::Zeroize;

use crate::connect::Store;
use crate::error::StoreError;
use crate::objects::profile_key;
use crate::vault::Secret;

const PURPOSE: &str = "credentials.secret";
const TOTP_PURPOSE: &str = "credentials.totp";
const TOTP_STEP_PURPOSE: &str = "credentials.totp step";
pub(crate) const PROFILE_PURPOSE: &str = "profile";

/// For how long a sign-in that was not accepted is remembered.
pub const TROUBLE_WINDOW: Duration = Duration::from_secs(900);
/// So many of them, and nothing signs in with the account until the oldest is forgotten: below what locks accounts out.
pub const MOST_TROUBLES: i64 = 4;

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
    /// Whether it has the secret of an authenticator app.
    pub has_totp: bool,
    /// Whether browser state of a sign-in is kept.
    pub has_profile: bool,
    /// As it was when it was read: what a sign-in finds out says nothing about an account that was changed since.
    updated_at: DateTime<Utc>,
}

impl Credential {
    /// Changes whenever people change the account or sign it out: a session that was begun before is over.
    #[must_use]
    pub fn version(&self) -> DateTime<Utc> {
        self.updated_at
    }
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
    /// The secret of its authenticator app, where there is one: text that [`computetower_jobs::Totp::read`] takes.
    pub totp: Option<&'a Secret>,
}

/// What of an account changes.
#[derive(Clone, Debug, Default)]
pub struct CredentialChange<'a> {
    /// The new password.
    pub password: Option<&'a Secret>,
    /// The new secret of its authenticator app; `Some(None)` takes it away.
    pub totp: Option<Option<&'a Secret>>,
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
        let totp = self.sealed_totp(tenant, id, new.totp).await?;
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "insert into credentials (id, tenant_id, label, url, username, secret, totp) values ($1, $2, $3, $4, $5, $6, $7)",
            id.0,
            tenant.0,
            new.label,
            new.url,
            new.username,
            sealed,
            totp
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
            "select id, label, url, username, status, signed_in_at, created_at, updated_at, profile_key, totp is not null as \"has_totp!\" from credentials where id = $1 and tenant_id = $2",
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
            has_totp: row.has_totp,
            has_profile: row.profile_key.is_some(),
            updated_at: row.updated_at,
        })
    }

    /// The accounts of a tenant, newest first, at most 200.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn credentials(&self, tenant: TenantId) -> Result<Vec<Credential>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            "select id, label, url, username, status, signed_in_at, created_at, updated_at, profile_key, totp is not null as \"has_totp!\" from credentials
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
                has_totp: row.has_totp,
                has_profile: row.profile_key.is_some(),
                updated_at: row.updated_at,
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
        self.lane.tell_signed_out(id).await;
        if let Some(key) = row.profile_key {
            self.remove_profile(tenant, &key).await?;
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

    async fn sealed_totp(
        &self,
        tenant: TenantId,
        id: CredentialId,
        totp: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(totp) = totp else {
            return Ok(None);
        };
        let plain = totp.reveal().as_bytes();
        let sealed = self.vault.seal(tenant, &totp_purpose(id), plain).await?;
        Ok(Some(sealed))
    }

    /// The secret of the account's authenticator app, for the moment in which a code is made; none where there is none.
    ///
    /// # Errors
    /// When the account is not there or the secret cannot be opened.
    pub async fn totp(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<Option<Secret>, StoreError> {
        let sealed = sqlx::query_scalar!(
            "select totp from credentials where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let plain = self.vault.open(tenant, &totp_purpose(id), &sealed).await?;
        let text = String::from_utf8(plain.to_vec())
            .map_err(|error| StoreError::decode("totp", error.utf8_error()))?;
        Ok(Some(Secret::new(text)))
    }

    /// Takes the code of a step of time for oneself: false when it was taken before, by whatever worker, with this account or with another of the
    /// same secret. A code is typed only by who took it.
    ///
    /// # Errors
    /// When Postgres does not answer, or the secret cannot be opened.
    pub async fn take_totp_step(
        &self,
        tenant: TenantId,
        id: CredentialId,
        step: u64,
    ) -> Result<bool, StoreError> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let secret = self.totp(tenant, id).await?;
        if let Some(Ok(totp)) = secret.map(|secret| Totp::read(secret.reveal()))
            && !self.take_step_of(tenant, &totp, step).await?
        {
            return Ok(false);
        }
        let taken = sqlx::query_scalar!(
            // Only the last steps matter: web apps forget older codes, too.
            r#"update credentials set totp_steps = array(select known from unnest(totp_steps) known where known > $3 - 20) || $3::bigint
               where id = $1 and tenant_id = $2 and not $3 = any(totp_steps) returning id"#,
            id.0,
            tenant.0,
            step
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(taken.is_some())
    }

    /// The same for everybody who has the secret: one account of a web app may stand here as two.
    async fn take_step_of(
        &self,
        tenant: TenantId,
        totp: &Totp,
        step: i64,
    ) -> Result<bool, StoreError> {
        let mut message = tenant.0.as_bytes().to_vec();
        message.extend_from_slice(totp.key());
        let secret = self.vault.sign(TOTP_STEP_PURPOSE, &message);
        message.zeroize();
        let done = sqlx::query!(
            "with old as (delete from totp_steps where tenant_id = $1 and secret = $2 and step <= $3::bigint - 20)
             insert into totp_steps (tenant_id, secret, step) values ($1, $2, $3::bigint) on conflict do nothing",
            tenant.0,
            &secret[..],
            step
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Changes what an account signs in with, and makes it usable again. What is left out stays as it is; the browser state of the last login is
    /// forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn change_credential(
        &self,
        tenant: TenantId,
        id: CredentialId,
        change: &CredentialChange<'_>,
    ) -> Result<(), StoreError> {
        // Nothing is sealed for an account that is not there.
        self.credential(tenant, id).await?;
        let password = match change.password {
            Some(password) => {
                let plain = password.reveal().as_bytes();
                Some(self.vault.seal(tenant, &purpose(id), plain).await?)
            }
            None => None,
        };
        let totp = match change.totp {
            Some(totp) => Some(self.sealed_totp(tenant, id, totp).await?),
            None => None,
        };
        let mut connection = self.as_tenant(tenant).await?;
        let profile = sqlx::query!(
            "with was as (select id, profile_key from credentials where id = $1 and tenant_id = $2 for update)
             update credentials c set secret = coalesce($3, c.secret), totp = case when $4 then $5 else c.totp end,
                    totp_steps = case when $4 then '{}' else c.totp_steps end, status = 'active', troubles = '{}', profile_key = null, updated_at = now()
             from was where c.id = was.id returning was.profile_key",
            id.0,
            tenant.0,
            password,
            totp.is_some(),
            totp.flatten()
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        drop(connection);
        self.lane.tell_signed_out(id).await;
        if let Some(key) = profile.profile_key {
            self.remove_profile(tenant, &key).await?;
        }
        Ok(())
    }

    /// Notes that the web app did not accept a sign-in.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn note_sign_in_trouble(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update credentials set troubles = array(select trouble from unnest(troubles) trouble where trouble > now() - make_interval(secs => $3)) || now()
             where id = $1 and tenant_id = $2",
            id.0,
            tenant.0,
            TROUBLE_WINDOW.as_secs_f64()
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// How long nothing may sign in with an account, because too many sign-ins were not accepted lately; none when it may.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn sign_in_pause(
        &self,
        tenant: TenantId,
        id: CredentialId,
    ) -> Result<Option<Duration>, StoreError> {
        let seconds = sqlx::query_scalar!(
            // The one that has to grow old before there are fewer than the most that are let pass.
            "select extract(epoch from trouble - now() + make_interval(secs => $3))::float8
             from credentials, unnest(troubles) trouble where id = $1 and tenant_id = $2 and trouble > now() - make_interval(secs => $3)
             order by trouble desc offset $4 limit 1",
            id.0,
            tenant.0,
            TROUBLE_WINDOW.as_secs_f64(),
            MOST_TROUBLES - 1
        )
        .fetch_optional(&self.system)
        .await?
        .flatten();
        Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(1.0))))
    }

    /// Marks an account as refused by its web app: nothing signs in with it until it is changed. One that was changed since it was read stays as it is.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn mark_credential_invalid(&self, credential: &Credential) -> Result<(), StoreError> {
        // `updated_at` is left alone: it says when people changed the account.
        sqlx::query!(
            "update credentials set status = 'invalid' where id = $1 and tenant_id = $2 and updated_at <= $3",
            credential.id.0,
            credential.tenant.0,
            credential.updated_at
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Keeps the browser state after a login, sealed. That of an account that was changed since it was read is not kept: it belongs to what it was.
    ///
    /// # Errors
    /// When Postgres or the object store does not answer.
    pub async fn save_profile(
        &self,
        credential: &Credential,
        profile: &[u8],
    ) -> Result<(), StoreError> {
        let (tenant, id) = (credential.tenant, credential.id);
        let sealed = self
            .vault
            .seal(tenant, &format!("{PROFILE_PURPOSE}/{id}"), profile)
            .await?;
        let key = profile_key(tenant, id);
        self.keep_profile(&key).await?;
        self.objects
            .put(&key, "application/octet-stream", sealed)
            .await?;
        let kept = sqlx::query!(
            "update credentials set profile_key = $3, signed_in_at = now(), status = 'active'
             where id = $1 and tenant_id = $2 and updated_at <= $4",
            id.0,
            tenant.0,
            key,
            credential.updated_at
        )
        .execute(&self.system)
        .await?;
        if kept.rows_affected() == 0 {
            self.remove_profile(tenant, &key).await?;
        }
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

fn totp_purpose(id: CredentialId) -> String {
    format!("{TOTP_PURPOSE}/{id}")
}

fn purpose(id: CredentialId) -> String {
    format!("{PURPOSE}/{id}")
}
