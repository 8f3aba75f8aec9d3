//! One answer on its way: made piece by piece by a task, followed by any number of readers.

use std::sync::Arc;

use async_stream::stream;
use futures::Stream;
use tokio::sync::{Notify, watch};

use crate::echo;
use crate::shape::{Look, Transport};
use crate::state::At;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Stopped,
    Cut,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    sent: usize,
    end: Option<End>,
}

/// One answer, whole or on its way.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pieces: Vec<String>,
    progress: watch::Receiver<Progress>,
    stop: Arc<Notify>,
}

/// What a reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Piece(String),
    End(End),
}

impl Run {
    /// Writes the question down, and starts the answer.
    pub(crate) fn start(at: &At, question: &str, conversation: Option<&str>) -> Arc<Self> {
        let pace = &at.shared.pace;
        let mut scripted = at.record().scripts.answer(question);
        let uploads = std::mem::take(&mut at.record().uploads);
        if !uploads.is_empty() {
            let answer = scripted.unwrap_or_else(|| echo::answer(question));
            scripted = Some(format!("{answer} FILES {}", uploads.join(" ")));
        }
        let cut = scripted.is_none() && echo::has("cut", question);
        let timed = match (scripted, at.shape.transport) {
            (Some(answer), _) => echo::pieces_of(&answer, pace),
            (None, Transport::Several) => echo::messages(question, pace),
            (None, _) => echo::pieces(question, pace),
        };
        let cut_at = cut.then_some(timed.len() / 2);
        let (pauses, pieces): (Vec<_>, Vec<_>) = timed.into_iter().unzip();
        let (tell, progress) = watch::channel(Progress { sent: 0, end: None });
        let stop = Arc::new(Notify::new());
        let run = Arc::new(Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            pieces,
            progress,
            stop: stop.clone(),
        });
        {
            let mut record = at.record();
            record.asked.push(question.to_owned());
            record.runs.insert(run.id.clone(), run.clone());
            if let Some((_, turns)) = record
                .conversations
                .iter_mut()
                .find(|(id, _)| Some(id.as_str()) == conversation)
            {
                turns.push(crate::state::Turn {
                    question: question.to_owned(),
                    run: run.clone(),
                });
            }
        }
        let at = at.clone();
        tokio::spawn(async move {
            for (index, pause) in pauses.iter().enumerate() {
                let end = if cut_at == Some(index) {
                    Some(End::Cut)
                } else {
                    tokio::select! {
                        () = stop.notified() => Some(End::Stopped),
                        () = tokio::time::sleep(*pause) => None,
                    }
                };
                if end.is_some() {
                    at.record().stopped += usize::from(end == Some(End::Stopped));
                    tell.send_modify(|progress| progress.end = end);
                    return;
                }
                tell.send_modify(|progress| progress.sent = index + 1);
            }
            tell.send_modify(|progress| progress.end = Some(End::Whole));
        });
        run
    }

    /// Ends the answer where it is.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Where its second half begins, in pieces.
    pub(crate) fn half(&self) -> usize {
        self.pieces.len() / 2
    }

    /// The pieces that have come so far, and how the answer ended if it has.
    pub(crate) fn so_far(&self) -> (&[String], Option<End>) {
        let Progress { sent, end } = *self.progress.borrow();
        (&self.pieces[..sent.min(self.pieces.len())], end)
    }

    /// Every piece from the first on, then the end. A reader that goes away stops the answer, unless conversations are kept.
    pub(crate) fn follow(self: &Arc<Self>, at: &At) -> impl Stream<Item = Step> + Send + use<> {
        let mut guard = Reader {
            run: self.clone(),
            abandon: ![Look::Kept, Look::Continues, Look::Reconnects]
                .iter()
                .any(|look| at.shape.looks(*look)),
        };
        let mut progress = self.progress.clone();
        stream! {
            let mut shown = 0;
            loop {
                let Progress { sent, end } = *progress.borrow_and_update();
                while shown < sent {
                    yield Step::Piece(guard.run.pieces[shown].clone());
                    shown += 1;
                }
                if let Some(end) = end {
                    guard.release();
                    yield Step::End(end);
                    return;
                }
                if progress.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

struct Reader {
    run: Arc<Run>,
    abandon: bool,
}

impl Reader {
    /// There is nothing left to stop.
    fn release(&mut self) {
        self.abandon = false;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.abandon {
            self.run.stop();
        }
    }
}
