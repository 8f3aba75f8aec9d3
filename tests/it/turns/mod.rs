//! Whose turn it is: fairness, priorities, limits, pauses, drains, and what happens when a dispatcher or a message is lost.

mod dispatchers;
mod drain;
mod fairness;
mod front;
mod limits;
mod pauses;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use computetower_jobs::{JobKind, Queue, TenantId};
use computetower_store::jobs::NewJob;
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::TestApp;

/// Accepts many jobs at once.
async fn flood(app: &TestApp, tenant: TenantId, many: usize, job: impl Fn(usize) -> NewJob) {
    let jobs: Vec<NewJob> = (0..many).map(job).collect();
    for slice in jobs.chunks(250) {
        let accepted =
            futures::future::join_all(slice.iter().map(|job| app.store.submit(tenant, job))).await;
        assert!(accepted.iter().all(Result::is_ok), "{accepted:?}");
    }
}

fn noop(payload: Value) -> NewJob {
    NewJob::now(JobKind::Noop, payload)
}

fn only(slots: usize) -> HashMap<Queue, usize> {
    HashMap::from([(Queue::Noop, slots)])
}

/// How many jobs of a tenant stand in one of these states.
async fn standing(app: &TestApp, tenant: TenantId, states: &[&str]) -> i64 {
    let states: Vec<String> = states.iter().map(|&state| state.to_owned()).collect();
    sqlx::query("select count(*) from jobs where tenant_id = $1 and state = any($2)")
        .bind(tenant.0)
        .bind(&states)
        .fetch_one(&mut app.database().await)
        .await
        .unwrap()
        .get(0)
}

/// The most attempts that ran at the same moment, of all jobs with this key, or of all.
async fn most_at_once(app: &TestApp, key: Option<&str>) -> i32 {
    let rows = sqlx::query(
        "select a.started_at, a.ended_at from job_attempts a join jobs j on j.id = a.job_id
         where a.ended_at is not null and ($1::text is null or j.limit_key = $1)",
    )
    .bind(key)
    .fetch_all(&mut app.database().await)
    .await
    .unwrap();
    let mut moments: Vec<(DateTime<Utc>, i32)> = rows
        .iter()
        .flat_map(|row| [(row.get(0), 1), (row.get(1), -1)])
        .collect();
    // An end and a start at the same moment do not overlap.
    moments.sort();
    let (mut now, mut most) = (0, 0);
    for (_, change) in moments {
        now += change;
        most = most.max(now);
    }
    most
}

/// Sets a limit as an operator.
async fn limit(app: &TestApp, body: Value) -> Value {
    let reply = app.operator().put("/admin/limits", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// A limit on each tenant that lets as many start as it likes: its jobs take turns, and do not go straight to their lane.
async fn everybody_takes_turns(app: &TestApp) {
    limit(
        app,
        json!({"queue": "noop", "key": "*", "max_running": 1_000_000}),
    )
    .await;
}
