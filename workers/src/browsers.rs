//! The browsers of this process: one Chromium, started when first needed and again when it died, and in it one session per account.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_browser::{BrowserError, Chromium, LaunchConfig, Page, Profile, Session};
use computetower_jobs::{CredentialId, ProviderId};
use computetower_store::affinity::session_name;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::pages::Pages;
use crate::running::Stop;

/// A session that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(900);

/// A session that was seen to be signed in is believed to be so for as long.
const TRUSTED: Duration = Duration::from_secs(600);
/// How long a session waits for the job that signs it out.
const LEAVING: Duration = Duration::from_secs(300);

/// Where Chromium is and how it is started.
#[derive(Clone, Debug)]
pub struct BrowserSettings {
    /// The executable.
    pub executable: PathBuf,
    /// The folder under which each browser keeps its own.
    pub data_dir: PathBuf,
    /// More command-line arguments, from the operator.
    pub extra_args: Vec<String>,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionOwner {
    /// An account on a web app.
    Credential(CredentialId),
    /// A page without a login.
    Provider(ProviderId),
}

impl SessionOwner {
    /// The name of the lease by which other workers know who has the session.
    #[must_use]
    pub fn lease_name(self) -> String {
        match self {
            Self::Credential(id) => session_name(Some(id), None),
            Self::Provider(id) => session_name(None, Some(id)),
        }
    }
}

/// A live browser context.
pub struct LiveSession {
    pages: std::sync::Mutex<Pages>,
    session: Session,
    /// As the account was when the session was begun.
    version: Option<DateTime<Utc>>,
    /// Held while somebody looks whether the session is signed in, so that an account never signs in twice at once.
    pub signing_in: Mutex<()>,
    last_used: std::sync::Mutex<Instant>,
    forgets: AtomicBool,
    asked: AtomicBool,
    trust: std::sync::Mutex<Trust>,
}

/// What is known about the session's being signed in.
#[derive(Clone, Copy, Default)]
struct Trust {
    since: Option<Instant>,
    /// Raised with every sign-in.
    generation: u64,
}

impl LiveSession {
    fn new(session: Session, version: Option<DateTime<Utc>>) -> Self {
        Self {
            version,
            pages: std::sync::Mutex::default(),
            session,
            signing_in: Mutex::default(),
            last_used: std::sync::Mutex::new(Instant::now()),
            forgets: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            trust: std::sync::Mutex::default(),
        }
    }

    /// Opens a page that closes itself when dropped.
    ///
    /// # Errors
    /// When the page cannot be opened or does not become usable.
    pub async fn open(&self, url: &str) -> Result<OpenPage, BrowserError> {
        self.touch();
        Ok(OpenPage::new(self.session.open(url).await?))
    }

    /// The state to restore this session from.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn export_profile(&self) -> Result<Profile, BrowserError> {
        self.session.export_profile().await
    }

    /// The session was seen to be signed in.
    pub fn trust(&self) {
        let mut trust = lock(&self.trust);
        trust.since = Some(Instant::now());
        trust.generation += 1;
    }

    /// An answer was read: whoever is answered is signed in.
    pub fn answered(&self) {
        let mut trust = lock(&self.trust);
        trust.since = trust.since.map(|_| Instant::now());
    }

    /// Whether a page of it that is loaded again has forgotten its sign-in.
    pub fn forgets(&self) -> bool {
        self.forgets.load(Ordering::Relaxed)
    }

    /// A page that had just signed in asked again when it was loaded.
    pub fn found_forgetful(&self) {
        self.forgets.store(true, Ordering::Relaxed);
    }

    /// Whether a page of it has asked for a sign-in.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// A page of it has asked for a sign-in.
    pub(crate) fn found_asking(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The pages that no job works with.
    pub(crate) fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        lock(&self.pages)
    }

    /// Something went wrong on a page of the session: the next one is looked at closely.
    pub fn distrust(&self) {
        lock(&self.trust).since = None;
    }

