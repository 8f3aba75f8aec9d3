//! One connection: it greets, tells what its client has missed, and then does what is said and tells what happens, until somebody goes.
//!
//! Nothing is buffered for a slow client: the next frame is looked for when the one before has been taken, and what waits meanwhile waits in Postgres.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use chrono::Utc;
use computetower_jobs::Event;
use computetower_store::StoreError;
use computetower_store::chat_sessions::ChatSession;
use computetower_store::metrics::OpenSession;
use futures::StreamExt;
use futures::stream::SplitStream;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use uuid::Uuid;

use super::door::Who;
use super::follow::{Running, next_event};
use super::frame::{ErrorData, Frame, Now, Resume};
use super::live::Seat;
use super::out::Out;
use super::patience::{Answerable, Patience};
use super::{MESSAGE_LIMIT, command};
use crate::app::App;

/// How often a connection shows that it lives, and looks whether it may go on.
const BEAT: Duration = Duration::from_secs(10);
/// For how long a client may say nothing at all; every WebSocket answers a ping by itself.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a connection ends.
pub(super) enum Leave {
    /// The client has gone, or takes nothing.
    Gone,
    /// For a reason that it is told.
    Told {
        /// The WebSocket's close code.
        code: u16,
        /// None where the client knows why.
        error: Option<ErrorData>,
    },
}

impl Leave {
    pub(super) fn told(code: u16, error: &str, message: &str) -> Self {
        Leave::Told {
            code,
            error: Some(ErrorData::new(error, message)),
        }
    }

    /// Storage did not answer: what stands is known to who comes back.
    pub(super) fn outage(error: &StoreError) -> Self {
        if error.is_outage() {
            tracing::warn!(error = ?error, "a session's connection ends: storage did not answer");
            return Leave::told(
                1013,
                "unavailable",
                "Storage did not answer. Connect again, and name the last frame that you have.",
            );
        }
        tracing::error!(error = ?error, "a session's connection failed");
        Leave::told(
            1011,
            "internal",
            "A defect of the program; the log has the details.",
        )
    }
}

/// One connection.
pub(super) struct Connection {
    pub(super) app: App,
    pub(super) who: Who,
    pub(super) session: ChatSession,
    /// Its name in Postgres.
    pub(super) me: Uuid,
    pub(super) running: Option<Running>,
    acked: i64,
    heard_at: Instant,
    patience: Patience,
    _counted: OpenSession,
}

/// What a connection waits for.
enum News {
    Ending,
    Look,
    Beat,
    Said(Option<Result<Message, axum::Error>>),
    Event(Option<Event>),
}

/// Serves a connection to its end.
pub(super) async fn serve(mut connection: Connection, after: Option<i64>, socket: WebSocket) {
    let (mut out, mut incoming) = socket.split();
    let leave = match connection.run(after, &mut out, &mut incoming).await {
        Ok(never) => match never {},
        Err(leave) => leave,
    };
    let Connection {
        app,
        who,
        session,
        me,
        acked,
        ..
    } = &connection;
    let let_go = app
        .store()
        .let_chat_session_go(who.tenant, session.id, *me, *acked);
    if let Err(error) = let_go.await {
        tracing::debug!(error = ?error, "a session was not let go; whoever comes next takes it");
    }
    // Not before it has let go: who hears that it has ended may rely on it.
    connection.say_goodbye(leave, out, incoming).await;
}

impl Connection {
    pub(super) fn new(app: App, who: Who, session: ChatSession) -> Self {
        let counted = app.store().metrics.open_session();
        Self {
            app,
            who,
            session,
            me: Uuid::new_v4(),
            running: None,
            acked: 0,
            heard_at: Instant::now(),
            patience: Patience::default(),
            _counted: counted,
        }
    }

