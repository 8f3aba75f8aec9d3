//! The events of one attempt: numbered here, by the holder of the lease, so that a wiped Redis cannot start again at 1.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use computetower_jobs::{Event, EventBody, JobId};
use computetower_store::events::EventPublisher;

/// Numbers and publishes events, and keeps those that are not in Postgres yet. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed {
    inner: Arc<Inner>,
}

struct Inner {
    job: JobId,
    attempt: i32,
    publisher: EventPublisher,
    state: Mutex<State>,
}

struct State {
    seq: i64,
    unsaved: Vec<Event>,
    /// What nobody may hear yet, because a crash of Postgres could still take the claim back. `None` once the claim is on the disk.
    unheard: Option<Vec<Event>>,
    /// Set once the end has its number: nothing may come after it.
    closed: bool,
}

impl Feed {
    /// Goes on after `seq`.
    pub(crate) fn new(job: JobId, attempt: i32, seq: i64, publisher: EventPublisher) -> Self {
        Self {
            inner: Arc::new(Inner {
                job,
                attempt,
                publisher,
                state: Mutex::new(State {
                    seq,
                    unsaved: Vec::new(),
                    unheard: Some(Vec::new()),
                    closed: false,
                }),
            }),
        }
    }

    /// Numbers an event and publishes it. After the end this does nothing: whatever still works in the background has come too late.
    pub(crate) fn emit(&self, body: EventBody) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let event = Self::number(&mut state, body);
        state.unsaved.push(event.clone());
        // Published under the lock, so that numbers go out in order.
        match &mut state.unheard {
            Some(unheard) => unheard.push(event),
            None => self.publish(event),
        }
    }

    /// The claim is on the disk: what was said so far is published, and what is said from now on at once.
    pub(crate) fn claim_is_settled(&self) {
        let mut state = self.lock();
        for event in state.unheard.take().unwrap_or_default() {
            self.publish(event);
        }
    }

    /// Numbers the last events of the attempt without publishing them: nobody may hear of an end before it is recorded.
    pub(crate) fn prepare(&self, bodies: Vec<EventBody>) -> Vec<Event> {
        let mut state = self.lock();
        state.closed = true;
        bodies
            .into_iter()
            .map(|body| Self::number(&mut state, body))
            .collect()
    }

    /// Publishes events that were prepared and recorded: the claim is on the disk with them.
    pub(crate) fn publish_prepared(&self, events: Vec<Event>) {
        self.claim_is_settled();
        for event in events {
            self.publish(event);
        }
    }

    fn publish(&self, event: Event) {
        self.inner
            .publisher
            .publish(self.inner.job, self.inner.attempt, event);
    }

    /// Takes what is not in Postgres yet.
    pub(crate) fn take_unsaved(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock().unsaved)
    }

    /// What is not in Postgres yet. It stays here until [`Feed::saved`]: a save that is cut off loses nothing.
    pub(crate) fn unsaved(&self) -> Vec<Event> {
        self.lock().unsaved.clone()
    }

    /// Everything up to this number is in Postgres.
    pub(crate) fn saved(&self, seq: i64) {
        self.lock().unsaved.retain(|event| event.seq > seq);
    }

    /// Ends the feed without an end: another attempt speaks from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    fn number(state: &mut State, body: EventBody) -> Event {
        state.seq += 1;
        Event {
            seq: state.seq,
            body,
            at: Utc::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic between two changes of the state.
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
