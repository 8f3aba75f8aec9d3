//! Pauses: a queue, a tenant, or a tenant's part of a queue takes no turns until it is resumed. What runs goes on.

use computetower_jobs::{Queue, TenantId};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// A tenant's jobs of one queue, by the tenant.
    Own(TenantId, Queue),
    /// Everybody's jobs of a queue, by an operator.
    Queue(Queue),
    /// All jobs of a tenant, by an operator.
    Tenant(TenantId),
}

impl Pause {
    const fn tenant(self) -> Option<Uuid> {
        match self {
            Pause::Own(tenant, _) | Pause::Tenant(tenant) => Some(tenant.0),
            Pause::Queue(_) => None,
        }
    }

    const fn queue(self) -> Option<Queue> {
        match self {
            Pause::Own(_, queue) | Pause::Queue(queue) => Some(queue),
            Pause::Tenant(_) => None,
        }
    }
}

impl Store {
    /// Pauses. Jobs that no worker has taken yet go back to waiting for their turn; their messages find nothing to claim. Pausing what is
    /// paused changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn pause(&self, what: Pause) -> Result<(), StoreError> {
        let mut connection = self.connection_for(what).await?;
        // First, and by itself: who submits from now on sees it, and what was on its way is swept up by the dispatcher.
        sqlx::query!(
            "insert into pauses (id, tenant_id, queue) values ($1, $2, $3) on conflict on constraint pauses_key do nothing",
            Uuid::now_v7(),
            what.tenant(),
            what.queue().map(Queue::name)
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "update jobs set state = 'pending' where state = 'queued' and id in (
                 select id from jobs where state = 'queued' and ($1::uuid is null or tenant_id = $1) and ($2::text is null or queue = $2)
                 order by id for update skip locked)",
            what.tenant(),
            what.queue().map(Queue::name)
        )
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Ends a pause. Resuming what is not paused changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such tenant.
    pub async fn resume(&self, what: Pause) -> Result<(), StoreError> {
        let mut connection = self.connection_for(what).await?;
        sqlx::query!(
            "delete from pauses where tenant_id is not distinct from $1 and queue is not distinct from $2",
            what.tenant(),
            what.queue().map(Queue::name)
        )
        .execute(&mut *connection)
        .await?;
        drop(connection);
        self.ring_turns(what.queue()).await;
        Ok(())
    }

    /// Sends queued jobs back that are paused: they were accepted at the very moment of the pause.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn hold_back_paused(&self) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update jobs set state = 'pending' where state = 'queued' and id in (
                 select j.id from jobs j
                 where j.state = 'queued'
                   and exists (select 1 from pauses p where (p.tenant_id is null or p.tenant_id = j.tenant_id) and (p.queue is null or p.queue = j.queue))
                 order by j.id for update of j skip locked)"
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }

    /// What a tenant pauses passes the second wall, what operators pause does not stand behind it.
    async fn connection_for(&self, what: Pause) -> Result<PoolConnection<Postgres>, StoreError> {
        match what {
            Pause::Own(tenant, _) => self.as_tenant(tenant).await,
            Pause::Tenant(tenant) if !self.has_tenant(tenant).await? => {
                Err(StoreError::NotFound("tenant"))
            }
            Pause::Queue(_) | Pause::Tenant(_) => Ok(self.system.acquire().await?),
        }
    }
}
