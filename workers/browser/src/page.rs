//! One page: navigation, screenshots, facts, real mouse and key events. Reads the page through scripts in an isolated
//! world, so that neither side sees the other's variables. Decides nothing about logins or chats.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base64::Engine;
use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::emulation::SetFocusEmulationEnabledParams;
use chromiumoxide::cdp::browser_protocol::inspector;
use chromiumoxide::cdp::browser_protocol::network;
use chromiumoxide::cdp::browser_protocol::page::{
    self as cdp_page, AddScriptToEvaluateOnNewDocumentParams, CaptureScreenshotFormat,
    CaptureScreenshotParams, NavigateParams, RemoveScriptToEvaluateOnNewDocumentParams,
    StopLoadingParams,
};
use chromiumoxide::cdp::browser_protocol::target::{
    AttachToTargetParams, CloseTargetParams, CreateTargetParams, TargetId,
};
use futures::future::join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::chromium::{BROWSER_LIMIT, Chromium};
use crate::engine::link::Link;
use crate::error::{BrowserError, Evidence};
use crate::facts::PageFacts;
use crate::trace::step;
use crate::view::{Views, WORLD};

/// Deadline of one command to a page.
pub(crate) const PAGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a frame may take to answer what the page itself does not depend on.
const FRAME_ASIDE: Duration = Duration::from_millis(800);
/// How long a server may take to answer a navigation, and then the document to become usable.
const NAVIGATION_LIMIT: Duration = Duration::from_secs(20);
const USABLE_LIMIT: Duration = Duration::from_secs(10);
mod attend;

/// A page of a session. Every call has a deadline, and fails with [`BrowserError::Crashed`] when the page is gone.
pub struct Page {
    inner: Arc<PageInner>,
}

pub(crate) struct PageInner {
    link: Link,
    session: String,
    target: TargetId,
    views: Views,
    /// Keys go to the window that the page opened.
    in_window: AtomicBool,
    /// Put into frames of other sites before their own scripts run.
    preload: Mutex<Option<String>>,
    dialogs: Mutex<Vec<String>>,
    /// HTTP status of the document shown, 0 while unknown.
    status: AtomicU64,
    /// Requests that carried something out of the page, and documents asked for.
    activity: AtomicU64,
    /// Documents that were asked for and of which nothing has come yet, by their requests.
    coming: Mutex<HashSet<String>>,
    /// What no picture of the page may show, wherever it stands.
    secrets: Mutex<Vec<String>>,
}

impl From<Arc<PageInner>> for Page {
    fn from(inner: Arc<PageInner>) -> Self {
        Self { inner }
    }
}

impl Page {
    pub(crate) async fn create(
        chromium: &Chromium,
        context: &BrowserContextId,
    ) -> Result<Self, BrowserError> {
        let link = chromium.link().clone();
        let create = CreateTargetParams {
            browser_context_id: Some(context.clone()),
            // A window of its own: a tab behind another one draws nothing, and a screenshot of it waits for seconds.
            new_window: Some(true),
            ..CreateTargetParams::new("about:blank")
        };
        let target = link.call(None, create, BROWSER_LIMIT).await?.target_id;
        let attach = AttachToTargetParams {
            target_id: target.clone(),
            flatten: Some(true),
        };
        let session: String = link
            .call(None, attach, BROWSER_LIMIT)
            .await?
            .session_id
            .into();
        let inner = PageInner {
            link: link.clone(),
            session: session.clone(),
            target,
            views: Views::default(),
            in_window: AtomicBool::new(false),
            preload: Mutex::new(None),
            dialogs: Mutex::new(Vec::new()),
            status: AtomicU64::new(0),
            activity: AtomicU64::new(0),
            coming: Mutex::default(),
            secrets: Mutex::default(),
        };
        let page = Self {
            inner: Arc::new(inner),
        };
        let events = link.listen_family(&session, "Page.javascriptDialogOpening");
        let traffic = link.listen_family(&session, "Network.");
        tokio::spawn(attend::events(Arc::downgrade(&page.inner), events, traffic));
        let targets = link.listen_family(&session, "Target.");
        let crashes = link.listen_family(&session, "Inspector.");
        let windows = link.listen(None, "Target.target");
        tokio::spawn(attend::windows(Arc::downgrade(&page.inner), windows));
        tokio::spawn(attend::frames(
            Arc::downgrade(&page.inner),
            targets,
            crashes,
        ));
        page.call(cdp_page::EnableParams::default()).await?;
        page.call(inspector::EnableParams::default()).await?;
        page.call(network::EnableParams::default()).await?;
        page.call(SetFocusEmulationEnabledParams::new(true)).await?;
        page.call(attend::take_in()).await?;
        Ok(page)
    }

    pub(crate) fn downgrade(&self) -> Weak<PageInner> {
        Arc::downgrade(&self.inner)
    }

