//! One page: navigation, screenshots, facts, real mouse and key events. Reads the page through scripts in an isolated
//! world, so that neither side sees the other's variables. Decides nothing about logins or chats.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base64::Engine;
use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::emulation::SetFocusEmulationEnabledParams;
use chromiumoxide::cdp::browser_protocol::inspector;
use chromiumoxide::cdp::browser_protocol::network;
use chromiumoxide::cdp::browser_protocol::page::{
    self as cdp_page, AddScriptToEvaluateOnNewDocumentParams, CaptureScreenshotFormat,
    CaptureScreenshotParams, CreateIsolatedWorldParams, GetFrameTreeParams,
    HandleJavaScriptDialogParams, NavigateParams, RemoveScriptToEvaluateOnNewDocumentParams,
    StopLoadingParams,
};
use chromiumoxide::cdp::browser_protocol::target::{
    AttachToTargetParams, CloseTargetParams, CreateTargetParams, TargetId,
};
use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, ExecutionContextId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::chromium::{BROWSER_LIMIT, Chromium};
use crate::engine::link::{Event, Link};
use crate::error::{BrowserError, Evidence};
use crate::facts::PageFacts;
use crate::trace::step;

/// Deadline of one command to a page.
pub(crate) const PAGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to answer a navigation, and then the document to become usable.
const NAVIGATION_LIMIT: Duration = Duration::from_secs(20);
const USABLE_LIMIT: Duration = Duration::from_secs(10);
const WORLD: &str = "computetower";
const SCRIPT: &str = concat!(
    "(() => {\n",
    include_str!("js/dom.js"),
    include_str!("js/facts.js"),
    include_str!("js/act.js"),
    include_str!("js/markdown.js"),
    include_str!("js/watch.js"),
    "\n})()"
);

/// A page of a session. Every call has a deadline, and fails with [`BrowserError::Crashed`] when the page is gone.
pub struct Page {
    inner: Arc<PageInner>,
}

