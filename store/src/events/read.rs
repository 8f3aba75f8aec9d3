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
    pub async fn events_after(&self, tenant: TenantId, job: JobId, after: i64) -> Result<Vec<Event>, StoreError> {
        // Redis first: an event moves from there to Postgres, never back.
        let live = self.live_events(job, after).await.unwrap_or_default();
        let mut events: BTreeMap<i64, Event> = live.into_iter().map(|event| (event.seq, event)).collect();
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
            .filter_map(|(_, fields)| fields.get(1).and_then(|json| serde_json::from_str(json).ok()))
            .collect())
    }

    /// The number from which a new attempt goes on, so that nobody hears a number twice: above everything in Postgres and in Redis.
    pub async fn last_event_seq(&self, job: JobId, saved: i64, first_attempt: bool) -> i64 {
        if first_attempt {
            return saved;
        }
        let mut redis = self.redis.clone();
        let last: redis::RedisResult<Vec<(String, Vec<String>)>> =
            redis::cmd("XREVRANGE").arg(self.keys.events(job)).arg("+").arg("-").arg("COUNT").arg(1).query_async(&mut redis).await;
        let live = match last {
            Ok(entries) => entries
                .first()
                .and_then(|(id, _)| id.split('-').next())
                .and_then(|number| number.parse::<i64>().ok()),
            // Redis is down or was wiped while an attempt ran: leave room for what was heard and not saved.
            Err(_) => None,
        };
        live.map_or(saved, |live| live.max(saved))
    }
}