    pub(crate) async fn call<C: chromiumoxide::Command>(
        &self,
        command: C,
    ) -> Result<C::Response, BrowserError> {
        self.inner
            .link
            .call(Some(&self.inner.session), command, PAGE_LIMIT)
            .await
    }

    /// Says whether the mouse and the keys are used in the window that the page opened, from here on.
    pub(crate) fn act_in(&self, window: bool) {
        self.inner.in_window.store(window, Ordering::Relaxed);
    }

    /// As [`Page::call`], to the window that is acted in.
    pub(crate) async fn call_active<C: chromiumoxide::Command>(
        &self,
        command: C,
    ) -> Result<C::Response, BrowserError> {
        let window = self.inner.in_window.load(Ordering::Relaxed);
        match self.views().window().filter(|_| window) {
            Some((_, session)) => {
                let link = &self.inner.link;
                link.call(Some(&session), command, PAGE_LIMIT).await
            }
            None => self.call(command).await,
        }
    }

    pub(crate) fn link(&self) -> (&Link, &str) {
        (&self.inner.link, &self.inner.session)
    }

    /// Navigates, and returns when the document is usable: parsed, whether or not everything in it has loaded.
    ///
    /// # Errors
    /// [`BrowserError::NavigationTimeout`], [`BrowserError::Network`], [`BrowserError::Crashed`].
    pub async fn goto(&self, url: &str) -> Result<(), BrowserError> {
        step("navigate", self.navigate(url)).await
    }

