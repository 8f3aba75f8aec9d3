//! What a job has been through: its events and its attempts.

use chrono::{DateTime, Utc};
use computetower_jobs::{Event, EventBody, JobId, JobState, TenantId};
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

/// What Postgres has of a job's events.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedEvents {
    /// The events, in order.
    pub events: Vec<Event>,
    /// True when the job has ended: then these are all, the last one among them.
    pub ended: bool,
}

impl Store {
    /// The events of a job after a number, from Postgres, in order.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when the job is another tenant's; when Postgres does not answer or an event cannot be read.
    pub async fn saved_events(
        &self,
        tenant: TenantId,
        job: JobId,
        after: i64,
    ) -> Result<SavedEvents, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            r#"select j.state, j.queued_at, e.seq as "seq?", e.name as "name?", e.data as "data?", e.at as "at?"
               from jobs j left join job_events e on e.job_id = j.id and e.tenant_id = j.tenant_id and coalesce(e.last_seq, e.seq) > $3
               where j.id = $1 and j.tenant_id = $2 order by e.seq"#,
            job.0,
            tenant.0,
            after
        )
        .fetch_all(&mut *connection)
        .await?;
        let first = rows.first().ok_or(StoreError::NotFound("job"))?;
        let ended = super::parse::<JobState>("state", &first.state)?.is_final();
        let mut events = Vec::with_capacity(rows.len());
        // The first event of a job is not written down: it is the moment at which it was first handed to its lane.
        if let Some(at) = first.queued_at.filter(|_| after < 1) {
            events.push(Event {
                seq: 1,
                body: EventBody::Queued { dispatch: 1 },
                at,
            });
        }
        for row in rows {
            let (Some(seq), Some(name), Some(data), Some(at)) =
                (row.seq, row.name, row.data, row.at)
            else {
                continue;
            };
            if name == PACK {
                let packed: Vec<Event> = serde_json::from_value(data)
                    .map_err(|error| StoreError::decode("events", error))?;
                // A save that was cut off may have left the beginning of what a later row tells whole.
                let last = events.last().map_or(after, |event: &Event| event.seq);
                events.extend(packed.into_iter().filter(|event| event.seq > last));
                continue;
            }
            let body = EventBody::from_parts(&name, data)
                .map_err(|error| StoreError::decode("event", error))?;
            events.push(Event { seq, body, at });
        }
        Ok(SavedEvents { events, ended })
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
