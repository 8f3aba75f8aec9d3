//! The chat history: what was asked and answered on chat pages.

use chrono::{DateTime, Utc};
use computetower_jobs::{ConversationId, JobId, LeaseToken, ProviderId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::json_text;
use crate::threads::Said;

/// An exchange that has just been had.
#[derive(Clone, Debug)]
pub struct NewExchange<'a> {
    /// With which provider.
    pub provider: ProviderId,
    /// Its name.
    pub model: &'a str,
    /// What had been said before, when this continues a conversation.
    pub before: Option<&'a Said>,
    /// All that has been said now.
    pub said: &'a Said,
    /// What is new.
    pub question: &'a str,
    /// What the page answered.
    pub answer: &'a str,
    /// Estimates, of question and answer.
    pub tokens: (usize, usize),
    /// How the receipt was judged.
    pub validation: Option<&'a Value>,
}

/// An exchange as it is kept.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The job's id.
    pub id: JobId,
    /// The same for all of which one continues the other.
    pub conversation: ConversationId,
    /// With which provider; it may be gone.
    pub provider: ProviderId,
    /// Its name when it was asked.
    pub model: String,
    /// What was new.
    pub question: String,
    /// What the page answered.
    pub answer: String,
    /// An estimate.
    pub question_tokens: i32,
    /// An estimate.
    pub answer_tokens: i32,
    /// How the receipt was judged.
    pub validation: Option<Value>,
    /// When the answer was complete.
    pub at: DateTime<Utc>,
}

/// Which exchanges are meant.
#[derive(Clone, Debug, Default)]
pub struct ExchangeFilter {
    /// Only with these words, as a search engine takes them.
    pub words: Option<String>,
    /// Only with this text in it: for scripts that put no spaces between words.
    pub part: Option<String>,
    /// Only of this model, or of the provider with this id.
    pub provider: Option<String>,
    /// Only of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only those of this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Only those before this moment.
    pub until: Option<DateTime<Utc>>,
}

impl ExchangeFilter {
    /// True when it leaves nothing out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let texts = [&self.words, &self.part, &self.provider];
        texts.iter().all(|text| text.is_none())
            && self.conversation.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    fn pattern(&self) -> Option<String> {
        let escaped = |text: &String| {
            text.replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
        };
        self.part
            .as_ref()
            .map(|part| format!("%{}%", escaped(part)))
    }
}

struct Row {
    id: Uuid,
    conversation_id: Uuid,
    provider_id: Uuid,
    model: String,
    question: String,
    answer: String,
    question_tokens: i32,
    answer_tokens: i32,
    validation: Option<Value>,
    at: DateTime<Utc>,
}

impl From<Row> for Exchange {
    fn from(row: Row) -> Self {
        Self {
            id: JobId(row.id),
            conversation: ConversationId(row.conversation_id),
            provider: ProviderId(row.provider_id),
            model: row.model,
            question: row.question,
            answer: row.answer,
            question_tokens: row.question_tokens,
            answer_tokens: row.answer_tokens,
            validation: row.validation,
            at: row.at,
        }
    }
}

