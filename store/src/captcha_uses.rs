//! The audit log of the solver of challenges, and the cost of a day.

use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, JobId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A challenge that is about to be sent to the solver.
#[derive(Clone, Copy, Debug)]
pub struct NewCaptchaUse<'a> {
    /// Whose job.
    pub tenant: TenantId,
    /// Of which job.
    pub job: JobId,
    /// In which attempt.
    pub attempt: i32,
    /// With which account.
    pub credential: Option<CredentialId>,
    /// Host of the page.
    pub host: &'a str,
    /// `recaptcha_v2`, `recaptcha_v3`, `hcaptcha`, `turnstile` or `image`.
    pub kind: &'a str,
    /// What it is expected to cost, in millionths of the solver's currency.
    pub expected_micros: i64,
}

/// What became of a challenge that was sent to the solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptchaOutcome {
    /// The solver gave a solution.
    Solved,
    /// The page took it.
    Accepted,
    /// The page still asks.
    Refused,
    /// The solver gave none.
    Failed,
}

impl CaptchaOutcome {
    /// As it is stored and counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Solved => "solved",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct CaptchaUse {
    /// Its id. Later entries have greater ones.
    pub id: Uuid,
    /// Whose job.
    pub tenant_id: Uuid,
    /// Of which job; it may be gone.
    pub job_id: Uuid,
    /// In which attempt.
    pub attempt: i32,
    /// With which account.
    pub credential_id: Option<Uuid>,
    /// Host of the page.
    pub host: String,
    /// Of which kind.
    pub kind: String,
    /// `asked`, `solved`, `accepted`, `refused` or `failed`.
    pub outcome: String,
    /// The solver's number of the task.
    pub task: Option<String>,
    /// Millionths of the solver's currency.
    pub cost_micros: i64,
    /// Why there is no solution.
    pub error: Option<String>,
    /// When it was sent.
    pub asked_at: DateTime<Utc>,
    /// When it was known what became of it.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Serialises the look at the day's cost: any number of its own.
const COST_LOCK: i64 = 0x0063_6170_7463_6861;

impl Store {
    /// Notes that a challenge is sent to the solver, unless the day's cost (UTC, of all tenants) would go beyond `most_micros`. None then.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn begin_captcha_use(
        &self,
        new: &NewCaptchaUse<'_>,
        most_micros: i64,
    ) -> Result<Option<Uuid>, StoreError> {
        let id = Uuid::now_v7();
        let mut transaction = self.system.begin().await?;
        sqlx::query!("select pg_advisory_xact_lock($1)", COST_LOCK)
            .execute(&mut *transaction)
            .await?;
        let done = sqlx::query!(
            "insert into captcha_uses (id, tenant_id, job_id, attempt, credential_id, host, kind, cost_micros)
             select $1, $2, $3, $4, $5, $6, $7, $8::bigint
             where (select coalesce(sum(cost_micros), 0) from captcha_uses where asked_at >= date_trunc('day', now(), 'UTC')) + $8::bigint <= $9::bigint",
            id,
            new.tenant.0,
            new.job.0,
            new.attempt,
            new.credential.map(|id| id.0),
            new.host,
            new.kind,
            new.expected_micros,
            most_micros
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok((done.rows_affected() == 1).then_some(id))
    }

    /// Notes what became of it; the task's number and its true cost where they are known.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn note_captcha_use(
        &self,
        id: Uuid,
        outcome: CaptchaOutcome,
        task: Option<&str>,
        cost_micros: Option<i64>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "update captcha_uses set outcome = $2, task = coalesce($3, task), cost_micros = coalesce($4, cost_micros), error = coalesce($5, error), ended_at = now()
             where id = $1",
            id,
            outcome.name(),
            task,
            cost_micros,
            error
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// A page of the log over all tenants, newest first, and where the next page starts.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn captcha_uses(
        &self,
        tenant: Option<TenantId>,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<(Vec<CaptchaUse>, Option<Uuid>), StoreError> {
        let limit = limit.clamp(1, 200);
        let mut rows = sqlx::query_as!(
            CaptchaUse,
            "select id, tenant_id, job_id, attempt, credential_id, host, kind, outcome, task, cost_micros, error, asked_at, ended_at
             from captcha_uses where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or id < $2) order by id desc limit $3",
            tenant.map(|id| id.0),
            before,
            limit + 1
        )
        .fetch_all(&self.system)
        .await?;
        let more = i64::try_from(rows.len()).unwrap_or_default() > limit;
        rows.truncate(usize::try_from(limit).unwrap_or_default());
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok((rows, next))
    }

    /// Removes entries that are older than so many days. How many.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_captcha_uses(&self, days: i32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from captcha_uses where id in (select id from captcha_uses where asked_at < now() - make_interval(days => $1) limit 1000)",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
