//! Knowledge sources.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{CredentialId, JobId, SourceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connect::Store;
use crate::error::StoreError;

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A site that is crawled.
    Website,
    /// A documentation that is crawled.
    Documentation,
    /// A video.
    Video,
    /// Files.
    File,
}

impl SourceKind {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Website => "website",
            SourceKind::Documentation => "documentation",
            SourceKind::Video => "video",
            SourceKind::File => "file",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no kind of source.
#[derive(Debug, thiserror::Error)]
#[error("must be website, documentation, video or file")]
pub struct UnknownSourceKind;

impl FromStr for SourceKind {
    type Err = UnknownSourceKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            SourceKind::Website,
            SourceKind::Documentation,
            SourceKind::Video,
            SourceKind::File,
        ]
        .into_iter()
        .find(|kind| kind.name() == text)
        .ok_or(UnknownSourceKind)
    }
}

/// A source as it is kept.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Whose.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Where a crawl begins; `None` for files.
    pub url: Option<String>,
    /// With whose browser state it is read.
    pub credential: Option<CredentialId>,
    /// How it is crawled.
    pub options: CrawlOptions,
    /// The job that has it, or had it last.
    pub job: Option<JobId>,
    /// Documents that it held when a sync last ended.
    pub documents: i32,
    /// Passages of these.
    pub chunks: i32,
    /// Their languages, as ISO 639-1.
    pub languages: Vec<String>,
    /// When a sync last ended.
    pub synced_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When somebody last changed it.
    pub updated_at: DateTime<Utc>,
}

impl Source {
    /// What limits may name for the jobs that read it.
    #[must_use]
    pub fn limit_key(&self) -> String {
        format!("source:{}", self.id)
    }
}

/// A new source. All has been checked.
#[derive(Clone, Debug)]
pub struct NewSource {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Where a crawl begins.
    pub url: Option<String>,
    /// With whose browser state it is read.
    pub credential: Option<CredentialId>,
    /// How it is crawled.
    pub options: CrawlOptions,
}

/// What of a source changes. All has been checked.
#[derive(Clone, Debug, Default)]
pub struct SourceChange {
    /// The new name.
    pub name: Option<String>,
    /// Where a crawl begins.
    pub url: Option<String>,
    /// The account; `Some(None)` takes it away.
    pub credential: Option<Option<CredentialId>>,
    /// How it is crawled. A crawl that runs heeds it.
    pub options: Option<CrawlOptions>,
}

/// A page of sources, newest first.
#[derive(Clone, Debug)]
pub struct SourcePage {
    /// The sources.
    pub sources: Vec<Source>,
    /// Where the next page starts, when there is one.
    pub next: Option<SourceId>,
}

struct Row {
    id: uuid::Uuid,
    tenant_id: uuid::Uuid,
    name: String,
    kind: String,
    url: Option<String>,
    credential_id: Option<uuid::Uuid>,
    options: Value,
    job_id: Option<uuid::Uuid>,
    documents: i32,
    chunks: i32,
    languages: Vec<String>,
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Source {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: SourceId(row.id),
            tenant: TenantId(row.tenant_id),
            name: row.name,
            kind: row
                .kind
                .parse()
                .map_err(|error: UnknownSourceKind| StoreError::decode("source", error))?,
            url: row.url,
            credential: row.credential_id.map(CredentialId),
            options: serde_json::from_value(row.options)
                .map_err(|error| StoreError::decode("options of a source", error))?,
            job: row.job_id.map(JobId),
            documents: row.documents,
            chunks: row.chunks,
            languages: row.languages,
            synced_at: row.synced_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn as_json(options: &CrawlOptions) -> Result<Value, StoreError> {
    serde_json::to_value(options).map_err(|error| StoreError::decode("options", error))
}

impl Store {
    /// Keeps a source.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn add_source(
        &self,
        tenant: TenantId,
        new: &NewSource,
    ) -> Result<SourceId, StoreError> {
        let id = SourceId::generate();
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query!(
            "insert into knowledge_sources (id, tenant_id, name, kind, url, credential_id, options) values ($1, $2, $3, $4, $5, $6, $7)",
            id.0,
            tenant.0,
            new.name,
            new.kind.name(),
            new.url,
            new.credential.map(|id| id.0),
            as_json(&new.options)?
        )
        .execute(&mut *connection)
        .await?;
        Ok(id)
    }

    /// One source of a tenant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn source(&self, tenant: TenantId, id: SourceId) -> Result<Source, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Row,
            "select id, tenant_id, name, kind, url, credential_id, options, job_id, documents, chunks, languages, synced_at, created_at, updated_at
             from knowledge_sources where id = $1 and tenant_id = $2",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("source"))?
        .try_into()
    }

    /// A page of a tenant's sources, newest first: `limit` (1 to 200) older than `before`.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn sources(
        &self,
        tenant: TenantId,
        before: Option<SourceId>,
        limit: i64,
    ) -> Result<SourcePage, StoreError> {
        let limit = limit.clamp(1, 200);
        let mut connection = self.as_tenant(tenant).await?;
        let mut sources = sqlx::query_as!(
            Row,
            "select id, tenant_id, name, kind, url, credential_id, options, job_id, documents, chunks, languages, synced_at, created_at, updated_at
             from knowledge_sources where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
            tenant.0,
            before.map(|id| id.0),
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?
        .into_iter()
        .map(Source::try_from)
        .collect::<Result<Vec<_>, _>>()?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = sources.len() > most;
        sources.truncate(most);
        let next = sources.last().filter(|_| more).map(|last| last.id);
        Ok(SourcePage { sources, next })
    }

    /// Changes a source.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn change_source(
        &self,
        tenant: TenantId,
        id: SourceId,
        change: &SourceChange,
    ) -> Result<(), StoreError> {
        let options = change.options.as_ref().map(as_json).transpose()?;
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "update knowledge_sources set name = coalesce($3, name), url = coalesce($4, url), options = coalesce($5, options),
                    credential_id = case when $6 then $7 else credential_id end, updated_at = clock_timestamp()
             where id = $1 and tenant_id = $2",
            id.0,
            tenant.0,
            change.name,
            change.url,
            options,
            change.credential.is_some(),
            change.credential.flatten().map(|id| id.0)
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("source"));
        }
        Ok(())
    }

    /// Removes a source with all that was read from it. Its objects go from the bucket soon after.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn remove_source(&self, tenant: TenantId, id: SourceId) -> Result<(), StoreError> {
        let mut tx = self.system.begin().await?;
        let held = sqlx::query_scalar!(
            "select id from knowledge_sources where id = $1 and tenant_id = $2 for update",
            id.0,
            tenant.0
        )
        .fetch_optional(&mut *tx)
        .await?;
        if held.is_none() {
            return Err(StoreError::NotFound("source"));
        }
        sqlx::query!(
            "update stored_objects set look_at = now() where tenant_id = $2 and key in (
                 select key from knowledge_objects where source_id = $1
                 union select markdown_key from knowledge_documents where source_id = $1 and markdown_key is not null
                 union select pack_key from knowledge_documents where source_id = $1 and pack_key is not null)",
            id.0,
            tenant.0
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("delete from knowledge_sources where id = $1", id.0)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
