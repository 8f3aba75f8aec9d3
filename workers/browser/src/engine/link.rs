//! One websocket to one Chromium, with flat sessions: typed commands out, events in. Every call has a deadline, and
//! calls to a page end at once when that page's renderer or the whole connection goes. Knows no page and no process.
//!
//! The websocket and the command types are chromiumoxide's. Its own handler is not used: its command timeouts do
//! not fire on an idle connection, a crashed renderer leaves calls pending, and it drops events of newer Chromium.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::types::{CallId, Command, EventMessage, Message, Method, MethodId};
use chromiumoxide::{Connection, cdp::browser_protocol::target::SessionId};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::error::BrowserError;

/// An event of the browser or of one page.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    /// For example `Network.dataReceived`.
    pub(crate) method: MethodId,
    /// The page's session; none for the browser's own events.
    #[serde(rename = "sessionId", default)]
    pub(crate) session: Option<String>,
    /// What it says.
    #[serde(default)]
    pub(crate) params: Value,
}

impl Method for Event {
    fn identifier(&self) -> MethodId {
        self.method.clone()
    }
}

impl EventMessage for Event {
    fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }
}

type Reply = oneshot::Sender<Result<Value, BrowserError>>;

enum Order {
    Call {
        method: MethodId,
        session: Option<String>,
        params: Value,
        reply: Reply,
    },
    Listen(Listener),
    /// Makes a session one of another's family.
    Adopt {
        session: String,
        root: String,
    },
}

/// The connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link {
    orders: mpsc::UnboundedSender<Order>,
    dead: CancellationToken,
}

impl Link {
    /// Connects to a browser's websocket address and keeps the exchange going in a task of its own.
    pub(crate) async fn connect(address: &str) -> Result<Self, BrowserError> {
        let connection = Connection::<Event>::connect(address)
            .await
            .map_err(|error| BrowserError::Launch {
                reason: format!("its debugging socket refused: {error}"),
                stderr: String::new(),
            })?;
        let (orders, incoming) = mpsc::unbounded_channel();
        let dead = CancellationToken::new();
        let exchange = Exchange {
            pending: HashMap::new(),
            listeners: Vec::new(),
            targets: HashMap::new(),
            roots: HashMap::new(),
            connection,
        };
        // The guard marks the connection dead however the task ends, a panic included.
        let guard = dead.clone().drop_guard();
        tokio::spawn(async move {
            let _guard = guard;
            exchange.run(incoming).await;
        });
        Ok(Self { orders, dead })
    }

    /// Ends when the connection is gone.
    pub(crate) fn dead(&self) -> &CancellationToken {
        &self.dead
    }

    /// Runs a typed command within `limit`.
    pub(crate) async fn call<C: Command>(
        &self,
        session: Option<&str>,
        command: C,
        limit: Duration,
    ) -> Result<C::Response, BrowserError> {
        let method = command.identifier();
        let value = self.call_value(session, command, limit).await?;
        serde_json::from_value(value).map_err(|error| BrowserError::Protocol {
            command: method.into_owned(),
            reason: error.to_string(),
        })
    }

    /// Runs a typed command within `limit` and gives its answer as it came, for shapes that change between versions.
    pub(crate) fn call_value<C: Command>(
        &self,
        session: Option<&str>,
        command: C,
        limit: Duration,
    ) -> impl Future<Output = Result<Value, BrowserError>> + Send + use<C> {
        let method = command.identifier();
        let params = serde_json::to_value(&command);
        let (reply, answer) = oneshot::channel();
        let orders = self.orders.clone();
        let session = session.map(str::to_owned);
        async move {
            let params = params.map_err(|error| BrowserError::Protocol {
                command: method.clone().into_owned(),
                reason: error.to_string(),
            })?;
            let gone = || BrowserError::Crashed {
                reason: "the connection to the browser has ended".to_owned(),
            };
            orders
                .send(Order::Call {
                    method: method.clone(),
                    session,
                    params,
                    reply,
                })
                .map_err(|_closed| gone())?;
            match tokio::time::timeout(limit, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_dropped)) => Err(gone()),
                Err(_elapsed) => Err(BrowserError::Protocol {
                    command: method.into_owned(),
                    reason: format!("no answer within {} ms", limit.as_millis()),
                }),
            }
        }
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn fire<C: Command>(&self, session: Option<&str>, command: C) {
        if let Ok(params) = serde_json::to_value(&command) {
            let (reply, _nobody) = oneshot::channel();
            let session = session.map(str::to_owned);
            // A dead connection needs no commands.
            let _ = self.orders.send(Order::Call {
                method: command.identifier(),
                session,
                params,
                reply,
            });
        }
    }

    /// Events whose name starts with `prefix`, of one page's session or (with none) of the browser. Dropping the
    /// receiver ends the subscription.
    pub(crate) fn listen(
        &self,
        session: Option<&str>,
        prefix: &'static str,
    ) -> mpsc::UnboundedReceiver<Arc<Event>> {
        self.subscribe(session, prefix, false)
    }

    /// As [`Link::listen`], and also of every session that was attached from that one, now or later: frames of
    /// another site, workers, and theirs.
    pub(crate) fn listen_family(
        &self,
        session: &str,
        prefix: &'static str,
    ) -> mpsc::UnboundedReceiver<Arc<Event>> {
        self.subscribe(Some(session), prefix, true)
    }

    /// Makes a session that was attached by itself one of another's family.
    pub(crate) fn adopt(&self, session: &str, root: &str) {
        // A dead connection has no families.
        let _ = self.orders.send(Order::Adopt {
            session: session.to_owned(),
            root: root.to_owned(),
        });
    }

    fn subscribe(
        &self,
        session: Option<&str>,
        prefix: &'static str,
        family: bool,
    ) -> mpsc::UnboundedReceiver<Arc<Event>> {
        let (events, receiver) = mpsc::unbounded_channel();
        // A dead connection drops the sender, and the receiver ends at once.
        let _ = self.orders.send(Order::Listen(Listener {
            session: session.map(str::to_owned),
            prefix,
            family,
            events,
        }));
        receiver
    }
}