    async fn navigate(&self, url: &str) -> Result<(), BrowserError> {
        let (link, session) = self.link();
        self.inner.status.store(0, Ordering::Relaxed);
        let answer = link
            .call(Some(session), NavigateParams::new(url), NAVIGATION_LIMIT)
            .await;
        match answer {
            Ok(answer) => match answer.error_text {
                Some(reason) if !reason.is_empty() => {
                    return Err(BrowserError::Network {
                        url: url.to_owned(),
                        reason,
                    });
                }
                _ => {}
            },
            Err(BrowserError::Protocol { reason, .. }) if reason.starts_with("no answer") => {
                link.fire(Some(session), StopLoadingParams::default());
                return Err(BrowserError::NavigationTimeout {
                    url: url.to_owned(),
                    evidence: self.evidence().await,
                });
            }
            Err(BrowserError::Protocol { reason, .. }) => {
                return Err(BrowserError::Network {
                    url: url.to_owned(),
                    reason,
                });
            }
            Err(other) => return Err(other),
        }
        self.wait_usable(url).await?;
        match self.inner.status.load(Ordering::Relaxed) {
            429 => Err(BrowserError::ProviderRateLimited {
                observation: "the server answered with status 429".to_owned(),
                retry_after: None,
                in_its_place: false,
                evidence: self.evidence().await,
            }),
            status @ 500.. => Err(BrowserError::Network {
                url: url.to_owned(),
                reason: format!("the server answered with status {status}"),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) async fn goto_with_script(
        &self,
        url: &str,
        script: &str,
    ) -> Result<(), BrowserError> {
        let add = AddScriptToEvaluateOnNewDocumentParams {
            world_name: Some(WORLD.to_owned()),
            ..AddScriptToEvaluateOnNewDocumentParams::new(script)
        };
        let added = self.call(add).await?;
        *self
            .inner
            .preload
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(script.to_owned());
        let outcome = self.goto(url).await;
        self.call(RemoveScriptToEvaluateOnNewDocumentParams::new(
            added.identifier,
        ))
        .await?;
        outcome
    }

    async fn wait_usable(&self, url: &str) -> Result<(), BrowserError> {
        let started = Instant::now();
        loop {
            match self.js::<(String, bool)>("ready", ()).await {
                Ok((state, _)) if state != "loading" => return Ok(()),
                // A slow script in the head holds the parser up: what is there may do.
                Ok((_, has_content)) if has_content && started.elapsed() > USABLE_LIMIT / 2 => {
                    return Ok(());
                }
                Err(error @ BrowserError::Crashed { .. }) => return Err(error),
                Ok(_) | Err(_) => {}
            }
            if started.elapsed() > USABLE_LIMIT {
                return Err(BrowserError::NavigationTimeout {
                    url: url.to_owned(),
                    evidence: self.evidence().await,
                });
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// The address that the page shows now.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn url(&self) -> Result<String, BrowserError> {
        self.js("address", ()).await
    }

    /// From now on no picture of this page shows this text, in whatever field or place it stands.
    pub fn conceal(&self, secret: &str) {
        let mut secrets = self.secrets();
        if !secret.is_empty() && !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }

    /// What is visible, as JPEG. Of password fields, of fields for codes, and of whatever holds a text that is to be concealed ([`Page::conceal`]) the text
    /// is not drawn.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        let secrets = self.secrets().clone();
        let Some(veiled) = self.veil(&secrets).await else {
            self.unveil().await;
            // Rather no picture than one with a secret in it.
            return Err(BrowserError::Protocol {
                command: "Page.captureScreenshot".to_owned(),
                reason: "a document of the page does not answer, and may show a secret".to_owned(),
            });
        };
        let capture = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Jpeg),
            quality: Some(60),
            optimize_for_speed: Some(true),
            ..Default::default()
        };
        // What a person would have before them.
        let taken = match self.views().window() {
            Some((_, session)) => {
                let link = &self.inner.link;
                link.call(Some(&session), capture, PAGE_LIMIT).await
            }
            None => self.call(capture).await,
        };
        if veiled {
            self.unveil().await;
        }
        let data: String = taken?.data.into();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|error| BrowserError::Protocol {
                command: "Page.captureScreenshot".to_owned(),
                reason: error.to_string(),
            })
    }

    /// Veils what no picture may show, and says whether there is anything. None where a document has not answered that may show a secret: a page, or
    /// a frame, that cannot be scripted shows no value of a password field, but what was typed may stand elsewhere in it.
    async fn veil(&self, secrets: &[String]) -> Option<bool> {
        let mut veiled = false;
        for (place, answer) in self.each::<bool>("veil", (true, secrets)).await {
            match answer {
                Some(found) => veiled |= found,
                None if secrets.is_empty() => {}
                None if place.is_empty() || self.views().places().contains(&place) => return None,
                // Its document is gone. So may the frame be; else there is another in it.
                None => {
                    let again = self.js_in::<bool>(&place, "veil", (true, secrets));
                    match tokio::time::timeout(FRAME_ASIDE, again).await {
                        Ok(Ok(found)) => veiled |= found,
                        Ok(Err(_)) => {}
                        Err(_) => return None,
                    }
                }
            }
        }
        Some(veiled)
    }

    async fn unveil(&self) {
        let none: [String; 0] = [];
        self.everywhere::<bool>("veil", (false, none)).await;
    }

    fn secrets(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        // Nothing panics while it is held.
        self.inner
            .secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A screenshot for an error or a verdict, taken if it can be taken quickly.
    pub(crate) async fn evidence(&self) -> Evidence {
        let taken = tokio::time::timeout(Duration::from_secs(4), self.screenshot()).await;
        Evidence(taken.ok().and_then(Result::ok))
    }

    /// Has the page closed, without waiting for it.
    pub(crate) fn close_soon(&self) {
        let close = CloseTargetParams::new(self.inner.target.clone());
        self.inner.link.fire(None, close);
    }

    /// Closes the page; the session and its cookies stay.
    pub async fn close(self) {
        for (window, _) in self.views().windows() {
            let close = CloseTargetParams::new(TargetId::new(window));
            self.inner.link.fire(None, close);
        }
        let close = CloseTargetParams::new(self.inner.target.clone());
        // A page that is gone is as good as closed.
        let _ = self.inner.link.call(None, close, BROWSER_LIMIT).await;
    }

    /// How many requests have carried something out of the page so far, documents included.
    pub(crate) fn activity(&self) -> u64 {
        self.inner.activity.load(Ordering::Relaxed)
    }

    /// Whether a document was asked for and has not begun to come: the one that is shown stays until it does.
    pub(crate) fn awaits_document(&self) -> bool {
        let coming = &self.inner.coming;
        !coming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    pub(crate) fn views(&self) -> &Views {
        &self.inner.views
    }

    /// What is known about the page beside what its documents say.
    pub(crate) fn add_own(&self, facts: &mut PageFacts) {
        facts.status = self.inner.status.load(Ordering::Relaxed);
        facts.dialogs = self
            .inner
            .dialogs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
    }

    /// Calls a function in every document that scripts run in; frames that do not answer soon are left out.
    pub(crate) async fn everywhere<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: impl Serialize + Sync + Send,
    ) -> Vec<T> {
        let answers = self.each(function, arguments).await;
        answers
            .into_iter()
            .filter_map(|(_, answer)| answer)
            .collect()
    }

    /// As [`Page::everywhere`], each document with its place, and none for those that did not answer.
    async fn each<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: impl Serialize + Sync + Send,
    ) -> Vec<(String, Option<T>)> {
        let mut places = self.views().places();
        if places.is_empty() {
            places.push(String::new());
        }
        let asked = join_all(places.iter().map(|place| {
            let limit = if place.is_empty() {
                PAGE_LIMIT
            } else {
                FRAME_ASIDE
            };
            tokio::time::timeout(limit, self.js_in(place, function, &arguments))
        }));
        let answers: Vec<Option<T>> = asked
            .await
            .into_iter()
            .map(|answer| answer.ok().and_then(Result::ok))
            .collect();
        places.into_iter().zip(answers).collect()
    }
}
