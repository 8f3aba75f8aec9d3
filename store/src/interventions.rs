//! What attempts ask of people, and what people answer. A question is good as long as its attempt is the job's present one.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use computetower_jobs::{FailureCode, InterventionId, JobId, LeaseToken, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::parse;
use crate::vault::Secret;

const PURPOSE: &str = "interventions.answer";
const LINK_PURPOSE: &str = "interventions.link";

/// How long a person has to answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(900);

/// A question to a person, to be asked.
#[derive(Clone, Debug)]
pub struct NewIntervention<'a> {
    /// Whose job.
    pub tenant: TenantId,
    /// Which job.
    pub job: JobId,
    /// The attempt that asks.
    pub attempt: i32,
    /// It holds the job's lease: nobody else may ask.
    pub lease: LeaseToken,
    /// `second_factor` or `captcha`.
    pub code: FailureCode,
    /// What the page asks for.
    pub reason: &'a str,
    /// Object key of the page as it looked.
    pub screenshot_key: Option<&'a str>,
}

/// A question to a person.
#[derive(Clone, Debug)]
pub struct Intervention {
    /// Its id.
    pub id: InterventionId,
    /// Whose.
    pub tenant: TenantId,
    /// Which job.
    pub job: JobId,
    /// The attempt that asked.
    pub attempt: i32,
    /// `second_factor` or `captcha`.
    pub code: FailureCode,
    /// What the page asks for.
    pub reason: String,
    /// Object key of the page as it looked.
    pub screenshot_key: Option<String>,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// Until when it can be answered.
    pub expires_at: DateTime<Utc>,
    /// When it was answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// True while an answer is waited for.
    pub open: bool,
}

/// What a person answers.
#[derive(Clone, Debug)]
pub enum HumanAnswer {
    /// The code that the page asks for.
    Code(Secret),
    /// What the page asks for was done elsewhere.
    Done,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub enum Answered {
    /// Nobody has answered yet.
    NotYet,
    /// Somebody has.
    With(HumanAnswer),
    /// The time to answer is over, or the answer was given out before: none will come.
    Expired,
}

struct Row {
    id: Uuid,
    tenant_id: Uuid,
    job_id: Uuid,
    attempt: i32,
    code: String,
    reason: String,
    screenshot_key: Option<String>,
    asked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    answered_at: Option<DateTime<Utc>>,
    open: bool,
}

impl TryFrom<Row> for Intervention {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: InterventionId(row.id),
            tenant: TenantId(row.tenant_id),
            job: JobId(row.job_id),
            attempt: row.attempt,
            code: parse("code", &row.code)?,
            reason: row.reason,
            screenshot_key: row.screenshot_key,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            answered_at: row.answered_at,
            open: row.open,
        })
    }
}

impl Store {
    /// Asks. Returns the question's id and until when it can be answered.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job.
    pub async fn ask_person(
        &self,
        new: &NewIntervention<'_>,
        within: Duration,
    ) -> Result<(InterventionId, DateTime<Utc>), StoreError> {
        let id = InterventionId::generate();
        let expires = sqlx::query_scalar!(
            r#"insert into interventions (id, tenant_id, job_id, attempt, code, reason, screenshot_key, expires_at)
               select $1, j.tenant_id, j.id, j.attempt, $5, $6, $7, now() + make_interval(secs => $8)
               from jobs j where j.id = $2 and j.tenant_id = $3 and j.lease_token = $4 and j.state || '' = 'running' and j.attempt = $9
               returning expires_at"#,
            id.0,
            new.job.0,
            new.tenant.0,
            new.lease.0,
            new.code.name(),
            new.reason,
            new.screenshot_key,
            within.as_secs_f64(),
            new.attempt
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::LeaseLost)?;
        Ok((id, expires))
    }

    /// What came of a question so far. An answer is forgotten once it was opened, and only then: one that is lost on the way can be read again.
    ///
    /// # Errors
    /// When Postgres does not answer, or the code cannot be opened.
    pub async fn take_answer(
        &self,
        tenant: TenantId,
        id: InterventionId,
    ) -> Result<Answered, StoreError> {
        let row = sqlx::query!(
            r#"select answered_at is not null as "answered!", answer, expires_at <= now() as "over!"
               from interventions where id = $1 and tenant_id = $2"#,
            id.0,
            tenant.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("intervention"))?;
        let Some(sealed) = row.answer.filter(|_| row.answered) else {
            return Ok(without_answer(row.answered, row.over));
        };
        let answer = if sealed.is_empty() {
            HumanAnswer::Done
        } else {
            let plain = self.vault.open(tenant, &purpose(id), &sealed).await?;
            let code = String::from_utf8(plain.to_vec())
                .map_err(|error| StoreError::decode("answer", error.utf8_error()))?;
            HumanAnswer::Code(Secret::new(code))
        };
        // The answer is at hand: that it could not be forgotten costs nobody the sign-in.
        if let Err(error) = self.forget_answer(tenant, id).await {
            tracing::warn!(intervention.id = %id, error = %error, "the answer could not be forgotten");
        }
        Ok(Answered::With(answer))
    }

