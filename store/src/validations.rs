//! Judgements that an action did what it should, with their screenshots: the DOM's, and beside it a vision model's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, JobId, ProviderId, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A judgement about to be kept.
#[derive(Clone, Debug)]
pub struct NewValidation<'a> {
    /// Whose job.
    pub tenant: TenantId,
    /// Of which job.
    pub job: JobId,
    /// In which attempt.
    pub attempt: i32,
    /// With which account.
    pub credential: Option<CredentialId>,
    /// On which provider.
    pub provider: Option<ProviderId>,
    /// `login`, `send` or `receive`.
    pub subject: &'a str,
    /// Whether it did.
    pub passed: bool,
    /// 0 to 1.
    pub confidence: f32,
    /// What was seen.
    pub observation: &'a str,
    /// By whom.
    pub validator: &'a str,
    /// Object key of the screenshot.
    pub screenshot_key: Option<&'a str>,
    /// What a vision model's judgement has besides; none for the DOM's.
    pub beside: Option<Beside>,
}

/// How a vision model's judgement stands to the DOM's.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// Whether it says the same; none where one of the two says neither.
    pub agrees: Option<bool>,
    /// It could say nothing.
    pub unclear: bool,
    /// What the DOM's confidence comes to with it, 0 to 1.
    pub combined: f32,
    /// How long it took.
    pub took: Duration,
    /// Whether the same picture had been judged a short while before, and nobody was asked.
    pub cached: bool,
}

/// A judgement as it is kept.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Its id. Later judgements have greater ones.
    pub id: Uuid,
    /// Of which job.
    pub job_id: Uuid,
    /// In which attempt.
    pub attempt: i32,
    /// With which account.
    pub credential_id: Option<Uuid>,
    /// On which provider.
    pub provider_id: Option<Uuid>,
    /// `login`, `send` or `receive`.
    pub subject: String,
    /// Whether it did.
    pub passed: bool,
    /// Nothing could be said: then `passed` means nothing.
    pub unclear: bool,
    /// 0 to 1.
    pub confidence: f32,
    /// What was seen.
    pub observation: String,
    /// By whom.
    pub validator: String,
    /// Whether it says what the DOM says; none for the DOM's own.
    pub agrees: Option<bool>,
    /// What the DOM's confidence comes to with it.
    pub combined: Option<f32>,
    /// How long it took.
    pub duration_ms: Option<i32>,
    /// Whether nobody had to be asked.
    pub cached: bool,
    /// Object key of the screenshot.
    pub screenshot_key: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which judgements to list.
#[derive(Clone, Debug, Default)]
pub struct ValidationFilter {
    /// Of this job.
    pub job: Option<JobId>,
    /// With this account.
    pub credential: Option<CredentialId>,
    /// On this provider.
    pub provider: Option<ProviderId>,
    /// Of this subject.
    pub subject: Option<String>,
    /// By this one.
    pub validator: Option<String>,
    /// Those at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Those before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Older than this one.
    pub before: Option<Uuid>,
    /// How many, 1 to 200.
    pub limit: i64,
}

/// Judgements of one account, provider, subject and judge, counted.
#[derive(Clone, Debug)]
pub struct ValidationCount {
    /// The account.
    pub credential_id: Option<Uuid>,
    /// The provider.
    pub provider_id: Option<Uuid>,
    /// `login`, `send` or `receive`.
    pub subject: String,
    /// By whom.
    pub validator: String,
    /// All of them.
    pub count: i64,
    /// Those that say it did.
    pub passed: i64,
    /// Those that could say nothing.
    pub unclear: i64,
    /// Those that say what the DOM says.
    pub agreed: i64,
    /// Those that say the contrary.
    pub disagreed: i64,
    /// Those for which nobody had to be asked.
    pub cached: i64,
    /// 0 to 1.
    pub mean_confidence: f64,
    /// Of those that were asked for.
    pub mean_duration_ms: Option<f64>,
    /// The latest.
    pub last_at: DateTime<Utc>,
}

