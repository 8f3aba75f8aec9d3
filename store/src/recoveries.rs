//! What was mended, and what was not: within an attempt (`recoveries`), and by another one (`job_attempts` and how the job ended).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use computetower_jobs::{CredentialId, FailureCode, JobId, ProviderId, Strategy, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// Something that an attempt mended, or tried to.
#[derive(Clone, Copy, Debug)]
pub struct NewRecovery {
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
    /// What the attempt would have failed with.
    pub code: FailureCode,
    /// How it was mended.
    pub strategy: Strategy,
    /// Whether it was.
    pub succeeded: bool,
}

/// How failures of one code went, mended in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Mended: the attempt went on, or the job completed in the end.
    pub recovered: i64,
    /// Not mended: the job failed or was cancelled.
    pub failed: i64,
    /// Not known yet: the job has not ended.
    pub open: i64,
}

/// Failures of a time, by code and by how they are mended.
pub type RecoveryCounts = BTreeMap<(String, String), Mended>;

impl Store {
    /// Notes what an attempt mended, or tried to.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_recovery(&self, new: &NewRecovery) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into recoveries (id, tenant_id, job_id, attempt, credential_id, provider_id, code, strategy, succeeded)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            Uuid::now_v7(),
            new.tenant.0,
            new.job.0,
            new.attempt,
            new.credential.map(|id| id.0),
            new.provider.map(|id| id.0),
            new.code.name(),
            new.strategy.name(),
            new.succeeded
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The codes with which earlier attempts of a job failed, each once.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn failed_before(&self, job: JobId) -> Result<Vec<FailureCode>, StoreError> {
        let codes = sqlx::query_scalar!(
            r#"select distinct a.failure ->> 'code' as "code!" from job_attempts a join jobs j on j.id = a.job_id
               where a.job_id = $1 and a.failure ->> 'code' is not null and a.attempt < j.attempt"#,
            job.0
        )
        .fetch_all(&self.system)
        .await?;
        Ok(codes
            .into_iter()
            .filter_map(|code| code.parse().ok())
            .collect())
    }

    /// How a tenant's failures of a time went, by code and by how they are mended.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn recovery_counts(
        &self,
        tenant: TenantId,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<RecoveryCounts, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let mut counts = RecoveryCounts::new();
        // What only waits for something that is being prepared has not failed.
        let between = sqlx::query!(
            r#"select a.failure ->> 'code' as "code!", count(*) filter (where j.state = 'completed') as "recovered!",
                      count(*) filter (where j.state in ('failed', 'cancelled')) as "failed!",
                      count(*) filter (where j.state not in ('completed', 'failed', 'cancelled')) as "open!"
               from job_attempts a join jobs j on j.id = a.job_id and j.tenant_id = a.tenant_id
               where a.tenant_id = $1 and a.failure is not null and a.started_at >= $2 and a.started_at < $3
                 and a.failure ->> 'code' is not null and a.failure ->> 'code' not in ('not_ready', 'cancelled')
               group by 1"#,
            tenant.0,
            since,
            until
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in between {
            let Ok(code) = row.code.parse::<FailureCode>() else {
                continue;
            };
            let key = (row.code, Strategy::after(code).name().to_owned());
            let mended = counts.entry(key).or_default();
            mended.recovered += row.recovered;
            mended.failed += row.failed;
            mended.open += row.open;
        }
        let within = sqlx::query!(
            r#"select code, strategy, count(*) filter (where succeeded) as "recovered!", count(*) filter (where not succeeded) as "failed!"
               from recoveries where tenant_id = $1 and at >= $2 and at < $3 group by code, strategy"#,
            tenant.0,
            since,
            until
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in within {
            let mended = counts.entry((row.code, row.strategy)).or_default();
            mended.recovered += row.recovered;
            mended.failed += row.failed;
        }
        Ok(counts)
    }
}
