//! Documents of a source: what is asked before a page is fetched again, which are gone, and what people read.

use chrono::{DateTime, Utc};
use computetower_jobs::{DocumentId, SourceId, TenantId};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::{Sync, hold};

/// With what a page is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Which document.
    pub key: String,
    /// What the server named its version.
    pub etag: Option<String>,
    /// When the server said it had changed.
    pub last_modified: Option<String>,
}

/// A document as people read it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// Of which source.
    pub source: SourceId,
    /// What it is within its source.
    pub key: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// What it calls itself.
    pub title: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// What it is.
    pub content_type: Option<String>,
    /// Of the body as it came.
    pub bytes: i64,
    /// Its headings: level, text, anchor.
    pub headings: Value,
    /// Links into the source.
    pub links_inside: i32,
    /// Addresses outside.
    pub links_outside: Value,
    /// What else it says of itself.
    pub metadata: Value,
    /// What could not be read of it.
    pub warnings: Value,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
    /// Since when it is gone.
    pub gone_at: Option<DateTime<Utc>>,
    /// Its main content, where it was asked for and is short enough to lie in Postgres.
    pub markdown: Option<String>,
    /// Where its main content lies else.
    pub markdown_key: Option<String>,
}

/// Which documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct DocumentFilter {
    /// Only after this one.
    pub after: Option<DocumentId>,
    /// At most so many, 1 to 200.
    pub limit: i64,
    /// Those that are gone instead of those that are there.
    pub gone: bool,
    /// With their main content.
    pub with_markdown: bool,
}

/// A page of documents, in the order in which they were first read.
#[derive(Clone, Debug)]
pub struct DocumentPage {
    /// The documents.
    pub documents: Vec<Document>,
    /// Where the next page starts, when there is one.
    pub next: Option<DocumentId>,
}

struct Row {
    id: uuid::Uuid,
    source_id: uuid::Uuid,
    key: String,
    url: Option<String>,
    title: Option<String>,
    language: Option<String>,
    content_type: Option<String>,
    bytes: i64,
    headings: Value,
    links_inside: i32,
    links_outside: Value,
    metadata: Value,
    warnings: Value,
    changed_at: DateTime<Utc>,
    gone_at: Option<DateTime<Utc>>,
    markdown: Option<String>,
    markdown_key: Option<String>,
}

impl From<Row> for Document {
    fn from(row: Row) -> Self {
        Self {
            id: DocumentId(row.id),
            source: SourceId(row.source_id),
            key: row.key,
            url: row.url,
            title: row.title,
            language: row.language,
            content_type: row.content_type,
            bytes: row.bytes,
            headings: row.headings,
            links_inside: row.links_inside,
            links_outside: row.links_outside,
            metadata: row.metadata,
            warnings: row.warnings,
            changed_at: row.changed_at,
            gone_at: row.gone_at,
            markdown: row.markdown,
            markdown_key: row.markdown_key,
        }
    }
}

impl Store {
    /// With what these documents of a source are asked for again; nothing of one that is not known or gone.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn validators(
        &self,
        source: SourceId,
        keys: &[String],
    ) -> Result<Vec<Validator>, StoreError> {
        Ok(sqlx::query_as!(
            Validator,
            "select key, etag, last_modified from knowledge_documents where source_id = $1 and key = any($2) and gone_at is null",
            source.0,
            keys
        )
        .fetch_all(&self.system)
        .await?)
    }

    /// Notes that these documents are there and unchanged: those that the server said so of. Gives how many are known.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn see_documents(&self, sync: &Sync, keys: &[String]) -> Result<u64, StoreError> {
        let mut tx = self.system.begin().await?;
        hold(&mut tx, sync.job, sync.lease).await?;
        let done = sqlx::query!(
            "update knowledge_documents set seen = $3 where source_id = $1 and key = any($2) and gone_at is null",
            sync.source.0,
            keys,
            sync.number
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Marks documents as gone: these, or without keys all that this sync has not seen, which only a sync that has seen all there is may do. Their passages
    /// are not found any more. Gives how many there were.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn documents_gone(
        &self,
        sync: &Sync,
        keys: Option<&[String]>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.system.begin().await?;
        hold(&mut tx, sync.job, sync.lease).await?;
        let gone = sqlx::query!(
            "with gone as (
                 update knowledge_documents d set gone_at = now(), markdown = null, markdown_key = null
                 from knowledge_documents before
                 where d.source_id = $1 and d.gone_at is null and before.id = d.id
                   and case when $2::text[] is null then d.seen < $3 else d.key = any($2) end
                 returning d.id, before.markdown_key
             ), unnamed as (
                 update stored_objects set look_at = now() where key in (select markdown_key from gone where markdown_key is not null)
             )
             select id from gone",
            sync.source.0,
            keys as Option<&[String]>,
            sync.number
        )
        .fetch_all(&mut *tx)
        .await?;
        let ids: Vec<uuid::Uuid> = gone.iter().map(|row| row.id).collect();
        sqlx::query!(
            "delete from knowledge_chunks where document_id = any($1)",
            &ids
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(ids.len() as u64)
    }

    /// A page of a source's documents.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn documents(
        &self,
        tenant: TenantId,
        source: SourceId,
        filter: DocumentFilter,
    ) -> Result<DocumentPage, StoreError> {
        let limit = filter.limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let mut documents: Vec<Document> = sqlx::query_as!(
            Row,
            "select id, source_id, key, url, title, language, content_type, bytes, headings, links_inside,
                      links_outside, metadata, warnings, changed_at, gone_at, case when $6 then markdown end as markdown, markdown_key
               from knowledge_documents where tenant_id = $1 and source_id = $2 and ($3::uuid is null or id > $3) and (gone_at is not null) = $4
               order by id limit $5",
            tenant.0,
            source.0,
            filter.after.map(|id| id.0),
            filter.gone,
            limit + 1,
            filter.with_markdown
        )
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .map(Document::from)
        .collect();
        let most = usize::try_from(limit).unwrap_or_default();
        let more = documents.len() > most;
        documents.truncate(most);
        let next = documents.last().filter(|_| more).map(|last| last.id);
        Ok(DocumentPage { documents, next })
    }

    /// One document of a tenant, with its main content where that lies in Postgres.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn document(&self, tenant: TenantId, id: DocumentId) -> Result<Document, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            "select id, source_id, key, url, title, language, content_type, bytes, headings, links_inside,
                      links_outside, metadata, warnings, changed_at, gone_at, markdown, markdown_key
               from knowledge_documents where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .map(Document::from)
        .ok_or(StoreError::NotFound("document"))
    }

    /// The main content of a document that was read, from wherever it lies; empty for one that is gone.
    ///
    /// # Errors
    /// When the object store does not answer.
    pub async fn markdown_of(&self, document: &Document) -> Result<String, StoreError> {
        match (&document.markdown, &document.markdown_key) {
            (Some(text), _) => Ok(text.clone()),
            (None, Some(key)) => {
                let bytes = self.objects.get(key).await?;
                String::from_utf8(bytes).map_err(|error| StoreError::decode("Markdown", error))
            }
            (None, None) => Ok(String::new()),
        }
    }
}
