//! Outside effects: the intent is written before, the deed after, and both name the job.

use computetower_jobs::{JobId, LeaseToken};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

/// An effect that an attempt has intended.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// In which attempt.
    pub attempt: i32,
    /// What is needed to look whether it happened.
    pub detail: Value,
    /// True when it is known to have happened.
    pub done: bool,
}

impl Store {
    /// The effect of that name, when an attempt has intended it.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn effect(&self, job: JobId, name: &str) -> Result<Option<Effect>, StoreError> {
        let row = sqlx::query!(
            "select attempt, detail, done_at from job_effects where job_id = $1 and name = $2",
            job.0,
            name
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(row.map(|row| Effect {
            attempt: row.attempt,
            detail: row.detail,
            done: row.done_at.is_some(),
        }))
    }

    /// Writes down that the effect is about to happen.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job: then it must not happen.
    pub async fn intend_effect(
        &self,
        job: JobId,
        lease: LeaseToken,
        name: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "insert into job_effects (job_id, name, tenant_id, attempt, detail)
             select id, $3, tenant_id, attempt, $4 from jobs where id = $1 and lease_token = $2 and state = 'running'
             on conflict (job_id, name) do update
                 set attempt = excluded.attempt, detail = excluded.detail, intended_at = now(), done_at = null",
            job.0,
            lease.0,
            name,
            detail
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::LeaseLost);
        }
        Ok(())
    }

    /// Writes down that the effect has happened.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn effect_done(
        &self,
        job: JobId,
        lease: LeaseToken,
        name: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "update job_effects e set done_at = now(), detail = $4 from jobs j
             where e.job_id = $1 and e.name = $3 and j.id = e.job_id and j.lease_token = $2 and j.state = 'running'",
            job.0,
            lease.0,
            name,
            detail
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::LeaseLost);
        }
        Ok(())
    }
}
