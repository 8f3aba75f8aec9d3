//! The API as a caller uses it: requests that may fail, and streams that are cut and taken up again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;

/// Longer than any fault but that of a frozen worker: what waits this long is given up and asked again.
const ANSWER: Duration = Duration::from_secs(12);
/// A stream that says nothing at all for so long, not even that it is still there, is opened again.
const SILENCE: Duration = Duration::from_secs(20);

/// Calls the API.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    key: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// One event as a client saw it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Seen {
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.name.as_str(), "completed" | "failed" | "cancelled")
    }
}

impl Client {
    pub(crate) fn new(address: &str, key: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        Self {
            http,
            address: address.to_owned(),
            key: key.to_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Reply> {
        let request = self.http.get(format!("{}{path}", self.address));
        self.send(request).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> reqwest::Result<Reply> {
        let mut request = self.http.post(format!("{}{path}", self.address)).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
        let answer = request
            .bearer_auth(&self.key)
            .timeout(ANSWER)
            .send()
            .await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply { status, body })
    }

    /// Reads one connection's events until `enough` says so, the stream ends (true) or breaks (false).
    pub(crate) async fn stream(
        &self,
        id: &str,
        after: i64,
        mut enough: impl FnMut(Seen) -> bool,
    ) -> Result<bool, String> {
        let request = self
            .http
            .get(format!("{}/api/v1/jobs/{id}/events", self.address))
            .header("last-event-id", after)
            .bearer_auth(&self.key)
            .send();
        let Ok(Ok(answer)) = tokio::time::timeout(ANSWER, request).await else {
            return Ok(false);
        };
        match answer.status().as_u16() {
            200 => {}
            503 => return Ok(false),
            other => return Err(format!("the events of {id} were answered with {other}")),
        }
        let mut bytes = answer.bytes_stream();
        let mut text = String::new();
        loop {
            match tokio::time::timeout(SILENCE, bytes.next()).await {
                Ok(None) => return Ok(true),
                Err(_) | Ok(Some(Err(_))) => return Ok(false),
                Ok(Some(Ok(piece))) => text.push_str(&String::from_utf8_lossy(&piece)),
            }
            while let Some((block, rest)) = text.split_once("\n\n") {
                let seen = parse(block);
                text = rest.to_owned();
                if let Some(seen) = seen
                    && enough(seen?)
                {
                    return Ok(false);
                }
            }
        }
    }

    /// All events of a job that has ended, over one connection.
    pub(crate) async fn replay(&self, id: &str) -> Result<Vec<Seen>, String> {
        let mut events = Vec::new();
        let read = self.stream(id, 0, |seen| {
            events.push(seen);
            false
        });
        let ended = tokio::time::timeout(SILENCE, read)
            .await
            .map_err(|_| format!("the stream of {id}, which has ended, does not end"))?;
        match ended? {
            true => Ok(events),
            false => Err(format!("the stream of {id}, which has ended, broke")),
        }
    }
}

fn parse(block: &str) -> Option<Result<Seen, String>> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let (id, name, data) = (field("id:")?, field("event:")?, field("data:")?);
    let seen = || {
        let mut data: Value = serde_json::from_str(data).ok()?;
        // Postgres keeps microseconds, Redis what the sender's clock gave.
        data.as_object_mut()?.remove("at");
        Some(Seen {
            id: id.parse().ok()?,
            name: name.to_owned(),
            data,
        })
    };
    Some(seen().ok_or_else(|| format!("an event cannot be read: {block}")))
}

/// What one subscriber saw of one job over all its connections.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) job: String,
    pub(crate) events: Vec<Seen>,
    pub(crate) connections: u32,
    pub(crate) complaints: Vec<String>,
}

/// Follows a job to its end, over connections that are cut at random. `heard` counts the events of all subscribers.
pub(crate) async fn follow(
    client: Client,
    job: String,
    mut dice: Dice,
    heard: Arc<AtomicU64>,
    over: CancellationToken,
) -> Reading {
    let mut reading = Reading {
        job,
        events: Vec::new(),
        connections: 0,
        complaints: Vec::new(),
    };
    while !reading.events.last().is_some_and(Seen::is_final) {
        let mut left = if dice.chance(60) {
            dice.between(1, 8)
        } else {
            u64::MAX
        };
        let after = reading.events.last().map_or(0, |event| event.id);
        reading.connections += 1;
        let events = &mut reading.events;
        let stream = client.stream(&reading.job, after, |seen| {
            heard.fetch_add(1, Ordering::Relaxed);
            let last = seen.is_final();
            events.push(seen);
            left -= 1;
            left == 0 || last
        });
        let outcome = tokio::select! {
            outcome = stream => outcome,
            () = over.cancelled() => {
                let last = reading.events.last().map(|event| event.id);
                reading.complaints.push(format!("a subscriber of {} never heard its end, last number {last:?}", reading.job));
                break;
            }
        };
        if let Err(complaint) = outcome {
            reading.complaints.push(complaint);
            break;
        }
        tokio::time::sleep(Duration::from_millis(dice.between(5, 60))).await;
    }
    reading
}
