//! The answers over WebSockets: JSON in text frames, or an operation and UTF-8 in binary frames.
//!
//! Text: `{"type":"ask","text":…}` and `{"type":"stop"}` in; `accepted`, `delta`, `done`, `error`, `heartbeat` out.
//! Socket.IO: `0{…}` and `40` to begin, `42["ask",…]` and `42["stop"]` in; `42["token",…]`, `42["end"]`, `42["failed",…]` out.
//! Binary: 0x10 + question and 0x11 (stop) in; 0x01 + piece, 0x02 (done), 0x03 + message (error), 0x00 (heartbeat) out.

use std::pin::Pin;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::answers::take;
use crate::echo;
use crate::run::{End, Step};
use crate::shape::Transport;
use crate::state::At;

pub(crate) async fn open(at: At, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !at.signed_in(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(move |socket| serve(at, headers, socket))
}

enum Asked {
    Question(String),
    Stop,
    Greeting,
    Nothing,
}

fn understand(message: &Message) -> Asked {
    match message {
        Message::Text(text) if text.starts_with("42") => {
            match serde_json::from_str::<Value>(&text[2..]) {
                Ok(event) if event[0] == "ask" => {
                    Asked::Question(event[1]["text"].as_str().unwrap_or_default().to_owned())
                }
                Ok(event) if event[0] == "stop" => Asked::Stop,
                _ => Asked::Nothing,
            }
        }
        Message::Text(text) if text.as_str() == "40" => Asked::Greeting,
        Message::Text(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) if value["type"] == "ask" => {
                Asked::Question(value["text"].as_str().unwrap_or_default().to_owned())
            }
            Ok(value) if value["type"] == "stop" => Asked::Stop,
            _ => Asked::Nothing,
        },
        Message::Binary(bytes) => match bytes.split_first() {
            Some((0x10, text)) => Asked::Question(String::from_utf8_lossy(text).into_owned()),
            Some((0x11, _)) => Asked::Stop,
            _ => Asked::Nothing,
        },
        _ => Asked::Nothing,
    }
}

struct Frames {
    binary: bool,
    events: bool,
}

impl Frames {
    fn frame(&self, operation: u8, kind: &str, text: &str) -> Message {
        if self.binary {
            let mut bytes = vec![operation];
            bytes.extend_from_slice(text.as_bytes());
            return Message::Binary(bytes.into());
        }
        if self.events {
            let frame = match kind {
                "heartbeat" => "2".to_owned(),
                "delta" => format!("42{}", json!(["token", {"t": text}])),
                "done" => format!("42{}", json!(["end"])),
                "error" => format!("42{}", json!(["failed", {"message": text}])),
                _ => format!("42{}", json!([kind])),
            };
            return Message::Text(frame.into());
        }
        let mut body = json!({"type": kind});
        if !text.is_empty() {
            body["text"] = json!(text);
        }
        Message::Text(body.to_string().into())
    }

    fn step(&self, step: &Step) -> Message {
        match step {
            Step::Piece(text) => self.frame(0x01, "delta", text),
            Step::End(End::Cut) => self.frame(0x03, "error", echo::CUT_TEXT),
            Step::End(_) => self.frame(0x02, "done", ""),
        }
    }
}

async fn serve(at: At, headers: HeaderMap, mut socket: WebSocket) {
    let frames = Frames {
        binary: at.shape.transport == Transport::WsBinary,
        events: at.shape.transport == Transport::SocketIo,
    };
    if frames.events {
        let hello =
            json!({"sid": "s1", "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000});
        if socket
            .send(Message::Text(format!("0{hello}").into()))
            .await
            .is_err()
        {
            return;
        }
    }
    let mut heart = tokio::time::interval(Duration::from_millis(700));
    let mut answer: Option<Pin<Box<dyn Stream<Item = Step> + Send>>> = None;
    let mut run = None;
    loop {
        let out = tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(message)) => match understand(&message) {
                    Asked::Question(_) if !at.signed_in(&headers) => frames.frame(0x03, "error", "signed out"),
                    Asked::Question(text) => match take(&at, &text, None) {
                        Ok(started) => {
                            answer = Some(Box::pin(started.follow(&at)));
                            run = Some(started);
                            frames.frame(0x04, "accepted", "")
                        }
                        Err(refusal) => frames.frame(0x03, "error", refusal.says),
                    },
                    Asked::Stop => {
                        if let Some(run) = &run {
                            run.stop();
                        }
                        continue;
                    }
                    Asked::Greeting => Message::Text("40{\"sid\":\"s1\"}".into()),
                    Asked::Nothing => continue,
                },
                _ => return,
            },
            step = next(&mut answer) => frames.step(&step),
            _ = heart.tick() => frames.frame(0x00, "heartbeat", ""),
        };
        if socket.send(out).await.is_err() {
            return;
        }
    }
}

/// The next step of the answer; waits for ever while there is none.
async fn next(answer: &mut Option<Pin<Box<dyn Stream<Item = Step> + Send>>>) -> Step {
    if let Some(steps) = answer {
        if let Some(step) = steps.next().await {
            return step;
        }
        *answer = None;
    }
    std::future::pending().await
}
