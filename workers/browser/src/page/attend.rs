//! What runs beside a page while it is open: its dialogs answered, what leaves it counted, and frames, workers and
//! windows taken in as they come. Ends with the page.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use chromiumoxide::cdp::browser_protocol::emulation::SetFocusEmulationEnabledParams;
use chromiumoxide::cdp::browser_protocol::inspector;
use chromiumoxide::cdp::browser_protocol::network;
use chromiumoxide::cdp::browser_protocol::page::{
    self as cdp_page, AddScriptToEvaluateOnNewDocumentParams, HandleJavaScriptDialogParams,
};
use chromiumoxide::cdp::browser_protocol::target::{
    AttachToTargetParams, FilterEntry, SetAutoAttachParams, TargetFilter, TargetId,
};
use chromiumoxide::cdp::js_protocol::runtime::RunIfWaitingForDebuggerParams;
use serde_json::Value;

use super::PageInner;
use crate::chromium::BROWSER_LIMIT;
use crate::engine::link::Event;
use crate::view::WORLD;

/// Related targets that a page's session takes in: frames of other sites, and workers.
pub(super) fn take_in() -> SetAutoAttachParams {
    let kind = |kind: &str| FilterEntry {
        exclude: None,
        r#type: Some(kind.to_owned()),
    };
    SetAutoAttachParams {
        flatten: Some(true),
        filter: Some(TargetFilter::new(vec![kind("iframe"), kind("worker")])),
        ..SetAutoAttachParams::new(true, true)
    }
}

/// Answers the page's own dialogs (they would hold up everything else) and keeps what they said; counts what
/// leaves the page.
pub(super) async fn events(
    page: Weak<PageInner>,
    mut dialogs: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
    mut traffic: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
) {
    loop {
        tokio::select! {
            event = dialogs.recv() => {
                let (Some(event), Some(page)) = (event, page.upgrade()) else { return };
                let message = event.params.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
                page.link.fire(event.session.as_deref(), HandleJavaScriptDialogParams::new(true));
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
                // Not what is in frames, which may wait for an advertisement for good; but a form that is sent in one.
                let gets = event.params.pointer("/request/method").and_then(Value::as_str) == Some("GET");
                let replaces = document && (of_page || !gets);
                if let Some(id) = event.params.get("requestId").and_then(Value::as_str) {
                    let mut coming = page.coming.lock().unwrap_or_else(PoisonError::into_inner);
                    match event.method.as_ref() {
                        "Network.requestWillBeSent" if replaces => coming.insert(id.to_owned()),
                        "Network.responseReceived" | "Network.loadingFinished" | "Network.loadingFailed" => coming.remove(id),
                        _ => false,
                    };
                }
                let counts = match event.method.as_ref() {
                    "Network.webSocketFrameSent" => true,
                    // An `EventSource` asks by its address.
                    "Network.requestWillBeSent" => {
                        let by_event = event.params.get("type").and_then(Value::as_str) == Some("EventSource");
                        !gets || document || by_event
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

/// Takes frames of other sites and workers in as they come, and lets them run; forgets those that go.
pub(super) async fn frames(
    page: Weak<PageInner>,
    mut targets: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
    mut crashes: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
) {
    loop {
        let event = tokio::select! {
            event = targets.recv() => event,
            event = crashes.recv() => event,
        };
        let (Some(event), Some(page)) = (event, page.upgrade()) else {
            return;
        };
        let text = |pointer: &str| event.params.pointer(pointer).and_then(Value::as_str);
        match event.method.as_ref() {
            "Target.attachedToTarget" => {
                let (Some(session), Some(target)) =
                    (text("/sessionId"), text("/targetInfo/targetId"))
                else {
                    continue;
                };
                if text("/targetInfo/type") == Some("iframe") {
                    page.views.attached(target, session);
                    let preload = page.preload.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(script) = preload.clone() {
                        let add = AddScriptToEvaluateOnNewDocumentParams {
                            world_name: Some(WORLD.to_owned()),
                            ..AddScriptToEvaluateOnNewDocumentParams::new(script)
                        };
                        page.link
                            .fire(Some(session), cdp_page::EnableParams::default());
                        page.link.fire(Some(session), add);
                    }
                    page.link
                        .fire(Some(session), inspector::EnableParams::default());
                    page.link
                        .fire(Some(session), SetFocusEmulationEnabledParams::new(true));
                }
                page.link
                    .fire(Some(session), network::EnableParams::default());
                page.link.fire(Some(session), take_in());
                page.link
                    .fire(Some(session), RunIfWaitingForDebuggerParams::default());
            }
            "Target.detachedFromTarget" => {
                if let Some(session) = text("/sessionId") {
                    page.views.detached(session);
                }
            }
            "Inspector.targetCrashed" | "Inspector.targetReloadedAfterCrash" => {
                if let Some(session) = event.session.as_deref().filter(|own| *own != page.session) {
                    let crashed = event.method == "Inspector.targetCrashed";
                    page.views.crashed(session, crashed);
                }
            }
            _ => {}
        }
    }
}

/// Attaches to the windows and tabs that the page opens, as if they were part of it; forgets those that close.
pub(super) async fn windows(
    page: Weak<PageInner>,
    mut targets: tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>,
) {
    while let Some(event) = targets.recv().await {
        let Some(page) = page.upgrade() else { return };
        let text = |pointer: &str| event.params.pointer(pointer).and_then(Value::as_str);
        match event.method.as_ref() {
            "Target.targetCreated" => {
                let opened = text("/targetInfo/openerId") == Some(page.target.inner().as_str())
                    && text("/targetInfo/type") == Some("page");
                let (true, Some(target)) = (opened, text("/targetInfo/targetId")) else {
                    continue;
                };
                let attach = AttachToTargetParams {
                    target_id: TargetId::new(target),
                    flatten: Some(true),
                };
                // One that closes at once needs nobody.
                let Ok(attached) = page.link.call(None, attach, BROWSER_LIMIT).await else {
                    continue;
                };
                let session: String = attached.session_id.into();
                page.link.adopt(&session, &page.session);
                let link = &page.link;
                link.fire(Some(&session), cdp_page::EnableParams::default());
                link.fire(Some(&session), inspector::EnableParams::default());
                link.fire(Some(&session), network::EnableParams::default());
                link.fire(Some(&session), SetFocusEmulationEnabledParams::new(true));
                link.fire(Some(&session), take_in());
                page.views.opened(target, &session);
            }
            "Target.targetDestroyed" => {
                if let Some(target) = text("/targetId") {
                    page.views.closed(target);
                }
            }
            _ => {}
        }
    }
}