impl Store {
    /// Keeps a judgement.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_validation(&self, new: &NewValidation<'_>) -> Result<(), StoreError> {
        let beside = new.beside;
        let unclear = beside.is_some_and(|beside| beside.unclear);
        sqlx::query!(
            "insert into visual_validations
                 (id, tenant_id, job_id, attempt, credential_id, provider_id, subject, passed, confidence, observation, validator, screenshot_key,
                  unclear, agrees, combined, duration_ms, cached)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            Uuid::now_v7(),
            new.tenant.0,
            new.job.0,
            new.attempt,
            new.credential.map(|id| id.0),
            new.provider.map(|id| id.0),
            new.subject,
            new.passed,
            new.confidence.clamp(0.0, 1.0),
            new.observation,
            new.validator,
            new.screenshot_key,
            unclear,
            beside.and_then(|beside| beside.agrees),
            beside.map(|beside| beside.combined.clamp(0.0, 1.0)),
            beside.map(|beside| i32::try_from(beside.took.as_millis()).unwrap_or(i32::MAX)),
            beside.is_some_and(|beside| beside.cached)
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The judgements of a job, oldest first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn validations(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Vec<Validation>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Validation,
            "select id, job_id, attempt, credential_id, provider_id, subject, passed, unclear, confidence, observation, validator, agrees, combined,
                    duration_ms, cached, screenshot_key, at
             from visual_validations where job_id = $1 and tenant_id = $2 order by at, id",
            job.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }

    /// A page of a tenant's judgements, newest first, and where the next page starts.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn list_validations(
        &self,
        tenant: TenantId,
        filter: &ValidationFilter,
    ) -> Result<(Vec<Validation>, Option<Uuid>), StoreError> {
        let limit = filter.limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let mut rows = sqlx::query_as!(
            Validation,
            "select id, job_id, attempt, credential_id, provider_id, subject, passed, unclear, confidence, observation, validator, agrees, combined,
                    duration_ms, cached, screenshot_key, at
             from visual_validations
             where tenant_id = $1 and ($2::uuid is null or job_id = $2) and ($3::uuid is null or credential_id = $3) and ($4::uuid is null or provider_id = $4)
               and ($5::text is null or subject = $5) and ($6::text is null or validator = $6) and ($7::timestamptz is null or at >= $7)
               and ($8::timestamptz is null or at < $8) and ($9::uuid is null or id < $9)
             order by id desc limit $10",
            tenant.0,
            filter.job.map(|id| id.0),
            filter.credential.map(|id| id.0),
            filter.provider.map(|id| id.0),
            filter.subject.as_deref(),
            filter.validator.as_deref(),
            filter.since,
            filter.until,
            filter.before,
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?;
        let more = i64::try_from(rows.len()).unwrap_or_default() > limit;
        rows.truncate(usize::try_from(limit).unwrap_or_default());
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok((rows, next))
    }

    /// A tenant's judgements of a time, counted by account, provider, subject and judge.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn validation_statistics(
        &self,
        tenant: TenantId,
        filter: &ValidationFilter,
    ) -> Result<Vec<ValidationCount>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            ValidationCount,
            r#"select credential_id, provider_id, subject, validator, count(*) as "count!", count(*) filter (where passed and not unclear) as "passed!",
                      count(*) filter (where unclear) as "unclear!", count(*) filter (where agrees) as "agreed!", count(*) filter (where not agrees) as "disagreed!",
                      count(*) filter (where cached) as "cached!", coalesce(avg(confidence), 0)::float8 as "mean_confidence!",
                      (avg(duration_ms) filter (where not cached))::float8 as mean_duration_ms, max(at) as "last_at!"
               from visual_validations
               where tenant_id = $1 and ($2::uuid is null or credential_id = $2) and ($3::uuid is null or provider_id = $3)
                 and ($4::timestamptz is null or at >= $4) and ($5::timestamptz is null or at < $5)
               group by credential_id, provider_id, subject, validator
               order by credential_id nulls first, provider_id nulls first, subject, validator limit 1000"#,
            tenant.0,
            filter.credential.map(|id| id.0),
            filter.provider.map(|id| id.0),
            filter.since,
            filter.until
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }
}
