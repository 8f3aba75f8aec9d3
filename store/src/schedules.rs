//! Schedules: what makes a job again and again. A tick is fenced by the moment at which it was due, so that it makes one job, whoever sees it.

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, Queue, ScheduleId, TenantId};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::{Fresh, NewJob, insert_pending};

/// A schedule as it is kept.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// When, as a cron expression.
    pub cron: String,
    /// Where the clock hangs.
    pub time_zone: String,
    /// The submission that each tick makes.
    pub job: Value,
    /// Whether it ticks.
    pub enabled: bool,
    /// The next tick; `None` while it is off, and when there will be none.
    pub next_at: Option<DateTime<Utc>>,
    /// The last tick, or the last time that it was run by hand.
    pub last_at: Option<DateTime<Utc>>,
    /// The job that was made then.
    pub last_job: Option<JobId>,
    /// Why the last tick made none.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When somebody last changed it.
    pub updated_at: DateTime<Utc>,
}

/// What people decide about a schedule. The cron expression, the time zone and the job have been checked.
#[derive(Clone, Debug)]
pub struct ScheduleText {
    /// What people call it.
    pub name: String,
    /// When, as a cron expression.
    pub cron: String,
    /// Where the clock hangs.
    pub time_zone: String,
    /// The submission that each tick makes.
    pub job: Value,
    /// Whether it ticks.
    pub enabled: bool,
}

/// A page of schedules, newest first.
#[derive(Clone, Debug)]
pub struct SchedulePage {
    /// The schedules.
    pub schedules: Vec<Schedule>,
    /// Where the next page starts, when there is one.
    pub next: Option<ScheduleId>,
}

