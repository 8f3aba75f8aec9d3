//! Large questions share a room: what they hold in memory together is bounded. A question takes its place before its body is read, and gives it back
//! when its pictures are in the bucket, long before it is answered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use computetower_store::accounts::{Caller, Scope};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::QUESTION_LIMIT;
use super::error::OpenAiError;
use crate::api::auth::caller;
use crate::app::App;

/// Bytes up to which a question is small: it takes no place, and never waits for one.
const SMALL: usize = 1 << 20;
/// How long a question waits for a place.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a large body may take to come: it holds a place meanwhile.
const READING: Duration = Duration::from_secs(180);
/// How much of a body that is refused is read all the same, and for how long.
const PAST: usize = 64 << 20;
const PAST_WITHIN: Duration = Duration::from_secs(5);
/// Places are counted in pieces of so many bytes.
const PIECE: usize = 1 << 10;

/// The room of a process.
pub struct Room {
    free: Arc<Semaphore>,
}

/// A place in the room. It is given back when this goes.
pub(crate) struct Place {
    held: OwnedSemaphorePermit,
}

impl Room {
    /// A room for so many bytes; at least for one question of the largest kind.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let pieces = pieces(bytes.max(QUESTION_LIMIT)).min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(pieces)),
        }
    }

    /// Takes a place for so many bytes, which may be none; waits a moment for others to go.
    pub(super) async fn take(&self, bytes: usize) -> Result<Option<Place>, OpenAiError> {
        self.take_within(bytes, PATIENCE).await
    }

    pub(super) async fn take_within(
        &self,
        bytes: usize,
        patience: Duration,
    ) -> Result<Option<Place>, OpenAiError> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let wanted = u32::try_from(pieces(bytes)).unwrap_or(u32::MAX);
        let place = self.free.clone().acquire_many_owned(wanted);
        match tokio::time::timeout(patience, place).await {
            Ok(Ok(held)) => Ok(Some(Place { held })),
            // The room is never closed.
            Ok(Err(_)) | Err(_) => {
                tracing::info!(bytes, "no room for another large question");
                Err(OpenAiError::no_room(PATIENCE))
            }
        }
    }
}

impl Place {
    /// What is left of it for so many bytes.
    fn shrunk(mut self, bytes: usize) -> Option<Self> {
        if bytes <= SMALL {
            return None;
        }
        let more = self.held.num_permits().saturating_sub(pieces(bytes));
        drop(self.held.split(more));
        Some(self)
    }
}

fn pieces(bytes: usize) -> usize {
    bytes.div_ceil(PIECE)
}

/// A question as it came, of somebody who may ask.
pub(crate) struct Question {
    pub(super) caller: Caller,
    pub(super) body: Bytes,
    /// To be kept as long as the body and what was read from it are.
    pub(super) place: Option<Place>,
}

impl FromRequest<App> for Question {
    type Rejection = OpenAiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, OpenAiError> {
        // First: nobody else takes room.
        let caller = caller(app, request.headers(), Scope::Write).await?;
        let told = request.headers().get(header::CONTENT_LENGTH);
        let told = told.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        // Without a word on it the body may be as large as any.
        let bytes = told.unwrap_or(QUESTION_LIMIT);
        if bytes > QUESTION_LIMIT {
            read_past(request).await;
            return Err(OpenAiError::unreadable(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let place = match app.room().take(bytes).await {
            Ok(place) => place,
            Err(refused) => {
                read_past(request).await;
                return Err(refused);
            }
        };
        let body = Bytes::from_request(request, app);
        let body = match &place {
            Some(_) => tokio::time::timeout(READING, body)
                .await
                .map_err(|_| OpenAiError::unreadable(StatusCode::REQUEST_TIMEOUT))?,
            None => body.await,
        };
        let body = body.map_err(|rejection| OpenAiError::unreadable(rejection.status()))?;
        let place = place.and_then(|place| place.shrunk(body.len()));
        Ok(Self {
            caller,
            body,
            place,
        })
    }
}

/// Reads a body that is refused, and keeps nothing of it: who still sends when the connection ends hears of that and not of the reason. Whoever waits to be
/// told whether to send it at all is told the reason at once.
async fn read_past(request: Request) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut rest = request.into_body().into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(piece)) = rest.next().await {
            read += piece.len();
            if read > PAST {
                break;
            }
        }
    };
    // One that sends slowly may not hear it.
    let _ = tokio::time::timeout(PAST_WITHIN, reading).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_holds_so_much_and_no_more() {
        let room = Room::new(30 << 20);
        let take = async |mib: usize| room.take_within(mib << 20, Duration::ZERO).await;
        let first = take(20).await.unwrap().unwrap();
        assert!(take(SMALL >> 20).await.unwrap().is_none());
        assert!(take(11).await.is_err());
        let second = take(10).await.unwrap();
        drop(second);
        // A body without a length that turns out to be shorter leaves the rest to others.
        let first = first.shrunk(2 << 20).unwrap();
        let third = take(20).await.unwrap();
        assert!(third.is_some() && take(9).await.is_err());
        assert!(first.shrunk(SMALL).is_none());
        assert!(take(10).await.is_ok());
    }

    #[tokio::test]
    async fn a_small_room_takes_any_question() {
        assert!(Room::new(1).take(QUESTION_LIMIT).await.is_ok());
    }
}
