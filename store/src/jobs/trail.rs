//! What a job has been through: its events and its attempts.

use chrono::{DateTime, Utc};
use computetower_jobs::{Event, EventBody, JobId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

/// One attempt as it is kept.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// Its number.
    pub attempt: i32,
    /// Which worker ran it.
    pub worker: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The state that the job was left in.
    pub outcome: Option<String>,
    /// Code, text for people, text for operators, evidence.
    pub failure: Option<Value>,
}

impl Store {
    /// The events of a job after a number, from Postgres, in order.
    ///
    /// # Errors
    /// When Postgres does not answer or an event cannot be read.
    pub async fn saved_events(
        &self,
        tenant: TenantId,
        job: JobId,
        after: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            "select seq, name, data, at from job_events where job_id = $1 and tenant_id = $2 and seq > $3 order by seq",
            job.0,
            tenant.0,
            after
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| {
                let body = EventBody::from_parts(&row.name, row.data)
                    .map_err(|error| StoreError::decode("event", error))?;
                Ok(Event {
                    seq: row.seq,
                    body,
                    at: row.at,
                })
            })
            .collect()
    }

    /// The attempts of a job, first to last.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn attempts(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            AttemptRow,
            "select attempt, worker, started_at, ended_at, outcome, failure from job_attempts
             where job_id = $1 and tenant_id = $2 order by attempt",
            job.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }
}
