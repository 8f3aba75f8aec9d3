//! Judgements that an action did what it should, with their screenshots.

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
}

/// A judgement as it is kept.
#[derive(Clone, Debug)]
pub struct Validation {
    /// `login`, `send` or `receive`.
    pub subject: String,
    /// Whether it did.
    pub passed: bool,
    /// 0 to 1.
    pub confidence: f32,
    /// What was seen.
    pub observation: String,
    /// By whom.
    pub validator: String,
    /// Object key of the screenshot.
    pub screenshot_key: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Keeps a judgement.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_validation(&self, new: &NewValidation<'_>) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into visual_validations
                 (id, tenant_id, job_id, attempt, credential_id, provider_id, subject, passed, confidence, observation, validator, screenshot_key)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
            new.screenshot_key
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
            "select subject, passed, confidence, observation, validator, screenshot_key, at from visual_validations
             where job_id = $1 and tenant_id = $2 order by at, id",
            job.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }
}
