//! Accepting a job: row, first event and dispatch number in one statement. Once this returns, the job is safe.
//!
//! Jobs that come at the same time are accepted together. One whose turn it is already goes straight to its lane; any other waits in Postgres for
//! the dispatcher: because its time has not come, because the lane has no room, because others wait, or because a pause or a limit holds it. The few
//! jobs of a tenant for whom nothing else waits go to the lane's front, whoever else fills it.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use computetower_jobs::{
    BatchId, JobId, JobKind, JobState, Queue, RetryPolicy, ScheduleId, TenantId,
};
use futures::StreamExt;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::coalesce::Answers;
use crate::connect::Store;
use crate::error::StoreError;
use crate::lane::End;

/// Jobs accepted in one statement. Each may be as large as a request.
pub(crate) const MOST: usize = 64;
/// Jobs of one tenant in one statement that may go to the front of their lane.
pub(super) const NEWCOMERS: usize = 16;
/// Tenants whose parts of a statement are written at the same time.
const TENANTS_AT_ONCE: usize = 8;

/// A job to be accepted. The payload has been checked.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it is.
    pub kind: JobKind,
    /// Its payload.
    pub payload: Value,
    /// Higher goes first.
    pub priority: i16,
    /// Not before.
    pub run_at: Option<DateTime<Utc>>,
    /// Not after.
    pub deadline: Option<DateTime<Utc>>,
    /// How long one attempt may run, in milliseconds; the kind's own when left out.
    pub timeout_ms: Option<i64>,
    /// How it is retried; the kind's own way when left out.
    pub retry: Option<RetryPolicy>,
    /// The caller's key, and the hash of the request that came with it.
    pub idempotency: Option<(String, Vec<u8>)>,
    /// What limits may name.
    pub limit_key: Option<String>,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// The schedule that made it.
    pub schedule: Option<ScheduleId>,
    /// The sampled span in which it is submitted, as W3C `traceparent`.
    pub trace_context: Option<String>,
}

impl NewJob {
    /// A job that runs now, by its kind's policy.
    #[must_use]
    pub fn now(kind: JobKind, payload: Value) -> Self {
        Self {
            kind,
            payload,
            priority: 0,
            run_at: None,
            deadline: None,
            timeout_ms: None,
            retry: None,
            idempotency: None,
            limit_key: None,
            batch: None,
            schedule: None,
            trace_context: None,
        }
    }

    /// Whether nothing but its turn is awaited.
    fn is_due(&self) -> bool {
        self.run_at.is_none_or(|at| at <= Utc::now())
    }
}

/// The answer to a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// True when the same request had been accepted before.
    pub repeated: bool,
}

/// How a job gets to its lane, if nothing in Postgres holds it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By its turn: the dispatcher hands it over.
    Turn,
    /// Straight to the front, if nothing else of its tenant waits; otherwise by its turn.
    Front,
    /// Straight behind what waits.
    Back,
}

/// A job on its way in.
pub(crate) struct Submission {
    id: JobId,
    tenant: TenantId,
    job: NewJob,
}

impl Store {
    /// Accepts a job, then rings the lane's bell. A bell that does not ring (Redis is down) loses nothing: the dispatcher notices.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when the key came with another request before.
    pub async fn submit(&self, tenant: TenantId, new: &NewJob) -> Result<Submitted, StoreError> {
        let id = JobId::generate();
        let submission = Submission {
            id,
            tenant,
            job: new.clone(),
        };
        if let Some(state) = self.coalesced().submit.call(submission).await? {
            self.metrics.submitted(new.kind);
            return Ok(Submitted {
                id,
                state,
                repeated: false,
            });
        }
        match &new.idempotency {
            Some((key, hash)) => self
                .submitted_before(tenant, key, hash)
                .await?
                .ok_or(StoreError::NotFound("job")),
            None => Err(StoreError::NotFound("job")),
        }
    }

