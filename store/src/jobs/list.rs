//! Reading jobs: one, or a page of many.

use chrono::{DateTime, Utc};
use computetower_jobs::failure::PublicFailure;
use computetower_jobs::{
    BatchId, FailureCode, JobId, JobKind, JobState, Queue, ScheduleId, TenantId,
};
use serde_json::Value;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A job as callers see it.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// What it is.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Its payload.
    pub payload: Value,
    /// Higher goes first.
    pub priority: i16,
    /// Attempts begun so far.
    pub attempt: i32,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// Not after.
    pub deadline: Option<DateTime<Utc>>,
    /// The result, once completed.
    pub result: Option<Value>,
    /// What went wrong last.
    pub failure: Option<PublicFailure>,
    /// What limits may name.
    pub limit_key: Option<String>,
    /// True while a cancel is under way.
    pub cancel_requested: bool,
    /// True while a pause is under way.
    pub pause_requested: bool,
    /// The number of the last event in Postgres.
    pub event_seq: i64,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// The schedule that made it.
    pub schedule: Option<ScheduleId>,
    /// How many jobs have to end before it may start.
    pub waits_for: i32,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only this kind.
    pub kind: Option<JobKind>,
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this queue.
    pub queue: Option<Queue>,
    /// Only those whose last failure has this code.
    pub code: Option<FailureCode>,
    /// Only those that ended then or later.
    pub since: Option<DateTime<Utc>>,
    /// Only those that ended before.
    pub until: Option<DateTime<Utc>>,
    /// Only of this batch.
    pub batch: Option<BatchId>,
    /// Only those that this schedule made.
    pub schedule: Option<ScheduleId>,
    /// Older than this one.
    pub before: Option<JobId>,
    /// How many, 1 to 200.
    pub limit: i64,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobRow>,
    /// Where the next page starts, when there is one.
    pub next: Option<JobId>,
}

struct Row {
    id: Uuid,
    kind: String,
    state: String,
    payload: Value,
    priority: i16,
    attempt: i32,
    run_at: DateTime<Utc>,
    deadline: Option<DateTime<Utc>>,
    result: Option<Value>,
    failure: Option<Value>,
    limit_key: Option<String>,
    cancel_requested: bool,
    pause_requested: bool,
    event_seq: i64,
    batch_id: Option<Uuid>,
    schedule_id: Option<Uuid>,
    waits_for: i32,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for JobRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: JobId(row.id),
            kind: super::parse("kind", &row.kind)?,
            state: super::parse("state", &row.state)?,
            payload: row.payload,
            priority: row.priority,
            attempt: row.attempt,
            run_at: row.run_at,
            deadline: row.deadline,
            result: row.result,
            failure: row
                .failure
                .and_then(|failure| serde_json::from_value(failure).ok()),
            limit_key: row.limit_key,
            cancel_requested: row.cancel_requested,
            pause_requested: row.pause_requested,
            event_seq: row.event_seq,
            batch: row.batch_id.map(BatchId),
            schedule: row.schedule_id.map(ScheduleId),
            waits_for: row.waits_for,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }
}

impl Store {
    /// One job of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn job(&self, tenant: TenantId, id: JobId) -> Result<JobRow, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"select id, kind, case when state = 'running' and waits_for_person(id, attempt) then 'intervention_needed' else state end as "state!", payload,
                      priority, attempt, run_at, deadline, result, failure, limit_key, cancel_requested, pause_requested,
                      event_seq, batch_id, schedule_id, waits_for, created_at, started_at, finished_at
               from jobs where id = $1 and tenant_id = $2"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("job"))?
        .try_into()
    }

    /// A page of a tenant's jobs, newest first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn jobs(&self, tenant: TenantId, filter: &JobFilter) -> Result<JobPage, StoreError> {
        let limit = filter.limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"select id, kind, case when state = 'running' and waits_for_person(id, attempt) then 'intervention_needed' else state end as "state!", payload,
                    priority, attempt, run_at, deadline, result, failure, limit_key, cancel_requested, pause_requested,
                    event_seq, batch_id, schedule_id, waits_for, created_at, started_at, finished_at
             from jobs
             where tenant_id = $1 and ($2::text is null or kind = $2) and ($3::text is null
                    or state = $3 and not ($3 = 'running' and waits_for_person(id, attempt))
                    or $3 = 'intervention_needed' and state = 'running' and waits_for_person(id, attempt)) and ($4::uuid is null or id < $4)
               and ($6::text is null or queue = $6) and ($7::text is null or failure ->> 'code' = $7)
               and ($8::timestamptz is null or finished_at >= $8) and ($9::timestamptz is null or finished_at < $9)
               and ($10::uuid is null or batch_id = $10) and ($11::uuid is null or schedule_id = $11)
             order by id desc limit $5"#,
            tenant.0,
            filter.kind.map(JobKind::name),
            filter.state.map(JobState::name),
            filter.before.map(|id| id.0),
            limit + 1,
            filter.queue.map(Queue::name),
            filter.code.map(FailureCode::name),
            filter.since,
            filter.until,
            filter.batch.map(|id| id.0),
            filter.schedule.map(|id| id.0)
        )
        .fetch_all(&mut *connection)
        .await?;
        let more = i64::try_from(rows.len()).unwrap_or_default() > limit;
        let mut jobs = rows
            .into_iter()
            .map(JobRow::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        jobs.truncate(usize::try_from(limit).unwrap_or_default());
        let next = if more {
            jobs.last().map(|job| job.id)
        } else {
            None
        };
        Ok(JobPage { jobs, next })
    }

    /// How many jobs stand where, over all tenants: for `/health` and tests that wait for the end.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn count_by_state(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query!(r#"select state, count(*) as "count!" from jobs group by state"#)
            .fetch_all(&self.system)
            .await?;
        Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
    }
}