    /// Whether the session was seen to be signed in a short while ago.
    pub fn is_trusted(&self) -> bool {
        lock(&self.trust)
            .since
            .is_some_and(|since| since.elapsed() < TRUSTED)
    }

    /// Changes with every sign-in.
    pub fn generation(&self) -> u64 {
        lock(&self.trust).generation
    }

    /// Somebody closes its pages that no job works with.
    pub(crate) fn close_pages(&self) {
        *lock(&self.pages) = Pages::default();
    }

    fn touch(&self) {
        *lock(&self.last_used) = Instant::now();
    }

    fn idle_for(&self) -> Duration {
        lock(&self.last_used).elapsed()
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while one of these is held.
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How long a page may take to find its stop control before it is closed.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A page that is closed when it goes out of scope, also when a job is cancelled in the middle.
pub struct OpenPage {
    page: Option<Page>,
    answering: std::sync::Mutex<Option<(Stop, String)>>,
}

impl OpenPage {
    fn new(page: Page) -> Self {
        Self {
            page: Some(page),
            answering: std::sync::Mutex::default(),
        }
    }

    /// Whether an answer is being written on it, to a question in the box `input`, for an attempt that can be told to stop. Should its job be cancelled, the page's stop control is
    /// pressed before it is closed, so that nobody goes on writing for nobody. An answer that another attempt may read on is left alone.
    pub(crate) fn answering(&self, attempt: Option<(&Stop, &str)>) {
        *lock(&self.answering) = attempt.map(|(stop, input)| (stop.clone(), input.to_owned()));
    }
}

impl OpenPage {
    /// Whether an answer was being written on it when it was last said.
    pub(crate) fn is_answering(&self) -> bool {
        lock(&self.answering).is_some()
    }
}

#[cfg(test)]
impl OpenPage {
    /// In the place of a page, where none is looked at.
    pub(crate) fn none() -> Self {
        Self {
            page: None,
            answering: std::sync::Mutex::default(),
        }
    }
}

impl std::ops::Deref for OpenPage {
    type Target = Page;
    fn deref(&self) -> &Page {
        match &self.page {
            Some(page) => page,
            None => unreachable!("the page is taken out only by drop"),
        }
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        let Some(page) = self.page.take() else { return };
        let answering = lock(&self.answering).take();
        let unwanted = answering.filter(|(attempt, _)| attempt.is_cancelled());
        tokio::spawn(async move {
            if let Some((_, input)) = unwanted {
                // Not every page has one, and one that is gone needs none.
                let _ = tokio::time::timeout(STOP_WITHIN, page.press_stop(&input)).await;
            }
            page.close().await;
        });
    }
}

#[derive(Default)]
struct State {
    chromium: Option<Chromium>,
    sessions: HashMap<SessionOwner, Arc<LiveSession>>,
    /// Sessions that a `logout` job uses for the last time, and since when they wait for it.
    leaving: HashMap<SessionOwner, (Instant, Arc<LiveSession>)>,
}

/// The process's Chromium and its sessions.
pub struct Browsers {
    settings: BrowserSettings,
    state: Mutex<State>,
}

impl Browsers {
    /// Nothing is started yet.
    #[must_use]
    pub fn new(settings: BrowserSettings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
        }
    }

    /// Where its browsers keep their files.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        &self.settings.data_dir
    }

