//! A kept HTTP/1.1 connection, one request at a time, with as little between the clock and the socket as can be.

use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::error::BenchError;
use super::sse::{Event, Parser};
use super::wire::{self, Body, Head};

/// A connection to the deployment that is measured.
pub(super) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            received: Vec::with_capacity(4096),
            body: Vec::new(),
        }
    }

    /// Sends a request and reads the answer to its end; the body stays readable until the next.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<u16, BenchError> {
        let mut head = self.ask(request).await?;
        self.body.clear();
        while !head.body.read(&mut self.received, &mut self.body)? {
            if !self.more().await? {
                return match head.body {
                    Body::UntilClose => Ok(head.status),
                    _ => Err(BenchError::Closed),
                };
            }
        }
        Ok(head.status)
    }

    /// The body of the last answer, when its status was `expected`.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &mut self,
        request: &[u8],
        expected: u16,
    ) -> Result<T, BenchError> {
        let status = self.exchange(request).await?;
        if status != expected {
            return Err(BenchError::refused(status, &self.body));
        }
        serde_json::from_slice(&self.body).map_err(BenchError::Answer)
    }

    /// Asks for a stream of events; returns once the head of the answer is there.
    pub(super) async fn follow(mut self, request: &[u8]) -> Result<Follower, BenchError> {
        let mut head = self.ask(request).await?;
        if head.status != 200 {
            head.body.read(&mut self.received, &mut self.body)?;
            return Err(BenchError::refused(head.status, &self.body));
        }
        Ok(Follower {
            connection: self,
            body: head.body,
            events: Parser::default(),
        })
    }

    async fn ask(&mut self, request: &[u8]) -> Result<Head, BenchError> {
        self.stream.write_all(request).await?;
        loop {
            if let Some(head) = wire::head(&self.received)? {
                self.received.drain(..head.length);
                return Ok(head);
            }
            if !self.more().await? {
                return Err(BenchError::Closed);
            }
        }
    }

    async fn more(&mut self) -> Result<bool, BenchError> {
        Ok(self.stream.read_buf(&mut self.received).await? > 0)
    }
}

/// A stream of events that is being read.
pub(super) struct Follower {
    connection: Connection,
    body: Body,
    events: Parser,
}

impl Follower {
    /// The next event; nothing when the stream has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, BenchError> {
        loop {
            let ended = self
                .body
                .read(&mut self.connection.received, &mut self.events.received)?;
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            if ended || !self.connection.more().await? {
                return Ok(None);
            }
        }
    }

    /// Reads on to the event with which the job ends.
    pub(super) async fn last(&mut self) -> Result<Event, BenchError> {
        while let Some(event) = self.next().await? {
            if event.is_final() {
                return Ok(event);
            }
        }
        Err(BenchError::Closed)
    }

    /// Reads on until the job has completed.
    pub(super) async fn completed(&mut self) -> Result<(), BenchError> {
        let last = self.last().await?;
        if last.name == "completed" {
            Ok(())
        } else {
            Err(BenchError::Ended {
                state: last.name,
                data: last.data,
            })
        }
    }
}