pub(crate) struct PageInner {
    link: Link,
    session: String,
    target: TargetId,
    world: Mutex<Option<ExecutionContextId>>,
    dialogs: Mutex<Vec<String>>,
    /// HTTP status of the document shown, 0 while unknown.
    status: AtomicU64,
    /// Requests that carried something out of the page, and documents asked for.
    activity: AtomicU64,
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
            world: Mutex::new(None),
            dialogs: Mutex::new(Vec::new()),
            status: AtomicU64::new(0),
            activity: AtomicU64::new(0),
        };
        let page = Self {
            inner: Arc::new(inner),
        };
        let events = link.listen(Some(&session), "Page.javascriptDialogOpening");
        let traffic = link.listen(Some(&session), "Network.");
        tokio::spawn(attend(Arc::downgrade(&page.inner), events, traffic));
        page.call(cdp_page::EnableParams::default()).await?;
        page.call(inspector::EnableParams::default()).await?;
        page.call(network::EnableParams::default()).await?;
        page.call(SetFocusEmulationEnabledParams::new(true)).await?;
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

    /// What is visible, as JPEG. Password fields are blurred.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        // A page that cannot be scripted has no password field that shows a value.
        let veiled = self.js::<bool>("veil", (true,)).await.unwrap_or(false);
        let capture = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Jpeg),
            quality: Some(60),
            optimize_for_speed: Some(true),
            ..Default::default()
        };
        let taken = self.call(capture).await;
        if veiled {
            let _ = self.js::<bool>("veil", (false,)).await;
        }
        let data: String = taken?.data.into();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|error| BrowserError::Protocol {
                command: "Page.captureScreenshot".to_owned(),
                reason: error.to_string(),
            })
    }

    /// A screenshot for an error or a verdict, taken if it can be taken quickly.
    pub(crate) async fn evidence(&self) -> Evidence {
        let taken = tokio::time::timeout(Duration::from_secs(4), self.screenshot()).await;
        Evidence(taken.ok().and_then(Result::ok))
    }

    /// Everything a detector may look at, captured at once.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn facts(&self) -> Result<PageFacts, BrowserError> {
        let mut facts: PageFacts = self.js("facts", ()).await?;
        facts.status = self.inner.status.load(Ordering::Relaxed);
        facts.dialogs = self
            .inner
            .dialogs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(facts)
    }

    /// Closes the page; the session and its cookies stay.
    pub async fn close(self) {
        let close = CloseTargetParams::new(self.inner.target.clone());
        // A page that is gone is as good as closed.
        let _ = self.inner.link.call(None, close, BROWSER_LIMIT).await;
    }

    /// How many requests have carried something out of the page so far, documents included.
    pub(crate) fn activity(&self) -> u64 {
        self.inner.activity.load(Ordering::Relaxed)
    }

    /// Calls a function of the page scripts. `arguments` is a tuple; the answer comes as JSON.
    pub(crate) async fn js<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: impl Serialize + Send,
    ) -> Result<T, BrowserError> {
        let protocol = |reason: String| BrowserError::Protocol {
            command: format!("page script {function}"),
            reason,
        };
        let arguments =
            match serde_json::to_string(&arguments).map_err(|error| protocol(error.to_string()))? {
                unit if unit == "null" => "[]".to_owned(),
                arguments => arguments,
            };
        let expression = format!("JSON.stringify(__ct.{function}(...{arguments}) ?? null)");
        let mut last = String::new();
        for attempt in 0..4 {
            if attempt > 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let context = match self.world().await {
                Ok(context) => context,
                Err(BrowserError::Protocol { reason, .. }) => {
                    last = reason;
                    continue;
                }
                Err(other) => return Err(other),
            };
            let evaluate = EvaluateParams {
                context_id: Some(context),
                return_by_value: Some(true),
                ..EvaluateParams::new(expression.clone())
            };
            let (link, session) = self.link();
            match link.call_value(Some(session), evaluate, PAGE_LIMIT).await {
                Ok(answer) => {
                    if let Some(details) = answer.get("exceptionDetails") {
                        let text = details
                            .pointer("/exception/description")
                            .or_else(|| details.get("text"));
                        last = text
                            .and_then(Value::as_str)
                            .unwrap_or("exception")
                            .chars()
                            .take(300)
                            .collect();
                        if !last.contains("__ct is not defined") {
                            return Err(protocol(last));
                        }
                    } else {
                        let text = answer
                            .pointer("/result/value")
                            .and_then(Value::as_str)
                            .unwrap_or("null");
                        return serde_json::from_str(text)
                            .map_err(|error| protocol(error.to_string()));
                    }
                }
                Err(BrowserError::Protocol { reason, .. }) if !reason.starts_with("no answer") => {
                    last = reason
                }
                Err(other) => return Err(other),
            }
            // The document was replaced: its world went with it.
            *self
                .inner
                .world
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = None;
        }
        Err(protocol(last))
    }

    async fn world(&self) -> Result<ExecutionContextId, BrowserError> {
        let known = *self
            .inner
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = known {
            return Ok(context);
        }
        let (link, session) = self.link();
        let tree = link
            .call_value(Some(session), GetFrameTreeParams::default(), PAGE_LIMIT)
            .await?;
        let frame = tree
            .pointer("/frameTree/frame/id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let create = CreateIsolatedWorldParams {
            world_name: Some(WORLD.to_owned()),
            ..CreateIsolatedWorldParams::new(cdp_page::FrameId::new(frame))
        };
        let context = self.call(create).await?.execution_context_id;
        let install = EvaluateParams {
            context_id: Some(context),
            ..EvaluateParams::new(SCRIPT)
        };
        let answer = link.call_value(Some(session), install, PAGE_LIMIT).await?;
        if let Some(details) = answer.get("exceptionDetails") {
            let reason = details
                .pointer("/exception/description")
                .and_then(Value::as_str)
                .unwrap_or("exception");
            return Err(BrowserError::Protocol {
                command: "page script".to_owned(),
                reason: reason.to_owned(),
            });
        }
        *self
            .inner
            .world
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(context);
        Ok(context)
    }
}

/// Answers the page's own dialogs (they would hold up everything else) and keeps what they said; counts what
/// leaves the page.
async fn attend(
    page: Weak<PageInner>,
    mut dialogs: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
    mut traffic: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
) {
    loop {
        tokio::select! {
            event = dialogs.recv() => {
                let (Some(event), Some(page)) = (event, page.upgrade()) else { return };
                let message = event.params.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
                page.link.fire(Some(&page.session), HandleJavaScriptDialogParams::new(true));
                page.dialogs.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            }
            event = traffic.recv() => {
                let (Some(event), Some(page)) = (event, page.upgrade()) else { return };
                let document = event.params.get("type").and_then(Value::as_str) == Some("Document");
                let of_page = event.params.get("frameId").and_then(Value::as_str) == Some(page.target.inner().as_str());
                if document && of_page && event.method == "Network.responseReceived" {
                    let status = event.params.pointer("/response/status").and_then(Value::as_u64).unwrap_or(0);
                    page.status.store(status, Ordering::Relaxed);
                }
                let counts = match event.method.as_ref() {
                    "Network.webSocketFrameSent" => true,
                    "Network.requestWillBeSent" => {
                        event.params.pointer("/request/method").and_then(Value::as_str) != Some("GET")
                            || document
                    }
                    _ => false,
                };
                if counts {
                    page.activity.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
