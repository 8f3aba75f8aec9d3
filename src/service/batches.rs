//! Batches: up to 1,000 jobs in one request, all of them or none, and waiting for their end.

use std::time::Duration;

use computetower_jobs::{BatchId, JobId, TenantId};
use computetower_store::StoreError;
use computetower_store::events::Notice;
use computetower_store::jobs::{Batch, Member, Together};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::app::App;
use crate::service::submit::{Checks, SubmitRequest, no_such_job};
use crate::trace;

/// Jobs that one batch may have.
const MOST_JOBS: usize = 1_000;
/// How long a wait trusts Redis to tell it of a job's end before it looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Jobs to be accepted together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"jobs": [
    {"kind": "noop", "payload": {"sleep_ms": 100}},
    {"kind": "noop", "payload": {"sleep_ms": 100}},
    {"kind": "noop", "after_index": [0, 1]}
]}))]
pub struct SubmitBatch {
    /// The jobs. A job can name earlier ones by place in `after_index`.
    #[schema(min_items = 1, max_items = 1000)]
    pub jobs: Vec<SubmitRequest>,
}

/// Checks and accepts a batch. `body` is the request as it came, for the idempotency key. True when it had been accepted before.
///
/// # Errors
/// The field that is wrong, as in `jobs[3].payload.progress`: then none of the jobs was accepted. 409 for an idempotency key that came with another
/// request.
pub async fn submit(
    app: &App,
    tenant: TenantId,
    request: SubmitBatch,
    key: Option<String>,
    body: &[u8],
) -> Result<(BatchId, bool), Problem> {
    let store = app.store();
    let idempotency = key.map(|key| (key, Sha256::digest(body).to_vec()));
    if let Some((key, hash)) = &idempotency
        && let Some(before) = store.batch_submitted_before(tenant, key, hash).await?
    {
        return Ok((before, true));
    }
    if !(1..=MOST_JOBS).contains(&request.jobs.len()) {
        return Err(Problem::field(
            "jobs",
            format!("must have 1 to {MOST_JOBS} jobs"),
        ));
    }
    let mut checks = Checks::new(app, tenant);
    let within_request = trace::context();
    let mut members = Vec::with_capacity(request.jobs.len());
    for (index, mut job) in request.jobs.into_iter().enumerate() {
        let within = |problem: Problem| problem.within(&format!("jobs[{index}]"));
        let kind = checks.check(&mut job).await.map_err(within)?;
        job.check_place(index)
            .map_err(|invalid| within(invalid.into()))?;
        let mut member = Member::new(kind, job);
        member.new.trace_context.clone_from(&within_request);
        members.push(member);
    }
    if let Some(first) = members.first_mut() {
        first.new.idempotency.clone_from(&idempotency);
    }
    let id = BatchId::generate();
    match store.submit_together(tenant, &members, Some(id)).await? {
        Together::Accepted(_) => Ok((id, false)),
        Together::NoSuchJob(unknown) => Err(foreign(&members, unknown)),
        Together::KeyTaken => {
            let (key, hash) = idempotency.ok_or(StoreError::NotFound("batch"))?;
            let before = store.batch_submitted_before(tenant, &key, &hash).await?;
            Ok((before.ok_or(StoreError::NotFound("batch"))?, true))
        }
    }
}

fn foreign(members: &[Member], unknown: JobId) -> Problem {
    let index = members
        .iter()
        .position(|member| member.after.contains(&unknown))
        .unwrap_or_default();
    let after = members
        .get(index)
        .map_or(&[][..], |member| member.after.as_slice());
    Problem::from(no_such_job(after, unknown)).within(&format!("jobs[{index}]"))
}

/// Waits until every job of a batch has ended, at most so long, and tells how it stands then.
///
/// It waits for one open job at a time, by its events: a row is looked up every two seconds, not a thousand.
///
/// # Errors
/// [`StoreError::NotFound`] also when it is another tenant's.
pub async fn wait(
    app: &App,
    tenant: TenantId,
    id: BatchId,
    longest: Duration,
) -> Result<Batch, StoreError> {
    let until = Instant::now() + longest;
    let store = app.store();
    // Whose batch it is comes first.
    let batch = store.batch(tenant, id).await?;
    if batch.is_done() {
        return Ok(batch);
    }
    while Instant::now() < until
        && let Some(job) = store.open_job_of_batch(tenant, id).await?
    {
        if !job_ends(app, tenant, job, until).await? {
            break;
        }
    }
    store.batch(tenant, id).await
}

/// Waits for the end of a job. False when the time is over.
async fn job_ends(
    app: &App,
    tenant: TenantId,
    job: JobId,
    until: Instant,
) -> Result<bool, StoreError> {
    let store = app.store();
    // Listen first, then look: no end can fall between.
    let mut subscription = store.hub().await.subscribe(job).await;
    loop {
        if store.job_has_ended(tenant, job).await? {
            return Ok(true);
        }
        let look = until.min(Instant::now() + LOOK_AGAIN);
        loop {
            match tokio::time::timeout_at(look, subscription.next()).await {
                Ok(Notice::Event(event)) if event.body.is_final() => return Ok(true),
                Ok(Notice::Event(_)) => {}
                Ok(Notice::Resync) => break,
                Err(_) if Instant::now() >= until => return Ok(false),
                Err(_) => break,
            }
        }
    }
}
