//! Jobs that belong together: a batch, or a job that waits for others. Rows, dependencies and marks in one transaction, all or nothing.
//!
//! They are written as `pending`, with the number of jobs that each waits for; the dispatcher hands over those that wait for none. A predecessor
//! is locked before its state is read: either it is open, and its end will find the dependency, or it has ended, and counts at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use computetower_jobs::{BatchId, JobId, JobKind, JobState, Queue, SubmitRequest, TenantId};
use sqlx::{Connection, PgConnection};

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::{NewJob, Submitted};

/// How often predecessors are tried to be locked without waiting for any.
const TRIES: u32 = 20;
/// How long to wait before the next try.
const PAUSE: Duration = Duration::from_millis(5);

/// A job and what it waits for.
#[derive(Clone, Debug)]
pub struct Member {
    /// The job.
    pub new: NewJob,
    /// Jobs accepted before.
    pub after: Vec<JobId>,
    /// Earlier members, by place.
    pub after_index: Vec<usize>,
    /// True when any end of theirs will do.
    pub any_end: bool,
}

impl Member {
    /// What a checked request asks for.
    #[must_use]
    pub fn new(kind: JobKind, request: SubmitRequest) -> Self {
        Self {
            new: NewJob {
                priority: request.priority,
                run_at: request.run_at,
                deadline: request.deadline,
                timeout_ms: request.timeout_ms,
                retry: request.retry,
                limit_key: request.limit_key.clone(),
                ..NewJob::now(kind, request.payload())
            },
            after: request.after,
            after_index: request.after_index,
            any_end: request.after_any_end,
        }
    }
}

/// What became of a submission of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Together {
    /// Accepted: the ids, in the order in which the jobs were given.
    Accepted(Vec<JobId>),
    /// Refused: the tenant has no such job to wait for.
    NoSuchJob(JobId),
    /// The idempotency key was used before; by what, has to be looked up.
    KeyTaken,
}

/// A row to be written.
pub(crate) struct Fresh<'a> {
    pub(crate) id: JobId,
    pub(crate) new: &'a NewJob,
    pub(crate) waits_for: i32,
    pub(crate) has_dependents: bool,
}

/// Whether, and in which way, a predecessor has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Open,
    Completed,
    Broken,
}

impl Store {
    /// Accepts jobs together, at most 1,000, and tells the dispatcher. With a batch, its row is written as well, and every job names it. An
    /// idempotency key belongs on the first job alone.
    ///
    /// # Errors
    /// When Postgres does not answer; then nothing was accepted.
    pub async fn submit_together(
        &self,
        tenant: TenantId,
        members: &[Member],
        batch: Option<BatchId>,
    ) -> Result<Together, StoreError> {
        let outer: Vec<JobId> = members
            .iter()
            .flat_map(|member| member.after.iter().copied())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut tries = 0;
        let together = loop {
            let wait = outer.len() < 2 || tries >= TRIES;
            if let Some(done) = self
                .try_together(tenant, members, batch, &outer, wait)
                .await?
            {
                break done;
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        };
        if matches!(together, Together::Accepted(_)) {
            self.ring_turn(members.iter().map(|member| member.new.kind.queue()))
                .await;
        }
        Ok(together)
    }

    /// One try. `None`: a predecessor is held by somebody else at this moment. Waiting for it while others are held could end in a deadlock.
    async fn try_together(
        &self,
        tenant: TenantId,
        members: &[Member],
        batch: Option<BatchId>,
        outer: &[JobId],
        wait: bool,
    ) -> Result<Option<Together>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let mut tx = connection.begin().await?;
        let Some(known) = lock(&mut tx, tenant, outer, wait).await? else {
            return Ok(None);
        };
        if let Some(unknown) = outer.iter().find(|id| !known.contains_key(id)) {
            return Ok(Some(Together::NoSuchJob(*unknown)));
        }
        let ids: Vec<JobId> = members.iter().map(|_| JobId::generate()).collect();
        let waits: Vec<HashSet<JobId>> = members
            .iter()
            .map(|member| open_predecessors(member, &ids, &known))
            .collect();
        let named: HashSet<JobId> = waits.iter().flatten().copied().collect();
        let fresh: Vec<Fresh<'_>> = members
            .iter()
            .zip(&ids)
            .zip(&waits)
            .map(|((member, id), waits)| Fresh {
                id: *id,
                new: &member.new,
                waits_for: i32::try_from(waits.len()).unwrap_or(i32::MAX),
                has_dependents: named.contains(id),
            })
            .collect();
        if let Some(batch) = batch {
            sqlx::query!(
                "insert into batches (id, tenant_id, jobs) values ($1, $2, $3)",
                batch.0,
                tenant.0,
                i32::try_from(members.len()).unwrap_or(i32::MAX)
            )
            .execute(&mut *tx)
            .await?;
        }
        if insert_pending(&mut tx, tenant, batch, &fresh).await? < fresh.len() as u64 {
            return Ok(Some(Together::KeyTaken));
        }
        depend(&mut tx, tenant, members, &ids, &waits).await?;
        let marked: Vec<uuid::Uuid> = outer
            .iter()
            .filter(|id| named.contains(id))
            .map(|id| id.0)
            .collect();
        if !marked.is_empty() {
            sqlx::query!(
                "update jobs set has_dependents = true where id = any($1) and tenant_id = $2 and not has_dependents",
                &marked,
                tenant.0
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Some(Together::Accepted(ids)))
    }

    /// The batch that was accepted with this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when the key came with another request.
    pub async fn batch_submitted_before(
        &self,
        tenant: TenantId,
        key: &str,
        hash: &[u8],
    ) -> Result<Option<BatchId>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        // A batch's key stands on its first job: keys of jobs and of batches are one space, held by one constraint.
        let earlier = sqlx::query!(
            "select batch_id, request_hash from jobs where tenant_id = $1 and idempotency_key = $2",
            tenant.0,
            key
        )
        .fetch_optional(&mut *connection)
        .await?;
        match earlier {
            None => Ok(None),
            Some(row) if row.request_hash.as_deref() == Some(hash) && row.batch_id.is_some() => {
                Ok(row.batch_id.map(BatchId))
            }
            Some(_) => Err(StoreError::IdempotencyReused),
        }
    }

