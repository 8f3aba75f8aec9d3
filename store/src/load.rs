//! How much waits in each queue, and who is there to do it: over all tenants, for operators.

use computetower_jobs::Queue;

use crate::connect::Store;
use crate::error::StoreError;

/// A queue as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueLoad {
    /// The queue.
    pub queue: Queue,
    /// Jobs that wait for their time or their turn.
    pub pending: i64,
    /// Those of them whose time has come.
    pub due: i64,
    /// Jobs that wait for a worker.
    pub queued: i64,
    /// Jobs that run.
    pub running: i64,
    /// Jobs that a person holds back.
    pub held: i64,
    /// Jobs that wait for a person.
    pub parked: i64,
    /// For how long the longest-waiting job that is due has been due; 0 when none waits.
    pub oldest_age_seconds: f64,
    /// True while nothing of the queue is started.
    pub paused: bool,
    /// Worker processes that live and take its jobs.
    pub workers: i64,
    /// Jobs that they can run at once.
    pub slots: i64,
    /// The mean time that a job took, of those among the last 1,000 that ended within ten minutes.
    pub run_seconds: Option<f64>,
}

impl Store {
    /// Every queue as it stands. Only jobs that have not ended are counted, each state by its own index.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn load(&self) -> Result<Vec<QueueLoad>, StoreError> {
        let names: Vec<String> = Queue::ALL.iter().map(|q| q.name().to_owned()).collect();
        let slots: Vec<i32> = Queue::ALL
            .iter()
            .map(|queue| i32::try_from(queue.default_concurrency()).unwrap_or(i32::MAX))
            .collect();
        let rows = sqlx::query!(
            r#"with asked as (
                   select * from unnest($1::text[], $2::int[]) as q (queue, usual_slots)
               ), depth as (
                   select queue, 'pending' as state, count(*) as jobs, count(*) filter (where run_at <= now()) as due, min(run_at) as first
                   from jobs where state = 'pending' and waits_for = 0 group by queue
                   union all
                   select queue, 'pending', count(*), 0, null from jobs where state = 'pending' and waits_for > 0 group by queue
                   union all
                   select queue, 'queued', count(*), count(*), min(run_at) from jobs where state = 'queued' group by queue
                   union all
                   select queue, 'running', count(*), 0, null from jobs where state = 'running' group by queue
                   union all
                   select queue, state, count(*), 0, null from jobs where state in ('paused', 'intervention_needed') group by queue, state
               ), there as (
                   select a.queue, count(*) as workers, sum(coalesce((w.slots ->> a.queue)::int, a.usual_slots)) as slots
                   from workers w join asked a on a.queue = any(w.queues)
                   where w.stopped_at is null and not w.drain_requested and w.heartbeat_at > now() - interval '15 seconds'
                   group by a.queue
               ), took as (
                   select queue, avg(extract(epoch from finished_at - coalesce(attempt_at, started_at)))::float8 as seconds
                   from (select queue, finished_at, attempt_at, started_at from jobs
                         where state in ('completed', 'failed', 'cancelled') and finished_at > now() - interval '10 minutes'
                         order by finished_at desc limit 1000) as ended
                   where started_at is not null group by queue
               )
               select a.queue as "queue!",
                      coalesce(sum(d.jobs) filter (where d.state = 'pending'), 0)::bigint as "pending!",
                      coalesce(sum(d.due) filter (where d.state = 'pending'), 0)::bigint as "due!",
                      coalesce(sum(d.jobs) filter (where d.state = 'queued'), 0)::bigint as "queued!",
                      coalesce(sum(d.jobs) filter (where d.state = 'running'), 0)::bigint as "running!",
                      coalesce(sum(d.jobs) filter (where d.state = 'paused'), 0)::bigint as "held!",
                      coalesce(sum(d.jobs) filter (where d.state = 'intervention_needed'), 0)::bigint as "parked!",
                      greatest(0, coalesce(extract(epoch from now() - min(d.first)), 0))::float8 as "oldest_age_seconds!",
                      exists (select 1 from pauses p where p.queue = a.queue and p.tenant_id is null) as "paused!",
                      coalesce(max(t.workers), 0)::bigint as "workers!",
                      coalesce(max(t.slots), 0)::bigint as "slots!",
                      max(k.seconds) as run_seconds
               from asked a left join depth d on d.queue = a.queue left join there t on t.queue = a.queue left join took k on k.queue = a.queue
               group by a.queue"#,
            &names,
            &slots
        )
        .fetch_all(&self.system)
        .await?;
        let mut loads = rows
            .into_iter()
            .map(|row| {
                Ok(QueueLoad {
                    queue: crate::jobs::parse("queue", &row.queue)?,
                    pending: row.pending,
                    due: row.due,
                    queued: row.queued,
                    running: row.running,
                    held: row.held,
                    parked: row.parked,
                    oldest_age_seconds: row.oldest_age_seconds,
                    paused: row.paused,
                    workers: row.workers,
                    slots: row.slots,
                    run_seconds: row.run_seconds,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        loads.sort_by_key(|load| load.queue);
        Ok(loads)
    }
}
