//! Schedules that are due make their jobs. However many ticks were missed, one job makes up for them.

use chrono::{DateTime, Utc};
use computetower_jobs::{SubmitRequest, Timetable};
use computetower_store::jobs::{Member, NewJob};
use computetower_store::schedules::Schedule;
use computetower_store::{Store, StoreError};

use crate::trace;

/// Schedules of one look.
const LIMIT: i64 = 200;

pub(super) async fn run(store: &Store) -> Result<usize, StoreError> {
    let now = Utc::now();
    let due = store.due_schedules(now, LIMIT).await?;
    for schedule in &due {
        match tick(store, schedule, now).await {
            Ok(()) => {}
            Err(error) if error.is_outage() => return Err(error),
            // The others must not wait for it.
            Err(error) => {
                tracing::warn!(schedule.id = %schedule.id, error = %crate::run::chain(&error), "a schedule could not tick")
            }
        }
    }
    Ok(due.len())
}

async fn tick(store: &Store, schedule: &Schedule, now: DateTime<Utc>) -> Result<(), StoreError> {
    let span = trace::tick(schedule);
    let (next_at, job) = match next_tick(schedule, now) {
        Ok(next_at) => (next_at, job(store, schedule, now).await?),
        // Without a next tick it rests until somebody changes it.
        Err(why) => (None, Err(why)),
    };
    let job = job.map(|new| NewJob {
        trace_context: trace::traceparent(&span),
        ..new
    });
    let made = store.tick_schedule(schedule, now, next_at, job).await?;
    if let Some(Err(why)) = made {
        tracing::warn!(schedule.id = %schedule.id, tenant = %schedule.tenant, why, "a schedule could not make its job");
    }
    Ok(())
}

/// The first tick after now: those that were missed are not made up for one by one. Never before the present one, whatever this clock says.
fn next_tick(schedule: &Schedule, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, String> {
    let timetable =
        Timetable::parse(&schedule.cron, &schedule.time_zone).map_err(|error| error.to_string())?;
    let after = schedule.next_at.map_or(now, |tick| tick.max(now));
    Ok(timetable.next_after(after))
}

/// The job, or why it cannot be accepted.
async fn job(
    store: &Store,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Result<Result<NewJob, String>, StoreError> {
    let mut request: SubmitRequest = match serde_json::from_value(schedule.job.clone()) {
        Ok(request) => request,
        Err(error) => return Ok(Err(format!("job: {error}"))),
    };
    let (kind, payload) = match request.check(now) {
        Ok(checked) => checked,
        Err(error) => return Ok(Err(format!("job.{error}"))),
    };
    if let Some(named) = payload.names() {
        match store.limit_key_of(schedule.tenant, &named).await? {
            Some(key) => request.limit_key.get_or_insert(key),
            None => return Ok(Err(format!("job.{}", named.missing()))),
        };
    }
    Ok(Ok(Member::new(kind, request).new))
}
