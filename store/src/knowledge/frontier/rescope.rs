//! A scope that is edited while a crawl runs: what waits is looked at again, and so is what was left out by the old scope.

use super::{PageState, count, sixteen};
use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::{Sync, hold};

/// How many addresses are looked at at once.
const PART: i64 = 2_000;

/// An address whose place depends on the scope.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its number.
    pub id: i64,
    /// Under what it is known.
    pub key: [u8; 16],
    /// Canonical.
    pub url: String,
    /// Links from the start.
    pub depth: u32,
    /// In which state it is.
    pub state: String,
    /// Why it is left out.
    pub reason: Option<String>,
}

/// Where it lies by the new scope.
#[derive(Clone, Copy, Debug)]
pub struct Replaced {
    /// Under what it is known.
    pub key: [u8; 16],
    /// `Queued`, `Skipped` or `External`.
    pub state: PageState,
    /// Why it is left out.
    pub reason: Option<&'static str>,
    /// Links from the start.
    pub depth: u32,
}

impl Store {
    /// A part of the addresses of a crawl that wait, are another site's, or were left out for one of these reasons.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn placed_pages(
        &self,
        sync: &Sync,
        reasons: &[String],
        after: i64,
    ) -> Result<Vec<Placed>, StoreError> {
        let rows = sqlx::query!(
            "select id, key, url, depth, state, reason from frontier
             where job_id = $1 and id > $2 and (state in ('queued', 'external') or state = 'skipped' and reason = any ($3::text[]))
             order by id limit $4",
            sync.job.0,
            after,
            reasons,
            PART
        )
        .fetch_all(&self.system)
        .await?;
        let pages = rows.into_iter().filter_map(|row| {
            Some(Placed {
                id: row.id,
                key: sixteen(Some(&row.key))?,
                url: row.url,
                depth: count(row.depth),
                state: row.state,
                reason: row.reason,
            })
        });
        Ok(pages.collect())
    }

    /// Puts addresses where the new scope has them, unless they have moved on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn replace_pages(&self, sync: &Sync, placed: &[Replaced]) -> Result<(), StoreError> {
        let keys: Vec<&[u8]> = placed.iter().map(|page| page.key.as_slice()).collect();
        let states: Vec<&str> = placed.iter().map(|page| page.state.name()).collect();
        let reasons: Vec<Option<&str>> = placed.iter().map(|page| page.reason).collect();
        let depths: Vec<i32> = placed
            .iter()
            .map(|page| i32::try_from(page.depth).unwrap_or(i32::MAX))
            .collect();
        let mut tx = self.system.begin().await?;
        hold(&mut tx, sync.job, sync.lease).await?;
        sqlx::query!(
            "with moved as (
                 update frontier f set state = i.state, reason = i.reason, depth = i.depth, points = 0
                 from unnest($2::bytea[], $3::text[], $4::text[], $5::int[]) as i (key, state, reason, depth), frontier old
                 where f.job_id = $1 and f.key = i.key and old.job_id = $1 and old.key = i.key and f.state in ('queued', 'external', 'skipped')
                 returning old.state as was, f.state as became
             ), n as (
                 select count(*) filter (where was = 'external') as ex, count(*) filter (where became = 'external') as into_ex,
                        count(*) filter (where became = 'queued') - count(*) filter (where was = 'queued') as queued,
                        count(*) filter (where became = 'skipped') - count(*) filter (where was = 'skipped') as skipped from moved
             )
             update crawls c set discovered = c.discovered + n.ex - n.into_ex, external = c.external + n.into_ex - n.ex,
                    queued = c.queued + n.queued, skipped = c.skipped + n.skipped
             from n where c.job_id = $1",
            sync.job.0,
            &keys as &[&[u8]],
            &states as &[&str],
            &reasons as &[Option<&str>],
            &depths
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
