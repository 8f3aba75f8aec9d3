//! `/admin/scale`: how many workers each queue should have, for autoscalers. The decision is in `jobs/src/scale.rs`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use computetower_jobs::Queue;
use computetower_jobs::scale::{ScaleFacts, ScaleGoal, advise};
use computetower_store::load::QueueLoad;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::Operator;
use crate::api::extract::Params;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// The largest number of workers that may be asked for.
const MOST: u64 = 10_000;

pub(super) fn router() -> Router<App> {
    Router::new().route("/scale", get(scale))
}

/// What the operator wants of every queue.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScaleParams {
    /// Within how many seconds what waits should have been done: 1 to 86400, 60 when left out.
    target_seconds: Option<f64>,
    /// Never fewer workers; 0 when left out.
    min: Option<u64>,
    /// Never more workers, 1 to 10000; 100 when left out.
    max: Option<u64>,
}

impl ScaleParams {
    fn goal(&self) -> Result<ScaleGoal, Problem> {
        let goal = ScaleGoal {
            target_seconds: self.target_seconds.unwrap_or(60.0),
            min: self.min.unwrap_or(0),
            max: self.max.unwrap_or(100),
        };
        if !(1.0..=86_400.0).contains(&goal.target_seconds) {
            return Err(Problem::field(
                "target_seconds",
                "must be between 1 and 86400",
            ));
        }
        if !(1..=MOST).contains(&goal.max) {
            return Err(Problem::field("max", "must be between 1 and 10000"));
        }
        if goal.min > goal.max {
            return Err(Problem::field("min", "must not be above max"));
        }
        Ok(goal)
    }
}

/// Advice for every queue, by its name.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"queues": {"chat": {"pending": 0, "queued": 120, "running": 16, "slots": 16, "oldest_age_seconds": 41.5,
    "workers": 2, "advised_workers": 4, "reason": "what waits and runs needs as many to be done within the target"}}}))]
pub(crate) struct ScaleAdvice {
    queues: BTreeMap<&'static str, QueueAdvice>,
}

/// A queue as it stands, and how many workers it should have.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueAdvice {
    /// Jobs that wait for their time or their turn.
    pending: i64,
    /// Jobs that wait for a worker.
    queued: i64,
    /// Jobs that run.
    running: i64,
    /// Jobs that the living workers can run at once.
    slots: i64,
    /// For how long the longest-waiting job that is due has been due.
    oldest_age_seconds: f64,
    /// Worker processes that live.
    workers: i64,
    /// How many there should be.
    advised_workers: u64,
    /// Why.
    reason: &'static str,
}

/// Advises how many workers each queue should have, over all tenants. An autoscaler reads `queues.<queue>.advised_workers`. The advice never goes
/// down by more than one, holds the slots of running jobs, and is at least 1 while anything waits.
#[utoipa::path(get, path = "/admin/scale", tag = "workers", security(("admin_key" = [])), params(ScaleParams),
    responses((status = 200, body = ScaleAdvice), (status = 401, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn scale(
    State(app): State<App>,
    Operator(_): Operator,
    Params(params): Params<ScaleParams>,
) -> Result<Json<ScaleAdvice>, Problem> {
    let goal = params.goal()?;
    let load = app.load().await?;
    let queues = load
        .iter()
        .map(|load| (load.queue.name(), advice(load, &goal)))
        .collect();
    Ok(Json(ScaleAdvice { queues }))
}

fn advice(load: &QueueLoad, goal: &ScaleGoal) -> QueueAdvice {
    let facts = facts(load);
    let (advised_workers, reason) = advise(&facts, goal);
    QueueAdvice {
        pending: load.pending,
        queued: load.queued,
        running: load.running,
        slots: load.slots,
        oldest_age_seconds: load.oldest_age_seconds,
        workers: load.workers,
        advised_workers,
        reason: reason.text(),
    }
}

fn facts(load: &QueueLoad) -> ScaleFacts {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let workers = count(load.workers);
    let slots_per_worker = count(load.slots)
        .checked_div(workers)
        .unwrap_or_else(|| usual_slots(load.queue))
        .max(1);
    ScaleFacts {
        waiting: count(load.queued) + count(load.due),
        running: count(load.running),
        oldest_age_seconds: load.oldest_age_seconds,
        workers,
        slots_per_worker,
        run_seconds: load.run_seconds,
        paused: load.paused,
    }
}

/// What a worker would bring, where none is there to tell.
fn usual_slots(queue: Queue) -> u64 {
    u64::try_from(queue.default_concurrency()).unwrap_or(1)
}