    /// Accepts many at once. `None` stands for one whose idempotency key is known already.
    pub(crate) async fn submit_all(
        &self,
        submissions: Vec<Arc<Submission>>,
    ) -> Answers<Option<JobState>> {
        let ways = self.ways(&submissions).await;
        let mut by_tenant: HashMap<TenantId, Vec<usize>> = HashMap::new();
        for (place, submission) in submissions.iter().enumerate() {
            by_tenant.entry(submission.tenant).or_default().push(place);
        }
        let (submissions, ways) = (&submissions, &ways);
        let mut parts: Vec<_> = futures::stream::iter(by_tenant)
            .map(|(tenant, mut places)| async move {
                // Keys are locked in one order, so that two statements cannot wait for each other.
                places.sort_by_key(|place| submissions[*place].job.idempotency.as_ref());
                let rows: Vec<_> = places
                    .iter()
                    .map(|place| (&*submissions[*place], ways[*place]))
                    .collect();
                let inserted = self.insert_as(tenant, &rows).await;
                (places, inserted)
            })
            .buffer_unordered(TENANTS_AT_ONCE)
            .collect()
            .await;
        if let [(_, inserted)] = &mut parts[..]
            && inserted.is_err()
        {
            // Nobody's job stands: the whole can be answered, or tried again in parts.
            return Err(std::mem::replace(inserted, Ok(Vec::new()))
                .err()
                .unwrap_or(StoreError::Interrupted));
        }
        let mut states: HashMap<JobId, JobState> = HashMap::new();
        let mut refused: HashMap<usize, StoreError> = HashMap::new();
        for (places, inserted) in parts {
            match inserted {
                Ok(inserted) => states.extend(inserted),
                Err(error) if error.is_outage() && !error.is_contention() => {
                    let error = Arc::new(error);
                    refused.extend(
                        places
                            .iter()
                            .map(|place| (*place, StoreError::Together(error.clone()))),
                    );
                }
                // One that Postgres refuses must not be the others' misfortune.
                Err(_) => {
                    for place in places {
                        let submission = &submissions[place];
                        let alone = [(&**submission, ways[place])];
                        match self.insert_as(submission.tenant, &alone).await {
                            Ok(inserted) => states.extend(inserted),
                            Err(error) => {
                                refused.insert(place, error);
                            }
                        }
                    }
                }
            }
        }
        self.ring_for(submissions, ways, &states);
        Ok(submissions
            .iter()
            .enumerate()
            .map(|(place, submission)| match refused.remove(&place) {
                Some(error) => Err(error),
                None => Ok(states.get(&submission.id).copied()),
            })
            .collect())
    }

    async fn insert_as(
        &self,
        tenant: TenantId,
        rows: &[(&Submission, Way)],
    ) -> Result<Vec<(JobId, JobState)>, StoreError> {
        // Nothing in it depends on how many rows a table has, and a plan costs as much as twenty jobs.
        let mut connection = self
            .as_tenant_planning(tenant, "force_generic_plan")
            .await?;
        insert(&mut connection, tenant, rows).await
    }

    /// How they get to their lanes, as far as the lanes are concerned.
    async fn ways(&self, submissions: &[Arc<Submission>]) -> Vec<Way> {
        let mut ways = vec![Way::Turn; submissions.len()];
        for queue in Queue::ALL {
            let due: Vec<usize> = (0..submissions.len())
                .filter(|place| {
                    let job = &submissions[*place].job;
                    job.kind.queue() == queue && job.is_due()
                })
                .collect();
            let admitted = self.gate.take(queue, due.len()).await;
            let (back, others) = due.split_at(admitted.back);
            for place in back {
                ways[*place] = Way::Back;
            }
            if admitted.front {
                let mut of_tenant: HashMap<TenantId, usize> = HashMap::new();
                for place in others {
                    *of_tenant.entry(submissions[*place].tenant).or_default() += 1;
                }
                for place in others {
                    if of_tenant[&submissions[*place].tenant] <= NEWCOMERS {
                        ways[*place] = Way::Front;
                    }
                }
            }
        }
        ways
    }

    /// Puts what is queued onto its lane, and tells the dispatcher of what waits for its turn. Nobody waits for it: the jobs are safe.
    fn ring_for(
        &self,
        submissions: &[Arc<Submission>],
        ways: &[Way],
        states: &HashMap<JobId, JobState>,
    ) {
        let mut queued: HashMap<(Queue, End), Vec<(JobId, i32)>> = HashMap::new();
        let mut waiting: Vec<Queue> = Vec::new();
        for (submission, way) in submissions.iter().zip(ways) {
            let queue = submission.job.kind.queue();
            match states.get(&submission.id) {
                Some(JobState::Queued) => {
                    // Behind what waits, whatever the priority: a lane that has room is short, and its order is that of the turns.
                    let end = match way {
                        Way::Front => End::Front,
                        Way::Back | Way::Turn => End::Back,
                    };
                    queued
                        .entry((queue, end))
                        .or_default()
                        .push((submission.id, 1));
                }
                Some(JobState::Pending) if submission.job.is_due() && !waiting.contains(&queue) => {
                    waiting.push(queue);
                }
                _ => {}
            }
        }
        if queued.is_empty() && waiting.is_empty() {
            return;
        }
        let store = self.clone();
        self.rings.spawn(async move {
            for ((queue, end), jobs) in &queued {
                store.lane.ring(*queue, *end, jobs).await;
            }
            store.ring_turn(waiting).await;
        });
    }

    /// The job that was accepted with this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyReused`] when the key came with another request.
    pub async fn submitted_before(
        &self,
        tenant: TenantId,
        key: &str,
        hash: &[u8],
    ) -> Result<Option<Submitted>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let earlier = sqlx::query!("select id, state, request_hash from jobs where tenant_id = $1 and idempotency_key = $2", tenant.0, key)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(earlier) = earlier else {
            return Ok(None);
        };
        if earlier.request_hash.as_deref() != Some(hash) {
            return Err(StoreError::IdempotencyReused);
        }
        Ok(Some(Submitted {
            id: JobId(earlier.id),
            state: super::parse("state", &earlier.state)?,
            repeated: true,
        }))
    }
}

