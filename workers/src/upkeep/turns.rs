//! Feeds the lanes: each gets as many messages as its workers will take in a moment, and the rest waits in Postgres, where order, fairness and limits are kept.

use std::time::Duration;

use computetower_jobs::{JobId, Queue};
use computetower_store::jobs::{Dispatched, QueueLook, TurnMemory};
use computetower_store::lane::End;
use computetower_store::turn_signals::TurnBell;
use computetower_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::run::chain;

/// How often all queues are looked at: for jobs whose time has come, and rings that were lost.
const LOOK: Duration = Duration::from_millis(250);
/// How soon a lane is fed again after it was fed.
const FED: Duration = Duration::from_millis(10);
/// How soon a lane is looked at again on which jobs wait for room.
const FULL: Duration = Duration::from_millis(20);
/// How soon it is seen whether a limit that holds jobs back has room again.
const HELD: Duration = Duration::from_millis(25);
/// Rings that come closer together than this are one.
const RINGS: Duration = Duration::from_millis(5);
/// How soon it is tried again when a service did not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one step may take before it is given up; Postgres then undoes it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the mark of a backlog is renewed, and the cap of a lane.
const RENEW_BACKLOG: Duration = Duration::from_millis(500);
const RENEW_CAP: Duration = Duration::from_secs(20);
/// The least that may wait on a lane.
const LEAST: usize = 16;
/// Beyond so many at once, jobs that are handed over for the first time are not told one by one: their attempts soon are.
const TOLD: usize = 64;

/// How many messages may wait on a lane: a sixteenth of a second's work, and a second job for each slot where jobs are long.
fn cap(look: &QueueLook) -> usize {
    let count = |value: i64| usize::try_from(value).unwrap_or_default();
    (2 * count(look.slots))
        .max(count(look.finished) / 16)
        .max(LEAST)
}

/// How many turns are given in one look. Few while those behind make way: hundreds in one statement hold up everybody else's.
fn at_once(free: usize, cap: usize, makes_way: bool) -> usize {
    if makes_way {
        free.min((cap / 4).max(LEAST))
    } else {
        free
    }
}

/// One queue, as its feeder sees it.
struct Line {
    queue: Queue,
    memory: TurnMemory,
    cap: usize,
    cap_said: Option<(usize, Instant)>,
    /// Since when the mark of a backlog stands.
    marked: Option<Instant>,
    /// Jobs wait for their time or turn, as far as is known.
    pending: bool,
    /// Jobs wait that only need a slot.
    more: bool,
    /// Look at everything, not only at what may have changed.
    anew: bool,
    /// When the next step is due.
    due: Option<Instant>,
    last_step: Option<Instant>,
}

impl Line {
    fn new(queue: Queue) -> Self {
        Self {
            queue,
            memory: TurnMemory::default(),
            cap: LEAST,
            cap_said: None,
            marked: None,
            pending: false,
            more: false,
            anew: false,
            due: None,
            last_step: None,
        }
    }

    /// Looks at everything, soon.
    fn look_anew(&mut self) {
        self.anew = true;
        self.pending = true;
        let now = Instant::now();
        let soonest = self.last_step.map_or(now, |last| last + RINGS).max(now);
        self.due = Some(self.due.map_or(soonest, |due| due.min(soonest)));
    }

    async fn step(&mut self, store: &Store) -> Result<(), StoreError> {
        let waiting = usize::try_from(store.lane.waiting(self.queue).await?).unwrap_or_default();
        let free = self.cap.saturating_sub(waiting);
        // A lane that is nearly full needs nothing yet: many turns in one look cost little more than one.
        let enough = (self.cap / 4).max(1);
        if free == 0 || (free < enough && !self.anew) {
            // Nobody knows yet whether somebody waits who may go, but nobody may go before them.
            self.more |= self.anew;
            self.due = self.more.then(|| Instant::now() + FULL);
            return self.mark(store).await;
        }
        let makes_way = store.lane.makes_way(self.queue).await?;
        let anew = std::mem::take(&mut self.anew) || self.more;
        let taken = match store
            .take_turns(
                self.queue,
                at_once(free, self.cap, makes_way),
                &mut self.memory,
                anew,
            )
            .await
        {
            Ok(taken) => taken,
            Err(error) => {
                self.anew = true;
                return Err(error);
            }
        };
        self.more = taken.more;
        let pushed = self.push(store, &taken.jobs).await;
        let given = pushed.is_ok().then_some(taken.jobs.len());
        store.metrics.upkeep("turns", given);
        let wait = match (taken.jobs.is_empty(), taken.more, taken.held) {
            (false, ..) => Some(FED),
            (true, true, _) => Some(FULL),
            (true, false, true) if self.pending => Some(HELD),
            (true, false, _) => None,
        };
        self.due = wait.map(|wait| Instant::now() + wait);
        pushed?;
        self.mark(store).await
    }

