//! The beginning of a crawl, of each attempt at it, and its end.

use serde_json::Value;

use super::{MOST_LOSSES, PageState, count, sixteen};
use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::Sync;

/// How many addresses are read at once.
const PART: i64 = 5_000;

/// Where a crawl stands when an attempt begins.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its phase: `robots` for one that has just begun.
    pub phase: String,
    /// What an earlier attempt noted.
    pub notes: Value,
    /// Another crawl of the source, whose addresses are known still: the latest.
    pub before: Option<uuid::Uuid>,
}

/// An address that is known.
#[derive(Clone, Debug)]
pub struct KnownPage {
    /// Its number, in the order in which they were found.
    pub id: i64,
    /// Under what it is known.
    pub key: [u8; 16],
    /// Canonical.
    pub url: String,
    /// `queued`, `running`, `done`, `failed`, `skipped` or `external`.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// Links from the start.
    pub depth: u32,
    /// Of its content.
    pub exact: Option<[u8; 16]>,
    /// Nearly the same content has nearly this value.
    pub near: Option<u64>,
}

impl Store {
    /// Begins a crawl, or goes on with it: what a dead attempt had in hand waits for its turn again.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn begin_crawl(&self, sync: &Sync) -> Result<Begun, StoreError> {
        let mut tx = self.system.begin().await?;
        super::super::hold(&mut tx, sync.job, sync.lease).await?;
        let crawl = sqlx::query!(
            r#"insert into crawls as c (job_id, tenant_id, source_id) values ($1, $2, $3)
               on conflict (job_id) do update set job_id = c.job_id
               returning phase, notes, (select b.job_id from crawls b where b.source_id = $3 and b.job_id <> $1 order by b.started_at desc limit 1) as before"#,
            sync.job.0,
            sync.tenant.0,
            sync.source.0
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "with back as (
                 update frontier set lease = null, losses = losses + 1,
                        state = case when losses + 1 >= $2 then 'failed' else 'queued' end,
                        reason = case when losses + 1 >= $2 then 'worker_lost' end
                 where job_id = $1 and state = 'running' returning state
             ), n as (select count(*) as all, count(*) filter (where state = 'queued') as queued from back)
             update crawls set running = running - n.all, queued = crawls.queued + n.queued, failed = failed + n.all - n.queued
             from n where job_id = $1 and n.all > 0",
            sync.job.0,
            MOST_LOSSES
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Begun {
            phase: crawl.phase,
            notes: crawl.notes,
            before: crawl.before,
        })
    }

    /// Begins a crawl anew: nothing of the site could be had, and what was found says nothing.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn restart_crawl(&self, sync: &Sync) -> Result<(), StoreError> {
        let mut tx = self.system.begin().await?;
        super::super::hold(&mut tx, sync.job, sync.lease).await?;
        sqlx::query!("delete from frontier where job_id = $1", sync.job.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query!(
            "update crawls set phase = 'robots', notes = '{}', discovered = 0, queued = 0, running = 0, done = 0, failed = 0, skipped = 0, external = 0
             where job_id = $1",
            sync.job.0
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A part of what a crawl knows, in the order in which it was found, beginning after a number. Empty when there is no more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn known_pages(
        &self,
        crawl: uuid::Uuid,
        after: i64,
    ) -> Result<Vec<KnownPage>, StoreError> {
        let rows = sqlx::query!(
            "select id, key, url, state, reason, depth, exact, near from frontier where job_id = $1 and id > $2 order by id limit $3",
            crawl,
            after,
            PART
        )
        .fetch_all(&self.system)
        .await?;
        let pages = rows.into_iter().filter_map(|row| {
            Some(KnownPage {
                id: row.id,
                key: sixteen(Some(&row.key))?,
                url: row.url,
                state: row.state,
                reason: row.reason,
                depth: count(row.depth),
                exact: sixteen(row.exact.as_deref()),
                near: row.near.map(i64::cast_unsigned),
            })
        });
        Ok(pages.collect())
    }

    /// Notes in which phase a crawl is, and what later attempts have to know.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn note_crawl(
        &self,
        sync: &Sync,
        phase: &str,
        notes: &Value,
    ) -> Result<(), StoreError> {
        let done = sqlx::query!(
            "update crawls c set phase = $3, notes = $4 from jobs j
             where c.job_id = $1 and j.id = c.job_id and j.lease_token = $2 and j.state = 'running'",
            sync.job.0,
            sync.lease.0,
            phase,
            notes
        )
        .execute(&self.system)
        .await?;
        if done.rows_affected() == 0 {
            Err(StoreError::LeaseLost)
        } else {
            Ok(())
        }
    }

    /// Leaves out all that still waits: as many pages as were asked for are there. Gives how many there were.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn skip_waiting(&self, sync: &Sync, reason: &str) -> Result<u64, StoreError> {
        let mut tx = self.system.begin().await?;
        super::super::hold(&mut tx, sync.job, sync.lease).await?;
        let row = sqlx::query!(
            r#"with gone as (
                   update frontier set state = $2, reason = $3 where job_id = $1 and state = 'queued' returning key
               ), counted as (
                   update crawls set queued = queued - (select count(*) from gone), skipped = skipped + (select count(*) from gone) where job_id = $1
               )
               select count(*) as "gone!" from gone"#,
            sync.job.0,
            PageState::Skipped.name(),
            reason
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(u64::try_from(row.gone).unwrap_or_default())
    }

    /// In how many seconds the next address that waits for its moment may be taken; `None` when none waits at all.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn next_page_in(&self, sync: &Sync) -> Result<Option<f64>, StoreError> {
        let row = sqlx::query!(
            r#"select extract(epoch from min(coalesce(not_before, now())) - now())::float8 as "wait?" from frontier where job_id = $1 and state = 'queued'"#,
            sync.job.0
        )
        .fetch_one(&self.system)
        .await?;
        Ok(row.wait.map(|wait| wait.max(0.0)))
    }

    /// Forgets the addresses of earlier crawls of the source: this one knows them all.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_earlier_crawls(&self, sync: &Sync) -> Result<(), StoreError> {
        sqlx::query!(
            "delete from crawls where source_id = $1 and job_id <> $2",
            sync.source.0,
            sync.job.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }
}
