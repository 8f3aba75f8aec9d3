//! Telling: one frame after the other, each taken by the client before the next.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::timeout;

use super::connection::{Connection, Leave};
use super::frame::Frame;
use crate::service::links;

/// How long a client may take to accept a frame.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(30);
/// How long a client may take to confirm the end.
const GOODBYE: Duration = Duration::from_secs(2);

/// The way to the client.
pub(super) type Out = SplitSink<WebSocket, Message>;

impl Connection {
    pub(super) async fn tell_numbered(
        &self,
        seq: i64,
        mut frame: Value,
        out: &mut Out,
    ) -> Result<(), Leave> {
        frame["seq"] = seq.into();
        self.tell(frame, out).await
    }

    pub(super) async fn tell_unnumbered(&self, frame: &Frame, out: &mut Out) -> Result<(), Leave> {
        self.tell(frame.record(), out).await
    }

    async fn tell(&self, mut frame: Value, out: &mut Out) -> Result<(), Leave> {
        frame["sessionId"] = self.session.id.to_string().into();
        links::add_urls(self.app.store(), self.who.tenant, &mut frame).await;
        show_pictures(&mut frame);
        self.app.store().metrics.session_message_sent();
        self.send(Message::Text(frame.to_string().into()), out)
            .await
    }

    pub(super) async fn send(&self, message: Message, out: &mut Out) -> Result<(), Leave> {
        match timeout(ACCEPTED_WITHIN, out.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Leave::Gone),
            Err(_) => {
                tracing::info!(session.id = %self.session.id, "a client takes nothing; its connection ends");
                Err(Leave::Gone)
            }
        }
    }

    /// Says why, and waits a moment for the client to hear it.
    pub(super) async fn say_goodbye(
        &self,
        leave: Leave,
        mut out: Out,
        mut incoming: SplitStream<WebSocket>,
    ) {
        let Leave::Told { code, error } = leave else {
            let _ = timeout(GOODBYE, out.close()).await;
            return;
        };
        let goodbye = async {
            let reason = error.as_ref().map_or("", |error| error.code.as_str());
            let reason = Utf8Bytes::from(reason.to_owned());
            if let Some(error) = error {
                let frame = Frame::refusal(None, error);
                self.tell_unnumbered(&frame, &mut out).await.ok()?;
            }
            let close = Message::Close(Some(CloseFrame { code, reason }));
            out.send(close).await.ok()?;
            // What it still says is taken off the line, so that the end arrives.
            while let Some(Ok(_)) = incoming.next().await {}
            Some(())
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// Tells pictures by their URLs, which are good for an hour, and not by the keys under which they are kept.
fn show_pictures(frame: &mut Value) {
    if let Some(Value::Object(validation)) = frame.get_mut("validation") {
        validation.remove("screenshot_key");
        let url = validation.remove("screenshot_url").unwrap_or_default();
        validation.insert("screenshot".to_owned(), url);
    }
    if let Some(Value::Object(error)) = frame.get_mut("error") {
        error.remove("evidence");
        if let Some(urls) = error.remove("evidence_urls") {
            error.insert("screenshots".to_owned(), urls);
        }
    }
}
