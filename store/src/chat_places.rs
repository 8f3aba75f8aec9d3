//! The places at a provider's page: its accounts, or the page itself where it has no login. A question takes one before it is asked.

use chrono::{DateTime, Utc};
use computetower_jobs::places::{Account, Choice, Wishes, choose};
use computetower_jobs::{CredentialId, JobId, LeaseToken, ProviderId, TenantId};
use sqlx::PgConnection;

use crate::connect::Store;
use crate::error::StoreError;
use crate::providers::Provider;

/// An account of a provider, for people.
#[derive(Clone, Debug)]
pub struct ProviderAccount {
    /// The account.
    pub credential: CredentialId,
    /// What people call it.
    pub label: String,
    /// With which name it signs in.
    pub username: String,
    /// `active` or `invalid`.
    pub status: String,
    /// When a question was last asked with it.
    pub used_at: Option<DateTime<Utc>>,
    /// Until when the web app asked it to slow down.
    pub limited_until: Option<DateTime<Utc>>,
    /// Jobs that run with it.
    pub running: i64,
}

impl Store {
    /// Takes a place at a provider for an attempt: see [`choose`]. `typed` says whether an earlier attempt has typed the question here.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn take_place(
        &self,
        job: JobId,
        lease: LeaseToken,
        provider: &Provider,
        typed: bool,
        mut wishes: Wishes,
    ) -> Result<Choice, StoreError> {
        let mut transaction = self.system.begin().await?;
        // Two that choose at once would choose the same.
        sqlx::query!(
            "select pg_advisory_xact_lock(hashtextextended('place ' || $1::uuid::text, 0))",
            provider.id.0
        )
        .execute(&mut *transaction)
        .await?;
        if typed {
            let before = sqlx::query_scalar!(
                "select credential_id from chat_places where job_id = $1 and provider_id = $2",
                job.0,
                provider.id.0
            )
            .fetch_optional(&mut *transaction)
            .await?;
            wishes.typed = before.flatten().map(CredentialId);
        }
        let accounts = accounts(&mut transaction, provider, Some(job)).await?;
        let choice = choose(&accounts, &wishes, Utc::now());
        if let Choice::Take(credential) = choice {
            let credential = credential.map(|id| id.0);
            let done = sqlx::query!(
                "insert into chat_places (job_id, provider_id, tenant_id, credential_id, lease)
                 select id, $3, tenant_id, $4, $2 from jobs where id = $1 and lease_token = $2 and state = 'running'
                 on conflict (job_id, provider_id) do update set credential_id = excluded.credential_id, lease = excluded.lease, at = now()",
                job.0,
                lease.0,
                provider.id.0,
                credential
            )
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::LeaseLost);
            }
            sqlx::query!(
                "insert into provider_accounts (provider_id, credential_id, tenant_id, used_at)
                 select $1, $2, $3, clock_timestamp() where $2::uuid is not null
                 on conflict (provider_id, credential_id) do update set used_at = excluded.used_at",
                provider.id.0,
                credential,
                provider.tenant.0
            )
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(choice)
    }

    /// The account with which a question would be asked now. Nothing is taken.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn likely_account(
        &self,
        provider: &Provider,
        wishes: &Wishes,
    ) -> Result<Choice, StoreError> {
        let mut connection = self.system.acquire().await?;
        let accounts = accounts(&mut connection, provider, None).await?;
        Ok(choose(&accounts, wishes, Utc::now()))
    }

    /// The accounts of a provider, the one that it began with first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn provider_accounts(
        &self,
        provider: &Provider,
    ) -> Result<Vec<ProviderAccount>, StoreError> {
        let rows = sqlx::query!(
            r#"select c.id, c.label, c.username, c.status, a.used_at as "used_at?", a.limited_until as "limited_until?",
                      (select count(*) from chat_places s join jobs j on j.id = s.job_id
                       where s.credential_id = c.id and j.state = 'running' and j.lease_token = s.lease) as "running!"
               from (select $2::uuid as id union select credential_id from provider_accounts where provider_id = $1) own
               join credentials c on c.id = own.id and c.tenant_id = $3
               left join provider_accounts a on a.provider_id = $1 and a.credential_id = c.id
               order by (c.id = $2::uuid) is true desc, a.added_at, c.id limit 200"#,
            provider.id.0,
            provider.credential.map(|id| id.0),
            provider.tenant.0
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| ProviderAccount {
                credential: CredentialId(row.id),
                label: row.label,
                username: row.username,
                status: row.status,
                used_at: row.used_at,
                limited_until: row.limited_until,
                running: row.running,
            })
            .collect())
    }

    /// Gives a provider one more account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has the account already.
    pub async fn add_provider_account(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        credential: CredentialId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "with first as (
                 update providers set credential_id = $2, updated_at = now() where id = $1 and tenant_id = $3 and credential_id is null returning id
             )
             insert into provider_accounts (provider_id, credential_id, tenant_id)
             select p.id, c.id, $3 from providers p, credentials c
             where p.id = $1 and p.tenant_id = $3 and c.id = $2 and c.tenant_id = $3 and p.credential_id is distinct from c.id
             on conflict do nothing",
            provider.0,
            credential.0,
            tenant.0
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict(
                "the provider has this account already".to_owned(),
            ));
        }
        Ok(())
    }

    /// Takes an account from a provider. The credential stays; questions that are being asked with it go on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the provider has no such account.
    pub async fn remove_provider_account(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        credential: CredentialId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            r#"with gone as (
                 delete from provider_accounts where provider_id = $1 and credential_id = $2 and tenant_id = $3 returning credential_id
             ), first as (
                 update providers set updated_at = now(), credential_id = (
                     select a.credential_id from provider_accounts a where a.provider_id = $1 and a.credential_id <> $2 order by a.added_at, a.credential_id limit 1)
                 where id = $1 and tenant_id = $3 and credential_id = $2 returning id
             )
             select (select count(*) from gone) + (select count(*) from first) as "found!""#,
            provider.0,
            credential.0,
            tenant.0
        )
        .fetch_one(&mut *connection)
        .await?;
        if done.found == 0 {
            return Err(StoreError::NotFound("credential"));
        }
        Ok(())
    }

    /// Remembers that the web app asked to slow down: the account, or the page where it has no login.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn note_limited(
        &self,
        provider: &Provider,
        credential: Option<CredentialId>,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        match credential {
            Some(credential) => {
                sqlx::query!(
                    "insert into provider_accounts (provider_id, credential_id, tenant_id, limited_until) values ($1, $2, $3, $4)
                     on conflict (provider_id, credential_id) do update set limited_until = excluded.limited_until",
                    provider.id.0,
                    credential.0,
                    provider.tenant.0,
                    until
                )
                .execute(&self.system)
                .await?;
            }
            None => {
                sqlx::query!(
                    "update providers set limited_until = $2 where id = $1",
                    provider.id.0,
                    until
                )
                .execute(&self.system)
                .await?;
            }
        }
        Ok(())
    }
}

