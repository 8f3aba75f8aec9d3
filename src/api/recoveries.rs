//! `/recoveries/statistics`: how failures went, by code and by how they are mended. `/admin/captcha/uses`: the log of the solver of challenges.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use computetower_jobs::{CredentialId, JobId, TenantId};
use computetower_store::captcha_uses::CaptchaUse;
use computetower_store::recoveries::Mended;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::auth::{Operator, Reader};
use crate::api::extract::Params;
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// Days that are counted when nothing is said: as long as ended jobs are kept.
const DAYS: i64 = 30;

pub(super) fn router() -> Router<App> {
    Router::new().route("/recoveries/statistics", get(statistics))
}

pub(super) fn admin_router() -> Router<App> {
    Router::new().route("/captcha/uses", get(captcha_uses))
}

/// Which failures to count.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecoveryParams {
    /// Those at this moment or later; 30 days ago when left out.
    since: Option<DateTime<Utc>>,
    /// Those before this moment; now when left out.
    until: Option<DateTime<Utc>>,
}

/// How failures of one code went, mended in one way.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"code": "element_not_found", "strategy": "alternative_element", "recovered": 18, "failed": 1, "open": 1, "rate": 0.947}))]
pub(crate) struct RecoveryCount {
    /// What failed: a failure code.
    code: String,
    /// How it is mended.
    strategy: String,
    /// Mended: the attempt went on, or the job completed in the end.
    recovered: i64,
    /// Not mended: the job failed or was cancelled.
    failed: i64,
    /// Not known yet: the job has not ended.
    open: i64,
    /// `recovered` of those that are known; absent while none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
}

/// How failures went.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-31T00:00:00Z", "recovered": 18, "failed": 1, "open": 1, "rate": 0.947,
    "recoveries": [{"code": "element_not_found", "strategy": "alternative_element", "recovered": 18, "failed": 1, "open": 1, "rate": 0.947}]}))]
pub(crate) struct RecoveryStatistics {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    recovered: i64,
    failed: i64,
    open: i64,
    /// `recovered` of those that are known; absent while none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    recoveries: Vec<RecoveryCount>,
}

/// The part that was mended, of what is known.
fn rate(mended: Mended) -> Option<f64> {
    let known = u32::try_from(mended.recovered + mended.failed).unwrap_or(u32::MAX);
    let recovered = u32::try_from(mended.recovered).unwrap_or(u32::MAX);
    (known > 0).then(|| f64::from(recovered) / f64::from(known))
}

/// Counts failed attempts, and what was mended within one, by failure code and strategy.
#[utoipa::path(get, path = "/api/v1/recoveries/statistics", tag = "validations", security(("api_key" = [])), params(RecoveryParams),
    responses((status = 200, body = RecoveryStatistics), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn statistics(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<RecoveryParams>,
) -> Result<Json<RecoveryStatistics>, Problem> {
    let until = params.until.unwrap_or_else(Utc::now);
    let earliest = until.checked_sub_signed(TimeDelta::days(DAYS));
    let since = params.since.or(earliest).unwrap_or(until);
    if since > until {
        return Err(Problem::field("since", "must not be after until"));
    }
    let counts = app
        .store()
        .recovery_counts(caller.tenant, since, until)
        .await?;
    let all = counts.values().fold(Mended::default(), |sum, one| Mended {
        recovered: sum.recovered + one.recovered,
        failed: sum.failed + one.failed,
        open: sum.open + one.open,
    });
    let recoveries = counts
        .into_iter()
        .map(|((code, strategy), mended)| RecoveryCount {
            code,
            strategy,
            recovered: mended.recovered,
            failed: mended.failed,
            open: mended.open,
            rate: rate(mended),
        })
        .collect();
    Ok(Json(RecoveryStatistics {
        since,
        until,
        recovered: all.recovered,
        failed: all.failed,
        open: all.open,
        rate: rate(all),
        recoveries,
    }))
}

/// Which entries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CaptchaParams {
    /// Only of this tenant.
    tenant: Option<String>,
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A challenge that was sent to the solver.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000030", "tenant_id": "01890000-0000-7000-8000-000000000002", "job_id": "01890000-0000-7000-8000-000000000001",
    "attempt": 1, "credential_id": "01890000-0000-7000-8000-000000000009", "host": "chat.example.com", "kind": "turnstile", "outcome": "accepted", "task": "76543210",
    "cost": 0.00145, "asked_at": "2026-01-01T00:00:05Z", "ended_at": "2026-01-01T00:00:31Z"}))]
pub(crate) struct CaptchaUseView {
    id: Uuid,
    tenant_id: TenantId,
    /// The job; it may be gone.
    job_id: JobId,
    attempt: i32,
    credential_id: Option<CredentialId>,
    /// Host of the page.
    host: String,
    /// `recaptcha_v2`, `recaptcha_v3`, `hcaptcha`, `turnstile` or `image`.
    kind: String,
    /// `asked`, `solved`, `accepted`, `refused` or `failed`.
    outcome: String,
    /// The solver's number of the task.
    task: Option<String>,
    /// In the solver's currency; what was expected, until the solver has told.
    cost: f64,
    /// Why there is no solution.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    asked_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl From<CaptchaUse> for CaptchaUseView {
    fn from(row: CaptchaUse) -> Self {
        Self {
            id: row.id,
            tenant_id: TenantId(row.tenant_id),
            job_id: JobId(row.job_id),
            attempt: row.attempt,
            credential_id: row.credential_id.map(CredentialId),
            host: row.host,
            kind: row.kind,
            outcome: row.outcome,
            task: row.task,
            cost: f64::from(i32::try_from(row.cost_micros).unwrap_or(i32::MAX)) / 1_000_000.0,
            error: row.error,
            asked_at: row.asked_at,
            ended_at: row.ended_at,
        }
    }
}

/// A page of the solver's log.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"uses": [], "next_cursor": "01890000-0000-7000-8000-000000000030"}))]
pub(crate) struct CaptchaUses {
    uses: Vec<CaptchaUseView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Uuid>,
}

/// Lists the challenges that were sent to the solver, of all tenants, newest first.
#[utoipa::path(get, path = "/admin/captcha/uses", tag = "validations", security(("admin_key" = [])), params(CaptchaParams),
    responses((status = 200, body = CaptchaUses), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn captcha_uses(
    State(app): State<App>,
    Operator(_): Operator,
    Params(params): Params<CaptchaParams>,
) -> Result<Json<CaptchaUses>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    let tenant = read_word("tenant", params.tenant)?;
    let before = read_word("cursor", params.cursor)?;
    let (rows, next_cursor) = app.store().captcha_uses(tenant, before, limit).await?;
    Ok(Json(CaptchaUses {
        uses: rows.into_iter().map(CaptchaUseView::from).collect(),
        next_cursor,
    }))
}
