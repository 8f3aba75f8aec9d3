//! What a job has been through: its events and its attempts.

use chrono::{DateTime, Utc};
use computetower_jobs::{Event, EventBody, JobId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

/// The name of a row that holds several events.
const PACK: &str = "pack";

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
        // The first event of a job is not written down: it is the moment at which it was first handed to its lane.
        let rows = sqlx::query!(
            r#"select 1::bigint as "seq!", 'queued' as "name!", jsonb_build_object('dispatch', 1) as "data!", queued_at as "at!"
               from jobs where id = $1 and tenant_id = $2 and queued_at is not null and $3::bigint < 1
               union all
               select seq, name, data, at from job_events where job_id = $1 and tenant_id = $2 and coalesce(last_seq, seq) > $3
               order by 1"#,
            job.0,
            tenant.0,
            after
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            if row.name == PACK {
                let packed: Vec<Event> = serde_json::from_value(row.data)
                    .map_err(|error| StoreError::decode("events", error))?;
                // A save that was cut off may have left the beginning of what a later row tells whole.
                let last = events.last().map_or(after, |event: &Event| event.seq);
                events.extend(packed.into_iter().filter(|event| event.seq > last));
                continue;
            }
            let body = EventBody::from_parts(&row.name, row.data)
                .map_err(|error| StoreError::decode("event", error))?;
            events.push(Event {
                seq: row.seq,
                body,
                at: row.at,
            });
        }
        Ok(events)
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
            // The attempt that runs has no row of its own yet.
            r#"select attempt as "attempt!", worker as "worker!", started_at as "started_at!", ended_at, outcome, failure
               from job_attempts where job_id = $1 and tenant_id = $2
               union all
               select j.attempt, coalesce(worker_name(j.worker_id), 'unknown'), j.attempt_at, null, null, null
               from jobs j where j.id = $1 and j.tenant_id = $2 and j.state = 'running' and j.attempt_at is not null
                    and not exists (select 1 from job_attempts a where a.job_id = j.id and a.attempt = j.attempt)
               order by 1"#,
            job.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }
}
