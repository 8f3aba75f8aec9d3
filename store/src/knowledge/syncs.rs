//! The sync history: an entry for each crawl or ingestion, written by the attempt that holds the job.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, LeaseToken, SourceId, SyncId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::hold;

/// Errors and warnings that an entry keeps, of each the first so many.
pub const MOST_MESSAGES: usize = 100;

/// A sync that runs.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Its id.
    pub id: SyncId,
    /// Of which source.
    pub source: SourceId,
    /// Whose.
    pub tenant: TenantId,
    /// By which job.
    pub job: JobId,
    /// By which attempt of it.
    pub lease: LeaseToken,
    /// The number that documents are marked with when they are seen.
    pub number: i32,
    /// The first of its source, or a later one.
    pub trigger: Trigger,
    /// What is unchanged is written anew, too.
    pub full: bool,
    /// What an earlier attempt of the job had counted; `{}` at first.
    pub counts: Value,
    /// When its first attempt began.
    pub started_at: DateTime<Utc>,
}

/// Why there is a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The first of its source.
    Initial,
    /// A later one.
    Resync,
}

impl Trigger {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Trigger::Initial => "initial",
            Trigger::Resync => "resync",
        }
    }
}

/// How far a sync is.
#[derive(Clone, Debug, Default)]
pub struct SyncProgress {
    /// A short stable word.
    pub phase: String,
    /// 0 to 100.
    pub percent: f32,
    /// What was counted, an object of numbers.
    pub counts: Value,
    /// What went wrong, as plain sentences, all of them or the first [`MOST_MESSAGES`].
    pub errors: Vec<String>,
    /// What is not as it should be, in the same way.
    pub warnings: Vec<String>,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// All that could be read was read.
    Completed,
    /// It ended without that.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl SyncState {
    const fn name(self) -> &'static str {
        match self {
            SyncState::Completed => "completed",
            SyncState::Failed => "failed",
            SyncState::Cancelled => "cancelled",
        }
    }
}

/// An entry of the history.
#[derive(Clone, Debug)]
pub struct SyncEntry {
    /// Its id.
    pub id: SyncId,
    /// Of which source.
    pub source: SourceId,
    /// By which job.
    pub job: JobId,
    /// `initial` or `resync`.
    pub trigger: String,
    /// The state of the job, or of its end.
    pub state: String,
    /// A short stable word.
    pub phase: String,
    /// 0 to 100.
    pub percent: f32,
    /// What was counted.
    pub counts: Value,
    /// What went wrong: a list of sentences.
    pub errors: Value,
    /// What is not as it should be.
    pub warnings: Value,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
}

/// A page of the history, newest first.
#[derive(Clone, Debug)]
pub struct SyncPage {
    /// The entries.
    pub syncs: Vec<SyncEntry>,
    /// Where the next page starts, when there is one.
    pub next: Option<SyncId>,
}

struct Row {
    id: uuid::Uuid,
    source_id: uuid::Uuid,
    job_id: uuid::Uuid,
    trigger: String,
    state: String,
    phase: String,
    progress: f32,
    counts: Value,
    error_messages: Value,
    warnings: Value,
    started_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
}

impl From<Row> for SyncEntry {
    fn from(row: Row) -> Self {
        Self {
            id: SyncId(row.id),
            source: SourceId(row.source_id),
            job: JobId(row.job_id),
            trigger: row.trigger,
            state: row.state,
            phase: row.phase,
            percent: row.progress,
            counts: row.counts,
            errors: row.error_messages,
            warnings: row.warnings,
            started_at: row.started_at,
            completed_at: row.completed_at,
        }
    }
}