struct Listener {
    session: Option<String>,
    prefix: &'static str,
    /// Sessions attached from this one count as well.
    family: bool,
    events: mpsc::UnboundedSender<Arc<Event>>,
}

struct Exchange {
    connection: Connection<Event>,
    pending: HashMap<CallId, (String, Option<String>, Reply)>,
    listeners: Vec<Listener>,
    /// Sessions by target, to fail the calls of a target that crashed.
    targets: HashMap<String, String>,
    /// Of a session that was attached from a page's: that page's session.
    roots: HashMap<String, String>,
}

impl Exchange {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => break,
                },
                message = self.connection.next() => match message {
                    Some(Ok(Message::Response(response))) => {
                        if let Some((command, _, reply)) = self.pending.remove(&response.id) {
                            let result = match response.error {
                                Some(error) => Err(BrowserError::Protocol { command, reason: error.message }),
                                None => Ok(response.result.unwrap_or(Value::Null)),
                            };
                            // The caller may have given up; then nobody needs the answer.
                            let _ = reply.send(result);
                        }
                    }
                    Some(Ok(Message::Event(event))) => self.pass_on(event),
                    Some(Err(error)) => {
                        if is_fatal(&error) {
                            tracing::debug!("the browser's socket ended: {error}");
                            break;
                        }
                    }
                    None => break,
                },
            }
        }
        for (_, (_, _, reply)) in self.pending.drain() {
            let _ = reply.send(Err(BrowserError::Crashed {
                reason: "the browser's connection ended".to_owned(),
            }));
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Call {
                method,
                session,
                params,
                reply,
            } => {
                if self.pending.len() >= 256 {
                    self.pending.retain(|_, (_, _, reply)| !reply.is_closed());
                }
                let name = method.to_string();
                match self.connection.submit_command(
                    method,
                    session.clone().map(SessionId::new),
                    params,
                ) {
                    Ok(id) => {
                        self.pending.insert(id, (name, session, reply));
                    }
                    Err(error) => {
                        let _ = reply.send(Err(BrowserError::Protocol {
                            command: name,
                            reason: error.to_string(),
                        }));
                    }
                }
            }
            Order::Listen(listener) => self.listeners.push(listener),
            Order::Adopt { session, root } => {
                self.roots.insert(session, root);
            }
        }
    }

    fn pass_on(&mut self, event: Event) {
        let text = |field: &str| {
            event
                .params
                .get(field)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        match event.method.as_ref() {
            "Target.attachedToTarget" => {
                let target = event
                    .params
                    .pointer("/targetInfo/targetId")
                    .and_then(Value::as_str);
                if let (Some(target), Some(session)) = (target, text("sessionId")) {
                    if let Some(parent) = &event.session {
                        let root = self.roots.get(parent).unwrap_or(parent).clone();
                        self.roots.insert(session.clone(), root);
                    }
                    self.targets.insert(target.to_owned(), session);
                }
            }
            "Target.targetCrashed" => {
                if let Some(session) =
                    text("targetId").and_then(|target| self.targets.get(&target).cloned())
                {
                    self.fail_session(&session, "the page's renderer crashed");
                }
            }
            "Inspector.targetCrashed" => {
                if let Some(session) = event.session.clone() {
                    self.fail_session(&session, "the page's renderer crashed");
                }
            }
            "Target.detachedFromTarget" => {
                if let Some(session) = text("sessionId") {
                    self.targets.retain(|_, known| *known != session);
                    self.fail_session(&session, "the page was closed");
                    self.roots
                        .retain(|child, root| *child != session && *root != session);
                    self.listeners
                        .retain(|listener| listener.session.as_deref() != Some(session.as_str()));
                }
            }
            _ => {}
        }
        let event = Arc::new(event);
        let root = event
            .session
            .as_ref()
            .map(|session| self.roots.get(session).unwrap_or(session));
        self.listeners.retain(|listener| {
            let heard = listener.session == event.session
                || listener.family && root.is_some() && listener.session.as_ref() == root;
            let wanted = heard && event.method.starts_with(listener.prefix);
            if wanted {
                listener.events.send(event.clone()).is_ok()
            } else {
                !listener.events.is_closed()
            }
        });
    }

    fn fail_session(&mut self, session: &str, reason: &str) {
        let failed: Vec<CallId> = self
            .pending
            .iter()
            .filter(|(_, (_, owner, _))| owner.as_deref() == Some(session))
            .map(|(id, _)| *id)
            .collect();
        for id in failed {
            if let Some((_, _, reply)) = self.pending.remove(&id) {
                let _ = reply.send(Err(BrowserError::Crashed {
                    reason: reason.to_owned(),
                }));
            }
        }
    }
}

/// A message that cannot be read is one message lost; anything else ends the connection.
fn is_fatal(error: &chromiumoxide::error::CdpError) -> bool {
    !matches!(
        error,
        chromiumoxide::error::CdpError::InvalidMessage(..)
            | chromiumoxide::error::CdpError::Serde(_)
    )
}
