//! `/jobs/replay`: many failed or cancelled jobs get a new series of attempts.

use axum::extract::State;
use axum::routing::post;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{FailureCode, JobId, JobKind, JobState, Queue};
use computetower_store::jobs::ReplayFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Writer;
use crate::api::extract::Json;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// Jobs that one request may replay, and ids that it may name.
const MOST: i64 = 1_000;

pub(super) fn router() -> Router<App> {
    Router::new().route("/jobs/replay", post(replay))
}

/// Which jobs to replay. What is left out does not matter; `{}` replays the oldest failed jobs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "chat", "code": "network", "since": "2026-01-01T00:00:00Z", "limit": 100}))]
pub(crate) struct Replay {
    /// `failed`, or `cancelled`.
    #[serde(default)]
    state: Option<JobState>,
    /// Only this kind.
    #[serde(default)]
    kind: Option<JobKind>,
    /// Only those of this queue.
    #[serde(default)]
    queue: Option<Queue>,
    /// Only those that failed with this code.
    #[serde(default)]
    code: Option<FailureCode>,
    /// Only those that ended at this moment or later.
    #[serde(default)]
    since: Option<DateTime<Utc>>,
    /// Only those that ended before this moment.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// Only these. Ids of jobs that do not match, or are not there, are passed over.
    #[serde(default)]
    #[schema(max_items = 1000)]
    ids: Option<Vec<JobId>>,
    /// How many at most, 1 to 1,000, the oldest first; 1,000 when left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// What was replayed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"replayed": 1, "ids": ["01890000-0000-7000-8000-000000000000"], "more": false}))]
pub(crate) struct ReplayReply {
    /// How many jobs.
    replayed: usize,
    /// Which, oldest first.
    ids: Vec<JobId>,
    /// True when more of them match: ask again.
    more: bool,
}

/// Lets failed or cancelled jobs run again, with their counters at zero. They wait for no other job any more, and what waited for them is not woken.
#[utoipa::path(post, path = "/api/v1/jobs/replay", tag = "jobs", security(("api_key" = [])), 
    request_body(content = Replay, examples(
        ("by what went wrong" = (value = json!({"kind": "chat", "code": "network", "since": "2026-01-01T00:00:00Z", "limit": 100}))),
        ("these" = (value = json!({"ids": ["01890000-0000-7000-8000-000000000001"]}))))),
    responses((status = 200, body = ReplayReply), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn replay(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<Replay>,
) -> Result<Answer<ReplayReply>, Problem> {
    let state = request.state.unwrap_or(JobState::Failed);
    if !matches!(state, JobState::Failed | JobState::Cancelled) {
        return Err(Problem::field("state", "must be failed or cancelled"));
    }
    let limit = request.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field(
            "limit",
            format!("must be between 1 and {MOST}"),
        ));
    }
    if request
        .ids
        .as_ref()
        .is_some_and(|ids| i64::try_from(ids.len()).unwrap_or(i64::MAX) > MOST)
    {
        return Err(Problem::field("ids", format!("must have at most {MOST}")));
    }
    let filter = ReplayFilter {
        state,
        ids: request.ids,
        kind: request.kind,
        queue: request.queue,
        code: request.code,
        since: request.since,
        until: request.until,
        limit,
    };
    let done = app.store().replay(caller.tenant, &filter).await?;
    Ok(Answer(ReplayReply {
        replayed: done.ids.len(),
        ids: done.ids,
        more: done.more,
    }))
}
