//! What people read of a crawl: its totals, and its addresses a page at a time.

use chrono::{DateTime, Utc};
use computetower_jobs::{JobId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

/// How far a crawl is. `discovered = queued + running + done + failed + skipped`.
#[derive(Clone, Debug, Default)]
pub struct CrawlTotals {
    /// `robots`, `sitemap`, `crawling`, `tombstones` or `completed`.
    pub phase: String,
    /// Addresses within the site.
    pub discovered: i64,
    /// Wait for their turn.
    pub queued: i64,
    /// Are in hand.
    pub running: i64,
    /// Are kept.
    pub done: i64,
    /// Could not be had.
    pub failed: i64,
    /// Were left out on purpose.
    pub skipped: i64,
    /// Addresses of other sites.
    pub external: i64,
    /// Of what came, unpacked.
    pub bytes: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

/// How many addresses have one state for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// `failed` or `skipped`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub pages: i64,
}

/// Which addresses of a crawl.
#[derive(Clone, Debug, Default)]
pub struct FrontierFilter {
    /// Only those in this state.
    pub state: Option<String>,
    /// Only after this number.
    pub after: Option<i64>,
    /// At most so many, 1 to 1,000.
    pub limit: i64,
}

/// An address of a crawl.
#[derive(Clone, Debug)]
pub struct FrontierRow {
    /// Its number, in the order in which they were found.
    pub id: i64,
    /// Canonical.
    pub url: String,
    /// In which state it is.
    pub state: String,
    /// Why it failed or was left out.
    pub reason: Option<String>,
    /// Which address it leads to or repeats.
    pub other: Option<String>,
    /// Links from the start.
    pub depth: i32,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct FrontierPage {
    /// The addresses.
    pub rows: Vec<FrontierRow>,
    /// Where the next page starts, when there is one.
    pub next: Option<i64>,
}

impl Store {
    /// How far a tenant's crawl is; `None` when there is none by that job, or its addresses have been forgotten.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn crawl_totals(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Option<CrawlTotals>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let totals = sqlx::query_as!(
            CrawlTotals,
            "select phase, discovered, queued, running, done, failed, skipped, external, bytes, started_at from crawls where job_id = $1 and tenant_id = $2",
            job.0,
            tenant.0
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(totals)
    }

    /// Why addresses of a tenant's crawl failed or were left out, and how many each. Counts them: not for every second.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn crawl_reasons(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Vec<ReasonCount>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            ReasonCount,
            r#"select state, reason as "reason!", count(*) as "pages!" from frontier
               where job_id = $1 and tenant_id = $2 and state in ('failed', 'skipped') and reason is not null group by state, reason order by state, reason"#,
            job.0,
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }

    /// A page of a tenant's crawl's addresses.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn crawl_pages(
        &self,
        tenant: TenantId,
        job: JobId,
        filter: &FrontierFilter,
    ) -> Result<FrontierPage, StoreError> {
        let limit = filter.limit.clamp(1, 1_000);
        let mut connection = self.as_tenant(tenant).await?;
        let mut rows = sqlx::query_as!(
            FrontierRow,
            "select id, url, state, reason, other, depth from frontier
             where job_id = $1 and tenant_id = $2 and ($3::text is null or state = $3) and ($4::bigint is null or id > $4) order by id limit $5",
            job.0,
            tenant.0,
            filter.state,
            filter.after,
            limit + 1
        )
        .fetch_all(&mut *connection)
        .await?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| more).map(|last| last.id);
        Ok(FrontierPage { rows, next })
    }
}
