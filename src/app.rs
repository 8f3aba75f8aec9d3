//! What every request handler shares.

use std::sync::Arc;
use std::time::Duration;

use computetower_jobs::TenantId;
use computetower_store::load::QueueLoad;
use computetower_store::vault::Secret;
use computetower_store::{Store, StoreError};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::api::auth::KeyCache;
use crate::chat_sessions::LiveSessions;
use crate::config::{Config, PrivateUrls};
use crate::openai::room::Room;

/// For how long queues are not counted again: several scrapers cost no more than one.
const COUNTED: Duration = Duration::from_secs(1);

/// The state of the web process. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    admin_key: Option<Secret>,
    private_urls: PrivateUrls,
    repeat_patience: Duration,
    keys: KeyCache,
    first_tenant: OnceCell<TenantId>,
    metrics_token: Option<Secret>,
    bound_to_loopback: bool,
    load: Mutex<Option<(Instant, Arc<[QueueLoad]>)>>,
    live_sessions: LiveSessions,
    room: Room,
}

impl App {
    /// The state for a configuration.
    #[must_use]
    pub fn new(store: Store, config: &Config) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                admin_key: config.admin_key.clone(),
                private_urls: config.private_urls,
                repeat_patience: config.repeat_patience,
                keys: KeyCache::default(),
                first_tenant: OnceCell::new(),
                metrics_token: config.metrics.token.clone(),
                bound_to_loopback: config.bind.ip().is_loopback(),
                load: Mutex::default(),
                live_sessions: LiveSessions::default(),
                room: Room::new(config.large_requests),
            }),
        }
    }

    /// Everything durable.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The operator's key.
    #[must_use]
    pub fn admin_key(&self) -> Option<&Secret> {
        self.inner.admin_key.as_ref()
    }

    /// Which private addresses URLs may name.
    #[must_use]
    pub fn private_urls(&self) -> PrivateUrls {
        self.inner.private_urls
    }

    /// How long the repetition of a request may take beyond the pause that its client makes.
    #[must_use]
    pub fn repeat_patience(&self) -> Duration {
        self.inner.repeat_patience
    }

    /// Keys seen a moment ago.
    #[must_use]
    pub fn keys(&self) -> &KeyCache {
        &self.inner.keys
    }

    /// What a reader of the metrics has to show.
    #[must_use]
    pub fn metrics_token(&self) -> Option<&Secret> {
        self.inner.metrics_token.as_ref()
    }

    /// The WebSockets that are open here.
    #[must_use]
    pub fn live_sessions(&self) -> &LiveSessions {
        &self.inner.live_sessions
    }

    /// What large questions may hold in memory together.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.inner.room
    }

    /// True when only this machine reaches the API directly.
    #[must_use]
    pub fn bound_to_loopback(&self) -> bool {
        self.inner.bound_to_loopback
    }

    /// Every queue as it stood at most a second ago.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn load(&self) -> Result<Arc<[QueueLoad]>, StoreError> {
        // Held while Postgres counts, so that whoever comes meanwhile waits for the same answer.
        let mut kept = self.inner.load.lock().await;
        if let Some((at, load)) = &*kept
            && at.elapsed() < COUNTED
        {
            return Ok(load.clone());
        }
        let load: Arc<[QueueLoad]> = self.inner.store.load().await?.into();
        *kept = Some((Instant::now(), load.clone()));
        Ok(load)
    }

    /// The tenant that operators act for unless they name another.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn first_tenant(&self) -> Result<TenantId, StoreError> {
        self.inner
            .first_tenant
            .get_or_try_init(|| self.inner.store.first_tenant())
            .await
            .copied()
    }
}
