//! A WebSocket client of a chat session.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::PATIENCE;

/// A connection to a session.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that was agreed on.
    pub(crate) protocol: Option<String>,
    /// How the server ended it, once it has.
    pub(crate) closed: Option<(u16, String)>,
}

impl Socket {
    /// Opens one, with these headers. The status, where it is refused.
    pub(crate) async fn open(
        address: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("{}{path}", address.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        match connect_async(request).await {
            Ok((stream, response)) => Ok(Self {
                stream,
                protocol: response
                    .headers()
                    .get("sec-websocket-protocol")
                    .map(|value| value.to_str().unwrap().to_owned()),
                closed: None,
            }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens one with a key, from a number on, and returns its greeting, too.
    pub(crate) async fn resume(
        address: &str,
        key: &str,
        session: &str,
        after: Option<i64>,
    ) -> (Self, Value) {
        let after = after.map_or_else(String::new, |after| format!("?after={after}"));
        let path = format!("/ws/sessions/{session}{after}");
        let bearer = format!("Bearer {key}");
        let mut socket = Self::open(address, &path, &[("authorization", &bearer)])
            .await
            .expect("a connection");
        let ready = socket.next().await.expect("a greeting");
        assert_eq!(
            (&ready["type"], &ready["sessionId"]),
            (&json!("SESSION_READY"), &json!(session)),
            "{ready}"
        );
        (socket, ready)
    }

    pub(crate) async fn say(&mut self, command: Value) {
        self.send(Message::Text(command.to_string().into())).await;
    }

    /// Sends anything. That the server takes no more of it is told by what comes next.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    /// The next frame; none once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("waited in vain for a frame");
            match message? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    self.closed =
                        frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Frames up to the first that is wanted, it included.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let Some(frame) = frame else {
                panic!("the connection ended ({:?}) after {frames:?}", self.closed)
            };
            let enough = wanted(&frame);
            frames.push(frame);
            if enough {
                return frames;
            }
        }
    }

    /// Says something and returns the first frame of a type.
    pub(crate) async fn ask(&mut self, command: Value, answer: &str) -> Value {
        self.say(command).await;
        self.until(|frame| frame["type"] == answer)
            .await
            .pop()
            .unwrap()
    }

    /// Reads until the server has ended the connection: how, and the last frame.
    pub(crate) async fn end(mut self) -> ((u16, String), Value) {
        let mut last = Value::Null;
        while let Some(frame) = self.next().await {
            last = frame;
        }
        (self.closed.expect("a close frame"), last)
    }
}
