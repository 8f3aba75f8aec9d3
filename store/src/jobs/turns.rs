//! Taking turns: due jobs move from `pending` to `queued`, as many as their lane has room for. Who goes is decided by [`Turns`].

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use computetower_jobs::turns::{Bucket, Candidate, Closed, InFlight, Limit, Room, Turns};
use computetower_jobs::{Event, EventBody, JobId, LimitId, Queue, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::submit::NEWCOMERS;

/// Tenants and priorities that are looked at in one go. When there are more, the next look begins where this one ended.
const LINES: i64 = 500;
/// Jobs of one tenant and priority that are looked at in one go, at most.
const IN_LINE: usize = 500;
/// Turns given in one go, at most: one less than are looked at, so that it is seen when somebody is left over.
const MOST: usize = IN_LINE - 1;

/// What is remembered of a queue's turns from one look to the next. It may be forgotten at any time.
#[derive(Debug, Default)]
pub struct TurnMemory {
    turns: Turns,
    /// The last tenant that was looked at, when there were too many for one look.
    after: Uuid,
    /// For what there was no room.
    closed: Vec<Closed>,
}

/// A job that was given its turn. It is queued; its message is not on the lane yet.
#[derive(Clone, Debug)]
pub struct Dispatched {
    /// The job.
    pub id: JobId,
    /// True when nothing of its tenant waits on the lane, and few come at once: then it goes before what others were given in advance. A flood that finds
    /// the lane empty is no newcomer.
    pub ahead: bool,
    /// The number of its dispatch.
    pub dispatch: i32,
    /// The attempts so far.
    pub attempt: i32,
    /// The event that tells it, already in Postgres.
    pub event: Event,
}

/// What one look at a queue did.
#[derive(Debug, Default)]
pub struct TurnsTaken {
    /// The jobs, in the order of their turns.
    pub jobs: Vec<Dispatched>,
    /// True when jobs are left that only wait for a free slot.
    pub more: bool,
    /// True when limits may hold some back.
    pub held: bool,
}

/// A queue as it stands.
#[derive(Clone, Copy, Debug)]
pub struct QueueLook {
    /// The queue.
    pub queue: Queue,
    /// Jobs that its workers run at once.
    pub slots: i64,
    /// Jobs that ended in the last second.
    pub finished: i64,
    /// True when jobs wait for their time or turn.
    pub pending: bool,
}

impl Store {
    /// Looks at all queues. The flag is true when anything is paused.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn look_at_queues(&self) -> Result<(Vec<QueueLook>, bool), StoreError> {
        let names: Vec<String> = Queue::ALL.iter().map(|q| q.name().to_owned()).collect();
        // On connections that scan no tables: of a queue in which nobody waits, the whole table would be read to find that out. And not by `exists`, for
        // which all that waits would be put into a hash table first.
        let rows = sqlx::query!(
            r#"with finished as (
                   select queue, count(*) as jobs from jobs
                   where state in ('completed', 'failed', 'cancelled') and finished_at > now() - interval '1 second' group by queue
               )
               select q.name as "name!", coalesce(f.jobs, 0) as "finished!",
                      coalesce((select sum((w.slots ->> q.name)::int) from workers w
                                where w.stopped_at is null and not w.drain_requested and w.heartbeat_at > now() - interval '15 seconds'), 0) as "slots!",
                      (select true from jobs j where j.queue = q.name and j.state = 'pending' and j.waits_for = 0 limit 1) is not null as "pending!",
                      exists (select 1 from pauses) as "paused!"
               from unnest($1::text[]) q (name) left join finished f on f.queue = q.name"#,
            &names
        )
        .fetch_all(&self.work)
        .await?;
        let paused = rows.first().is_some_and(|row| row.paused);
        let looks = rows
            .into_iter()
            .map(|row| {
                Ok(QueueLook {
                    queue: super::parse("queue", &row.name)?,
                    slots: row.slots,
                    finished: row.finished,
                    pending: row.pending,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok((looks, paused))
    }

    /// Gives turns to up to `free` jobs of a queue. `anew` looks also when nothing has changed for those that were held back before.
    ///
    /// All of it is one transaction under a lock, so that two dispatchers that both believe they lead cannot exceed a limit together. Whatever fails
    /// before its end has moved nothing.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn take_turns(
        &self,
        queue: Queue,
        free: usize,
        memory: &mut TurnMemory,
        anew: bool,
    ) -> Result<TurnsTaken, StoreError> {
        let free = free.min(MOST);
        let mut transaction = self.system.begin().await?;
        // Everything here goes by index, a few hundred rows at a time, whatever the planner believes of a table that grows and shrinks.
        let lock = sqlx::query!(
            r#"select pg_try_advisory_xact_lock(hashtextextended('computetower turns', 0)) as "held!", now() as "now!",
                      set_config('enable_seqscan', 'off', true) as a, set_config('enable_hashjoin', 'off', true) as b, set_config('enable_mergejoin', 'off', true) as c"#
        )
        .fetch_one(&mut *transaction)
        .await?;
        // Ended here and not by being dropped, or the lock would be held a little longer than this call.
        if !lock.held {
            transaction.rollback().await?;
            return Ok(TurnsTaken {
                held: true,
                ..TurnsTaken::default()
            });
        }
        let connection = &mut *transaction;
        let limits = limits_on(connection, queue).await?;
        let (in_flight, buckets) = if limits.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            (
                in_flight(connection).await?,
                buckets(connection, &limits).await?,
            )
        };
        let room = Room::new(queue, &limits, &in_flight, &buckets, lock.now);
        let closed = room.closed();
        if !anew && closed == memory.closed {
            transaction.rollback().await?;
            return Ok(TurnsTaken {
                held: true,
                ..TurnsTaken::default()
            });
        }
        let found = candidates(connection, queue, free, memory.after, &closed).await?;
        let held = !closed.is_empty();
        memory.closed = closed;
        let started_late = !memory.after.is_nil();
        memory.after = found.next;
        let picked = memory
            .turns
            .pick(&found.candidates, &found.weights, room, free);
        let jobs = hand_over(connection, queue, &picked.jobs, lock.now).await?;
        fill(connection, &picked.spent).await?;
        transaction.commit().await?;
        Ok(TurnsTaken {
            jobs,
            more: picked.more || started_late || !memory.after.is_nil(),
            held,
        })
    }

    /// Takes turns back whose messages could not be put on the lane. A message that is there after all finds nothing to claim.
    ///
    /// # Errors
    /// When Postgres does not answer; the jobs stay queued then, and are handed over again.
    pub async fn take_back(&self, jobs: &[(JobId, i32)]) -> Result<(), StoreError> {
        let (ids, dispatches): (Vec<Uuid>, Vec<i32>) = jobs
            .iter()
            .map(|(job, dispatch)| (job.0, *dispatch))
            .unzip();
        sqlx::query!(
            "update jobs j set state = 'pending' from unnest($1::uuid[], $2::int[]) as i (id, dispatch)
             where j.id = i.id and j.dispatch = i.dispatch and j.state = 'queued'",
            &ids,
            &dispatches
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }
}

async fn limits_on(connection: &mut PgConnection, queue: Queue) -> Result<Vec<Limit>, StoreError> {
    let rows = sqlx::query_as!(
        crate::limits::Row,
        "select id, tenant_id, queue, key, max_running, rate, per_seconds, created_at from limits where queue is null or queue = $1",
        queue.name()
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| crate::limits::LimitRow::try_from(row).map(|row| row.rule()))
        .collect()
}

async fn in_flight(connection: &mut PgConnection) -> Result<Vec<InFlight>, StoreError> {
    let rows = sqlx::query!(
        r#"select tenant_id as "tenant!", queue as "queue!", limit_key, count(*) as "jobs!"
           from (select tenant_id, queue, limit_key from jobs where state = 'queued'
                 union all
                 select tenant_id, queue, limit_key from jobs where state = 'running') j
           group by 1, 2, 3"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        // A queue of a newer program is none of ours, and neither are its limits.
        .filter_map(|row| {
            Some(InFlight {
                tenant: TenantId(row.tenant),
                queue: row.queue.parse().ok()?,
                key: row.limit_key,
                jobs: u32::try_from(row.jobs).unwrap_or(u32::MAX),
            })
        })
        .collect())
}

async fn buckets(
    connection: &mut PgConnection,
    limits: &[Limit],
) -> Result<Vec<Bucket>, StoreError> {
    let ids: Vec<Uuid> = limits
        .iter()
        .filter(|limit| limit.rate.is_some())
        .map(|limit| limit.id.0)
        .collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "select limit_id, tenant_id, key, tokens, filled_at from limit_buckets where limit_id = any($1)",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Bucket {
            limit: LimitId(row.limit_id),
            tenant: TenantId(row.tenant_id),
            key: Some(row.key).filter(|key| !key.is_empty()),
            tokens: row.tokens,
            filled_at: row.filled_at,
        })
        .collect())
}