struct Row {
    id: uuid::Uuid,
    tenant_id: uuid::Uuid,
    name: String,
    cron: String,
    time_zone: String,
    job: Value,
    enabled: bool,
    next_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    last_job: Option<uuid::Uuid>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Schedule {
    fn from(row: Row) -> Self {
        Self {
            id: ScheduleId(row.id),
            tenant: TenantId(row.tenant_id),
            name: row.name,
            cron: row.cron,
            time_zone: row.time_zone,
            job: row.job,
            enabled: row.enabled,
            next_at: row.next_at,
            last_at: row.last_at,
            last_job: row.last_job.map(JobId),
            last_error: row.last_error,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Keeps a schedule under a name.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the tenant has a schedule of that name.
    pub async fn add_schedule(
        &self,
        tenant: TenantId,
        text: &ScheduleText,
        next_at: Option<DateTime<Utc>>,
    ) -> Result<ScheduleId, StoreError> {
        let id = ScheduleId::generate();
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "insert into schedules (id, tenant_id, name, cron, time_zone, job, enabled, next_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict on constraint schedules_name_key do nothing",
            id.0,
            tenant.0,
            text.name,
            text.cron,
            text.time_zone,
            text.job,
            text.enabled,
            next_at
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(name_is_taken(&text.name));
        }
        Ok(id)
    }

    /// One schedule of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn schedule(&self, tenant: TenantId, id: ScheduleId) -> Result<Schedule, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            "select id, tenant_id, name, cron, time_zone, job, enabled, next_at, last_at, last_job, last_error, created_at, updated_at
             from schedules where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(Schedule::from)
        .ok_or(StoreError::NotFound("schedule"))
    }

    /// A page of a tenant's schedules, newest first: `limit` (1 to 200) older than `before`.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn schedules(
        &self,
        tenant: TenantId,
        before: Option<ScheduleId>,
        limit: i64,
    ) -> Result<SchedulePage, StoreError> {
        let limit = limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let mut schedules: Vec<Schedule> = sqlx::query_as!(
            Row,
            "select id, tenant_id, name, cron, time_zone, job, enabled, next_at, last_at, last_job, last_error, created_at, updated_at
             from schedules where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
            tenant.0,
            before.map(|id| id.0),
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .map(Schedule::from)
        .collect();
        let most = usize::try_from(limit).unwrap_or_default();
        let more = schedules.len() > most;
        schedules.truncate(most);
        let next = schedules.last().filter(|_| more).map(|last| last.id);
        Ok(SchedulePage { schedules, next })
    }

    /// Changes a schedule that was read as `before`. `next_at` is written when it is given: `Some(None)` means that there is no next tick.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the new name is taken, or somebody else has changed or removed the schedule meanwhile.
    pub async fn change_schedule(
        &self,
        before: &Schedule,
        text: &ScheduleText,
        next_at: Option<Option<DateTime<Utc>>>,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(before.tenant).await?;
        let changed = sqlx::query!(
            "update schedules set name = $3, cron = $4, time_zone = $5, job = $6, enabled = $7,
                    next_at = case when $8 then $9 else next_at end, updated_at = clock_timestamp()
             where id = $1 and tenant_id = $2 and updated_at = $10",
            before.id.0,
            before.tenant.0,
            text.name,
            text.cron,
            text.time_zone,
            text.job,
            text.enabled,
            next_at.is_some(),
            next_at.flatten(),
            before.updated_at
        )
        .execute(&mut *connection)
        .await;
        match changed {
            Ok(done) if done.rows_affected() > 0 => Ok(()),
            Ok(_) => Err(StoreError::Conflict(
                "the schedule was changed by somebody else at this moment: look at it, and try again"
                    .to_owned(),
            )),
            Err(sqlx::Error::Database(error))
                if error.constraint() == Some("schedules_name_key") =>
            {
                Err(name_is_taken(&text.name))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a schedule. The jobs that it made stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn remove_schedule(
        &self,
        tenant: TenantId,
        id: ScheduleId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "delete from schedules where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        Ok(())
    }

    /// Makes the schedule's job now, besides its ticks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the schedule is gone.
    pub async fn run_schedule(
        &self,
        schedule: &Schedule,
        now: DateTime<Utc>,
        new: NewJob,
    ) -> Result<JobId, StoreError> {
        let mut connection = self.as_tenant(schedule.tenant).await?;
        let mut tx = connection.begin().await?;
        let (id, queue) = make(&mut tx, schedule, new).await?;
        let done = sqlx::query!(
            "update schedules set last_at = $3, last_job = $4, last_error = null where id = $1 and tenant_id = $2",
            schedule.id.0,
            schedule.tenant.0,
            now,
            id.0
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        tx.commit().await?;
        self.ring_turn([queue]).await;
        Ok(id)
    }

    /// Schedules that are due at a moment, longest due first, of all tenants.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn due_schedules(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Schedule>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "select id, tenant_id, name, cron, time_zone, job, enabled, next_at, last_at, last_job, last_error, created_at, updated_at
             from schedules where enabled and next_at <= $1 order by next_at limit $2",
            now,
            limit
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows.into_iter().map(Schedule::from).collect())
    }

    /// One tick of a schedule that was read as due: its job, or why there is none, and the next moment, in one transaction. `None` when the tick is not
    /// there any more: somebody else has made its job, or the schedule was changed or removed.
    ///
    /// # Errors
    /// When Postgres does not answer; then the tick is still due.
    pub async fn tick_schedule(
        &self,
        schedule: &Schedule,
        now: DateTime<Utc>,
        next_at: Option<DateTime<Utc>>,
        job: Result<NewJob, String>,
    ) -> Result<Option<Result<JobId, String>>, StoreError> {
        let mut connection = self.system.acquire().await?;
        let mut tx = connection.begin().await?;
        // The row's lock comes first: a second dispatcher waits here, and then finds another moment.
        let held = sqlx::query_scalar!(
            "select id from schedules where id = $1 and next_at = $2 and updated_at = $3 and enabled for update",
            schedule.id.0,
            schedule.next_at,
            schedule.updated_at
        )
        .fetch_optional(&mut *tx)
        .await?;
        if held.is_none() {
            return Ok(None);
        }
        let (made, queue) = match job {
            Ok(new) => {
                let (id, queue) = make(&mut tx, schedule, new).await?;
                (Ok(id), Some(queue))
            }
            Err(why) => (Err(why), None),
        };
        sqlx::query!(
            "update schedules set next_at = $2, last_at = $3, last_job = coalesce($4, last_job), last_error = $5 where id = $1",
            schedule.id.0,
            next_at,
            now,
            made.as_ref().ok().map(|id| id.0),
            made.as_ref().err()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.ring_turn(queue).await;
        Ok(Some(made))
    }
}

async fn make(
    tx: &mut PgConnection,
    schedule: &Schedule,
    new: NewJob,
) -> Result<(JobId, Queue), StoreError> {
    let id = JobId::generate();
    let queue = new.kind.queue();
    let new = NewJob {
        schedule: Some(schedule.id),
        ..new
    };
    let fresh = Fresh {
        id,
        new: &new,
        waits_for: 0,
        has_dependents: false,
    };
    insert_pending(tx, schedule.tenant, None, &[fresh]).await?;
    Ok((id, queue))
}

fn name_is_taken(name: &str) -> StoreError {
    StoreError::Conflict(format!(
        "there is a schedule named {name:?} already: choose another name, or change that one"
    ))
}