impl Store {
    /// Begins the sync of a job, or goes on with it when an earlier attempt has begun it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; [`StoreError::NotFound`] when the source is gone; [`StoreError::Conflict`] while another job has the source, that may
    /// be tried again when that has ended.
    pub async fn begin_sync(
        &self,
        tenant: TenantId,
        source: SourceId,
        (job, lease): (JobId, LeaseToken),
        full: bool,
    ) -> Result<Sync, StoreError> {
        let mut tx = self.system.begin().await?;
        hold(&mut tx, job, lease).await?;
        let held = sqlx::query!(
            r#"select sync_number, job_id is distinct from $3 and exists (
                   select from jobs j where j.id = s.job_id and j.state not in ('completed', 'failed', 'cancelled')) as "taken!"
               from knowledge_sources s where id = $1 and tenant_id = $2 for update"#,
            source.0,
            tenant.0,
            job.0
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StoreError::NotFound("source"))?;
        if held.taken {
            return Err(StoreError::Conflict(
                "another job reads this source at the moment".to_owned(),
            ));
        }
        let trigger = if held.sync_number == 0 {
            Trigger::Initial
        } else {
            Trigger::Resync
        };
        let begun = sqlx::query!(
            "insert into knowledge_syncs (id, tenant_id, source_id, job_id, number, trigger) values ($1, $2, $3, $4, $5, $6)
             on conflict on constraint knowledge_syncs_job_key do update set state = 'running', completed_at = null
             returning id, number, trigger, counts, started_at",
            SyncId::generate().0,
            tenant.0,
            source.0,
            job.0,
            held.sync_number + 1,
            trigger.name()
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "update knowledge_sources set job_id = $2, sync_number = greatest(sync_number, $3) where id = $1",
            source.0,
            job.0,
            begun.number
        )
        .execute(&mut *tx)
        .await?;
        // Those whose job ended without a word.
        sqlx::query!(
            "update knowledge_syncs s set completed_at = now(), state = coalesce(
                 (select j.state from jobs j where j.id = s.job_id and j.state in ('completed', 'failed', 'cancelled')), 'failed')
             where source_id = $1 and state = 'running' and job_id <> $2",
            source.0,
            job.0
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Sync {
            id: SyncId(begun.id),
            source,
            tenant,
            job,
            lease,
            number: begun.number,
            trigger: if begun.trigger == Trigger::Initial.name() {
                Trigger::Initial
            } else {
                Trigger::Resync
            },
            full,
            counts: begun.counts,
            started_at: begun.started_at,
        })
    }

    /// Notes how far a sync is.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn save_sync(&self, sync: &Sync, progress: &SyncProgress) -> Result<(), StoreError> {
        self.write_sync(sync, progress, None).await
    }

    /// Notes that a sync has ended, and what its source holds now.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn finish_sync(
        &self,
        sync: &Sync,
        progress: &SyncProgress,
        state: SyncState,
    ) -> Result<(), StoreError> {
        self.write_sync(sync, progress, Some(state)).await?;
        sqlx::query!(
            "update knowledge_sources s set synced_at = now(),
                 documents = (select count(*) from knowledge_documents d where d.source_id = s.id and d.gone_at is null),
                 chunks = (select count(*) from knowledge_chunks c where c.source_id = s.id),
                 languages = coalesce((select array_agg(distinct d.language) from knowledge_documents d
                                       where d.source_id = s.id and d.gone_at is null and d.language is not null), '{}')
             where id = $1",
            sync.source.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    async fn write_sync(
        &self,
        sync: &Sync,
        progress: &SyncProgress,
        state: Option<SyncState>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "update knowledge_syncs s set phase = $3, progress = $4, counts = $5, error_messages = $6, warnings = $7,
                    state = coalesce($8, s.state), completed_at = case when $8::text is null then null else now() end
             from jobs j where s.id = $1 and j.id = s.job_id and j.lease_token = $2 and j.state = 'running'",
            sync.id.0,
            sync.lease.0,
            progress.phase,
            progress.percent,
            if progress.counts.is_null() { serde_json::json!({}) } else { progress.counts.clone() },
            first(&progress.errors),
            first(&progress.warnings),
            state.map(SyncState::name)
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::LeaseLost);
        }
        Ok(())
    }

    /// The entry of a job, once it has begun.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn sync_of(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Option<SyncEntry>, StoreError> {
        Ok(self.syncs_of(tenant, &[job]).await?.remove(&job))
    }

    /// The entries of jobs, of those that have begun.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn syncs_of(
        &self,
        tenant: TenantId,
        jobs: &[JobId],
    ) -> Result<HashMap<JobId, SyncEntry>, StoreError> {
        let ids: Vec<uuid::Uuid> = jobs.iter().map(|job| job.0).collect();
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"select s.id, s.source_id, s.job_id, s.trigger, s.phase, s.progress, s.counts, s.error_messages, s.warnings, s.started_at,
                      coalesce(s.completed_at, j.finished_at) as completed_at,
                      coalesce(j.state, case s.state when 'running' then 'failed' else s.state end) as "state!"
               from knowledge_syncs s left join jobs j on j.id = s.job_id and j.tenant_id = s.tenant_id
               where s.tenant_id = $1 and s.job_id = any($2)"#,
            tenant.0,
            &ids
        )
        .fetch_all(&mut *connection)
        .await?;
        let entries = rows.into_iter().map(SyncEntry::from);
        Ok(entries.map(|entry| (entry.job, entry)).collect())
    }

    /// A page of the history, newest first: of one source, or of all of a tenant's.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn syncs(
        &self,
        tenant: TenantId,
        source: Option<SourceId>,
        before: Option<SyncId>,
        limit: i64,
    ) -> Result<SyncPage, StoreError> {
        let limit = limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let mut syncs: Vec<SyncEntry> = sqlx::query_as!(
            Row,
            r#"select s.id, s.source_id, s.job_id, s.trigger, s.phase, s.progress, s.counts, s.error_messages, s.warnings, s.started_at,
                      coalesce(s.completed_at, j.finished_at) as completed_at,
                      coalesce(j.state, case s.state when 'running' then 'failed' else s.state end) as "state!"
               from knowledge_syncs s left join jobs j on j.id = s.job_id and j.tenant_id = s.tenant_id
               where s.tenant_id = $1 and ($2::uuid is null or s.source_id = $2) and ($3::uuid is null or s.id < $3) order by s.id desc limit $4"#,
            tenant.0,
            source.map(|id| id.0),
            before.map(|id| id.0),
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .map(SyncEntry::from)
        .collect();
        let most = usize::try_from(limit).unwrap_or_default();
        let more = syncs.len() > most;
        syncs.truncate(most);
        let next = syncs.last().filter(|_| more).map(|last| last.id);
        Ok(SyncPage { syncs, next })
    }
}

fn first(messages: &[String]) -> Value {
    let kept = messages.iter().take(MOST_MESSAGES);
    kept.map(|text| Value::from(text.replace('\0', "\u{fffd}")))
        .collect()
}
