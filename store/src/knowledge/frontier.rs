//! The frontier of a crawl: every address that was found, and what became of it. Written in batches by the attempt that holds the job; the totals are
//! changed by the very statements that change the addresses.

mod begin;
mod listing;
mod rescope;

pub use begin::{Begun, KnownPage};
pub use listing::{CrawlTotals, FrontierFilter, FrontierPage, FrontierRow, ReasonCount};
pub use rescope::{Placed, Replaced};

use std::time::Duration;

use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::Sync;

/// Pages that were in hand so often when their worker died are left alone.
const MOST_LOSSES: i32 = 12;

/// In which state an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageState {
    /// It waits for its turn.
    Queued,
    /// It is kept.
    Done,
    /// It could not be had.
    Failed,
    /// It was left out on purpose.
    Skipped,
    /// It is another site's.
    External,
}

impl PageState {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PageState::Queued => "queued",
            PageState::Done => "done",
            PageState::Failed => "failed",
            PageState::Skipped => "skipped",
            PageState::External => "external",
        }
    }
}

/// An address that was found.
#[derive(Clone, Debug)]
pub struct FoundPage {
    /// Under what it is known.
    pub key: [u8; 16],
    /// Canonical.
    pub url: String,
    /// Scheme, host and port.
    pub host: String,
    /// In which state it begins.
    pub state: PageState,
    /// Why it is left out.
    pub reason: Option<&'static str>,
    /// Links from the start.
    pub depth: u32,
    /// Points against the way on which it was found.
    pub points: u16,
    /// What is known of its content, where it is known with it.
    pub exact: Option<[u8; 16]>,
    /// Nearly the same content has nearly this value.
    pub near: Option<u64>,
}

/// An address that was taken in hand.
#[derive(Clone, Debug)]
pub struct TakenPage {
    /// Under what it is known.
    pub key: [u8; 16],
    /// Canonical.
    pub url: String,
    /// Scheme, host and port.
    pub host: String,
    /// Links from the start.
    pub depth: u32,
    /// Points against the way on which it was found.
    pub points: u16,
    /// So often it was asked for in vain.
    pub tries: u32,
    /// So often it was put off.
    pub looks: u32,
    /// What an earlier crawl knew of its content.
    pub exact: Option<[u8; 16]>,
    /// Nearly the same content has nearly this value.
    pub near: Option<u64>,
}

/// What became of an address that was in hand.
#[derive(Clone, Debug)]
pub struct EndedPage {
    /// Under what it is known.
    pub key: [u8; 16],
    /// In which state it is now.
    pub state: PageState,
    /// Why.
    pub reason: Option<&'static str>,
    /// Which address it leads to or repeats.
    pub other: Option<String>,
    /// For one that is queued again: when it may be taken.
    pub wait: Option<Duration>,
    /// Whether it was asked for in vain.
    pub tried: bool,
    /// What is known of its content.
    pub exact: Option<[u8; 16]>,
    /// Nearly the same content has nearly this value.
    pub near: Option<u64>,
}

