//! Reading a job's events back: what Postgres has and what only Redis has yet, by number, each once.

use std::collections::BTreeMap;

use computetower_jobs::{Event, JobId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// All events of a job after a number, in order. Redis may be down: then what Postgres has is the answer.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn events_after(
        &self,
        tenant: TenantId,
        job: JobId,
        after: i64,
    ) -> Result<Vec<Event>, StoreError> {
        // Redis first: an event moves from there to Postgres, never back.
        let live = self.live_events(job, after).await.unwrap_or_default();
        let mut events: BTreeMap<i64, Event> =
            live.into_iter().map(|event| (event.seq, event)).collect();
        for event in self.saved_events(tenant, job, after).await? {
            events.insert(event.seq, event);
        }
        Ok(events.into_values().collect())
    }

    async fn live_events(&self, job: JobId, after: i64) -> Result<Vec<Event>, StoreError> {
        let mut redis = self.redis.clone();
        let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
            .arg(self.keys.events(job))
            .arg(format!("{}-0", after.saturating_add(1)))
            .arg("+")
            .query_async(&mut redis)
            .await?;
        Ok(entries
            .into_iter()
            .filter_map(|(_, fields)| {
                fields
                    .get(1)
                    .and_then(|json| serde_json::from_str(json).ok())
            })
            .collect())
    }

    /// Ends what a dead attempt may still say: raises the fence, then reads the events that it published and that are not in Postgres.
    /// `None` when Redis cannot tell, because it is down or was wiped: then some may have been heard that nobody knows any more.
    pub async fn last_words(&self, job: JobId, attempt: i32, saved: i64) -> Option<Vec<Event>> {
        let mut redis = self.redis.clone();
        let fenced: redis::RedisResult<()> = redis::cmd("SET")
            .arg(self.keys.fence(job))
            .arg(i64::from(attempt) * 2 + 1)
            .arg("EX")
            .arg(3_600)
            .query_async(&mut redis)
            .await;
        fenced.ok()?;
        let known: i64 = redis::cmd("EXISTS")
            .arg(self.keys.events(job))
            .query_async(&mut redis)
            .await
            .ok()?;
        if known == 0 {
            return None;
        }
        self.live_events(job, saved).await.ok()
    }
}
