//! Worker processes: who is there, and the advisory lock by which Postgres itself knows that one has died.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, Queue, WorkerId};
use sqlx::{ConnectOptions, PgConnection};

use crate::connect::Store;
use crate::error::StoreError;

/// How often a worker shows that it lives.
pub const BEAT: Duration = Duration::from_millis(500);
/// Silence after which a worker without its lock is taken for dead, in milliseconds.
pub const SILENCE_MS: i64 = 1_500;

/// A worker process that says it is there.
#[derive(Clone, Debug)]
pub struct WorkerRow {
    /// Its id.
    pub id: WorkerId,
    /// Host, process id and a random part.
    pub name: String,
    /// The queues it takes jobs from.
    pub queues: Vec<String>,
    /// How many jobs of each queue it runs at once.
    pub slots: BTreeMap<String, u32>,
    /// True once it was told to take no more jobs and to end.
    pub draining: bool,
    /// Where it runs.
    pub host: String,
    /// Its process id there.
    pub pid: i32,
    /// When it came.
    pub started_at: DateTime<Utc>,
    /// When it last showed that it lives.
    pub heartbeat_at: DateTime<Utc>,
    /// The jobs that it runs.
    pub running: Vec<JobId>,
}

/// A worker's presence: a connection that holds an advisory lock. Postgres frees the lock when the connection ends, however the
/// process ended, so others notice a dead process without waiting for its leases.
pub struct Presence {
    connection: Option<PgConnection>,
    store: Store,
    id: WorkerId,
    lock_key: i64,
}

impl Store {
    /// Announces a worker process.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn register_worker(
        &self,
        id: WorkerId,
        name: &str,
        slots: &HashMap<Queue, usize>,
        host: &str,
    ) -> Result<Presence, StoreError> {
        let lock_key =
            i64::from_be_bytes(id.0.as_bytes()[8..].try_into().unwrap_or_default()) & i64::MAX;
        let queues: Vec<Queue> = Queue::ALL
            .into_iter()
            .filter(|queue| slots.contains_key(queue))
            .collect();
        let names: Vec<String> = queues.iter().map(|queue| queue.name().to_owned()).collect();
        let slots: serde_json::Map<String, serde_json::Value> = slots
            .iter()
            .map(|(queue, slots)| (queue.name().to_owned(), serde_json::Value::from(*slots)))
            .collect();
        sqlx::query!(
            "insert into workers (id, name, queues, host, pid, lock_key, slots) values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
            id.0,
            name,
            &names,
            host,
            i32::try_from(std::process::id()).unwrap_or(i32::MAX),
            lock_key,
            serde_json::Value::Object(slots)
        )
        .execute(&self.system)
        .await?;
        let mut presence = Presence {
            connection: None,
            store: self.clone(),
            id,
            lock_key,
        };
        presence.beat().await?;
        Ok(presence)
    }

    /// Workers that live, newest first, at most 1,000.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn live_workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        let rows = sqlx::query!(
            r#"select w.id, w.name, w.queues, w.host, w.pid, w.started_at, w.heartbeat_at, w.slots, w.drain_requested,
                      array(select j.id from jobs j where j.worker_id = w.id and j.state = 'running') as "running!"
               from workers w
               where w.stopped_at is null and w.heartbeat_at > now() - interval '15 seconds'
               order by w.started_at desc limit 1000"#
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| WorkerRow {
                id: WorkerId(row.id),
                name: row.name,
                queues: row.queues,
                slots: serde_json::from_value(row.slots).unwrap_or_default(),
                draining: row.drain_requested,
                host: row.host,
                pid: row.pid,
                started_at: row.started_at,
                heartbeat_at: row.heartbeat_at,
                running: row.running.into_iter().map(JobId).collect(),
            })
            .collect())
    }

    /// Tells a live worker to take no more jobs, to finish those that it runs, and to end. It sees it with its next beat.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such worker, or it has ended.
    pub async fn drain_worker(&self, id: WorkerId) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "update workers set drain_requested = true
             where id = $1 and stopped_at is null and heartbeat_at > now() - interval '15 seconds'",
            id.0
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("worker"));
        }
        Ok(())
    }

    /// Which of these processes are gone: they left, are unknown, or are silent and no longer hold their lock.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub(crate) async fn dead_among(
        &self,
        workers: &[WorkerId],
    ) -> Result<Vec<WorkerId>, StoreError> {
        let ids: Vec<_> = workers.iter().map(|worker| worker.0).collect();
        let dead = sqlx::query_scalar!(
            r#"select asked.id as "id!" from unnest($1::uuid[]) as asked (id) left join workers w on w.id = asked.id
               where w.id is null or w.stopped_at is not null
                  or w.heartbeat_at < now() - make_interval(secs => $2)
                     and not exists (select 1 from pg_locks l
                                     where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
                                       and l.database = (select oid from pg_database where datname = current_database())
                                       and (l.classid::bigint << 32) | l.objid::bigint = w.lock_key)"#,
            &ids,
            SILENCE_MS as f64 / 1_000.0
        )
        .fetch_all(&self.system)
        .await?;
        Ok(dead.into_iter().map(WorkerId).collect())
    }

    /// Forgets workers that have been gone for a day and own no job any more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_workers(&self) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from workers w where w.heartbeat_at < now() - interval '1 day'
             and not exists (select 1 from jobs j where j.worker_id = w.id and j.state = 'running')"
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}

impl Presence {
    /// Shows that the process lives; takes the lock again on a new connection when the old one ended. True when it is to take no more jobs.
    ///
    /// # Errors
    /// When Postgres does not answer. The next beat tries again.
    pub async fn beat(&mut self) -> Result<bool, StoreError> {
        if self.connection.is_none() {
            let mut connection = self.store.connect_options.connect().await?;
            sqlx::query("set role computetower_system")
                .execute(&mut connection)
                .await?;
            sqlx::query!("select pg_advisory_lock($1)", self.lock_key)
                .execute(&mut connection)
                .await?;
            self.connection = Some(connection);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(false);
        };
        let beaten = sqlx::query_scalar!(
            "update workers set heartbeat_at = now(), stopped_at = null where id = $1 returning drain_requested",
            self.id.0
        )
        .fetch_optional(connection)
        .await;
        if beaten.is_err() {
            self.connection = None;
        }
        Ok(beaten?.unwrap_or_default())
    }

    /// Gives the connection up: the next beat takes a new one. For a beat that got no answer.
    pub fn reconnect(&mut self) {
        self.connection = None;
    }

    /// Says that the process ends by its own will.
    ///
    /// # Errors
    /// When Postgres does not answer; then the lock tells it all the same.
    pub async fn leave(self) -> Result<(), StoreError> {
        sqlx::query!(
            "update workers set stopped_at = now() where id = $1",
            self.id.0
        )
        .execute(&self.store.system)
        .await?;
        Ok(())
    }
}
