//! Reading a job's events back: what Postgres has and what only Redis has yet, by number, each once.

use computetower_jobs::{Event, JobId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;
use crate::jobs::SavedEvents;

/// What is known of a job's events after a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventsSoFar {
    /// The events, in order.
    pub events: Vec<Event>,
    /// True when later ones are known, with a hole before them that Postgres will fill in a moment.
    pub more: bool,
    /// True when the job has ended, and nothing comes after these.
    pub ended: bool,
}

/// Puts together what Postgres has and what only Redis has yet. A hole between rows of Postgres is final (a dead worker's words that nobody knows
/// any more); a hole before an event of Redis is not: Redis was wiped, and what is missing is on its way to Postgres. Once the job has ended, Postgres
/// has all of it, and what stands in Redis besides was said too late.
fn merge(after: i64, saved: SavedEvents, live: Vec<Event>) -> EventsSoFar {
    let SavedEvents { mut events, ended } = saved;
    let live = if ended { Vec::new() } else { live };
    let mut last = events.last().map_or(after, |event| event.seq);
    for event in live {
        if event.seq <= last {
            continue;
        }
        if event.seq > last + 1 {
            return EventsSoFar {
                events,
                more: true,
                ended: false,
            };
        }
        last = event.seq;
        events.push(event);
    }
    EventsSoFar {
        events,
        more: false,
        ended,
    }
}

impl Store {
    /// All events of a job after a number, in order. Redis may be down: then what Postgres has is the answer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when the job is another tenant's; when Postgres does not answer.
    pub async fn events_after(
        &self,
        tenant: TenantId,
        job: JobId,
        after: i64,
    ) -> Result<EventsSoFar, StoreError> {
        // Redis first: an event moves from there to Postgres, never back.
        let live = self.live_events(job, after).await.unwrap_or_default();
        let saved = self.saved_events(tenant, job, after).await?;
        Ok(merge(after, saved, live))
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
            .filter_map(|(_, fields)| super::entry::read(fields.get(1)?.as_bytes()).ok())
            .flatten()
            // The first entry may begin before what is asked for.
            .filter(|event| event.seq > after)
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

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_jobs::EventBody;

    fn events(numbers: &[i64]) -> Vec<Event> {
        let at = chrono::Utc::now();
        numbers
            .iter()
            .map(|seq| Event {
                seq: *seq,
                body: EventBody::Paused {},
                at,
            })
            .collect()
    }

    fn merged(after: i64, saved: &[i64], live: &[i64]) -> (Vec<i64>, bool) {
        let saved = SavedEvents {
            events: events(saved),
            ended: false,
        };
        let so_far = merge(after, saved, events(live));
        (
            so_far.events.iter().map(|event| event.seq).collect(),
            so_far.more,
        )
    }

    #[test]
    fn what_is_said_after_the_end_is_nobodys() {
        let saved = SavedEvents {
            events: events(&[2, 3]),
            ended: true,
        };
        let so_far = merge(1, saved, events(&[4, 9]));
        assert!(so_far.ended && !so_far.more);
        assert_eq!(so_far.events.last().map(|event| event.seq), Some(3));
    }

    #[test]
    fn nothing_is_skipped_that_postgres_will_still_get() {
        assert_eq!(merged(0, &[1, 2], &[2, 3, 4]), (vec![1, 2, 3, 4], false));
        assert_eq!(merged(15, &[], &[21, 22]), (vec![], true));
        assert_eq!(merged(0, &[1, 2], &[5]), (vec![1, 2], true));
        assert_eq!(
            merged(0, &[1, 1_002], &[1_003]),
            (vec![1, 1_002, 1_003], false)
        );
        assert_eq!(merged(3, &[], &[]), (vec![], false));
    }
}