/// The places at a provider, the one used longest ago first. What the job itself has taken is free for it.
async fn accounts(
    connection: &mut PgConnection,
    provider: &Provider,
    job: Option<JobId>,
) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query!(
        r#"select c.id, c.status = 'active' as "active!", a.limited_until as "limited_until?",
                  (select min(l.max_running) from limits l
                   where (l.tenant_id is null or l.tenant_id = $3) and (l.queue is null or l.queue = 'chat')
                     and (l.key is null or l.key = 'credential:' || c.id::text)) as places,
                  (select count(*) from chat_places s join jobs j on j.id = s.job_id
                   where s.credential_id = c.id and s.job_id is distinct from $4 and j.state = 'running' and j.lease_token = s.lease) as "taken!"
           from (select $2::uuid as id union select credential_id from provider_accounts where provider_id = $1) own
           join credentials c on c.id = own.id and c.tenant_id = $3
           left join provider_accounts a on a.provider_id = $1 and a.credential_id = c.id
           order by a.used_at nulls first, a.added_at nulls first, c.id"#,
        provider.id.0,
        provider.credential.map(|id| id.0),
        provider.tenant.0,
        job.map(|job| job.0)
    )
    .fetch_all(&mut *connection)
    .await?;
    if !rows.is_empty() {
        return Ok(rows
            .into_iter()
            .map(|row| Account {
                credential: Some(CredentialId(row.id)),
                active: row.active,
                limited_until: row.limited_until,
                taken: count(row.taken),
                places: row.places.map(|places| count(places.into())),
            })
            .collect());
    }
    let row = sqlx::query!(
        r#"select (select min(l.max_running) from limits l
                   where (l.tenant_id is null or l.tenant_id = $2) and (l.queue is null or l.queue = 'chat')
                     and (l.key is null or l.key = 'provider:' || $1::uuid::text)) as places,
                  (select count(*) from chat_places s join jobs j on j.id = s.job_id
                   where s.provider_id = $1 and s.job_id is distinct from $3 and j.state = 'running' and j.lease_token = s.lease) as "taken!""#,
        provider.id.0,
        provider.tenant.0,
        job.map(|job| job.0)
    )
    .fetch_one(connection)
    .await?;
    Ok(vec![Account {
        credential: None,
        active: true,
        limited_until: provider.limited_until,
        taken: count(row.taken),
        places: row.places.map(|places| count(places.into())),
    }])
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
