//! What is in progress: the events of its job are written down as frames, and then told.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use computetower_jobs::{Event, JobId};
use computetower_store::StoreError;
use computetower_store::chat_sessions::{Append, SessionChange, Turn, TurnProgress, TurnState};
use futures::{FutureExt, Stream, StreamExt};
use serde_json::Value;

use super::connection::{Connection, Leave};
use super::frame::Frame;
use super::out::Out;
use super::tell::{End, Heard, Telling};
use crate::api::events::follow;

/// Events that are told together at most.
const TOGETHER: usize = 64;

type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// What is in progress.
pub(super) struct Running {
    number: i32,
    pub(super) job: JobId,
    telling: Telling,
    /// Never locked: only so that a connection can be lent while it waits.
    events: Mutex<Events>,
}

impl Running {
    fn events(&mut self) -> &mut Events {
        self.events
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Follows the job of a turn from where its telling stands. A turn without a job gets it: the same one, however often it is asked for.
    pub(super) async fn take_up(
        &mut self,
        turn: Turn,
        out: &mut Out,
    ) -> Result<Option<JobId>, Leave> {
        let (store, tenant) = (self.app.store().clone(), self.who.tenant);
        let job = match turn.job {
            Some(job) => job,
            None => match self.submit(&turn, out).await? {
                Some(job) => job,
                None => return Ok(None),
            },
        };
        let mut record = Vec::new();
        let mut last = turn.from_seq;
        loop {
            let kept = store.frames_after(tenant, self.session.id, last).await;
            let kept = kept.map_err(|error| Leave::outage(&error))?;
            last = kept.frames.last().map_or(last, |(seq, _)| *seq);
            record.extend(kept.frames.into_iter().map(|(_, frame)| frame));
            if !kept.more {
                break;
            }
        }
        let telling = Telling::new(
            turn.kind,
            &turn.message_id,
            job,
            turn.model,
            turn.event_seq,
            &record,
        );
        let events: Events = match follow(store, tenant, job, 0).await {
            Ok(events) => Box::pin(events),
            // Forgotten: the telling ends with the stream.
            Err(StoreError::NotFound(_)) => Box::pin(futures::stream::empty()),
            Err(error) => return Err(Leave::outage(&error)),
        };
        self.running = Some(Running {
            number: turn.number,
            job,
            telling,
            events: Mutex::new(events),
        });
        Ok(Some(job))
    }

    /// Something happened to the job in progress.
    pub(super) async fn happened(
        &mut self,
        event: Option<Event>,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let mut all = Heard::default();
        match event {
            None => all = running.telling.lost(),
            Some(first) => {
                let mut next = Some(first);
                let mut count = 0;
                // What has come meanwhile is written down together.
                while let Some(event) = next {
                    let heard = running.telling.hear(&event);
                    all.frames.extend(heard.frames);
                    all.end = heard.end;
                    count += 1;
                    if all.end.is_some() || count == TOGETHER {
                        break;
                    }
                    next = running.events().next().now_or_never().flatten();
                }
            }
        }
        self.record(all, out).await
    }

    /// Writes down and tells what a turn has come to.
    async fn record(&mut self, heard: Heard, out: &mut Out) -> Result<(), Leave> {
        let Heard { mut frames, end } = heard;
        let Some(running) = &self.running else {
            return Ok(());
        };
        if end == Some(End::Done(None)) {
            let worker = running.telling.worker();
            frames.push(Frame::SessionReady {
                worker_id: worker.unwrap_or(self.app.live_sessions().name()).to_owned(),
                now: self.now(),
                message_id: Some(running.telling.message_id().to_owned()),
                job_id: Some(running.job),
                resume: None,
            });
        }
        if frames.is_empty() {
            return Ok(());
        }
        let progress = TurnProgress {
            number: running.number,
            event_seq: running.telling.seq(),
            state: end.as_ref().map_or(TurnState::Open, End::state),
            answer: match &end {
                Some(End::Done(answer)) => answer.clone(),
                _ => None,
            },
        };
        if end.is_some() {
            self.running = None;
        }
        self.append(frames, Some(&progress), None, out).await
    }

    /// Writes frames down, then tells them.
    pub(super) async fn append(
        &mut self,
        frames: Vec<Frame>,
        turn: Option<&TurnProgress>,
        change: Option<&SessionChange>,
        out: &mut Out,
    ) -> Result<(), Leave> {
        let records: Vec<Value> = frames.iter().map(Frame::record).collect();
        let append = Append {
            tenant: self.who.tenant,
            session: self.session.id,
            holder: self.me,
            last_seq: self.session.last_seq,
            frames: &records,
            turn,
            change,
        };
        match self.app.store().append_frames(&append).await {
            Ok(true) => {}
            Ok(false) => return Err(self.why_not_held().await),
            Err(error) => return Err(Leave::outage(&error)),
        }
        for record in records {
            self.session.last_seq += 1;
            self.tell_numbered(self.session.last_seq, record, out)
                .await?;
        }
        Ok(())
    }
}

/// The next event of what is in progress; never, where nothing is.
pub(super) async fn next_event(running: &mut Option<Running>) -> Option<Event> {
    match running {
        Some(running) => running.events().next().await,
        None => std::future::pending().await,
    }
}
