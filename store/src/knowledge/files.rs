//! Files of a source: objects in the bucket that somebody uploaded.

use chrono::{DateTime, Utc};
use computetower_jobs::{SourceId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// Files of a class have one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileClass {
    /// Moving pictures.
    Video,
    /// What people read.
    Document,
    /// Sound.
    Audio,
    /// What programs read, and programs.
    Data,
}

impl FileClass {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileClass::Video => "video",
            FileClass::Document => "document",
            FileClass::Audio => "audio",
            FileClass::Data => "data",
        }
    }

    /// The most bytes that a file may have.
    #[must_use]
    pub const fn largest(self) -> u64 {
        match self {
            FileClass::Video => 500_000_000,
            FileClass::Document => 50_000_000,
            FileClass::Audio => 100_000_000,
            FileClass::Data => 10_000_000,
        }
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct KnowledgeFile {
    /// In the bucket.
    pub key: String,
    /// Of which source.
    pub source: SourceId,
    /// As its owner calls it.
    pub filename: String,
    /// `video`, `document`, `audio` or `data`.
    pub class: String,
    /// What it is.
    pub content_type: Option<String>,
    /// Its length.
    pub bytes: Option<i64>,
    /// SHA-256 of it.
    pub sha256: Option<Vec<u8>>,
    /// When it was stored; `None` while its upload is awaited.
    pub stored_at: Option<DateTime<Utc>>,
}

struct Row {
    key: String,
    source_id: uuid::Uuid,
    filename: String,
    class: String,
    content_type: Option<String>,
    bytes: Option<i64>,
    sha256: Option<Vec<u8>>,
    stored_at: Option<DateTime<Utc>>,
}

impl From<Row> for KnowledgeFile {
    fn from(row: Row) -> Self {
        Self {
            key: row.key,
            source: SourceId(row.source_id),
            filename: row.filename,
            class: row.class,
            content_type: row.content_type,
            bytes: row.bytes,
            sha256: row.sha256,
            stored_at: row.stored_at,
        }
    }
}

impl Store {
    /// Notes an object that is about to be stored, so that it goes again if nothing ever names it.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn expect_object(&self, tenant: TenantId, key: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into stored_objects (key, tenant_id) values ($1, $2) on conflict (key) do update set look_at = excluded.look_at",
            key,
            tenant.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Lets an object be looked at soon: it goes if nothing names it.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn drop_object(&self, tenant: TenantId, key: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "update stored_objects set look_at = now() where key = $1 and tenant_id = $2",
            key,
            tenant.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Keeps a file of a source, or what has become known of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the source is gone, or another tenant's.
    pub async fn keep_file(
        &self,
        tenant: TenantId,
        file: &KnowledgeFile,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "insert into knowledge_objects (key, tenant_id, source_id, filename, class, content_type, bytes, sha256, stored_at)
             select $1, $2, s.id, $4, $5, $6, $7, $8, $9 from knowledge_sources s where s.id = $3 and s.tenant_id = $2
             on conflict (key) do update set class = excluded.class, content_type = excluded.content_type, bytes = excluded.bytes,
                 sha256 = coalesce(excluded.sha256, knowledge_objects.sha256), stored_at = excluded.stored_at
             where knowledge_objects.source_id = excluded.source_id",
            file.key,
            tenant.0,
            file.source.0,
            file.filename,
            file.class,
            file.content_type,
            file.bytes,
            file.sha256,
            file.stored_at
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("source"));
        }
        Ok(())
    }

    /// The files of a source, in the order of their keys, which is that of their uploads: at most `limit` after `after`.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn files(
        &self,
        tenant: TenantId,
        source: SourceId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<KnowledgeFile>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "select key, source_id, filename, class, content_type, bytes, sha256, stored_at from knowledge_objects
             where tenant_id = $1 and source_id = $2 and ($3::text is null or key > $3) order by key limit $4",
            tenant.0,
            source.0,
            after,
            limit
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows.into_iter().map(KnowledgeFile::from).collect())
    }

    /// One file of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn file(&self, tenant: TenantId, key: &str) -> Result<KnowledgeFile, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            "select key, source_id, filename, class, content_type, bytes, sha256, stored_at from knowledge_objects where key = $1 and tenant_id = $2",
            key,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(KnowledgeFile::from)
        .ok_or(StoreError::NotFound("file"))
    }

    /// Removes a file with what was read of it. Its object goes from the bucket soon after.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn remove_file(&self, tenant: TenantId, key: &str) -> Result<(), StoreError> {
        let mut tx = self.system.begin().await?;
        let gone = sqlx::query_scalar!(
            "delete from knowledge_objects where key = $1 and tenant_id = $2 returning source_id",
            key,
            tenant.0
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StoreError::NotFound("file"))?;
        sqlx::query!(
            "with gone as (delete from knowledge_documents where source_id = $1 and key = $2 returning markdown_key)
             update stored_objects set look_at = now() where key = $2 or key in (select markdown_key from gone where markdown_key is not null)",
            gone,
            key
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The source of a tenant that begins at an address, the newest of several.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn source_at(
        &self,
        tenant: TenantId,
        url: &str,
    ) -> Result<Option<SourceId>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let id = sqlx::query_scalar!(
            "select id from knowledge_sources where tenant_id = $1 and url = $2 order by id desc limit 1",
            tenant.0,
            url
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(id.map(SourceId))
    }

    /// Gives a source to a job that was just accepted, unless a job that has not ended has it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] then.
    pub async fn give_source(
        &self,
        tenant: TenantId,
        source: SourceId,
        job: computetower_jobs::JobId,
    ) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "update knowledge_sources s set job_id = $3 where id = $1 and tenant_id = $2 and not exists (
                 select from jobs j where j.id = s.job_id and j.id <> $3 and j.state not in ('completed', 'failed', 'cancelled'))",
            source.0,
            tenant.0,
            job.0
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict(
                "another job reads this source: wait for its end, or cancel it".to_owned(),
            ));
        }
        Ok(())
    }
}