async fn fill(connection: &mut PgConnection, buckets: &[Bucket]) -> Result<(), StoreError> {
    if buckets.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into limit_buckets (limit_id, tenant_id, key, tokens, filled_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::timestamptz[])
         on conflict (limit_id, tenant_id, key) do update set tokens = excluded.tokens, filled_at = excluded.filled_at",
        &buckets.iter().map(|b| b.limit.0).collect::<Vec<_>>(),
        &buckets.iter().map(|b| b.tenant.0).collect::<Vec<_>>(),
        &buckets.iter().map(|b| b.key.clone().unwrap_or_default()).collect::<Vec<_>>(),
        &buckets.iter().map(|b| b.tokens).collect::<Vec<_>>(),
        &buckets.iter().map(|b| b.filled_at).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Found {
    candidates: Vec<Candidate>,
    weights: HashMap<TenantId, u32>,
    /// Where the next look begins: after this tenant.
    next: Uuid,
}

/// The first due jobs of each tenant and priority. Tenants are hopped over in the index, so that a long line costs no more than a short one.
async fn candidates(
    connection: &mut PgConnection,
    queue: Queue,
    free: usize,
    after: Uuid,
    closed: &[Closed],
) -> Result<Found, StoreError> {
    // One more than there are slots tells whether somebody is left over.
    let wanted = i64::try_from(free.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = sqlx::query!(
        r#"with recursive hop (tenant_id, priority) as (
               (select j.tenant_id, j.priority from jobs j
                where j.queue = $1 and j.state = 'pending' and j.waits_for = 0 and j.tenant_id > $2
                order by j.tenant_id, j.priority desc limit 1)
               union all
               select n.tenant_id, n.priority from hop h cross join lateral (
                   (select 0 as far, j.tenant_id, j.priority from jobs j
                    where j.queue = $1 and j.state = 'pending' and j.waits_for = 0 and j.tenant_id = h.tenant_id and j.priority < h.priority
                    order by j.priority desc limit 1)
                   union all
                   (select 1, j.tenant_id, j.priority from jobs j
                    where j.queue = $1 and j.state = 'pending' and j.waits_for = 0 and j.tenant_id > h.tenant_id
                    order by j.tenant_id, j.priority desc limit 1)
                   order by 1 limit 1) n
           ), line as (
               select tenant_id, priority from hop limit $4
           ), known as (
               select count(*) as lines, greatest(count(distinct tenant_id), 1) as tenants from line
           )
           select c.id as "id?", l.tenant_id as "tenant!", c.limit_key, l.priority as "priority!", c.run_at as "run_at?", t.weight, k.lines as "lines!"
           from line l cross join known k join tenants t on t.id = l.tenant_id
           left join lateral (
               select j.id, j.limit_key, j.run_at from jobs j
               where j.queue = $1 and j.state = 'pending' and j.waits_for = 0 and j.tenant_id = l.tenant_id and j.priority = l.priority
                 and j.run_at <= now()
                 and not exists (select 1 from pauses p where (p.tenant_id is null or p.tenant_id = l.tenant_id) and (p.queue is null or p.queue = $1))
                 and not exists (select 1 from unnest($5::uuid[], $6::bool[], $7::text[]) as x (tenant_id, any_key, key)
                                 where (x.tenant_id is null or x.tenant_id = l.tenant_id) and (x.any_key or x.key is not distinct from j.limit_key))
               -- With many tenants nobody can get all the slots.
               order by j.run_at limit (select least($3::bigint, greatest(64, 4 * $3::bigint / known.tenants)) from known)) c on true
           order by l.tenant_id"#,
        queue.name(),
        after,
        wanted,
        LINES,
        &closed.iter().map(|c| c.tenant.map(|t| t.0)).collect::<Vec<_>>() as _,
        &closed.iter().map(|c| c.any_key).collect::<Vec<_>>(),
        &closed.iter().map(|c| c.key.clone()).collect::<Vec<_>>() as _,
    )
    .fetch_all(connection)
    .await?;
    let next = match rows.last() {
        Some(row) if row.lines >= LINES => row.tenant,
        _ => Uuid::nil(),
    };
    let mut found = Found {
        candidates: Vec::with_capacity(rows.len()),
        weights: HashMap::new(),
        next,
    };
    for row in rows {
        let (Some(id), Some(run_at)) = (row.id, row.run_at) else {
            continue;
        };
        let tenant = TenantId(row.tenant);
        if row.weight > 1 {
            let weight = u32::try_from(row.weight).unwrap_or(1);
            found.weights.insert(tenant, weight);
        }
        found.candidates.push(Candidate {
            job: JobId(id),
            tenant,
            key: row.limit_key,
            priority: row.priority,
            run_at,
        });
    }
    Ok(found)
}

/// The guarded move. The first time, its event is the moment itself, and is not written down again.
async fn hand_over(
    connection: &mut PgConnection,
    queue: Queue,
    jobs: &[JobId],
    at: DateTime<Utc>,
) -> Result<Vec<Dispatched>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    // Rows are locked in the order in which all statements lock them.
    let mut ordered: Vec<(Uuid, i64)> = jobs.iter().map(|job| job.0).zip(0..).collect();
    ordered.sort_unstable();
    let (ids, places): (Vec<Uuid>, Vec<i64>) = ordered.into_iter().unzip();
    let rows = sqlx::query!(
        r#"with waiting as materialized (
               select distinct tenant_id from jobs where queue = $3 and state = 'queued'
           ), moved as (
               update jobs j set state = 'queued', dispatch = dispatch + 1, dispatched_at = now(),
                                 queued_at = case when event_seq = 0 then now() else queued_at end, event_seq = event_seq + 1
               from unnest($1::uuid[], $2::bigint[]) as t (id, place)
               where j.id = any(array[t.id]) and j.state || '' = 'pending' and j.waits_for + 0 = 0
               returning j.id, j.tenant_id, j.dispatch, j.attempt, j.event_seq, t.place
           ), told as (
               insert into job_events (job_id, seq, tenant_id, name, data)
               select id, event_seq, tenant_id, 'queued', jsonb_build_object('dispatch', dispatch) from moved where event_seq > 1
           )
           select id, dispatch, attempt, event_seq, count(*) over (partition by moved.tenant_id) <= $4
                  and not exists (select 1 from waiting w where w.tenant_id = moved.tenant_id) as "ahead!"
           from moved order by place"#,
        &ids,
        &places,
        queue.name(),
        i64::try_from(NEWCOMERS).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Dispatched {
            id: JobId(row.id),
            ahead: row.ahead,
            dispatch: row.dispatch,
            attempt: row.attempt,
            event: Event {
                seq: row.event_seq,
                body: EventBody::Queued {
                    dispatch: row.dispatch,
                },
                at,
            },
        })
        .collect())
}