    /// The jobs of a batch in the order in which they were given, with what each is and where it stands.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn batch_members(
        &self,
        tenant: TenantId,
        batch: BatchId,
    ) -> Result<Vec<(JobId, JobKind, JobState)>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query!(
            "select id, kind, state from jobs where batch_id = $1 and tenant_id = $2 order by id",
            batch.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok((
                    JobId(row.id),
                    super::parse("kind", &row.kind)?,
                    super::parse("state", &row.state)?,
                ))
            })
            .collect()
    }

    /// Accepts one job that waits for others.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when its key came with another request. The inner error is the job that it cannot wait for.
    pub async fn submit_after(
        &self,
        tenant: TenantId,
        member: Member,
    ) -> Result<Result<Submitted, JobId>, StoreError> {
        let members = [member];
        match self.submit_together(tenant, &members, None).await? {
            Together::NoSuchJob(unknown) => Ok(Err(unknown)),
            Together::Accepted(ids) => {
                let id = ids.first().copied().ok_or(StoreError::NotFound("job"))?;
                Ok(Ok(Submitted {
                    id,
                    state: JobState::Pending,
                    repeated: false,
                }))
            }
            Together::KeyTaken => {
                let [member] = &members;
                let (key, hash) = member
                    .new
                    .idempotency
                    .as_ref()
                    .ok_or(StoreError::NotFound("job"))?;
                let before = self.submitted_before(tenant, key, hash).await?;
                Ok(Ok(before.ok_or(StoreError::NotFound("job"))?))
            }
        }
    }
}

/// The jobs that a member has to wait for: those that are open, and those whose end breaks it, which the settling will find.
fn open_predecessors(
    member: &Member,
    ids: &[JobId],
    known: &HashMap<JobId, Stands>,
) -> HashSet<JobId> {
    let inner = member
        .after_index
        .iter()
        .filter_map(|place| ids.get(*place));
    let outer = member.after.iter().filter(|id| match known.get(id) {
        Some(Stands::Completed) => false,
        Some(Stands::Broken) => !member.any_end,
        Some(Stands::Open) | None => true,
    });
    inner.chain(outer).copied().collect()
}

/// Locks the tenant's jobs among these, so that none ends before the transaction does. `None` when one is held by somebody else and it may not wait.
async fn lock(
    tx: &mut PgConnection,
    tenant: TenantId,
    ids: &[JobId],
    wait: bool,
) -> Result<Option<HashMap<JobId, Stands>>, StoreError> {
    if ids.is_empty() {
        return Ok(Some(HashMap::new()));
    }
    let wanted: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let locked = if wait {
        sqlx::query_as!(
            Locked,
            "select id, state from jobs where id = any($1) and tenant_id = $2 order by id for update",
            &wanted,
            tenant.0
        )
        .fetch_all(&mut *tx)
        .await?
    } else {
        let there = sqlx::query_scalar!(
            r#"select count(*) as "count!" from jobs where id = any($1) and tenant_id = $2"#,
            &wanted,
            tenant.0
        )
        .fetch_one(&mut *tx)
        .await?;
        let locked = sqlx::query_as!(
            Locked,
            "select id, state from jobs where id = any($1) and tenant_id = $2 order by id for update skip locked",
            &wanted,
            tenant.0
        )
        .fetch_all(&mut *tx)
        .await?;
        if i64::try_from(locked.len()).unwrap_or_default() < there {
            return Ok(None);
        }
        locked
    };
    let mut known = HashMap::with_capacity(locked.len());
    for row in locked {
        let stands = match super::parse::<JobState>("state", &row.state)? {
            JobState::Completed => Stands::Completed,
            state if state.is_final() => Stands::Broken,
            _ => Stands::Open,
        };
        known.insert(JobId(row.id), stands);
    }
    Ok(Some(known))
}

struct Locked {
    id: uuid::Uuid,
    state: String,
}

