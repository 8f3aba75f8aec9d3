//! The places at a provider's page: its accounts, or the page itself where it has no login. A question takes one before it is asked.

use chrono::{DateTime, Utc};
use computetower_jobs::places::{Account, Choice, Wishes, again, choose};
use computetower_jobs::{CredentialId, JobId, LeaseToken, ProviderId, TenantId};
use sqlx::PgConnection;

use crate::connect::Store;
use crate::credentials::{MOST_TROUBLES, TROUBLE_WINDOW};
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
    /// Takes a place at a provider for an attempt: see [`choose`]. `typed` says whether an earlier attempt has typed the question here: see [`again`].
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn take_place(
        &self,
        job: JobId,
        lease: LeaseToken,
        provider: &Provider,
        typed: bool,
        wishes: Wishes,
    ) -> Result<Choice, StoreError> {
        let mut transaction = self.system.begin().await?;
        let mut all = accounts(&mut transaction, provider, Some(job)).await?;
        if all.list.len() > 1 || all.are_limited() {
            // Two that choose at once would choose the same.
            sqlx::query!(
                "select pg_advisory_xact_lock(hashtextextended('place ' || $1::uuid::text, 0))",
                provider.id.0
            )
            .execute(&mut *transaction)
            .await?;
            all = accounts(&mut transaction, provider, Some(job)).await?;
        }
        let choice = if all.is_full() {
            Choice::Busy
        } else if typed {
            let before = sqlx::query_scalar!(
                "select credential_id from chat_places where job_id = $1 and provider_id = $2",
                job.0,
                provider.id.0
            )
            .fetch_optional(&mut *transaction)
            .await?;
            // Whoever typed it without taking a place had the account that the provider began with.
            let before = match before {
                Some(credential) => credential.map(CredentialId),
                None => provider.credential,
            };
            again(&all.list, before, &wishes, Utc::now())
        } else {
            choose(&all.list, &wishes, Utc::now())
        };
        if let Choice::Take(credential) = choice {
            // One that was taken from the provider does not come back by being used.
            let is_its_own = all.list.iter().any(|own| own.credential == credential);
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
                 select $1, $2, $3, clock_timestamp() where $2::uuid is not null and $4::bool
                 on conflict (provider_id, credential_id) do update set used_at = excluded.used_at",
                provider.id.0,
                credential,
                provider.tenant.0,
                is_its_own
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
        let all = accounts(&mut connection, provider, None).await?;
        if all.is_full() {
            return Ok(Choice::Busy);
        }
        Ok(choose(&all.list, wishes, Utc::now()))
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
                      (select count(*) from (select id, lease_token from jobs where state = 'running' and queue = 'chat' offset 0) j
                       join chat_places s on s.job_id = j.id and s.lease = j.lease_token where s.credential_id = c.id) as "running!"
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
                    "insert into provider_accounts (provider_id, credential_id, tenant_id, limited_until)
                     select p.id, $2::uuid, $3::uuid, $4::timestamptz from providers p
                     where p.id = $1 and (p.credential_id = $2::uuid or exists (
                         select 1 from provider_accounts a where a.provider_id = $1 and a.credential_id = $2::uuid))
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

/// The places at a provider.
struct Accounts {
    /// The one used longest ago first.
    list: Vec<Account>,
    /// Other jobs that run at the provider, with whatever account, and how many may, where a limit names the provider.
    together: (u32, Option<u32>),
}

impl Accounts {
    fn is_full(&self) -> bool {
        let (taken, places) = self.together;
        places.is_some_and(|places| taken >= places)
    }

    fn are_limited(&self) -> bool {
        self.together.1.is_some() || self.list.iter().any(|account| account.places.is_some())
    }
}

/// The places at a provider. What the job itself has taken is free for it. Only where there is a limit is counted what is taken, and from the jobs that
/// run (`offset 0` keeps it so): an account has used many places of jobs that have ended.
async fn accounts(
    connection: &mut PgConnection,
    provider: &Provider,
    job: Option<JobId>,
) -> Result<Accounts, StoreError> {
    let rows = sqlx::query!(
        r#"select c.id as "id!", c.status = 'active' as "active!",
                  -- Too many sign-ins were not accepted: it would be left alone anyway, so that it is not locked out.
                  greatest(a.limited_until, (
                      select trouble + make_interval(secs => $5) from unnest(c.troubles) trouble where trouble > now() - make_interval(secs => $5)
                      order by trouble desc offset $6 limit 1)) as "limited_until?",
                  l.places as "places?",
                  case when l.places is null then 0 else (
                      select count(*) from (select id, lease_token from jobs where state = 'running' and queue = 'chat' offset 0) j
                      join chat_places s on s.job_id = j.id and s.lease = j.lease_token
                      where s.credential_id = c.id and s.job_id is distinct from $4) end as "taken!"
           from (select $2::uuid as id union select credential_id from provider_accounts where provider_id = $1) own
           join credentials c on c.id = own.id and c.tenant_id = $3
           left join provider_accounts a on a.provider_id = $1 and a.credential_id = c.id
           cross join lateral (
               select min(l.max_running) as places from limits l
               where (l.tenant_id is null or l.tenant_id = $3) and (l.queue is null or l.queue = 'chat')
                 and (l.key is null or l.key = 'credential:' || c.id::text)) l
           order by a.used_at nulls first, a.added_at nulls first, c.id"#,
        provider.id.0,
        provider.credential.map(|id| id.0),
        provider.tenant.0,
        job.map(|job| job.0),
        TROUBLE_WINDOW.as_secs_f64(),
        MOST_TROUBLES - 1
    )
    .fetch_all(&mut *connection)
    .await?;
    // A limit on each key by itself is about the page where it has no account; else it is about each account.
    let each = rows.is_empty();
    let page = sqlx::query!(
        r#"select l.places as "places?",
                  case when l.places is null then 0 else (
                      select count(*) from (select id, lease_token from jobs where state = 'running' and queue = 'chat' offset 0) j
                      join chat_places s on s.job_id = j.id and s.lease = j.lease_token
                      where s.provider_id = $1 and s.job_id is distinct from $3) end as "taken!"
           from (select min(l.max_running) as places from limits l
                 where (l.tenant_id is null or l.tenant_id = $2) and (l.queue is null or l.queue = 'chat')
                   and ((l.key is null and $4::bool) or l.key = 'provider:' || $1::uuid::text)) l"#,
        provider.id.0,
        provider.tenant.0,
        job.map(|job| job.0),
        each
    )
    .fetch_one(connection)
    .await?;
    let (taken, places) = (count(page.taken), page.places.map(|n| count(n.into())));
    if !each {
        let list = rows.into_iter().map(|row| Account {
            credential: Some(CredentialId(row.id)),
            active: row.active,
            limited_until: row.limited_until,
            taken: count(row.taken),
            places: row.places.map(|places| count(places.into())),
        });
        return Ok(Accounts {
            list: list.collect(),
            together: (taken, places),
        });
    }
    let page = Account {
        credential: None,
        active: true,
        limited_until: provider.limited_until,
        taken,
        places,
    };
    Ok(Accounts {
        list: vec![page],
        together: (0, None),
    })
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
