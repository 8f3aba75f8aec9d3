//! Responses and completions of the OpenAI surface that their callers want to find again.

use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{JobId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::json_text;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// Of `/v1/responses`.
    Response,
    /// Of `/v1/chat/completions`.
    Completion,
}

impl ObjectKind {
    const fn name(self) -> &'static str {
        match self {
            ObjectKind::Response => "response",
            ObjectKind::Completion => "completion",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            ObjectKind::Response => "response",
            ObjectKind::Completion => "chat completion",
        }
    }
}

/// One that is kept.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// Its first job.
    pub id: JobId,
    /// The provider's name.
    pub model: String,
    /// As it was told.
    pub object: Value,
    /// What it answers, a list.
    pub input: Value,
    /// What the page was told and has said, and what stood beside it. None where there was no answer.
    pub messages: Option<Chat>,
    /// What the caller noted beside it.
    pub metadata: Value,
}

/// Which to list.
#[derive(Clone, Debug, Default)]
pub struct ObjectFilter {
    /// Only of this model.
    pub model: Option<String>,
    /// Only with these metadata.
    pub metadata: Option<Value>,
    /// Behind this one.
    pub after: Option<JobId>,
    /// The newest first.
    pub newest_first: bool,
    /// How many.
    pub limit: i64,
}

struct Row {
    id: Uuid,
    model: String,
    object: Value,
    input: Value,
    messages: Option<Value>,
    metadata: Value,
}

impl From<Row> for StoredObject {
    fn from(row: Row) -> Self {
        Self {
            id: JobId(row.id),
            model: row.model,
            object: row.object,
            input: row.input,
            messages: row
                .messages
                .and_then(|messages| serde_json::from_value(messages).ok()),
            metadata: row.metadata,
        }
    }
}

impl Store {
    /// Keeps one. The same again, asked for with the same `Idempotency-Key`, changes nothing: neither what was noted beside it since, nor that it was
    /// deleted. Only in place of one that failed another is put.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn keep_object(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        new: &StoredObject,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "insert into openai_objects (id, tenant_id, kind, model, object, input, messages, metadata)
             values ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7::text::jsonb, $8::text::jsonb)
             on conflict (id) do update set object = excluded.object, input = excluded.input, messages = excluded.messages, metadata = excluded.metadata
             where openai_objects.object ->> 'status' = 'failed'",
            new.id.0,
            tenant.0,
            kind.name(),
            new.model,
            json_text(&new.object),
            json_text(&new.input),
            new.messages.as_ref().map(json_text),
            json_text(&new.metadata)
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// One of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn object(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: JobId,
    ) -> Result<StoredObject, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "select id, model, object, input, messages, metadata from openai_objects
             where id = $1 and tenant_id = $2 and kind = $3 and not deleted",
            id.0,
            tenant.0,
            kind.name()
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(row.ok_or(StoreError::NotFound(kind.what()))?.into())
    }

    /// Some of a tenant's as they were told, one more than the limit when there are more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn objects(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        filter: &ObjectFilter,
    ) -> Result<Vec<Value>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        // What they answer may be large, and is not wanted here.
        let found = sqlx::query_scalar!(
            "select object from openai_objects
             where tenant_id = $1 and kind = $2 and not deleted and ($3::text is null or model = $3) and ($4::jsonb is null or metadata @> $4)
               and ($5::uuid is null or ($6 and id < $5) or (not $6 and id > $5))
             order by case when $6 then id end desc, id limit $7",
            tenant.0,
            kind.name(),
            filter.model,
            filter.metadata,
            filter.after.map(|id| id.0),
            filter.newest_first,
            filter.limit + 1
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(found)
    }

    /// Notes something else beside one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn note_metadata(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: JobId,
        metadata: &Value,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "update openai_objects set metadata = $4, object = jsonb_set(object, '{metadata}', $4)
             where id = $1 and tenant_id = $2 and kind = $3 and not deleted",
            id.0,
            tenant.0,
            kind.name(),
            metadata
        )
        .execute(&mut *connection)
        .await?;
        match done.rows_affected() {
            0 => Err(StoreError::NotFound(kind.what())),
            _ => Ok(()),
        }
    }

    /// Forgets one. Its id stays until it is old, so that nobody's asking again brings it back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn forget_object(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        id: JobId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            // Its pictures are looked at after the time that a request under way has, which may go on from it.
            "with was as (select id, messages from openai_objects where id = $1 and tenant_id = $2 and kind = $3 and not deleted for update),
             pictures as (
                 update stored_objects o set look_at = now() + interval '20 minutes' from was
                 cross join jsonb_array_elements(case when jsonb_typeof(was.messages -> 'files') = 'array' then was.messages -> 'files' else '[]' end) file
                 where o.key = file ->> 'key' and o.tenant_id = $2 and o.job_id is null)
             update openai_objects r set deleted = true, object = '{}', input = '[]', messages = null, metadata = '{}'
             from was where r.id = was.id",
            id.0,
            tenant.0,
            kind.name()
        )
        .execute(&mut *connection)
        .await?;
        match done.rows_affected() {
            0 => Err(StoreError::NotFound(kind.what())),
            _ => Ok(()),
        }
    }

    /// Forgets those that are older than `days`, a slice of them.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_objects(&self, days: i32) -> Result<u64, StoreError> {
        let gone = sqlx::query_scalar!(
            r#"with gone as (
                   delete from openai_objects where id in (select id from openai_objects where at < now() - make_interval(days => $1) limit 1000)
                   returning tenant_id, messages),
               pictures as (
                   update stored_objects o set look_at = now() + interval '20 minutes' from gone
                   cross join jsonb_array_elements(case when jsonb_typeof(gone.messages -> 'files') = 'array' then gone.messages -> 'files' else '[]' end) file
                   where o.key = file ->> 'key' and o.tenant_id = gone.tenant_id and o.job_id is null)
               select count(*) as "count!" from gone"#,
            days
        )
        .fetch_one(&self.system)
        .await?;
        Ok(u64::try_from(gone).unwrap_or_default())
    }
}
