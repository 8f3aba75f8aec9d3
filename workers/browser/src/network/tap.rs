//! Listens to a page's requests and sockets while a question is answered. Reads streamed bodies as they arrive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use chromiumoxide::cdp::browser_protocol::network::{
    GetResponseBodyParams, RequestId, StreamResourceContentParams,
};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::address::{address, same_site};
use super::decode::{Message, Splitter, binary_message, leaves, message};
use super::recipe::{Assembler, Source};
use crate::chat_map::StreamMethod;
use crate::engine::link::{Event, Link};
use crate::page::{PAGE_LIMIT, Page};

/// One request or socket.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) number: u64,
    pub(crate) method: StreamMethod,
    pub(crate) address: String,
    /// Its body or its frames may still go on.
    pub(crate) open: bool,
    /// It ends by itself, as a body does and a socket does not.
    pub(crate) ends: bool,
    /// The status of a failed request that asked the site itself for something to be done.
    pub(crate) status: Option<u16>,
    /// It was answered with an error, whoever was asked for whatever.
    pub(crate) refused: bool,
    /// When it was asked for.
    pub(crate) asked: Instant,
    /// It asked the page's own site for something to be done.
    pub(crate) asks: bool,
    /// When the answer to it began.
    pub(crate) began: Instant,
    pub(crate) ended: Option<Instant>,
    /// It ended before its end, and not because the page wanted it so.
    pub(crate) broken: bool,
}

/// What has been heard so far.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) assembler: Assembler,
    pub(crate) exchanges: Vec<Exchange>,
}

