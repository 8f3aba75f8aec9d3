//! What the site remembers: sessions, login attempts, questions, conversations, answers under way.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::Site;
use crate::change::Disguise;
use crate::doors::Doors;
use crate::echo::Pace;
use crate::run::Run;
use crate::shape::{Login, Shape, find};
use crate::shapes::SHAPES;

/// One question of a conversation, with the answer that came or is coming.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) question: String,
    pub(crate) run: Arc<Run>,
}

/// What one app remembers.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) sessions: HashSet<String>,
    /// Half-finished logins: token to user name.
    pub(crate) halfway: HashMap<String, String>,
    pub(crate) logins: Vec<(String, bool)>,
    pub(crate) asked: Vec<String>,
    pub(crate) models: Vec<String>,
    pub(crate) pages: usize,
    pub(crate) stopped: usize,
    /// Newest last.
    pub(crate) conversations: Vec<(String, Vec<Turn>)>,
    pub(crate) runs: HashMap<String, Arc<Run>>,
    pub(crate) scripts: crate::script::Scripts,
    /// SHA-256 of what was uploaded for the next question.
    pub(crate) uploads: Vec<String>,
    /// How the pages look beside their shape.
    pub(crate) disguise: Disguise,
    /// The account's password, where it is no longer [`Site::password`].
    pub(crate) password: Option<String>,
    /// So many questions are refused with an error before one is answered.
    pub(crate) fails: u32,
}

impl Record {
    pub(crate) fn password(&self) -> &str {
        self.password.as_deref().unwrap_or(Site::password())
    }
}

/// An app that a test has made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) shape: &'static Shape,
    record: &'static Mutex<Record>,
}

/// The same site under other addresses.
#[derive(Debug)]
pub(crate) struct Origins {
    /// Another origin of the same site.
    pub(crate) port: String,
    /// Another site.
    pub(crate) site: String,
}

/// What the whole site remembers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) pace: Pace,
    pub(crate) origins: Origins,
    records: HashMap<&'static str, Mutex<Record>>,
    nowhere: Mutex<Record>,
    made: RwLock<HashMap<String, Made>>,
    pub(crate) doors: Doors,
}

impl Shared {
    pub(crate) fn new(pace: Pace, origins: Origins) -> Self {
        let records = SHAPES
            .iter()
            .map(|shape| (shape.name, Mutex::new(Record::default())))
            .collect();
        Self {
            pace,
            origins,
            records,
            nowhere: Mutex::default(),
            made: RwLock::default(),
            doors: Doors::default(),
        }
    }

    /// The app of this name that a test has made.
    pub(crate) fn made(&self, name: &str) -> Option<Made> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.get(name).copied()
    }

    /// The shape of the app of this name as it is now.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Shape> {
        self.made(name)
            .map(|made| made.shape)
            .or_else(|| find(name))
    }

    /// Makes an app, or gives one that was made another shape. What it remembers stays.
    pub(crate) fn put(&self, shape: Shape) {
        // As long as the test runs: there are few, and requests refer to them.
        let shape: &'static Shape = Box::leak(Box::new(shape));
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.entry(shape.name.to_owned())
            .and_modify(|made| made.shape = shape)
            .or_insert_with(|| Made {
                shape,
                record: Box::leak(Box::default()),
            });
    }

    /// What the app of this name remembers; a name that is no app's has an empty record.
    pub(crate) fn record(&self, shape: &str) -> MutexGuard<'_, Record> {
        let made = self.made(shape).map(|made| made.record);
        made.or_else(|| self.records.get(shape))
            .unwrap_or(&self.nowhere)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The app that a request is for, taken from the first segment of its path.
#[derive(Clone)]
pub(crate) struct At {
    pub(crate) shape: &'static Shape,
    pub(crate) shared: Arc<Shared>,
}

impl At {
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.shared.record(self.shape.name)
    }

    /// `/<name>`
    pub(crate) fn base(&self) -> String {
        format!("/{}", self.shape.name)
    }

    /// Whether the request comes from someone signed in (always, where there is no login).
    pub(crate) fn signed_in(&self, headers: &HeaderMap) -> bool {
        let token = match self.shape.login {
            Login::None => return true,
            Login::Token => headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.strip_prefix("Bearer "))
                .map(str::to_owned),
            _ => cookie(headers, "session"),
        };
        token.is_some_and(|token| self.record().sessions.contains(&token))
    }

    /// Opens a session and returns its token.
    pub(crate) fn open_session(&self) -> String {
        let token = uuid::Uuid::new_v4().simple().to_string();
        self.record().sessions.insert(token.clone());
        token
    }
}

impl<S> FromRequestParts<S> for At
where
    Arc<Shared>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| StatusCode::NOT_FOUND)?;
        let shape = params
            .iter()
            .find(|(key, _)| *key == "shape")
            .map(|(_, name)| name.to_owned())
            .ok_or(StatusCode::NOT_FOUND)?;
        let shared: Arc<Shared> = Arc::from_ref(state);
        let shape = shared.find(&shape).ok_or(StatusCode::NOT_FOUND)?;
        Ok(Self { shape, shared })
    }
}

/// The value of a cookie of the request.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
