//! Test only: web apps of many shapes on loopback, for real browsers to drive.
//!
//! [`Site::start`] serves every shape of [`shapes::SHAPES`] under `/<name>/`, and some odd pages beside them (see the
//! README). The answers come from [`echo`]. What the apps received can be asked back: [`Site::asked`], [`Site::logins`].
//! It is no model of any real product, and nothing of it is part of the product under test.

mod answers;
mod challenges;
pub mod change;
mod chat;
mod doors;
pub mod echo;
mod login;
pub mod normal;
mod odd;
mod reloads;
mod run;
mod script;
pub mod shape;
pub mod shapes;
mod sockets;
mod state;
pub mod websites;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::http::header;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::echo::Pace;
use crate::state::{Origins, Shared};

/// The running site. It has threads of its own, so that it goes on while a test blocks; they end when it is dropped,
/// with every connection.
#[derive(Debug)]
pub struct Site {
    /// `http://127.0.0.1:<port>`
    pub base: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Site {
    /// Serves on a free port of 127.0.0.1 at the default [`Pace`].
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        Self::start_with(Pace::default()).await
    }

    /// As [`Site::start`], with answers as fast or slow as wanted.
    ///
    /// # Panics
    /// When no port can be bound.
    #[expect(
        clippy::expect_used,
        reason = "a test without its site can only fail, and says why"
    )]
    pub async fn start_with(pace: Pace) -> Self {
        Self::bind(0, pace).expect("the test site could not start")
    }

    /// Serves on this port of 127.0.0.1 (0: any free one).
    ///
    /// # Errors
    /// When the port cannot be bound or no thread started.
    pub fn bind(port: u16, pace: Pace) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("test-site")
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        let beside = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let (address, other) = (listener.local_addr()?, beside.local_addr()?);
        let base = format!("http://{address}");
        let origins = Origins {
            port: format!("http://{other}"),
            site: format!("http://localhost:{}", address.port()),
        };
        let shared = Arc::new(Shared::new(pace, origins));
        for listener in [listener, beside] {
            listener.set_nonblocking(true)?;
            let app = router(shared.clone());
            runtime.spawn(async move {
                let served = match TcpListener::from_std(listener) {
                    Ok(listener) => axum::serve(listener, app).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = served {
                    tracing::error!(%error, "the test site ended");
                }
            });
        }
        Ok(Self {
            base,
            shared,
            runtime: Some(runtime),
        })
    }

    /// Address of the app of this shape, or of the odd page of this name.
    pub fn url(&self, shape: &str) -> String {
        match self.shared.find(shape) {
            Some(_) => format!("{}/{shape}/", self.base),
            None => format!("{}/{shape}", self.base),
        }
    }

    /// The one user that every app knows.
    pub fn user() -> &'static str {
        "ada@example.test"
    }

    /// The user's password; it holds characters that careless encoding would break.
    pub fn password() -> &'static str {
        "S3cret & so+on %41"
    }

    /// The six digits that the app of [`shape::Login::MailCode`] has "sent".
    pub fn code() -> &'static str {
        "274913"
    }

    /// Every question that the app received, in order; refused ones too.
    pub fn asked(&self, shape: &str) -> Vec<String> {
        self.shared.record(shape).asked.clone()
    }

    /// The model that the page showed with every question, of an app that has several.
    pub fn models(&self, shape: &str) -> Vec<String> {
        self.shared.record(shape).models.clone()
    }

    /// Every login attempt: the user name that was given, and whether it succeeded.
    pub fn logins(&self, shape: &str) -> Vec<(String, bool)> {
        self.shared.record(shape).logins.clone()
    }

    /// Ends every session of the app; open pages find out with their next request.
    pub fn sign_everyone_out(&self, shape: &str) {
        let mut record = self.shared.record(shape);
        record.sessions.clear();
        record.halfway.clear();
    }

    /// How often the app's chat page was served.
    pub fn pages_served(&self, shape: &str) -> usize {
        self.shared.record(shape).pages
    }

    /// How many answers were ended before they were whole, by a stop button or because their reader went away.
    pub fn stopped(&self, shape: &str) -> usize {
        self.shared.record(shape).stopped
    }

    /// Addresses of the conversations that the app keeps, oldest first.
    pub fn conversations(&self, shape: &str) -> Vec<String> {
        let record = self.shared.record(shape);
        let address = |id: &str| format!("{}/{shape}/c/{id}", self.base);
        record
            .conversations
            .iter()
            .map(|(id, _)| address(id))
            .collect()
    }

    /// The questions of each conversation that the app keeps, oldest first.
    pub fn turns(&self, shape: &str) -> Vec<Vec<String>> {
        let record = self.shared.record(shape);
        let questions = |turns: &Vec<state::Turn>| {
            let asked = turns.iter().map(|turn| turn.question.clone());
            asked.collect()
        };
        record
            .conversations
            .iter()
            .map(|(_, turns)| questions(turns))
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A pace for tests that do not care about time: answers in one burst.
pub fn hurried() -> Pace {
    Pace {
        pieces: 6,
        first: Duration::from_millis(20),
        between: Duration::from_millis(5),
        stall: Duration::from_millis(500),
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .merge(login::routes())
        .merge(chat::routes())
        .merge(answers::routes())
        .merge(odd::routes())
        .merge(reloads::routes())
        .merge(doors::routes())
        .merge(challenges::routes())
        .route("/assets/{file}", get(asset))
        .with_state(shared)
}

async fn asset(
    axum::extract::Path(file): axum::extract::Path<String>,
    Query(disguise): Query<change::Disguise>,
) -> Result<impl axum::response::IntoResponse, axum::http::StatusCode> {
    let (kind, body) = match file.as_str() {
        "style.css" => ("text/css", include_str!("../assets/style.css")),
        "markdown.js" => ("text/javascript", include_str!("../assets/markdown.js")),
        "transports.js" => ("text/javascript", include_str!("../assets/transports.js")),
        "attach.js" => ("text/javascript", include_str!("../assets/attach.js")),
        "editors.js" => ("text/javascript", include_str!("../assets/editors.js")),
        "chat.js" => ("text/javascript", include_str!("../assets/chat.js")),
        "login.js" => ("text/javascript", include_str!("../assets/login.js")),
        _ => return Err(axum::http::StatusCode::NOT_FOUND),
    };
    Ok((
        [(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))],
        disguise.of(body),
    ))
}
