//! Whose turn it is: which of the jobs that wait are handed to a lane next. Pure, so that it can be property-tested.
//!
//! Tenants take turns: one with weight 2 gets two where others get one, however much anybody has waiting. Within a tenant the higher priority goes first,
//! then the longer wait. No limit is ever exceeded, and no slot stays empty while a job is allowed to have it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ids::{JobId, LimitId, TenantId};
use crate::queue::Queue;

/// A due job that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The job.
    pub job: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// What limits may name.
    pub key: Option<String>,
    /// Higher goes first within the tenant.
    pub priority: i16,
    /// Since when it is due.
    pub run_at: DateTime<Utc>,
}

/// Jobs that are queued or running already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub queue: Queue,
    /// With which key.
    pub key: Option<String>,
    /// How many.
    pub jobs: u32,
}

/// Which keys a limit is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitedKeys {
    /// Each by itself; jobs without a key count together as one more.
    Each,
    /// All together, with those that have none.
    All,
    /// This one.
    One(String),
}

/// How many may start in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many, also at once after a quiet time.
    pub starts: u32,
    /// In so long.
    pub per: Duration,
}

/// A limit on what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its id.
    pub id: LimitId,
    /// This tenant; each tenant by itself when left out.
    pub tenant: Option<TenantId>,
    /// In this queue; in all queues together when left out.
    pub queue: Option<Queue>,
    /// Which keys.
    pub keys: LimitedKeys,
    /// Queued or running at once.
    pub max_running: Option<u32>,
    /// Starts in a time.
    pub rate: Option<Rate>,
}

/// The starts that one tenant and key still has under a limit's rate. One that is not known is full.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The limit.
    pub limit: LimitId,
    /// Whose.
    pub tenant: TenantId,
    /// Of which key; none where keys are together.
    pub key: Option<String>,
    /// Starts left at that moment.
    pub tokens: f64,
    /// The moment.
    pub filled_at: DateTime<Utc>,
}

/// Jobs for which there is no room at present.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Closed {
    /// Whose; everybody's when left out.
    pub tenant: Option<TenantId>,
    /// Whatever their key is.
    pub any_key: bool,
    /// Otherwise with this key, or with none.
    pub key: Option<String>,
}

/// What was picked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picked {
    /// The jobs, in the order of their turns.
    pub jobs: Vec<JobId>,
    /// The buckets that starts were taken from, as they stand now.
    pub spent: Vec<Bucket>,
    /// True when a job that is allowed is left: there was no slot for it.
    pub more: bool,
}

type Group = (TenantId, Option<String>);

/// The room that limits leave in one queue.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    queue: Queue,
    now: DateTime<Utc>,
    limits: &'a [Limit],
    /// Per limit: what is queued or running, by tenant and key.
    running: Vec<HashMap<Group, u32>>,
    /// Per limit: the starts left, where they are not all.
    tokens: Vec<HashMap<Group, f64>>,
    spent: Vec<HashMap<Group, f64>>,
}

impl Limit {
    fn is_about(&self, tenant: TenantId, queue: Queue, key: Option<&str>) -> bool {
        self.tenant.is_none_or(|own| own == tenant)
            && self.queue.is_none_or(|own| own == queue)
            && match &self.keys {
                LimitedKeys::Each | LimitedKeys::All => true,
                LimitedKeys::One(own) => Some(own.as_str()) == key,
            }
    }

    fn group(&self, tenant: TenantId, key: Option<&str>) -> Group {
        match self.keys {
            LimitedKeys::All => (tenant, None),
            LimitedKeys::Each | LimitedKeys::One(_) => (tenant, key.map(str::to_owned)),
        }
    }

    /// Whether the bucket is one of this limit.
    fn has(&self, bucket: &Bucket) -> bool {
        bucket.limit == self.id
            && self.tenant.is_none_or(|own| own == bucket.tenant)
            && match &self.keys {
                LimitedKeys::Each => true,
                LimitedKeys::All => bucket.key.is_none(),
                LimitedKeys::One(own) => bucket.key.as_ref() == Some(own),
            }
    }

    fn refilled(&self, bucket: &Bucket, now: DateTime<Utc>) -> f64 {
        let Some(rate) = self.rate else {
            return f64::INFINITY;
        };
        let passed = (now - bucket.filled_at)
            .to_std()
            .unwrap_or_default()
            .as_secs_f64();
        let per_second = f64::from(rate.starts) / rate.per.as_secs_f64().max(0.001);
        (bucket.tokens + passed * per_second).clamp(0.0, f64::from(rate.starts))
    }
}

impl<'a> Room<'a> {
    /// What is left when so many are queued or running already. Limits on other queues are left aside.
    #[must_use]
    pub fn new(
        queue: Queue,
        limits: &'a [Limit],
        in_flight: &[InFlight],
        buckets: &[Bucket],
        now: DateTime<Utc>,
    ) -> Self {
        let mut running = vec![HashMap::new(); limits.len()];
        let mut tokens = vec![HashMap::new(); limits.len()];
        for (place, limit) in limits.iter().enumerate() {
            for jobs in in_flight {
                if limit.is_about(jobs.tenant, jobs.queue, jobs.key.as_deref()) {
                    let group = limit.group(jobs.tenant, jobs.key.as_deref());
                    *running[place].entry(group).or_default() += jobs.jobs;
                }
            }
            for bucket in buckets.iter().filter(|bucket| limit.has(bucket)) {
                let group = (bucket.tenant, bucket.key.clone());
                tokens[place].insert(group, limit.refilled(bucket, now));
            }
        }
        Self {
            queue,
            now,
            limits,
            running,
            tokens,
            spent: vec![HashMap::new(); limits.len()],
        }
    }