    /// The session of an account, restored by `profile` when it is not live here. One that was begun with another `version` of the account is over.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub async fn session<F>(
        &self,
        owner: SessionOwner,
        version: Option<DateTime<Utc>>,
        profile: F,
    ) -> Result<Arc<LiveSession>, BrowserError>
    where
        F: Future<Output = Option<Profile>>,
    {
        let mut state = self.state.lock().await;
        let chromium = self.chromium(&mut state).await?;
        if let Some(live) = state.sessions.get(&owner)
            && live.version == version
        {
            live.touch();
            return Ok(live.clone());
        }
        let profile = profile.await;
        let session = chromium.new_session(profile.as_ref()).await?;
        let live = Arc::new(LiveSession::new(session, version));
        state.sessions.insert(owner, live.clone());
        Ok(live)
    }

    /// Closes sessions and pages that nobody has used for long. Returns whose sessions they were.
    pub async fn close_idle(&self) -> Vec<SessionOwner> {
        let mut state = self.state.lock().await;
        let mut closed = Vec::new();
        state.sessions.retain(|owner, session| {
            let stays = Arc::strong_count(session) > 1 || session.idle_for() < IDLE;
            if !stays {
                closed.push(*owner);
            }
            stays
        });
        for session in state.sessions.values() {
            session.pages().close_idle();
        }
        state
            .leaving
            .retain(|_, (since, _)| since.elapsed() < LEAVING);
        closed
    }

    /// Whose sessions are live.
    pub async fn owners(&self) -> Vec<SessionOwner> {
        self.state.lock().await.sessions.keys().copied().collect()
    }

    /// Gives a session up: the next one starts afresh.
    pub async fn forget(&self, owner: SessionOwner) {
        self.state.lock().await.sessions.remove(&owner);
    }

    /// Gives a session up, but for the job that signs it out: nobody else uses it any more.
    pub async fn part_with(&self, owner: SessionOwner) {
        let mut state = self.state.lock().await;
        if let Some(session) = state.sessions.remove(&owner) {
            state.leaving.insert(owner, (Instant::now(), session));
        }
    }

    /// The session of an account that is signed out: one that was given up, or was begun before the account had this `version`; else one that is restored
    /// by `profile`; none where there is nothing to restore.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub async fn last_session(
        &self,
        owner: SessionOwner,
        version: DateTime<Utc>,
        profile: Option<&Profile>,
    ) -> Result<Option<Arc<LiveSession>>, BrowserError> {
        let mut state = self.state.lock().await;
        if state
            .sessions
            .get(&owner)
            .is_some_and(|live| live.version < Some(version))
            && let Some(live) = state.sessions.remove(&owner)
        {
            return Ok(Some(live));
        }
        if let Some((_, session)) = state.leaving.remove(&owner) {
            if session.version < Some(version) {
                return Ok(Some(session));
            }
            // The order came late, and met the session of a sign-in since then.
            state.sessions.entry(owner).or_insert(session);
        }
        let Some(profile) = profile else {
            return Ok(None);
        };
        let chromium = self.chromium(&mut state).await?;
        let session = chromium.new_session(Some(profile)).await?;
        Ok(Some(Arc::new(LiveSession::new(session, None))))
    }

    /// Puts a session back that could not be signed out yet.
    pub async fn wait_for_logout(&self, owner: SessionOwner, session: Arc<LiveSession>) {
        let mut state = self.state.lock().await;
        state.leaving.insert(owner, (Instant::now(), session));
    }

    /// The process group of Chromium, while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.state.lock().await.chromium.as_ref().map(Chromium::pid)
    }

    async fn chromium(&self, state: &mut State) -> Result<Chromium, BrowserError> {
        if let Some(chromium) = &state.chromium
            && chromium.is_alive()
        {
            return Ok(chromium.clone());
        }
        state.sessions.clear();
        state.leaving.clear();
        if let Some(dead) = state.chromium.take() {
            tracing::warn!("Chromium is gone; starting another");
            dead.shutdown().await;
        }
        let config = LaunchConfig {
            executable: self.settings.executable.clone(),
            data_dir: self.settings.data_dir.clone(),
            extra_args: self.settings.extra_args.clone(),
            window: (1280, 900),
        };
        let swept = config.data_dir.clone();
        let _ = tokio::task::spawn_blocking(move || computetower_browser::sweep(&swept)).await;
        let chromium = Chromium::launch(&config).await?;
        state.chromium = Some(chromium.clone());
        Ok(chromium)
    }

    /// Ends Chromium.
    pub async fn shutdown(&self) {
        let mut state = self.state.lock().await;
        state.sessions.clear();
        state.leaving.clear();
        if let Some(chromium) = state.chromium.take() {
            let _ = tokio::time::timeout(Duration::from_secs(4), chromium.shutdown()).await;
        }
    }
}
