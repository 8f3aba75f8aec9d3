//! The real SQL against a model of the state machine: whatever is done to a job in whatever order, by living and by stale workers, the row is what the
//! model says, every move is one that the table has, and the events tell the same story.

use std::time::Duration;

use computetower_jobs::{
    Event, EventBody, Failure, FailureCode, JobId, JobKind, JobState, LeaseToken, Queue, WorkerId,
};
use computetower_store::StoreError;
use computetower_store::jobs::{CancelReply, Ending, NewJob, PauseReply, TurnMemory};
use computetower_store::pauses::Pause;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;

use crate::support::TestApp;

/// What can happen to a job. `stale` is what a worker does that has been given up.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Feed,
    Redispatch,
    Claim { stale: bool },
    Save { stale: bool },
    End { how: How, stale: bool },
    Cancel,
    Pause,
    Resume,
    PauseQueue,
    ResumeQueue,
    Retry,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Completed,
    Failed,
    Cancelled,
    RetryNow,
    RetryLater,
    Requeued,
    HandedBack,
    Parked,
    Paused,
}

fn deed() -> impl Strategy<Value = Deed> {
    let how = prop_oneof![
        2 => Just(How::Completed),
        2 => Just(How::Failed),
        1 => Just(How::Cancelled),
        3 => Just(How::RetryNow),
        1 => Just(How::RetryLater),
        2 => Just(How::Requeued),
        1 => Just(How::HandedBack),
        1 => Just(How::Parked),
        1 => Just(How::Paused),
    ];
    let stale = prop::bool::weighted(0.2);
    prop_oneof![
        4 => Just(Deed::Feed),
        1 => Just(Deed::Redispatch),
        6 => stale.prop_map(|stale| Deed::Claim { stale }),
        2 => stale.prop_map(|stale| Deed::Save { stale }),
        5 => (how, stale).prop_map(|(how, stale)| Deed::End { how, stale }),
        1 => Just(Deed::Cancel),
        2 => Just(Deed::Pause),
        2 => Just(Deed::Resume),
        1 => Just(Deed::PauseQueue),
        1 => Just(Deed::ResumeQueue),
        2 => Just(Deed::Retry),
    ]
}

/// What a job should be.
#[derive(Debug)]
struct Model {
    state: JobState,
    /// Its time has come, or had when it last waited.
    due: bool,
    dispatch: i32,
    attempt: i32,
    lease: Option<LeaseToken>,
    /// The lease of the attempt before.
    old_lease: LeaseToken,
    cancel_requested: bool,
    pause_requested: bool,
    /// The tenant has paused its part of the queue.
    queue_paused: bool,
    /// The number of the last event.
    seq: i64,
    /// Names of the events so far.
    told: Vec<&'static str>,
}

impl Model {
    fn tell(&mut self, name: &'static str) {
        self.seq += 1;
        self.told.push(name);
    }

    fn becomes(&mut self, state: JobState) -> Result<(), TestCaseError> {
        prop_assert!(self.state.may_become(state), "{} to {state}", self.state);
        self.state = state;
        Ok(())
    }
}

struct World<'a> {
    app: &'a TestApp,
    id: JobId,
    model: Model,
}