/// A running tap; dropping it ends it.
pub(crate) struct Tap {
    heard: Arc<Mutex<Heard>>,
    news: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tap {
    /// Starts to listen. What the page asked for before is not heard, except the frames of sockets that are open.
    pub(crate) fn start(page: &Page) -> Self {
        let (link, session) = page.link();
        let events = link.listen_family(session, "Network.");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let news = Arc::new(Notify::new());
        let ear = Ear {
            link: link.clone(),
            heard: heard.clone(),
            news: news.clone(),
            requests: HashMap::new(),
            sockets: HashMap::new(),
            groups: HashMap::new(),
            next: 1,
        };
        let task = tokio::spawn(ear.listen(events));
        Self { heard, news, task }
    }

    pub(crate) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when something was heard since the last call.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

struct Request {
    number: u64,
    /// Where it was made: the page itself, a frame of another site, a worker.
    session: String,
    address: String,
    splitter: Option<Splitter>,
    bytes: Vec<u8>,
    /// Pieces that came before the answer to the request to stream; that answer holds what was there before them.
    waiting: Option<Vec<Vec<u8>>>,
    method: StreamMethod,
    finished: bool,
    broken: bool,
    /// It asked the page's own site for something to be done. Others fail without consequence: statistics, advertisements, what is only fetched.
    asks: bool,
    asked: Instant,
    /// The streaming request was refused: the body is fetched when it is complete.
    fetch: bool,
    by_event: bool,
    /// What its texts are collected under: itself for a stream, the first request to its address otherwise.
    group: u64,
}

/// What an exchange began with.
struct Asking {
    asks: bool,
    status: Option<u16>,
    at: Instant,
}

enum Late {
    Buffered(String, Result<Vec<u8>, ()>),
    Body(String, Option<Vec<u8>>),
}

struct Ear {
    link: Link,
    heard: Arc<Mutex<Heard>>,
    news: Arc<Notify>,
    requests: HashMap<String, Request>,
    sockets: HashMap<String, (u64, String)>,
    groups: HashMap<String, u64>,
    next: u64,
}

impl Ear {
    async fn listen(mut self, mut events: mpsc::UnboundedReceiver<Arc<Event>>) {
        let (late, mut lates) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.hear(&event, &late),
                    None => return,
                },
                Some(answer) = lates.recv() => self.hear_late(answer, &late),
            }
        }
    }

    fn hear(&mut self, event: &Event, late: &mpsc::UnboundedSender<Late>) {
        let text = |pointer: &str| {
            event
                .params
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let id = text("/requestId").to_owned();
        match event.method.as_ref() {
            "Network.requestWillBeSent" => {
                let by_event = text("/type") == "EventSource";
                if matches!(text("/type"), "XHR" | "Fetch" | "EventSource") {
                    let address = address(text("/request/url"));
                    let number = self.number();
                    let asks = (by_event || text("/request/method") != "GET")
                        && same_site(text("/documentURL"), text("/request/url"));
                    let request = Request {
                        number,
                        session: event.session.clone().unwrap_or_default(),
                        address,
                        splitter: None,
                        bytes: Vec::new(),
                        waiting: None,
                        method: StreamMethod::Response,
                        finished: false,
                        broken: false,
                        asks,
                        asked: Instant::now(),
                        fetch: false,
                        by_event,
                        group: number,
                    };
                    self.requests.insert(id, request);
                }
            }
            "Network.responseReceived" => {
                let mime = text("/response/mimeType").to_owned();
                let status = event
                    .params
                    .pointer("/response/status")
                    .and_then(Value::as_u64);
                self.respond(id, &mime, status.and_then(|s| u16::try_from(s).ok()), late);
            }
            "Network.dataReceived" => {
                let data = text("/data");
                if let Some(request) = self.requests.get_mut(&id)
                    && !data.is_empty()
                    && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(data)
                {
                    match &mut request.waiting {
                        Some(waiting) => waiting.push(bytes),
                        None => self.body(&id, &bytes),
                    }
                }
            }
            "Network.loadingFinished" | "Network.loadingFailed" => {
                // What a page has had enough of, it gives up itself.
                let given_up = event.params.get("canceled") == Some(&Value::Bool(true))
                    || text("/errorText") == "net::ERR_ABORTED";
                if let Some(request) = self.requests.get_mut(&id) {
                    request.finished = true;
                    request.broken = event.method == "Network.loadingFailed" && !given_up;
                    self.end(&id, late);
                }
            }
            "Network.eventSourceMessageReceived" => {
                let number = self.requests.get(&id).map_or(0, |request| request.number);
                let address = self
                    .requests
                    .get(&id)
                    .map_or_else(String::new, |request| request.address.clone());
                let name = text("/eventName");
                let name = if name == "message" { "" } else { name };
                let source = Source {
                    method: StreamMethod::Sse.as_str(),
                    address,
                    exchange: number,
                };
                self.take(&source, [message(name, text("/data"))]);
            }
            "Network.webSocketCreated" => {
                let number = self.number();
                let address = address(text("/url"));
                self.open_socket(number, &address);
                self.sockets.insert(id, (number, address));
            }
            "Network.webSocketFrameReceived" => {
                let (number, address) = match self.sockets.get(&id) {
                    Some(known) => known.clone(),
                    None => {
                        let number = self.number();
                        self.open_socket(number, "");
                        self.sockets
                            .entry(id)
                            .or_insert((number, String::new()))
                            .clone()
                    }
                };
                let payload = text("/response/payloadData");
                let binary = event
                    .params
                    .pointer("/response/opcode")
                    .and_then(Value::as_f64)
                    == Some(2.0);
                let source = Source {
                    method: StreamMethod::Websocket.as_str(),
                    address,
                    exchange: number,
                };
                if binary {
                    let bytes = base64::engine::general_purpose::STANDARD
                        .decode(payload)
                        .unwrap_or_default();
                    self.take(&source, [binary_message(&bytes)]);
                } else {
                    // Several packets in one frame, as engine.io sends them.
                    let packets: Vec<_> = payload
                        .split('\u{1e}')
                        .map(|packet| message("", packet))
                        .collect();
                    self.take(&source, packets);
                }
            }
            "Network.webSocketClosed" => {
                if let Some((number, _)) = self.sockets.get(&id) {
                    close(&self.heard, *number, false);
                }
            }
            _ => {}
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn open(&self, number: u64, method: StreamMethod, address: &str, ends: bool, asking: Asking) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.to_owned();
        heard.exchanges.push(Exchange {
            number,
            method,
            address,
            open: true,
            ends,
            status: asking.status.filter(|status| asking.asks && *status >= 400),
            refused: asking.status.is_some_and(|status| status >= 400),
            asked: asking.at,
            asks: asking.asks,
            began: Instant::now(),
            ended: None,
            broken: false,
        });
    }

    fn open_socket(&self, number: u64, address: &str) {
        let asking = Asking {
            asks: false,
            status: None,
            at: Instant::now(),
        };
        self.open(number, StreamMethod::Websocket, address, false, asking);
    }

    fn respond(
        &mut self,
        id: String,
        mime: &str,
        status: Option<u16>,
        late: &mpsc::UnboundedSender<Late>,
    ) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let splitter = Splitter::new(mime);
        request.method = if mime.contains("event-stream") {
            StreamMethod::Sse
        } else if splitter.streams() {
            StreamMethod::FetchStream
        } else {
            StreamMethod::Response
        };
        request.splitter = Some(splitter);
        if request.method == StreamMethod::Response {
            // Polling makes many requests of one kind: they are taken together.
            request.group = *self
                .groups
                .entry(request.address.clone())
                .or_insert(request.number);
        }
        let (number, method, address) = (request.number, request.method, request.address.clone());
        let session = request.session.clone();
        let asking = Asking {
            asks: request.asks,
            status,
            at: request.asked,
        };
        if request.by_event {
            // Its messages come as events of their own.
            self.open(number, method, &address, true, asking);
            return;
        }
        request.waiting = Some(Vec::new());
        self.open(number, method, &address, true, asking);
        let (link, late) = (self.link.clone(), late.clone());
        tokio::spawn(async move {
            let stream = StreamResourceContentParams::new(RequestId::new(id.clone()));
            let answer = link.call(Some(&session), stream, PAGE_LIMIT).await;
            let bytes = answer.map_err(drop).and_then(|answer| {
                let data: String = answer.buffered_data.into();
                base64::engine::general_purpose::STANDARD
                    .decode(data)
                    .map_err(drop)
            });
            // The tap may have ended meanwhile.
            let _ = late.send(Late::Buffered(id, bytes));
        });
    }

    fn hear_late(&mut self, answer: Late, late: &mpsc::UnboundedSender<Late>) {
        match answer {
            Late::Buffered(id, buffered) => {
                let Some(request) = self.requests.get_mut(&id) else {
                    return;
                };
                let waiting = request.waiting.take().unwrap_or_default();
                match buffered {
                    Ok(bytes) => {
                        self.body(&id, &bytes);
                        for bytes in waiting {
                            self.body(&id, &bytes);
                        }
                    }
                    Err(()) => request.fetch = true,
                }
                self.end(&id, late);
            }
            Late::Body(id, bytes) => {
                if let Some(bytes) = bytes {
                    self.body(&id, &bytes);
                }
                self.close(&id);
            }
        }
    }

    /// Acts on the end of a body, once both the end and the streaming request's answer are in.
    fn end(&mut self, id: &str, late: &mpsc::UnboundedSender<Late>) {
        let Some(request) = self.requests.get(id) else {
            return;
        };
        if !request.finished || request.waiting.is_some() {
            return;
        }
        if request.fetch {
            let (link, session, late, id) = (
                self.link.clone(),
                request.session.clone(),
                late.clone(),
                id.to_owned(),
            );
            tokio::spawn(async move {
                let get = GetResponseBodyParams::new(RequestId::new(id.clone()));
                let body = link
                    .call(Some(&session), get, PAGE_LIMIT)
                    .await
                    .ok()
                    .and_then(|answer| {
                        if answer.base64_encoded {
                            base64::engine::general_purpose::STANDARD
                                .decode(answer.body)
                                .ok()
                        } else {
                            Some(answer.body.into_bytes())
                        }
                    });
                let _ = late.send(Late::Body(id, body));
            });
        } else {
            self.close(id);
        }
    }

    fn close(&mut self, id: &str) {
        let Some(mut request) = self.requests.remove(id) else {
            return;
        };
        let messages = request
            .splitter
            .as_mut()
            .map(Splitter::finish)
            .unwrap_or_default();
        let source = source_of(&request);
        self.take(&source, messages);
        close(&self.heard, request.number, request.broken);
        self.news.notify_one();
    }

    fn body(&mut self, id: &str, bytes: &[u8]) {
        let Some(request) = self.requests.get_mut(id) else {
            return;
        };
        request.bytes.extend_from_slice(bytes);
        // A letter may be cut between two pieces.
        let good = match std::str::from_utf8(&request.bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_some() => {
                request.bytes.clear();
                return;
            }
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&request.bytes[..good]).into_owned();
        request.bytes.drain(..good);
        let messages = request
            .splitter
            .as_mut()
            .map(|splitter| splitter.feed(&text))
            .unwrap_or_default();
        let source = source_of(request);
        self.take(&source, messages);
    }

    fn take(&self, source: &Source, messages: impl IntoIterator<Item = Message>) {
        let mut any = false;
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            for message in messages {
                for leaf in leaves(&message) {
                    heard.assembler.take(source, leaf);
                    any = true;
                }
            }
        }
        if any {
            self.news.notify_one();
        }
    }
}

fn close(heard: &Mutex<Heard>, number: u64, broken: bool) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(exchange) = heard
        .exchanges
        .iter_mut()
        .find(|exchange| exchange.number == number)
    {
        exchange.open = false;
        exchange.ended = Some(Instant::now());
        exchange.broken = broken;
    }
}

fn source_of(request: &Request) -> Source {
    Source {
        method: request.method.as_str(),
        address: request.address.clone(),
        exchange: request.group,
    }
}
