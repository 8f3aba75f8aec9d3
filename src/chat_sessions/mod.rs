//! `/ws/sessions/{id}`: one client's messages to a chat page and what comes of them, in both directions over a WebSocket (`docs/sessions.md`).
//!
//! Each message is a `chat` job and each sign-in a `login` job, so nothing depends on the connection. What is said about them is numbered and written down
//! (`store/src/chat_sessions/`) before it is told: a client that comes back names the last number it has and gets what follows, once.
//!
//! - `door`: who may come in, by key or by ticket
//! - `command`: what clients say
//! - `frame`: what they are told
//! - `tell`: a job's events as frames; pure
//! - `connection`: one connection, from its greeting to its close
//! - `follow`: what is in progress, written down and told
//! - `out`: the way to the client
//! - `patience`: how many commands are taken
//! - `act`: doing what a client says
//! - `live`: the connections of this process: takeover, closing, the end of the process

mod act;
mod command;
mod connection;
mod door;
mod follow;
mod frame;
mod live;
mod out;
mod patience;
mod tell;
pub(crate) mod ticket;

pub use live::LiveSessions;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(crate) use door::{__path_connect, connect};

/// The largest message that a client may send, in bytes: a question of 400,000 characters fits.
const MESSAGE_LIMIT: usize = crate::api::BODY_LIMIT;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/ws/sessions/{id}", get(connect))
}