    async fn run(
        &mut self,
        after: Option<i64>,
        out: &mut Out,
        incoming: &mut SplitStream<WebSocket>,
    ) -> Result<std::convert::Infallible, Leave> {
        let seat = self.take().await?;
        let ending = self.app.live_sessions().ending();
        self.begin(after, out).await?;
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let news = tokio::select! {
                () = ending.cancelled() => News::Ending,
                () = seat.told_to_look() => News::Look,
                _ = beat.tick() => News::Beat,
                said = incoming.next() => News::Said(said),
                event = next_event(&mut self.running) => News::Event(event),
            };
            match news {
                News::Ending => {
                    return Err(Leave::told(
                        1001,
                        "going_away",
                        "This process ends. Connect again, and name the last frame that you have.",
                    ));
                }
                News::Look => self.look().await?,
                News::Beat => self.beat(out).await?,
                News::Said(said) => self.hear(said, out).await?,
                News::Event(event) => self.happened(event, out).await?,
            }
        }
    }

    /// Takes the session from whoever has it.
    async fn take(&mut self) -> Result<Seat, Leave> {
        let (tenant, id) = (self.who.tenant, self.session.id);
        let store = self.app.store().clone();
        let taken = store.take_chat_session(tenant, id, self.me).await;
        if !taken.map_err(|error| Leave::outage(&error))? {
            return Err(closed());
        }
        let seat = self.app.live_sessions().enter(tenant, id, self.me);
        // Another may have come between the two; and the key may have ended since the ticket was made.
        self.look().await?;
        // As it stands now that nobody else writes.
        self.session = store
            .chat_session(tenant, id)
            .await
            .map_err(|error| Leave::outage(&error))?;
        self.acked = self.session.acked_seq;
        Ok(seat)
    }

    async fn begin(&mut self, after: Option<i64>, out: &mut Out) -> Result<(), Leave> {
        let last = self.session.last_seq;
        let from = match after {
            Some(after) => after.min(last),
            None if self.acked > 0 => self.acked,
            None => last,
        };
        let ready = Frame::SessionReady {
            worker_id: self.app.live_sessions().name().to_owned(),
            now: self.now(),
            message_id: None,
            job_id: None,
            resume: Some(Resume {
                after: from,
                last_seq: last,
                in_progress: self.session.in_progress.clone(),
            }),
        };
        self.tell_unnumbered(&ready, out).await?;
        if after.is_some_and(|after| after > last) {
            let error = ErrorData::field("after", &format!("is beyond the last frame, {last}"));
            self.tell_unnumbered(&Frame::refusal(None, error), out)
                .await?;
        }
        self.tell_again(from, out).await?;
        let open = self
            .app
            .store()
            .open_turn(self.who.tenant, self.session.id)
            .await
            .map_err(|error| Leave::outage(&error))?;
        if let Some(turn) = open {
            self.take_up(turn, out).await?;
        }
        Ok(())
    }

    /// Tells the frames after a number that were told, or at least written down, before.
    async fn tell_again(&mut self, from: i64, out: &mut Out) -> Result<(), Leave> {
        let mut last = from;
        while last < self.session.last_seq {
            let kept = self
                .app
                .store()
                .frames_after(self.who.tenant, self.session.id, last)
                .await
                .map_err(|error| Leave::outage(&error))?;
            let first = kept.frames.first().map(|(seq, _)| *seq);
            if first.is_some_and(|first| first > last + 1) {
                let error = ErrorData::new(
                    "frames_forgotten",
                    format!(
                        "Frames {} to {} are not kept any more; RESPONSE_COMPLETE has the whole of each answer.",
                        last + 1,
                        first.unwrap_or_default() - 1
                    ),
                );
                self.tell_unnumbered(&Frame::refusal(None, error), out)
                    .await?;
            }
            for (seq, frame) in kept.frames {
                last = seq;
                self.tell_numbered(seq, frame, out).await?;
            }
            if !kept.more {
                break;
            }
            // There may be many, and a client may take them slowly: not to somebody whose key has ended meanwhile.
            self.look().await?;
        }
        Ok(())
    }

    async fn hear(
        &mut self,
        said: Option<Result<Message, axum::Error>>,
        out: &mut Out,
    ) -> Result<(), Leave> {
        self.heard_at = Instant::now();
        match said {
            None | Some(Ok(Message::Close(_))) => Err(Leave::Gone),
            Some(Err(_)) => Err(Leave::told(
                1002,
                "unreadable",
                "The frame could not be read: it is much too large, not UTF-8, or breaks the protocol.",
            )),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(Leave::told(
                1003,
                "unsupported_frame",
                "Send text frames that hold JSON.",
            )),
            Some(Ok(Message::Text(text))) => {
                self.app.store().metrics.session_message_received();
                if text.len() > MESSAGE_LIMIT {
                    let message = format!("A frame may have at most {MESSAGE_LIMIT} bytes.");
                    return Err(Leave::told(1009, "too_large", &message));
                }
                self.understand(text.as_str(), out).await
            }
        }
    }

    async fn understand(&mut self, text: &str, out: &mut Out) -> Result<(), Leave> {
        let read = command::read(text);
        if let Ok(command) = &read
            && let command::Order::Ack(seq) = command.order
        {
            self.acked = self.acked.max(seq.min(self.session.last_seq));
            return Ok(());
        }
        match self.patience.with_another(Instant::now()) {
            Answerable::Yes => {}
            Answerable::Later => {
                let id = read.map_or_else(|refused| refused.id, |command| command.id);
                let error = ErrorData::new(
                    "rate_limited",
                    "These are too many commands: say it again later.",
                );
                return self.tell_unnumbered(&Frame::refusal(id, error), out).await;
            }
            Answerable::NoMore => {
                return Err(Leave::told(
                    1008,
                    "rate_limited",
                    "These are too many commands.",
                ));
            }
        }
        match read {
            Ok(command) => self.obey(command, out).await,
            Err(refused) => {
                let frame = Frame::refusal(refused.id, *refused.error);
                self.tell_unnumbered(&frame, out).await
            }
        }
    }

    async fn beat(&mut self, out: &mut Out) -> Result<(), Leave> {
        if self.heard_at.elapsed() > SILENCE {
            return Err(Leave::told(1008, "silent", "Pings were not answered."));
        }
        self.look().await?;
        self.tell_unnumbered(&self.heartbeat(None), out).await?;
        self.send(Message::Ping(axum::body::Bytes::new()), out)
            .await
    }

    pub(super) fn heartbeat(&self, asked_at: Option<Value>) -> Frame {
        let live = self.app.live_sessions();
        Frame::Heartbeat {
            worker_id: live.name().to_owned(),
            active_sessions: live.of_tenant(self.who.tenant),
            timestamp: Utc::now().timestamp_millis(),
            asked_at,
        }
    }

    /// Looks whether the session is still this connection's, and its key still good. Storage that does not answer for a moment ends nothing.
    pub(super) async fn look(&self) -> Result<(), Leave> {
        let (store, who) = (self.app.store(), self.who);
        let held = store
            .hold_chat_session(who.tenant, self.session.id, self.me, who.key, self.acked)
            .await;
        match held {
            Ok(held) if !held.held => Err(self.why_not_held().await),
            Ok(held) if !held.key_is_good => Err(Leave::told(
                4003,
                "unauthenticated",
                "The key of this connection is not good any more.",
            )),
            Ok(_) => Ok(()),
            Err(error) if error.is_outage() => Ok(()),
            Err(error) => Err(Leave::outage(&error)),
        }
    }

    pub(super) async fn why_not_held(&self) -> Leave {
        let store = self.app.store();
        match store.chat_session(self.who.tenant, self.session.id).await {
            Ok(session) if session.open => Leave::told(
                4001,
                "replaced",
                "Another connection has taken this session over.",
            ),
            Ok(_) | Err(StoreError::NotFound(_)) => closed(),
            Err(error) => Leave::outage(&error),
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            model: self.session.model.clone(),
            credential_id: self.session.credential,
            conversation: self.session.conversation,
        }
    }
}

fn closed() -> Leave {
    Leave::told(4002, "session_closed", "This session has been closed.")
}
