//! One supervised browser process: launched, watched by a heartbeat, ended as a group. Knows no page's content.

use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{CloseParams, GetVersionParams};
use chromiumoxide::cdp::browser_protocol::target::SetDiscoverTargetsParams;

use crate::engine::link::Link;
pub use crate::engine::process::LaunchConfig;
use crate::engine::process::Process;
use crate::error::BrowserError;
use crate::session::{Profile, Session};

/// Deadline of one command to the browser itself.
pub(crate) const BROWSER_LIMIT: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_millis(2500);
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(5);

/// A running Chromium. Cheap to clone; the last clone dropped kills the process group.
#[derive(Clone)]
pub struct Chromium {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    process: Process,
    version: String,
}

impl Chromium {
    /// Starts a browser and waits until it takes commands.
    ///
    /// # Errors
    /// [`BrowserError::ChromiumMissing`], [`BrowserError::Launch`] with what it wrote, [`BrowserError::Files`].
    pub async fn launch(config: &LaunchConfig) -> Result<Self, BrowserError> {
        let process = Process::start(config).await?;
        let link = tokio::time::timeout(BROWSER_LIMIT, Link::connect(&process.socket))
            .await
            .map_err(|_elapsed| BrowserError::Launch {
                reason: "its debugging socket did not answer".to_owned(),
                stderr: String::new(),
            })??;
        let version = link
            .call(None, GetVersionParams::default(), BROWSER_LIMIT)
            .await?
            .product;
        link.call(None, SetDiscoverTargetsParams::new(true), BROWSER_LIMIT)
            .await?;
        tracing::info!(%version, group = process.leader(), "browser started");
        let inner = Arc::new(Inner {
            link,
            process,
            version,
        });
        tokio::spawn(watch(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Whether its connection stands and it answers the heartbeat.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.inner.link.dead().is_cancelled()
    }

    /// The leader of its process group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner.process.leader()
    }

    /// What it calls itself, for example `Chrome/156.0.8078.79`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// Resolves when the process or its connection is gone.
    pub async fn died(&self) {
        self.inner.link.dead().cancelled().await;
    }

    /// A browser context of its own: no cookie, cache or storage in common with any other. Starts from a profile's
    /// cookies and storage when one is given.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn new_session(&self, profile: Option<&Profile>) -> Result<Session, BrowserError> {
        Session::start(self.clone(), profile).await
    }

    /// Closes the browser politely, then kills what is left of its process group, reaps it and deletes its profile.
    pub async fn shutdown(&self) {
        if self.is_alive() {
            // Best effort: the kill below is what counts.
            let _ = self
                .inner
                .link
                .call(None, CloseParams::default(), Duration::from_secs(2))
                .await;
            let _ = tokio::time::timeout(Duration::from_secs(2), self.died()).await;
        }
        self.inner.link.dead().cancel();
        self.inner.process.end().await;
    }

    pub(crate) fn link(&self) -> &Link {
        &self.inner.link
    }
}

/// Two heartbeats without an answer, or the end of the connection, end the whole process group.
async fn watch(browser: std::sync::Weak<Inner>) {
    let mut missed = 0;
    loop {
        let Some(inner) = browser.upgrade() else {
            return;
        };
        let link = inner.link.clone();
        drop(inner);
        tokio::select! {
            () = link.dead().cancelled() => {}
            () = tokio::time::sleep(HEARTBEAT) => {
                missed = match link.call(None, GetVersionParams::default(), HEARTBEAT_LIMIT).await {
                    Ok(_) => 0,
                    Err(_) => missed + 1,
                };
            }
        }
        let Some(inner) = browser.upgrade() else {
            return;
        };
        if missed >= 2 || link.dead().is_cancelled() {
            tracing::warn!(group = inner.process.leader(), "the browser is gone");
            link.dead().cancel();
            inner.process.end().await;
            return;
        }
    }
}