    async fn forget_answer(&self, tenant: TenantId, id: InterventionId) -> Result<(), StoreError> {
        sqlx::query!(
            "update interventions set answer = null where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Answers the open question of a job.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when the job is another tenant's; [`StoreError::Conflict`] when the job does not wait for an answer.
    pub async fn answer_job(
        &self,
        tenant: TenantId,
        job: JobId,
        answer: &HumanAnswer,
    ) -> Result<Intervention, StoreError> {
        let last = self.last_intervention(tenant, job).await?;
        match last {
            Some(last) if last.open => self.answer_intervention(tenant, last.id, answer).await,
            _ => Err(StoreError::Conflict(NOT_WAITING.to_owned())),
        }
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has been answered, has expired, or its attempt is over.
    pub async fn answer_intervention(
        &self,
        tenant: TenantId,
        id: InterventionId,
        answer: &HumanAnswer,
    ) -> Result<Intervention, StoreError> {
        let sealed = match answer {
            HumanAnswer::Code(code) => {
                let plain = code.reveal().as_bytes();
                self.vault.seal(tenant, &purpose(id), plain).await?
            }
            HumanAnswer::Done => Vec::new(),
        };
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"update interventions i set answered_at = now(), answer = $3
               from jobs j where i.id = $1 and i.tenant_id = $2 and j.id = i.job_id and j.tenant_id = i.tenant_id and i.answered_at is null
                    and i.expires_at > now() and j.state || '' = 'running' and j.attempt = i.attempt
               returning i.id, i.tenant_id, i.job_id, i.attempt, i.code, i.reason, i.screenshot_key, i.asked_at, i.expires_at, i.answered_at,
                         false as "open!""#,
            id.0,
            tenant.0,
            sealed
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| StoreError::Conflict(NOT_WAITING.to_owned()))?
        .try_into()
    }

    /// The latest question of a job, answered or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when the job is another tenant's.
    pub async fn last_intervention(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Option<Intervention>, StoreError> {
        let known = self.job(tenant, job).await?;
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            r#"select i.id, i.tenant_id, i.job_id, i.attempt, i.code, i.reason, i.screenshot_key, i.asked_at, i.expires_at, i.answered_at,
                      (i.answered_at is null and i.expires_at > now() and j.state = 'running' and j.attempt = i.attempt) as "open!"
               from interventions i join jobs j on j.id = i.job_id where i.job_id = $1 and i.tenant_id = $2 order by i.asked_at desc limit 1"#,
            known.id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(Intervention::try_from)
        .transpose()
    }

    /// A question by its id, for who has its link: whose it is, the link does not say.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn intervention(&self, id: InterventionId) -> Result<Intervention, StoreError> {
        sqlx::query_as!(
            Row,
            r#"select i.id, i.tenant_id, i.job_id, i.attempt, i.code, i.reason, i.screenshot_key, i.asked_at, i.expires_at, i.answered_at,
                      (i.answered_at is null and i.expires_at > now() and j.state = 'running' and j.attempt = i.attempt) as "open!"
               from interventions i join jobs j on j.id = i.job_id where i.id = $1"#,
            id.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("intervention"))?
        .try_into()
    }

    /// The token of a link with which a question can be seen and answered without a key, until it expires.
    #[must_use]
    pub fn intervention_token(&self, id: InterventionId, expires: DateTime<Utc>) -> String {
        let until = expires.timestamp();
        let signature = self.vault.sign(LINK_PURPOSE, &signed(id, until));
        format!("{until}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether a token is one for this question and has not expired.
    #[must_use]
    pub fn is_intervention_token(&self, id: InterventionId, token: &str) -> bool {
        let Some((until, signature)) = token.split_once('.') else {
            return false;
        };
        let (Ok(until), Ok(signature)) = (until.parse::<i64>(), URL_SAFE_NO_PAD.decode(signature))
        else {
            return false;
        };
        self.vault
            .is_signed(LINK_PURPOSE, &signed(id, until), &signature)
            && Utc::now().timestamp() < until
    }
}

const NOT_WAITING: &str = "The job does not wait for an answer: it has one, or its time is over.";

/// What a question without an answer has come to. One that was answered gets no other answer: waiting for it would last for ever.
fn without_answer(answered: bool, over: bool) -> Answered {
    if answered || over {
        Answered::Expired
    } else {
        Answered::NotYet
    }
}

fn purpose(id: InterventionId) -> String {
    format!("{PURPOSE}/{id}")
}

fn signed(id: InterventionId, until: i64) -> Vec<u8> {
    format!("{id}/{until}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_given_out_ends_the_question() {
        assert!(matches!(without_answer(false, false), Answered::NotYet));
        for (answered, over) in [(true, false), (true, true), (false, true)] {
            assert!(
                matches!(without_answer(answered, over), Answered::Expired),
                "{answered} {over}"
            );
        }
    }
}