impl Store {
    /// Takes up to `most` addresses in hand, those nearest to the start first, none of the `busy` hosts.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub async fn take_pages(
        &self,
        sync: &Sync,
        most: usize,
        busy: &[String],
    ) -> Result<Vec<TakenPage>, StoreError> {
        let rows = sqlx::query!(
            r#"with held as (
                   select id from jobs where id = $1 and lease_token = $2 and state = 'running' for share
               ), picked as (
                   select key from frontier
                   where job_id = $1 and state = 'queued' and (not_before is null or not_before <= now()) and host <> all ($4::text[])
                     and exists (select from held)
                   order by depth, id limit $3
               ), taken as (
                   update frontier f set state = 'running', lease = $2 from picked p
                   where f.job_id = $1 and f.key = p.key and f.state = 'queued'
                   returning f.id, f.key, f.url, f.host, f.depth, f.points, f.tries, f.looks, f.exact, f.near
               ), counted as (
                   update crawls set queued = queued - (select count(*) from taken), running = running + (select count(*) from taken)
                   where job_id = $1
               )
               select t.key as "key?", t.url as "url?", t.host as "host?", t.depth as "depth?", t.points as "points?", t.tries as "tries?",
                      t.looks as "looks?", t.exact, t.near
               from held h left join taken t on true order by t.depth, t.id"#,
            sync.job.0,
            sync.lease.0,
            i64::try_from(most).unwrap_or(i64::MAX),
            busy
        )
        .fetch_all(&self.system)
        .await?;
        if rows.is_empty() {
            return Err(StoreError::LeaseLost);
        }
        let pages = rows.into_iter().filter_map(|row| {
            Some(TakenPage {
                key: sixteen(row.key.as_deref())?,
                url: row.url?,
                host: row.host?,
                depth: count(row.depth?),
                points: u16::try_from(row.points?).unwrap_or(u16::MAX),
                tries: count(row.tries?),
                looks: count(row.looks?),
                exact: sixteen(row.exact.as_deref()),
                near: row.near.map(i64::cast_unsigned),
            })
        });
        Ok(pages.collect())
    }

    /// Writes what became of addresses in hand, and what was found on the way, in one statement. An address that is known already stays as it is. `bytes` is
    /// what came. Gives how many of those found are new.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]: nothing is written.
    pub async fn end_pages(
        &self,
        sync: &Sync,
        ended: &[EndedPage],
        found: &[FoundPage],
        bytes: u64,
    ) -> Result<u64, StoreError> {
        let keys: Vec<&[u8]> = ended.iter().map(|page| page.key.as_slice()).collect();
        let states: Vec<&str> = ended.iter().map(|page| page.state.name()).collect();
        let reasons: Vec<Option<&str>> = ended.iter().map(|page| page.reason).collect();
        let others: Vec<Option<&str>> = ended.iter().map(|page| page.other.as_deref()).collect();
        let waits: Vec<Option<f64>> = ended
            .iter()
            .map(|page| page.wait.map(|wait| wait.as_secs_f64()))
            .collect();
        let tried: Vec<bool> = ended.iter().map(|page| page.tried).collect();
        let exact: Vec<Option<&[u8]>> = ended
            .iter()
            .map(|page| slice(page.exact.as_ref()))
            .collect();
        let near: Vec<Option<i64>> = ended
            .iter()
            .map(|page| page.near.map(u64::cast_signed))
            .collect();
        let new = Columns::of(found);
        let row = sqlx::query!(
            r#"with held as (
                   select id from jobs where id = $1 and lease_token = $2 and state = 'running' for share
               ), ended as (
                   update frontier f set state = i.state, reason = i.reason, other = i.other, lease = null,
                          not_before = case when i.wait is null then null else now() + make_interval(secs => i.wait) end,
                          tries = f.tries + i.tried::int, looks = f.looks + (i.state = 'queued' and not i.tried)::int,
                          exact = coalesce(i.exact, f.exact), near = coalesce(i.near, f.near)
                   from unnest($3::bytea[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::bool[], $9::bytea[], $10::bigint[])
                        as i (key, state, reason, other, wait, tried, exact, near)
                   where f.job_id = $1 and f.key = i.key and f.state = 'running' and f.lease = $2 and exists (select from held)
                   returning f.state
               ), added as (
                   insert into frontier (job_id, tenant_id, key, url, host, state, reason, depth, points, exact, near)
                   select $1, $11, i.key, i.url, i.host, i.state, i.reason, i.depth, i.points, i.exact, i.near
                   from unnest($12::bytea[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int[], $18::int[], $19::bytea[], $20::bigint[])
                        with ordinality as i (key, url, host, state, reason, depth, points, exact, near, place)
                   where exists (select from held) order by i.place
                   on conflict (job_id, key) do nothing returning state
               ), e as (
                   select count(*) as all, count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'done') as done,
                          count(*) filter (where state = 'failed') as failed, count(*) filter (where state = 'skipped') as skipped from ended
               ), a as (
                   select count(*) filter (where state <> 'external') as all, count(*) filter (where state = 'queued') as queued,
                          count(*) filter (where state = 'done') as done, count(*) filter (where state = 'failed') as failed,
                          count(*) filter (where state = 'skipped') as skipped, count(*) filter (where state = 'external') as external from added
               ), counted as (
                   update crawls c set discovered = c.discovered + a.all, running = c.running - e.all, queued = c.queued + e.queued + a.queued,
                          done = c.done + e.done + a.done, failed = c.failed + e.failed + a.failed, skipped = c.skipped + e.skipped + a.skipped,
                          external = c.external + a.external, bytes = c.bytes + $21
                   from e, a where c.job_id = $1 and exists (select from held)
               ), forgiven as (
                   -- What gets on is not what ends its workers.
                   update jobs set interruptions = 0 where id = $1 and lease_token = $2 and interruptions > 0 and (select e.all from e) > 0
               )
               select (select count(*) from held) as "held!", (select a.all + a.external from a) as "added!""#,
            sync.job.0,
            sync.lease.0,
            &keys as &[&[u8]],
            &states as &[&str],
            &reasons as &[Option<&str>],
            &others as &[Option<&str>],
            &waits as &[Option<f64>],
            &tried,
            &exact as &[Option<&[u8]>],
            &near as &[Option<i64>],
            sync.tenant.0,
            &new.keys as &[&[u8]],
            &new.urls as &[&str],
            &new.hosts as &[&str],
            &new.states as &[&str],
            &new.reasons as &[Option<&str>],
            &new.depths,
            &new.points,
            &new.exact as &[Option<&[u8]>],
            &new.near as &[Option<i64>],
            i64::try_from(bytes).unwrap_or(i64::MAX)
        )
        .fetch_one(&self.system)
        .await?;
        if row.held == 0 {
            return Err(StoreError::LeaseLost);
        }
        Ok(u64::try_from(row.added).unwrap_or_default())
    }
}

/// Addresses as Postgres takes many at once.
struct Columns<'a> {
    keys: Vec<&'a [u8]>,
    urls: Vec<&'a str>,
    hosts: Vec<&'a str>,
    states: Vec<&'a str>,
    reasons: Vec<Option<&'a str>>,
    depths: Vec<i32>,
    points: Vec<i32>,
    exact: Vec<Option<&'a [u8]>>,
    near: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn of(found: &'a [FoundPage]) -> Self {
        let pages = || found.iter();
        Self {
            keys: pages().map(|page| page.key.as_slice()).collect(),
            urls: pages().map(|page| page.url.as_str()).collect(),
            hosts: pages().map(|page| page.host.as_str()).collect(),
            states: pages().map(|page| page.state.name()).collect(),
            reasons: pages().map(|page| page.reason).collect(),
            depths: pages()
                .map(|page| i32::try_from(page.depth).unwrap_or(i32::MAX))
                .collect(),
            points: pages().map(|page| i32::from(page.points)).collect(),
            exact: pages().map(|page| slice(page.exact.as_ref())).collect(),
            near: pages()
                .map(|page| page.near.map(u64::cast_signed))
                .collect(),
        }
    }
}

fn slice(bytes: Option<&[u8; 16]>) -> Option<&[u8]> {
    bytes.map(<[u8; 16]>::as_slice)
}

fn sixteen(bytes: Option<&[u8]>) -> Option<[u8; 16]> {
    bytes.and_then(|bytes| bytes.try_into().ok())
}

fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}