impl Store {
    /// Keeps an exchange, as long as the attempt owns its job and the tenant wants a history. Returns its conversation. A later attempt's takes the
    /// place of an earlier one's.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn keep_exchange(
        &self,
        job: JobId,
        lease: LeaseToken,
        new: &NewExchange<'_>,
    ) -> Result<Option<ConversationId>, StoreError> {
        let kept = sqlx::query_scalar!(
            "insert into chat_exchanges (id, tenant_id, conversation_id, provider_id, model, question, answer, question_tokens, answer_tokens,
                                         validation, said)
             select j.id, j.tenant_id,
                    coalesce((select conversation_id from chat_exchanges e
                              where e.provider_id = $3 and e.said = $11 and e.tenant_id = j.tenant_id and e.id <> j.id order by e.id desc limit 1), $12),
                    $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10
             from jobs j join tenants t on t.id = j.tenant_id
             where j.id = $1 and j.lease_token = $2 and j.state = 'running' and t.chat_history_days > 0
             on conflict (id) do update set answer = excluded.answer, answer_tokens = excluded.answer_tokens, validation = excluded.validation,
                 said = excluded.said, at = now()
             returning conversation_id",
            job.0,
            lease.0,
            new.provider.0,
            new.model,
            without_nul(new.question),
            without_nul(new.answer),
            i32::try_from(new.tokens.0).unwrap_or(i32::MAX),
            i32::try_from(new.tokens.1).unwrap_or(i32::MAX),
            new.validation.map(json_text),
            new.said.digest(),
            new.before.map(Said::digest),
            ConversationId::generate().0
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(kept.map(ConversationId))
    }

    /// Exchanges of a tenant, the latest first, one more than the limit when there are more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn exchanges(
        &self,
        tenant: TenantId,
        filter: &ExchangeFilter,
        before: Option<JobId>,
        limit: i64,
    ) -> Result<Vec<Exchange>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "select id, conversation_id, provider_id, model, question, answer, question_tokens, answer_tokens, validation, at from chat_exchanges
             where tenant_id = $1 and ($2::text is null or search @@ websearch_to_tsquery('simple', $2))
               and ($3::text is null or question ilike $3 or answer ilike $3)
               and ($4::text is null or model = $4 or provider_id::text = lower($4)) and ($5::uuid is null or conversation_id = $5)
               and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7) and ($8::uuid is null or id < $8)
             order by id desc limit $9",
            tenant.0,
            filter.words,
            filter.pattern(),
            filter.provider,
            filter.conversation.map(|id| id.0),
            filter.since,
            filter.until,
            before.map(|id| id.0),
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows.into_iter().map(Exchange::from).collect())
    }

    /// One exchange of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn exchange(&self, tenant: TenantId, id: JobId) -> Result<Exchange, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "select id, conversation_id, provider_id, model, question, answer, question_tokens, answer_tokens, validation, at from chat_exchanges
             where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.ok_or(StoreError::NotFound("exchange"))?.into())
    }

    /// Forgets one exchange.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn forget_exchange(&self, tenant: TenantId, id: JobId) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let gone = sqlx::query_scalar!(
            r#"with gone as (delete from chat_exchanges where id = $1 and tenant_id = $2 returning id),
               screenshots as (update stored_objects set look_at = now() where job_id in (select id from gone))
               select count(*) as "count!" from gone"#,
            id.0,
            tenant.0
        )
        .fetch_one(&mut *connection)
        .await?;
        match gone {
            0 => Err(StoreError::NotFound("exchange")),
            _ => Ok(()),
        }
    }

    /// Forgets exchanges. How many.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_exchanges(
        &self,
        tenant: TenantId,
        filter: &ExchangeFilter,
    ) -> Result<u64, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let gone = sqlx::query_scalar!(
            r#"with gone as (delete from chat_exchanges
             where tenant_id = $1 and ($2::text is null or search @@ websearch_to_tsquery('simple', $2))
               and ($3::text is null or question ilike $3 or answer ilike $3)
               and ($4::text is null or model = $4 or provider_id::text = lower($4)) and ($5::uuid is null or conversation_id = $5)
               and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7) returning id),
             screenshots as (update stored_objects set look_at = now() where job_id in (select id from gone))
             select count(*) as "count!" from gone"#,
            tenant.0,
            filter.words,
            filter.pattern(),
            filter.provider,
            filter.conversation.map(|id| id.0),
            filter.since,
            filter.until
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(u64::try_from(gone).unwrap_or_default())
    }

    /// Forgets exchanges that are older than their tenants want, a slice of them.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_exchanges(&self) -> Result<u64, StoreError> {
        let gone = sqlx::query_scalar!(
            r#"with gone as (delete from chat_exchanges where id in (
                 select e.id from tenants t cross join lateral (
                     select id from chat_exchanges where tenant_id = t.id and at < now() - make_interval(days => t.chat_history_days) limit 1000) e
                 limit 1000) returning id),
               screenshots as (update stored_objects set look_at = now() where job_id in (select id from gone))
               select count(*) as "count!" from gone"#
        )
        .fetch_one(&self.system)
        .await?;
        Ok(u64::try_from(gone).unwrap_or_default())
    }

    /// Days for which a tenant's exchanges are kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn history_days(&self, tenant: TenantId) -> Result<i32, StoreError> {
        sqlx::query_scalar!(
            "select chat_history_days from tenants where id = $1",
            tenant.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("tenant"))
    }

    /// Sets for how many days a tenant's exchanges are kept; with 0 none is.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn keep_history_for(&self, tenant: TenantId, days: i32) -> Result<(), StoreError> {
        sqlx::query!(
            "update tenants set chat_history_days = $2 where id = $1",
            tenant.0,
            days
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }
}

/// Postgres cannot keep the character NUL, which a page may show.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}