impl World<'_> {
    async fn new(app: &TestApp) -> World<'_> {
        let whole = Pause::Own(app.tenant, Queue::Noop);
        app.store.resume(whole).await.unwrap();
        let new = NewJob::now(JobKind::Noop, json!({}));
        let accepted = app.store.submit(app.tenant, &new).await.unwrap();
        let queued = accepted.state == JobState::Queued;
        World {
            app,
            id: accepted.id,
            model: Model {
                state: accepted.state,
                due: true,
                dispatch: i32::from(queued),
                attempt: 0,
                lease: None,
                old_lease: LeaseToken::generate(),
                cancel_requested: false,
                pause_requested: false,
                queue_paused: false,
                seq: i64::from(queued),
                told: if queued { vec!["queued"] } else { vec![] },
            },
        }
    }

    fn event(&mut self, body: EventBody) -> Event {
        self.model.tell(body.name());
        Event {
            seq: self.model.seq,
            body,
            at: chrono::Utc::now(),
        }
    }

    async fn apply(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        let store = &self.app.store;
        match deed {
            Deed::Feed => {
                let mut memory = TurnMemory::default();
                let taken = store.take_turns(Queue::Noop, 400, &mut memory, true).await;
                taken.unwrap();
                if self.model.state == JobState::Pending
                    && self.model.due
                    && !self.model.queue_paused
                {
                    self.model.becomes(JobState::Queued)?;
                    self.model.dispatch += 1;
                    self.model.tell("queued");
                }
            }
            Deed::Redispatch => {
                store.redispatch(Queue::Noop, 0.0, 10_000).await.unwrap();
                if self.model.state == JobState::Queued {
                    self.model.dispatch += 1;
                }
            }
            Deed::Claim { stale } => self.claim(stale).await?,
            Deed::Save { stale } => {
                let Some(lease) = self.lease(stale) else {
                    return Ok(());
                };
                let held = Some(lease) == self.model.lease;
                let event = Event {
                    seq: self.model.seq + 1,
                    body: EventBody::Step {
                        kind: "walked".to_owned(),
                        detail: json!({}),
                        duration_ms: 0,
                    },
                    at: chrono::Utc::now(),
                };
                let saved = store.save_events(self.id, lease, &[event]).await;
                prop_assert_eq!(saved.is_ok(), held);
                if held {
                    self.model.tell("step");
                }
            }
            Deed::End { how, stale } => self.end(how, stale).await?,
            Deed::Cancel => self.cancel().await?,
            Deed::Pause => self.pause().await?,
            Deed::Resume => self.resume().await?,
            Deed::PauseQueue => {
                let whole = Pause::Own(self.app.tenant, Queue::Noop);
                store.pause(whole).await.unwrap();
                self.model.queue_paused = true;
                if self.model.state == JobState::Queued {
                    self.model.becomes(JobState::Pending)?;
                }
            }
            Deed::ResumeQueue => {
                let whole = Pause::Own(self.app.tenant, Queue::Noop);
                store.resume(whole).await.unwrap();
                self.model.queue_paused = false;
            }
            Deed::Retry => {
                let retried = store.retry(self.app.tenant, self.id).await;
                let may = matches!(
                    self.model.state,
                    JobState::Failed | JobState::Cancelled | JobState::InterventionNeeded
                );
                prop_assert_eq!(retried.is_ok(), may);
                if may {
                    self.model.becomes(JobState::Pending)?;
                    self.model.due = true;
                    self.model.cancel_requested = false;
                    self.model.pause_requested = false;
                }
            }
        }
        self.compare().await
    }

    fn lease(&self, stale: bool) -> Option<LeaseToken> {
        if stale {
            Some(self.model.old_lease)
        } else {
            self.model.lease
        }
    }

    async fn claim(&mut self, stale: bool) -> Result<(), TestCaseError> {
        let dispatch = self.model.dispatch - i32::from(stale);
        let claimed = self
            .app
            .store
            .claim(self.id, dispatch, WorkerId::generate())
            .await
            .unwrap();
        let may = self.model.state == JobState::Queued && !stale;
        prop_assert_eq!(claimed.is_some(), may);
        if let Some(claimed) = claimed {
            self.model.becomes(JobState::Running)?;
            self.model.attempt += 1;
            prop_assert_eq!(claimed.attempt, self.model.attempt);
            prop_assert_eq!(claimed.event_seq, self.model.seq);
            prop_assert_eq!(claimed.cancel_requested, self.model.cancel_requested);
            prop_assert_eq!(claimed.pause_requested, self.model.pause_requested);
            self.model.lease = Some(claimed.lease);
        }
        Ok(())
    }

    async fn end(&mut self, how: How, stale: bool) -> Result<(), TestCaseError> {
        let Some(lease) = self.lease(stale) else {
            return Ok(());
        };
        let held = Some(lease) == self.model.lease;
        let failure = Failure::new(FailureCode::Network, "It did not answer.");
        let public = failure.to_public();
        let now = chrono::Utc::now();
        let retrying = |at| EventBody::Retrying {
            attempt: 0,
            at,
            failure: public.clone(),
        };
        let later = now + Duration::from_secs(3_600);
        let earlier = now - Duration::from_secs(1);
        let (ending, body) = match how {
            How::Completed => (
                Ending::Completed(json!(1)),
                EventBody::Completed { result: json!(1) },
            ),
            How::Failed => (
                Ending::Failed(failure.clone()),
                EventBody::Failed {
                    failure: public.clone(),
                },
            ),
            How::Cancelled => (Ending::Cancelled, EventBody::Cancelled {}),
            How::RetryNow => (Ending::Retry(earlier, failure.clone()), retrying(earlier)),
            How::RetryLater => (Ending::Snoozed(later, failure.clone()), retrying(later)),
            How::Requeued => (Ending::Requeued(failure.clone()), retrying(now)),
            How::HandedBack => (Ending::HandedBack(failure.clone()), retrying(now)),
            How::Parked => (
                Ending::Parked(failure.clone()),
                EventBody::InterventionNeeded {
                    failure: public.clone(),
                    intervention_id: None,
                    reason: None,
                    screenshot_url: None,
                    answer_url: None,
                    expires_at: None,
                },
            ),
            How::Paused => (Ending::Paused, EventBody::Paused {}),
        };
        // A cancel that nobody heard is not left to a person. Resumed while it was being stopped, it goes on.
        let state = match ending.state() {
            JobState::InterventionNeeded | JobState::Paused if self.model.cancel_requested => {
                JobState::Pending
            }
            JobState::Paused if !self.model.pause_requested => JobState::Pending,
            state => state,
        };
        let events = if held { vec![self.event(body)] } else { vec![] };
        let ended = self
            .app
            .store
            .finish(self.id, lease, &ending, &events)
            .await;
        if !held {
            prop_assert!(matches!(ended, Err(StoreError::LeaseLost)));
            return Ok(());
        }
        self.model.becomes(state)?;
        self.model.old_lease = lease;
        self.model.lease = None;
        if state == JobState::Queued {
            self.model.dispatch += 1;
        }
        // A cancel that nobody heard makes the job due at once.
        self.model.due = !matches!(how, How::RetryLater) || self.model.cancel_requested;
        self.model.pause_requested &=
            matches!(ending.state(), JobState::Pending | JobState::Queued);
        prop_assert_eq!(ended.unwrap(), self.model.dispatch);
        Ok(())
    }

    async fn cancel(&mut self) -> Result<(), TestCaseError> {
        let reply = self.app.store.cancel(self.app.tenant, self.id).await;
        match self.model.state {
            JobState::Running => {
                prop_assert_eq!(reply.unwrap(), CancelReply::Asked);
                self.model.cancel_requested = true;
            }
            JobState::Cancelled => prop_assert_eq!(reply.unwrap(), CancelReply::Already),
            JobState::Completed | JobState::Failed => prop_assert!(reply.is_err()),
            _ => {
                prop_assert_eq!(reply.unwrap(), CancelReply::Cancelled);
                self.model.becomes(JobState::Cancelled)?;
                self.model.cancel_requested = true;
                self.model.tell("cancelled");
            }
        }
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), TestCaseError> {
        let reply = self.app.store.pause_job(self.app.tenant, self.id).await;
        match self.model.state {
            JobState::Running => {
                prop_assert_eq!(reply.unwrap(), PauseReply::Asked);
                self.model.pause_requested = true;
            }
            JobState::Paused => prop_assert_eq!(reply.unwrap(), PauseReply::Paused),
            JobState::Pending | JobState::Queued => {
                prop_assert_eq!(reply.unwrap(), PauseReply::Paused);
                self.model.becomes(JobState::Paused)?;
                self.model.pause_requested = false;
                self.model.tell("paused");
            }
            _ => prop_assert!(reply.is_err()),
        }
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), TestCaseError> {
        let reply = self.app.store.resume_job(self.app.tenant, self.id).await;
        match self.model.state {
            JobState::Paused => {
                prop_assert!(reply.is_ok());
                self.model.becomes(JobState::Pending)?;
                self.model.due = true;
                self.model.tell("resumed");
            }
            JobState::Pending | JobState::Queued | JobState::Running => {
                prop_assert!(reply.is_ok());
                self.model.pause_requested = false;
            }
            _ => prop_assert!(reply.is_err()),
        }
        Ok(())
    }

    async fn compare(&self) -> Result<(), TestCaseError> {
        let store = &self.app.store;
        let row = store.job(self.app.tenant, self.id).await.unwrap();
        prop_assert_eq!(row.state, self.model.state);
        prop_assert_eq!(row.attempt, self.model.attempt);
        let events = store
            .events_after(self.app.tenant, self.id, 0)
            .await
            .unwrap()
            .events;
        let names: Vec<_> = events.iter().map(|event| event.body.name()).collect();
        prop_assert_eq!(names, self.model.told.clone());
        let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
        prop_assert_eq!(numbers, (1..=self.model.seq).collect::<Vec<_>>());
        let attempts = store.attempts(self.app.tenant, self.id).await.unwrap();
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.attempt).collect();
        prop_assert_eq!(numbers, (1..=self.model.attempt).collect::<Vec<_>>());
        prop_assert_eq!(
            attempts
                .iter()
                .filter(|attempt| attempt.ended_at.is_none())
                .count(),
            usize::from(self.model.state == JobState::Running)
        );
        Ok(())
    }
}

#[test]
fn whatever_is_done_to_a_job_the_sql_does_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(TestApp::without_workers());
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&prop::collection::vec(deed(), 1..30), |deeds| {
            runtime.block_on(async {
                let mut world = World::new(&app).await;
                world.compare().await?;
                for deed in deeds {
                    world.apply(deed).await?;
                }
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(app.stop());
}