/// The columns of new jobs for `unnest`.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    kinds: Vec<&'static str>,
    queues: Vec<&'static str>,
    /// As text: Postgres reads it anyway, and no tree of values has to be copied.
    payloads: Vec<String>,
    priorities: Vec<i16>,
    run_at: Vec<Option<DateTime<Utc>>>,
    deadlines: Vec<Option<DateTime<Utc>>>,
    timeouts: Vec<i64>,
    retries: Vec<String>,
    keys: Vec<Option<String>>,
    hashes: Vec<Option<Vec<u8>>>,
    limit_keys: Vec<Option<String>>,
    batches: Vec<Option<Uuid>>,
    schedules: Vec<Option<Uuid>>,
    direct: Vec<bool>,
    newcomers: Vec<bool>,
    traces: Vec<Option<String>>,
}

impl Columns {
    fn of(rows: &[(&Submission, Way)]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for (Submission { id, job, .. }, way) in rows {
            let policy = job.kind.policy();
            let timeout = i64::try_from(policy.timeout.as_millis()).unwrap_or(i64::MAX);
            let retry = serde_json::to_string(&job.retry.unwrap_or(policy.retry))
                .map_err(|error| StoreError::decode("retry policy", error))?;
            let payload = serde_json::to_string(&job.payload)
                .map_err(|error| StoreError::decode("payload", error))?;
            columns.ids.push(id.0);
            columns.kinds.push(job.kind.name());
            columns.queues.push(job.kind.queue().name());
            columns.payloads.push(payload);
            columns.priorities.push(job.priority);
            columns.run_at.push(job.run_at);
            columns.deadlines.push(job.deadline);
            columns.timeouts.push(job.timeout_ms.unwrap_or(timeout));
            columns.retries.push(retry);
            let (key, hash) = job.idempotency.clone().unzip();
            columns.keys.push(key);
            columns.hashes.push(hash);
            columns.limit_keys.push(job.limit_key.clone());
            columns.batches.push(job.batch.map(|batch| batch.0));
            columns
                .schedules
                .push(job.schedule.map(|schedule| schedule.0));
            columns.direct.push(*way == Way::Back);
            columns.newcomers.push(*way == Way::Front);
            columns.traces.push(job.trace_context.clone());
        }
        Ok(columns)
    }
}

/// Writes jobs of one tenant and tells where those stand that are new.
async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    rows: &[(&Submission, Way)],
) -> Result<Vec<(JobId, JobState)>, StoreError> {
    let columns = Columns::of(rows)?;
    let inserted = sqlx::query!(
        r#"insert into jobs (id, tenant_id, kind, queue, payload, priority, run_at, deadline, timeout_ms, retry, idempotency_key, request_hash,
                             limit_key, batch_id, schedule_id, state, dispatch, dispatched_at, queued_at, event_seq, trace_context)
           select id, $1, kind, queue, payload::jsonb, priority, coalesce(run_at, now()), deadline, timeout_ms, retry::jsonb, key, hash, limit_key, batch_id, schedule_id,
                  case when go then 'queued' else 'pending' end, case when go then 1 else 0 end, case when go then now() end,
                  case when go then now() end, case when go then 1 else 0 end, trace_context
           from (select i.*, (i.direct or i.newcomer) and coalesce(i.run_at, now()) <= now()
                        and not exists (select 1 from pauses p where (p.tenant_id is null or p.tenant_id = $1) and (p.queue is null or p.queue = i.queue))
                        and not exists (select 1 from limits l where (l.tenant_id is null or l.tenant_id = $1) and (l.queue is null or l.queue = i.queue)
                                                                 and (l.key is null or l.key in ('*', i.limit_key)))
                        and (i.direct
                             or (select true from jobs j
                                 where j.queue = i.queue and j.state = 'pending' and j.waits_for = 0 and j.tenant_id = $1 limit 1) is null
                                and (select true from jobs j where j.queue = i.queue and j.state = 'queued' and j.tenant_id = $1 limit 1) is null) as go
                 from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::timestamptz[], $8::timestamptz[], $9::bigint[],
                             $10::text[], $11::text[], $12::bytea[], $13::text[], $14::uuid[], $15::uuid[], $16::bool[], $17::bool[], $18::text[])
                      as i (id, kind, queue, payload, priority, run_at, deadline, timeout_ms, retry, key, hash, limit_key, batch_id, schedule_id, direct,
                            newcomer, trace_context)) i
           on conflict (tenant_id, idempotency_key) where idempotency_key is not null do nothing
           returning id, state"#,
        tenant.0,
        &columns.ids,
        &columns.kinds as _,
        &columns.queues as _,
        &columns.payloads,
        &columns.priorities,
        &columns.run_at as _,
        &columns.deadlines as _,
        &columns.timeouts,
        &columns.retries,
        &columns.keys as _,
        &columns.hashes as _,
        &columns.limit_keys as _,
        &columns.batches as _,
        &columns.schedules as _,
        &columns.direct,
        &columns.newcomers,
        &columns.traces as _,
    )
    .fetch_all(connection)
    .await?;
    inserted
        .into_iter()
        .map(|row| Ok((JobId(row.id), super::parse("state", &row.state)?)))
        .collect()
}
