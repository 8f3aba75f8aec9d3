//! Following a job's events to the last one, over as many connections as it takes.

use std::process::ExitCode;
use std::time::Duration;

use computetower_jobs::{JobId, JobState};
use futures::StreamExt;
use serde_json::Value;
use tokio::time::Instant;

use super::progress::{Drawn, WatchedEvent};
use crate::cli::Failure;
use crate::cli::call_error::CallError;
use crate::cli::client::Api;
use crate::cli::sse::Messages;

/// The first wait before a new connection; doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// How long nobody may answer before the watch is given up.
const GIVE_UP: Duration = Duration::from_secs(120);

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended(JobState);

impl Ended {
    pub(super) fn exit_code(self) -> ExitCode {
        if self.0 == JobState::Completed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Follows a job from after a number on, each event once. A connection that breaks is made again; only the first has to come about at once.
pub(super) async fn follow(
    api: &Api,
    id: JobId,
    after: i64,
    mut drawn: Drawn,
) -> Result<Ended, Failure> {
    let mut seen = Seen {
        last: after,
        ended: None,
        heard: None,
    };
    let mut wait = FIRST_WAIT;
    loop {
        let before = seen.last;
        match one_connection(api, id, &mut seen, &mut drawn).await {
            Ok(()) => {
                // The server ends a stream after the last event. Where it said none, it had nothing more to say.
                if seen.ended.is_none() {
                    seen.ended = state_at_end(api, id).await?;
                }
                if let Some(state) = seen.ended {
                    drawn.finish();
                    return Ok(Ended(state));
                }
            }
            Err(Broken::Stopped(error)) => return Err(error),
            Err(Broken::Cut(error)) => {
                let given_up = seen.heard.is_none_or(|at| at.elapsed() > GIVE_UP);
                if given_up || !error.may_pass() {
                    return Err(error.into());
                }
            }
        }
        if seen.last > before {
            wait = FIRST_WAIT;
        }
        drawn.cut();
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// What the connections so far have brought.
struct Seen {
    /// The number of the last event.
    last: i64,
    /// The state it was the end of, if it was one.
    ended: Option<JobState>,
    /// When the server last took a connection or said something.
    heard: Option<Instant>,
}

/// Why a connection ended before its stream did.
enum Broken {
    /// It may be made again.
    Cut(CallError),
    /// Nothing is left to be done here.
    Stopped(Failure),
}

/// Reads one connection to the end of its stream.
async fn one_connection(
    api: &Api,
    id: JobId,
    seen: &mut Seen,
    drawn: &mut Drawn,
) -> Result<(), Broken> {
    let response = api.events(id, seen.last).await.map_err(Broken::Cut)?;
    seen.heard = Some(Instant::now());
    let mut pieces = response.bytes_stream();
    let mut messages = Messages::default();
    while let Some(piece) = pieces.next().await {
        // Cut in the middle: the next connection goes on after the last whole event.
        let piece = piece.map_err(|error| Broken::Cut(api.cut(error)))?;
        seen.heard = Some(Instant::now());
        for message in messages.push(&piece) {
            let number = message.id.parse::<i64>().unwrap_or_default();
            if number <= seen.last {
                continue;
            }
            seen.last = number;
            let event = WatchedEvent {
                number,
                data: serde_json::from_str(&message.data).unwrap_or(Value::Null),
                name: message.event,
            };
            // A job that was retried by hand has an end in the middle: only the last event is the end.
            seen.ended = event
                .name
                .parse()
                .ok()
                .filter(|state: &JobState| state.is_final());
            drawn.event(&event).map_err(Broken::Stopped)?;
        }
    }
    Ok(())
}

/// The state of a job whose stream had nothing more to say, if it has ended.
async fn state_at_end(api: &Api, id: JobId) -> Result<Option<JobState>, Failure> {
    match api.get(&["jobs", &id.to_string()], &[]).await {
        Ok(job) => Ok(job["state"]
            .as_str()
            .and_then(|state| state.parse().ok())
            .filter(|state: &JobState| state.is_final())),
        Err(error) if error.may_pass() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
