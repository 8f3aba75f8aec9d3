//! What every request handler shares.

use std::sync::Arc;

use computetower_jobs::TenantId;
use computetower_store::vault::Secret;
use computetower_store::{Store, StoreError};
use tokio::sync::OnceCell;

use crate::api::auth::KeyCache;
use crate::config::{Config, PrivateUrls};

/// The state of the web process. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    admin_key: Option<Secret>,
    private_urls: PrivateUrls,
    keys: KeyCache,
    first_tenant: OnceCell<TenantId>,
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
                keys: KeyCache::default(),
                first_tenant: OnceCell::new(),
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

    /// Keys seen a moment ago.
    #[must_use]
    pub fn keys(&self) -> &KeyCache {
        &self.inner.keys
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