    /// Puts the messages on the lane. When that fails, the jobs are pending again.
    async fn push(&self, store: &Store, jobs: &[Dispatched]) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let messages: Vec<(JobId, i32)> = jobs.iter().map(|job| (job.id, job.dispatch)).collect();
        for job in jobs {
            if jobs.len() <= TOLD || job.event.seq > 1 {
                store
                    .publisher
                    .publish_between(job.id, job.attempt, job.event.clone());
            }
        }
        let pushed = self.put(store, jobs).await;
        if pushed.is_err() {
            store.take_back(&messages).await?;
        }
        pushed
    }

    /// The order of the turns is the order on the lane. Only the jobs of somebody who has nothing there go to its front: what waits is what others were
    /// given in advance, to keep the workers busy.
    async fn put(&self, store: &Store, jobs: &[Dispatched]) -> Result<(), StoreError> {
        let message = |job: &Dispatched| (job.id, job.dispatch);
        let (ahead, behind): (Vec<&Dispatched>, Vec<&Dispatched>) =
            jobs.iter().partition(|job| job.ahead);
        let ahead: Vec<_> = ahead.into_iter().map(message).collect();
        store.lane.push(self.queue, End::Front, &ahead).await?;
        let behind: Vec<_> = behind.into_iter().map(message).collect();
        store.lane.push(self.queue, End::Back, &behind).await
    }

    /// Says to those who accept jobs whether others wait before them.
    async fn mark(&mut self, store: &Store) -> Result<(), StoreError> {
        let now = Instant::now();
        let old = self.marked.is_none_or(|since| now - since >= RENEW_BACKLOG);
        if self.more && old {
            store.say_backlog(self.queue, true).await?;
            self.marked = Some(now);
        } else if !self.more && self.marked.is_some() {
            store.say_backlog(self.queue, false).await?;
            self.marked = None;
        }
        Ok(())
    }

    async fn say_cap(&mut self, store: &Store) -> Result<(), StoreError> {
        let known = self
            .cap_said
            .is_some_and(|(cap, at)| cap == self.cap && at.elapsed() < RENEW_CAP);
        if !known {
            store.say_lane_cap(self.queue, self.cap).await?;
            self.cap_said = Some((self.cap, Instant::now()));
        }
        Ok(())
    }
}

/// Gives turns while this dispatcher leads.
pub(super) async fn give(store: &Store, mut leading: watch::Receiver<bool>) {
    loop {
        if leading.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        let bell = store.turn_bell();
        tokio::select! {
            () = feed(store, &bell) => {}
            _ = leading.wait_for(|leads| !*leads) => {}
        }
    }
}

async fn feed(store: &Store, bell: &TurnBell) {
    let mut lines: Vec<Line> = Queue::ALL.into_iter().map(Line::new).collect();
    let mut next_look = Instant::now();
    loop {
        if Instant::now() >= next_look {
            let looked = attempt(look(store, &mut lines)).await;
            next_look = Instant::now() + if looked { LOOK } else { AGAIN };
        }
        for line in &mut lines {
            if line.due.is_some_and(|due| due <= Instant::now()) {
                line.due = None;
                line.last_step = Some(Instant::now());
                if !attempt(line.step(store)).await {
                    // What was moved and not said yet is looked at anew.
                    line.anew = true;
                    line.due = Some(Instant::now() + AGAIN);
                }
            }
        }
        let next = lines.iter().filter_map(|line| line.due).min();
        tokio::select! {
            () = tokio::time::sleep_until(next.map_or(next_look, |due| due.min(next_look))) => {}
            rung = bell.rung() => {
                for line in &mut lines {
                    // Where jobs wait for room anyway, a ring tells nothing new.
                    if rung.contains(&line.queue) && !(line.more && line.due.is_some()) {
                        line.look_anew();
                    }
                }
            }
        }
    }
}

/// Looks at all queues, whether somebody rang or not.
async fn look(store: &Store, lines: &mut [Line]) -> Result<(), StoreError> {
    let (looks, paused) = store.look_at_queues().await?;
    if paused {
        store.hold_back_paused().await?;
    }
    for line in lines {
        let Some(look) = looks.iter().find(|look| look.queue == line.queue) else {
            continue;
        };
        line.cap = cap(look);
        line.pending = look.pending;
        line.say_cap(store).await?;
        if look.pending || line.more {
            line.look_anew();
        }
    }
    Ok(())
}

/// True when it was done.
async fn attempt(step: impl Future<Output = Result<(), StoreError>>) -> bool {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "turns could not be given; trying again");
            false
        }
        Err(_) => {
            tracing::warn!("turns could not be given in time; trying again");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(slots: i64, finished: i64) -> QueueLook {
        QueueLook {
            queue: Queue::Noop,
            slots,
            finished,
            pending: true,
        }
    }

    #[test]
    fn a_lane_of_short_jobs_holds_a_moments_work_and_one_of_long_jobs_little() {
        assert_eq!(cap(&look(0, 0)), 16);
        assert_eq!(cap(&look(8, 3)), 16);
        assert_eq!(cap(&look(100, 50)), 200);
        assert_eq!(cap(&look(32, 8_000)), 500);
    }

    #[test]
    fn few_turns_are_given_at_once_while_way_is_made() {
        assert_eq!(at_once(400, 512, false), 400);
        assert_eq!(at_once(400, 512, true), 128);
        assert_eq!(at_once(100, 512, true), 100);
        assert_eq!(at_once(16, 16, true), 16);
    }
}