/// Writes jobs that wait for their turn. Returns how many: fewer than given when an idempotency key is taken.
pub(crate) async fn insert_pending(
    tx: &mut PgConnection,
    tenant: TenantId,
    batch: Option<BatchId>,
    fresh: &[Fresh<'_>],
) -> Result<u64, StoreError> {
    let column = |take: fn(&NewJob) -> &'static str| -> Vec<String> {
        fresh.iter().map(|job| take(job.new).to_owned()).collect()
    };
    let ids: Vec<uuid::Uuid> = fresh.iter().map(|job| job.id.0).collect();
    let kinds = column(|new| new.kind.name());
    let queues = column(|new| Queue::name(new.kind.queue()));
    let payloads: Vec<_> = fresh.iter().map(|job| job.new.payload.clone()).collect();
    let priorities: Vec<i16> = fresh.iter().map(|job| job.new.priority).collect();
    let run_at: Vec<_> = fresh.iter().map(|job| job.new.run_at).collect();
    let deadlines: Vec<_> = fresh.iter().map(|job| job.new.deadline).collect();
    let policies: Vec<_> = fresh.iter().map(|job| job.new.kind.policy()).collect();
    let timeouts: Vec<i64> = fresh
        .iter()
        .zip(&policies)
        .map(|(job, policy)| {
            let own = i64::try_from(policy.timeout.as_millis()).unwrap_or(i64::MAX);
            job.new.timeout_ms.unwrap_or(own)
        })
        .collect();
    let retries = fresh
        .iter()
        .zip(&policies)
        .map(|(job, policy)| serde_json::to_value(job.new.retry.unwrap_or(policy.retry)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| StoreError::decode("retry policy", error))?;
    let keys: Vec<Option<String>> = fresh
        .iter()
        .map(|job| job.new.idempotency.as_ref().map(|(key, _)| key.clone()))
        .collect();
    let hashes: Vec<Option<Vec<u8>>> = fresh
        .iter()
        .map(|job| job.new.idempotency.as_ref().map(|(_, hash)| hash.clone()))
        .collect();
    let limit_keys: Vec<Option<String>> =
        fresh.iter().map(|job| job.new.limit_key.clone()).collect();
    let schedules: Vec<Option<uuid::Uuid>> = fresh
        .iter()
        .map(|job| job.new.schedule.map(|id| id.0))
        .collect();
    let waits: Vec<i32> = fresh.iter().map(|job| job.waits_for).collect();
    let dependents: Vec<bool> = fresh.iter().map(|job| job.has_dependents).collect();
    let traces: Vec<Option<String>> = fresh
        .iter()
        .map(|job| job.new.trace_context.clone())
        .collect();
    let done = sqlx::query!(
        "insert into jobs (id, tenant_id, kind, queue, payload, state, priority, run_at, deadline, timeout_ms, retry, idempotency_key,
                           request_hash, limit_key, schedule_id, batch_id, waits_for, has_dependents, trace_context)
         select j.id, $1, j.kind, j.queue, j.payload, 'pending', j.priority, coalesce(j.run_at, now()), j.deadline, j.timeout_ms, j.retry,
                j.key, j.hash, j.limit_key, j.schedule_id, $2, j.waits_for, j.has_dependents, j.trace_context
         from unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::smallint[], $8::timestamptz[], $9::timestamptz[], $10::bigint[],
                     $11::jsonb[], $12::text[], $13::bytea[], $14::text[], $15::uuid[], $16::int[], $17::boolean[], $18::text[])
              as j (id, kind, queue, payload, priority, run_at, deadline, timeout_ms, retry, key, hash, limit_key, schedule_id, waits_for,
                    has_dependents, trace_context)
         on conflict (tenant_id, idempotency_key) where idempotency_key is not null do nothing",
        tenant.0,
        batch.map(|id| id.0),
        &ids,
        &kinds,
        &queues,
        &payloads,
        &priorities,
        &run_at as &[Option<chrono::DateTime<chrono::Utc>>],
        &deadlines as &[Option<chrono::DateTime<chrono::Utc>>],
        &timeouts,
        &retries,
        &keys as &[Option<String>],
        &hashes as &[Option<Vec<u8>>],
        &limit_keys as &[Option<String>],
        &schedules as &[Option<uuid::Uuid>],
        &waits,
        &dependents,
        &traces as &[Option<String>]
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

async fn depend(
    tx: &mut PgConnection,
    tenant: TenantId,
    members: &[Member],
    ids: &[JobId],
    waits: &[HashSet<JobId>],
) -> Result<(), StoreError> {
    let (mut jobs, mut after, mut any_end) = (Vec::new(), Vec::new(), Vec::new());
    for ((member, id), waits) in members.iter().zip(ids).zip(waits) {
        for predecessor in waits {
            jobs.push(id.0);
            after.push(predecessor.0);
            any_end.push(member.any_end);
        }
    }
    if jobs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into job_dependencies (job_id, after_id, tenant_id, any_end)
         select d.job_id, d.after_id, $1, d.any_end from unnest($2::uuid[], $3::uuid[], $4::boolean[]) as d (job_id, after_id, any_end)",
        tenant.0,
        &jobs,
        &after,
        &any_end
    )
    .execute(tx)
    .await?;
    Ok(())
}