    fn is_open(&self, place: usize, group: &Group) -> bool {
        let limit = &self.limits[place];
        let running = self.running[place].get(group).copied().unwrap_or_default();
        let tokens = self.tokens[place].get(group).copied();
        limit.max_running.is_none_or(|most| running < most)
            && (limit.rate.is_none() || tokens.is_none_or(|tokens| tokens >= 1.0))
    }

    /// Whether one more such job may start.
    #[must_use]
    pub fn allows(&self, tenant: TenantId, key: Option<&str>) -> bool {
        self.limits.iter().enumerate().all(|(place, limit)| {
            !limit.is_about(tenant, self.queue, key)
                || self.is_open(place, &limit.group(tenant, key))
        })
    }

    fn take(&mut self, tenant: TenantId, key: Option<&str>) {
        for (place, limit) in self.limits.iter().enumerate() {
            if !limit.is_about(tenant, self.queue, key) {
                continue;
            }
            let group = limit.group(tenant, key);
            if let Some(rate) = limit.rate {
                let full = f64::from(rate.starts);
                let left = self.tokens[place].entry(group.clone()).or_insert(full);
                *left -= 1.0;
                self.spent[place].insert(group.clone(), *left);
            }
            *self.running[place].entry(group).or_default() += 1;
        }
    }

    /// What need not be looked at: jobs for which there is no room. Sorted.
    #[must_use]
    pub fn closed(&self) -> Vec<Closed> {
        let mut closed = Vec::new();
        for (place, limit) in self.limits.iter().enumerate() {
            if limit.queue.is_some_and(|own| own != self.queue) {
                continue;
            }
            if limit.max_running == Some(0) {
                let key = match &limit.keys {
                    LimitedKeys::One(key) => Some(key.clone()),
                    LimitedKeys::Each | LimitedKeys::All => None,
                };
                closed.push(Closed {
                    tenant: limit.tenant,
                    any_key: key.is_none(),
                    key,
                });
                continue;
            }
            let groups = self.running[place].keys().chain(self.tokens[place].keys());
            for group in groups.filter(|group| !self.is_open(place, group)) {
                closed.push(Closed {
                    tenant: Some(group.0),
                    any_key: limit.keys == LimitedKeys::All,
                    key: group.1.clone(),
                });
            }
        }
        closed.sort_unstable();
        closed.dedup();
        closed
    }

    fn into_spent(self) -> Vec<Bucket> {
        let now = self.now;
        let of_limit = |(limit, spent): (&Limit, HashMap<Group, f64>)| {
            let id = limit.id;
            spent
                .into_iter()
                .map(move |((tenant, key), tokens)| Bucket {
                    limit: id,
                    tenant,
                    key,
                    tokens,
                    filled_at: now,
                })
        };
        self.limits
            .iter()
            .zip(self.spent)
            .flat_map(of_limit)
            .collect()
    }
}

/// One turn of a tenant with weight 1.
const TURN: u64 = 1 << 20;

/// Who has had how many turns in one queue. It may be forgotten at any time: then everybody begins anew.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// The time of the turn that was given last; a tenant that comes or comes back begins here, and has saved nothing up.
    clock: u64,
    /// When each tenant's next turn is.
    next: HashMap<TenantId, u64>,
}

impl Turns {
    /// Picks up to `free` of the candidates. Tenants without a weight have weight 1.
    #[must_use]
    pub fn pick(
        &mut self,
        candidates: &[Candidate],
        weights: &HashMap<TenantId, u32>,
        mut room: Room<'_>,
        free: usize,
    ) -> Picked {
        let mut lines: HashMap<TenantId, Vec<&Candidate>> = HashMap::new();
        for candidate in candidates {
            lines.entry(candidate.tenant).or_default().push(candidate);
        }
        // Room only shrinks while turns are given: whoever finds none once needs not be asked again.
        let mut heads: BinaryHeap<Reverse<(u64, DateTime<Utc>, TenantId)>> = BinaryHeap::new();
        for (tenant, line) in &mut lines {
            line.sort_unstable_by_key(|c| Reverse((Reverse(c.priority), c.run_at, c.job)));
            if let Some(head) = first_allowed(line, &room) {
                heads.push(Reverse((self.next_of(*tenant), head.run_at, *tenant)));
            }
        }
        let mut picked = Picked::default();
        while let Some(Reverse((at, _, tenant))) = heads.pop() {
            let Some(line) = lines.get_mut(&tenant) else {
                continue;
            };
            let Some(head) = first_allowed(line, &room) else {
                continue;
            };
            if picked.jobs.len() >= free {
                picked.more = true;
                break;
            }
            room.take(tenant, head.key.as_deref());
            picked.jobs.push(head.job);
            line.pop();
            let weight = u64::from(weights.get(&tenant).copied().unwrap_or(1).max(1));
            self.clock = self.clock.max(at);
            let next = at + TURN / weight;
            self.next.insert(tenant, next);
            if let Some(head) = first_allowed(line, &room) {
                heads.push(Reverse((next, head.run_at, tenant)));
            }
        }
        let clock = self.clock;
        self.next.retain(|_, next| *next > clock);
        picked.spent = room.into_spent();
        picked
    }

    fn next_of(&self, tenant: TenantId) -> u64 {
        let own = self.next.get(&tenant).copied().unwrap_or_default();
        own.max(self.clock)
    }
}

/// The next of a line, which stands in reverse, that is allowed; those before it are dropped.
fn first_allowed<'c>(line: &mut Vec<&'c Candidate>, room: &Room<'_>) -> Option<&'c Candidate> {
    while let Some(head) = line.last() {
        if room.allows(head.tenant, head.key.as_deref()) {
            return Some(head);
        }
        line.pop();
    }
    None
}

#[cfg(test)]
mod tests;
