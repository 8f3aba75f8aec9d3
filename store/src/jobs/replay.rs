//! Replaying: many failed or cancelled jobs get a new series of attempts, in one statement.

use chrono::{DateTime, Utc};
use computetower_jobs::{FailureCode, JobId, JobKind, JobState, Queue, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// Which jobs to replay. What is `None` does not matter.
#[derive(Clone, Debug)]
pub struct ReplayFilter {
    /// `failed` or `cancelled`.
    pub state: JobState,
    /// Only these.
    pub ids: Option<Vec<JobId>>,
    /// Only this kind.
    pub kind: Option<JobKind>,
    /// Only those of this queue.
    pub queue: Option<Queue>,
    /// Only those that failed with this code.
    pub code: Option<FailureCode>,
    /// Only those that ended then or later.
    pub since: Option<DateTime<Utc>>,
    /// Only those that ended before.
    pub until: Option<DateTime<Utc>>,
    /// How many, 1 to 1,000; the oldest first.
    pub limit: i64,
}

/// What a replay did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The jobs that wait for their turn again, oldest first.
    pub ids: Vec<JobId>,
    /// True when more of them match.
    pub more: bool,
}

impl Store {
    /// Lets jobs wait for their turn again, with their counters at zero, due now, and tells the dispatcher. They wait for no other job any more.
    /// What earlier attempts recorded stays. One that somebody else changes at this moment is left out.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn replay(
        &self,
        tenant: TenantId,
        filter: &ReplayFilter,
    ) -> Result<Replayed, StoreError> {
        let ids: Option<Vec<uuid::Uuid>> = filter
            .ids
            .as_ref()
            .map(|ids| ids.iter().map(|id| id.0).collect());
        let limit = filter.limit.clamp(1, 1_000);
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            r#"with found as (
                   select id from jobs
                   where tenant_id = $1 and state = $2 and state in ('failed', 'cancelled') and ($3::uuid[] is null or id = any($3))
                     and ($4::text is null or kind = $4) and ($5::text is null or queue = $5)
                     and ($6::text is null or failure ->> 'code' = $6)
                     and ($7::timestamptz is null or finished_at >= $7) and ($8::timestamptz is null or finished_at < $8)
                   order by id limit $9::bigint + 1 for update skip locked
               ), target as (
                   select id from found order by id limit $9::bigint
               ), changed as (
                   update jobs j set state = 'pending', counted = 0, interruptions = 0, snoozes = 0, failure = null, result = null,
                          cancel_requested = false, pause_requested = false, finished_at = null, run_at = now(), waits_for = 0,
                          deadline = case when deadline < now() then null else deadline end
                   -- Asked once more: the row may have changed between what was seen and what was locked.
                   from target where j.id = target.id and j.state in ('failed', 'cancelled')
                   returning j.id, j.queue
               )
               select id, queue, (select count(*) from found) > $9::bigint as "more!" from changed order by id"#,
            tenant.0,
            filter.state.name(),
            ids.as_deref(),
            filter.kind.map(JobKind::name),
            filter.queue.map(Queue::name),
            filter.code.map(FailureCode::name),
            filter.since,
            filter.until,
            limit
        )
        .fetch_all(&mut *connection)
        .await?;
        drop(connection);
        let more = rows.first().is_some_and(|row| row.more);
        let mut queues = Vec::new();
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            // It is done: a queue that this program does not know is no reason to say otherwise.
            queues.extend(row.queue.parse::<Queue>());
            ids.push(JobId(row.id));
        }
        self.ring_turn(queues).await;
        Ok(Replayed { ids, more })
    }
}
