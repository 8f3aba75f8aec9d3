//! Limits: how many jobs of a tenant, queue or key may run at once, and how many may start in a time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::submission::ALL_KEYS;
use computetower_jobs::turns::{Limit, LimitedKeys, Rate};
use computetower_jobs::{LimitId, Queue, TenantId};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// A limit as it is kept.
#[derive(Clone, Debug)]
pub struct LimitRow {
    /// Its id.
    pub id: LimitId,
    /// What it says.
    pub limit: NewLimit,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What a limit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLimit {
    /// This tenant; each tenant by itself when left out.
    pub tenant: Option<TenantId>,
    /// This queue; all queues together when left out.
    pub queue: Option<Queue>,
    /// This key; each key by itself when left out; [`ALL_KEYS`]: all together.
    pub key: Option<String>,
    /// Queued or running at once.
    pub max_running: Option<i32>,
    /// So many starts …
    pub rate: Option<i32>,
    /// … in so many seconds.
    pub per_seconds: Option<i32>,
}

pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Option<Uuid>,
    pub(crate) queue: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) max_running: Option<i32>,
    pub(crate) rate: Option<i32>,
    pub(crate) per_seconds: Option<i32>,
    pub(crate) created_at: DateTime<Utc>,
}

impl TryFrom<Row> for LimitRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let queue = row.queue.map(|name| {
            name.parse()
                .map_err(|error: computetower_jobs::queue::UnknownQueue| {
                    StoreError::decode("queue", error)
                })
        });
        Ok(Self {
            id: LimitId(row.id),
            limit: NewLimit {
                tenant: row.tenant_id.map(TenantId),
                queue: queue.transpose()?,
                key: row.key,
                max_running: row.max_running,
                rate: row.rate,
                per_seconds: row.per_seconds,
            },
            created_at: row.created_at,
        })
    }
}

impl LimitRow {
    /// The rule by which turns are given.
    #[must_use]
    pub fn rule(&self) -> Limit {
        let count = |value: i32| u32::try_from(value).unwrap_or_default();
        Limit {
            id: self.id,
            tenant: self.limit.tenant,
            queue: self.limit.queue,
            keys: match self.limit.key.as_deref() {
                None => LimitedKeys::Each,
                Some(ALL_KEYS) => LimitedKeys::All,
                Some(key) => LimitedKeys::One(key.to_owned()),
            },
            max_running: self.limit.max_running.map(count),
            rate: self
                .limit
                .rate
                .zip(self.limit.per_seconds)
                .map(|(starts, seconds)| Rate {
                    starts: count(starts),
                    per: Duration::from_secs(u64::from(count(seconds))),
                }),
        }
    }
}

impl Store {
    /// All limits, oldest first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn limits(&self) -> Result<Vec<LimitRow>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            "select id, tenant_id, queue, key, max_running, rate, per_seconds, created_at from limits order by created_at, id"
        )
        .fetch_all(&self.system)
        .await?;
        rows.into_iter().map(LimitRow::try_from).collect()
    }

    /// Sets a limit, or changes the one for the same tenant, queue and key. Jobs that it is about and that no worker has taken yet wait for
    /// their turn again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn set_limit(&self, new: &NewLimit) -> Result<LimitRow, StoreError> {
        if let Some(tenant) = new.tenant
            && !self.has_tenant(tenant).await?
        {
            return Err(StoreError::NotFound("tenant"));
        }
        let (tenant, queue) = (new.tenant.map(|t| t.0), new.queue.map(Queue::name));
        let row = sqlx::query_as!(
            Row,
            "insert into limits (id, tenant_id, queue, key, max_running, rate, per_seconds) values ($1, $2, $3, $4, $5, $6, $7)
             on conflict on constraint limits_key do update
             set max_running = excluded.max_running, rate = excluded.rate, per_seconds = excluded.per_seconds
             returning id, tenant_id, queue, key, max_running, rate, per_seconds, created_at",
            LimitId::generate().0,
            tenant,
            queue,
            new.key,
            new.max_running,
            new.rate,
            new.per_seconds
        )
        .fetch_one(&self.system)
        .await?;
        sqlx::query!(
            "update jobs set state = 'pending' where state = 'queued' and id in (
                 select id from jobs where state = 'queued' and ($1::uuid is null or tenant_id = $1) and ($2::text is null or queue = $2)
                                       and ($3::text is null or $3 = '*' or limit_key = $3)
                 order by id for update skip locked)",
            tenant,
            queue,
            new.key
        )
        .execute(&self.system)
        .await?;
        self.ring_turns(new.queue).await;
        row.try_into()
    }

    /// Removes a limit.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id.
    pub async fn remove_limit(&self, id: LimitId) -> Result<(), StoreError> {
        let done = sqlx::query!("delete from limits where id = $1", id.0)
            .execute(&self.system)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("limit"));
        }
        self.ring_turns(None).await;
        Ok(())
    }

    /// Forgets buckets that are full again.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_full_buckets(&self) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from limit_buckets b using limits l
             where l.id = b.limit_id and b.filled_at < now() - make_interval(secs => coalesce(l.per_seconds, 0))"
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}
