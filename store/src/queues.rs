//! Queues as people see them: what waits, what runs, and for how long the first has waited.

use std::collections::HashMap;

use computetower_jobs::{Queue, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// A queue as it stands.
#[derive(Clone, Debug)]
pub struct QueueRow {
    /// The queue.
    pub queue: Queue,
    /// Jobs that wait for their time, their turn, or other jobs.
    pub pending: i64,
    /// Jobs that the next free worker takes.
    pub queued: i64,
    /// Jobs that run.
    pub running: i64,
    /// For how many seconds the oldest job that could run has waited.
    pub oldest_age_seconds: Option<f64>,
    /// True while no turns are given.
    pub paused: bool,
    /// Jobs that all its workers together run at once.
    pub slots: i64,
}

impl Store {
    /// All queues, with the jobs of one tenant, or of all.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn queues(&self, tenant: Option<TenantId>) -> Result<Vec<QueueRow>, StoreError> {
        let slots = self.slots().await?;
        let mut connection = match tenant {
            Some(tenant) => self.as_tenant(tenant).await?,
            None => self.system.acquire().await?,
        };
        let names: Vec<String> = Queue::ALL.iter().map(|q| q.name().to_owned()).collect();
        let rows = sqlx::query!(
            r#"select q.name as "name!",
                      (select count(*) from jobs j where j.queue = q.name and j.state = 'pending' and j.waits_for = 0 and ($1::uuid is null or j.tenant_id = $1))
                      + (select count(*) from jobs j where j.queue = q.name and j.state = 'pending' and j.waits_for > 0 and ($1::uuid is null or j.tenant_id = $1))
                      as "pending!",
                      (select count(*) from jobs j where j.queue = q.name and j.state = 'queued' and ($1::uuid is null or j.tenant_id = $1)) as "queued!",
                      (select count(*) from jobs j where j.queue = q.name and j.state = 'running' and ($1::uuid is null or j.tenant_id = $1)) as "running!",
                      extract(epoch from now() - least(
                          (select min(run_at) from jobs j where j.queue = q.name and j.state = 'pending' and j.waits_for = 0 and j.run_at <= now()
                                                            and ($1::uuid is null or j.tenant_id = $1)),
                          (select min(run_at) from jobs j where j.queue = q.name and j.state = 'queued' and ($1::uuid is null or j.tenant_id = $1))
                      ))::float8 as oldest,
                      exists (select 1 from pauses p where (p.queue is null or p.queue = q.name) and (p.tenant_id is null or p.tenant_id = $1)) as "paused!"
               from unnest($2::text[]) with ordinality as q (name, place) order by q.place"#,
            tenant.map(|tenant| tenant.0),
            &names
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| {
                let queue: Queue = crate::jobs::parse("queue", &row.name)?;
                Ok(QueueRow {
                    queue,
                    pending: row.pending,
                    queued: row.queued,
                    running: row.running,
                    oldest_age_seconds: row.oldest.map(|age| age.max(0.0)),
                    paused: row.paused,
                    slots: slots.get(&queue).copied().unwrap_or_default(),
                })
            })
            .collect()
    }

    async fn slots(&self) -> Result<HashMap<Queue, i64>, StoreError> {
        let rows = sqlx::query!(
            r#"select s.key as "queue!", sum(s.value::int) as "slots!" from workers w, jsonb_each_text(w.slots) s
               where w.stopped_at is null and not w.drain_requested and w.heartbeat_at > now() - interval '15 seconds' group by 1"#
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((row.queue.parse().ok()?, row.slots)))
            .collect())
    }
}
