//! Schedules: what is checked when one is made or changed, and running one by hand.

use chrono::Utc;
use computetower_jobs::{JobId, ScheduleId, SubmitRequest, TenantId, Timetable};
use computetower_store::StoreError;
use computetower_store::jobs::{Member, NewJob};
use computetower_store::schedules::{Schedule, ScheduleText};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::app::App;
use crate::service::submit::Checks;
use crate::trace;

/// Characters that a name may have.
const LONGEST_NAME: usize = 200;

/// A schedule to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "morning question", "cron": "0 9 * * 1-5", "time_zone": "Europe/Berlin",
    "job": {"kind": "chat", "payload": {"model": "helpdesk", "messages": [{"role": "user", "content": "What is new today?"}]}}}))]
pub struct NewSchedule {
    /// What people call it; one of its name per tenant.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Minute, hour, day of the month, month, day of the week; with seconds before them when there are six fields.
    pub cron: String,
    /// A name of the IANA time zone database.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// The job that each tick makes: as for `POST /api/v1/jobs`, without `run_at`, `deadline` and `after`.
    pub job: SubmitRequest,
    /// False: it makes no jobs by itself.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

/// What to change about a schedule. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"enabled": false}))]
pub struct ChangeSchedule {
    /// What people call it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// When.
    #[serde(default)]
    pub cron: Option<String>,
    /// Where the clock hangs.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// The job that each tick makes, whole.
    #[serde(default)]
    pub job: Option<SubmitRequest>,
    /// Whether it makes jobs by itself.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// Makes a schedule.
///
/// # Errors
/// The field that is wrong, or 409 when the name is taken.
pub async fn create(
    app: &App,
    tenant: TenantId,
    request: NewSchedule,
) -> Result<ScheduleId, Problem> {
    let timetable = Timetable::parse(&request.cron, &request.time_zone)?;
    let text = ScheduleText {
        name: name(request.name)?,
        cron: request.cron,
        time_zone: request.time_zone,
        job: job(app, tenant, &request.job).await?,
        enabled: request.enabled,
    };
    let next_at = next(&timetable, text.enabled)?;
    Ok(app.store().add_schedule(tenant, &text, next_at).await?)
}

/// Changes a schedule. Its next tick is reckoned anew when the time is changed, or it is switched on or off.
///
/// # Errors
/// The field that is wrong; 409 when the name is taken, or somebody else changes it at the same moment.
pub async fn change(
    app: &App,
    tenant: TenantId,
    id: ScheduleId,
    request: ChangeSchedule,
) -> Result<(), Problem> {
    let before = app.store().schedule(tenant, id).await?;
    let retimed = request.cron.is_some()
        || request.time_zone.is_some()
        || request
            .enabled
            .is_some_and(|enabled| enabled != before.enabled);
    let text = ScheduleText {
        name: request.name.map_or_else(|| Ok(before.name.clone()), name)?,
        cron: request.cron.unwrap_or_else(|| before.cron.clone()),
        time_zone: request
            .time_zone
            .unwrap_or_else(|| before.time_zone.clone()),
        job: match &request.job {
            Some(request) => job(app, tenant, request).await?,
            None => before.job.clone(),
        },
        enabled: request.enabled.unwrap_or(before.enabled),
    };
    let next_at = if retimed {
        let timetable = Timetable::parse(&text.cron, &text.time_zone)?;
        Some(next(&timetable, text.enabled)?)
    } else {
        None
    };
    Ok(app.store().change_schedule(&before, &text, next_at).await?)
}

/// Makes a schedule's job now; its ticks stay as they are.
///
/// # Errors
/// The field of `job` that can no longer be accepted.
pub async fn run(app: &App, tenant: TenantId, id: ScheduleId) -> Result<JobId, Problem> {
    let schedule: Schedule = app.store().schedule(tenant, id).await?;
    let mut request: SubmitRequest =
        serde_json::from_value(schedule.job.clone()).map_err(|error| {
            Problem::from(StoreError::Decode {
                what: "schedule",
                source: error.into(),
            })
        })?;
    let kind = Checks::new(app, tenant)
        .check(&mut request)
        .await
        .map_err(|problem| problem.within("job"))?;
    let new = NewJob {
        trace_context: trace::context(),
        ..Member::new(kind, request).new
    };
    Ok(app.store().run_schedule(&schedule, Utc::now(), new).await?)
}

fn name(name: String) -> Result<String, Problem> {
    let name = name.trim().to_owned();
    if (1..=LONGEST_NAME).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(Problem::field(
            "name",
            format!("must have 1 to {LONGEST_NAME} characters"),
        ))
    }
}

async fn job(
    app: &App,
    tenant: TenantId,
    request: &SubmitRequest,
) -> Result<serde_json::Value, Problem> {
    request
        .check_repeatable()
        .map_err(|invalid| Problem::from(invalid).within("job"))?;
    Checks::new(app, tenant)
        // Which key it has is found out anew for each of its jobs.
        .check(&mut request.clone())
        .await
        .map_err(|problem| problem.within("job"))?;
    serde_json::to_value(request).map_err(|error| {
        Problem::from(StoreError::Decode {
            what: "schedule",
            source: error.into(),
        })
    })
}

fn next(timetable: &Timetable, enabled: bool) -> Result<Option<chrono::DateTime<Utc>>, Problem> {
    let next = timetable
        .next_after(Utc::now())
        .ok_or_else(|| Problem::field("cron", "never comes: no day has this date"))?;
    Ok(enabled.then_some(next))
}
