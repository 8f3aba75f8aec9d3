//! Where the page scripts run: the page's own document, and each frame that scripts of the document around it may not
//! enter. A frame of another site lives in a process of its own and is reached by a session of its own; one of
//! another origin of the same site shares the process and has a world of its own. Knows no field and no chat.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::dom::DescribeNodeParams;
use chromiumoxide::cdp::browser_protocol::page::{
    CreateIsolatedWorldParams, FrameId, GetFrameTreeParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    EvaluateParams, ExecutionContextId, ReleaseObjectGroupParams, RemoteObjectId,
};
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{BrowserError, Evidence};
use crate::page::{PAGE_LIMIT, Page};

pub(crate) const WORLD: &str = "computetower";
/// Between the locator of a frame and what is inside it, where scripts of the outer document cannot go.
pub(crate) const FRAME: &str = " |>> ";
/// Stands for the window that the page opened last, in the place of a frame's locator.
pub(crate) const WINDOW: &str = "@window";
/// What the scripts throw at a shadow root that they were not given yet.
const UNSEEN: &str = "computetower: unseen root";
/// A frame must not hold up the page that it is in.
const FRAME_LIMIT: Duration = Duration::from_secs(4);
const SLOW_FOR: Duration = Duration::from_secs(8);
const GROUP: &str = "computetower";
const SCRIPT: &str = concat!(
    "(() => {\n",
    include_str!("js/dom.js"),
    include_str!("js/facts.js"),
    include_str!("js/act.js"),
    include_str!("js/markdown.js"),
    include_str!("js/pickers.js"),
    include_str!("js/attach.js"),
    include_str!("js/watch.js"),
    "\n})()"
);

/// Locator of the frame that a locator leads into; none for the page itself.
pub(crate) fn frame_of(locator: &str) -> Option<&str> {
    locator.rsplit_once(FRAME).map(|(frame, _)| frame)
}

/// Whether a locator leads into the window that the page opened.
pub(crate) fn in_window(locator: &str) -> bool {
    locator
        .strip_prefix(WINDOW)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(FRAME))
}

/// A locator found inside `frame` (empty: the page itself), as it is known outside.
pub(crate) fn inside(frame: &str, locator: &str) -> String {
    if frame.is_empty() {
        locator.to_owned()
    } else {
        format!("{frame}{FRAME}{locator}")
    }
}

/// One document's scripts.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) session: String,
    pub(crate) context: ExecutionContextId,
}

/// The session of a frame of another site.
#[derive(Debug)]
struct Child {
    session: String,
    crashed: bool,
}

/// What is known of a page's documents. Any of it may be gone when it is used.
#[derive(Debug, Default)]
pub(crate) struct Views {
    /// By locator of the frame; the page's own by nothing.
    known: Mutex<HashMap<String, View>>,
    /// By frame id.
    children: Mutex<HashMap<String, Child>>,
    /// Frames that did not answer in time, and when.
    slow: Mutex<HashMap<String, Instant>>,
    /// Target and session of the windows that the page opened and that are still there, oldest first.
    windows: Mutex<Vec<(String, String)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Views {
    pub(crate) fn attached(&self, frame: &str, session: &str) {
        let child = Child {
            session: session.to_owned(),
            crashed: false,
        };
        lock(&self.children).insert(frame.to_owned(), child);
    }

    /// A frame that did not answer is not asked again for a while.
    pub(crate) fn slow(&self, place: &str) {
        tracing::debug!(place, "a frame did not answer in time");
        lock(&self.slow).insert(place.to_owned(), Instant::now());
    }

    pub(crate) fn is_slow(&self, place: &str) -> bool {
        let mut slow = lock(&self.slow);
        slow.retain(|_, since| since.elapsed() < SLOW_FOR);
        slow.contains_key(place)
    }

    pub(crate) fn opened(&self, target: &str, session: &str) {
        lock(&self.windows).push((target.to_owned(), session.to_owned()));
        self.forget(WINDOW);
    }

    pub(crate) fn closed(&self, target: &str) {
        let mut windows = lock(&self.windows);
        let before = windows.len();
        windows.retain(|(known, _)| known != target);
        if windows.len() < before {
            self.forget(WINDOW);
        }
    }

    /// Target and session of the window that the page opened last.
    pub(crate) fn window(&self) -> Option<(String, String)> {
        lock(&self.windows).last().cloned()
    }

    pub(crate) fn windows(&self) -> Vec<(String, String)> {
        lock(&self.windows).clone()
    }

    pub(crate) fn detached(&self, session: &str) {
        lock(&self.children).retain(|_, child| child.session != session);
        lock(&self.known).retain(|_, view| view.session != session);
    }

    pub(crate) fn crashed(&self, session: &str, crashed: bool) {
        for child in lock(&self.children).values_mut() {
            if child.session == session {
                child.crashed = crashed;
            }
        }
        lock(&self.known).retain(|_, view| view.session != session);
    }

    fn child(&self, frame: &str) -> Option<Result<String, BrowserError>> {
        lock(&self.children).get(frame).map(|child| {
            if child.crashed {
                Err(protocol("frame", "its renderer crashed".to_owned()))
            } else {
                Ok(child.session.clone())
            }
        })
    }

    fn forget(&self, place: &str) {
        lock(&self.known).retain(|known, _| {
            !(known == place || known.starts_with(place) && known[place.len()..].starts_with(FRAME))
        });
    }

    /// Locators of all frames that scripts run in, the page itself (nothing) first.
    pub(crate) fn places(&self) -> Vec<String> {
        let mut places: Vec<String> = lock(&self.known).keys().cloned().collect();
        places.sort_by_key(String::len);
        places
    }
}

fn protocol(command: &str, reason: String) -> BrowserError {
    BrowserError::Protocol {
        command: command.to_owned(),
        reason,
    }
}

/// What a script threw, shortened.
fn exception(answer: &Value) -> Option<String> {
    let details = answer.get("exceptionDetails")?;
    let text = details
        .pointer("/exception/description")
        .or_else(|| details.get("text"))
        .and_then(Value::as_str)
        .unwrap_or("exception");
    Some(text.chars().take(300).collect())
}

impl Page {
    /// Calls a function of the page scripts. `arguments` is a tuple; the answer comes as JSON. A first argument that
    /// is a locator says in which frame.
    pub(crate) async fn js<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: impl Serialize + Send,
    ) -> Result<T, BrowserError> {
        let arguments = listed(function, &arguments)?;
        let place = arguments
            .first()
            .and_then(Value::as_str)
            .and_then(frame_of)
            .unwrap_or_default()
            .to_owned();
        self.run(&place, function, arguments).await
    }

    /// As [`Page::js`], in the frame of this locator (empty: the page itself).
    pub(crate) async fn js_in<T: DeserializeOwned>(
        &self,
        place: &str,
        function: &str,
        arguments: impl Serialize + Send,
    ) -> Result<T, BrowserError> {
        let arguments = listed(function, &arguments)?;
        self.run(place, function, arguments).await
    }

    async fn run<T: DeserializeOwned>(
        &self,
        place: &str,
        function: &str,
        mut arguments: Vec<Value>,
    ) -> Result<T, BrowserError> {
        if !place.is_empty() {
            // Inside, a locator begins at the frame's own document.
            let outside = inside(place, "");
            for argument in &mut arguments {
                if let Some(local) = argument.as_str().and_then(|s| s.strip_prefix(&outside)) {
                    *argument = local.into();
                }
            }
        }
        let command = format!("page script {function}");
        let arguments = Value::Array(arguments);
        let expression = format!("JSON.stringify(__ct.{function}(...{arguments}) ?? null)");
        let mut last = String::new();
        for attempt in 0..4 {
            if attempt > 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let view = match self.view(place).await {
                Ok(view) => view,
                Err(BrowserError::Protocol { reason, .. }) => {
                    last = reason;
                    continue;
                }
                Err(other) => return Err(other),
            };
            let evaluate = EvaluateParams {
                context_id: Some(view.context),
                return_by_value: Some(true),
                ..EvaluateParams::new(expression.clone())
            };
            match self.ask(&view, evaluate).await {
                Ok(answer) => match exception(&answer) {
                    Some(thrown) if thrown.contains(UNSEEN) => {
                        self.adopt_closed_roots(place).await?;
                        last = thrown;
                        continue;
                    }
                    Some(thrown) if !thrown.contains("__ct is not defined") => {
                        return Err(protocol(&command, thrown));
                    }
                    Some(thrown) => last = thrown,
                    None => {
                        let text = answer
                            .pointer("/result/value")
                            .and_then(Value::as_str)
                            .unwrap_or("null");
                        return serde_json::from_str(text)
                            .map_err(|error| protocol(&command, error.to_string()));
                    }
                },
                Err(BrowserError::Protocol { reason, .. }) if !reason.starts_with("no answer") => {
                    last = reason
                }
                Err(other) => return Err(other),
            }
            // The document was replaced: its world went with it.
            self.views().forget(place);
        }
        Err(protocol(&command, last))
    }

    /// Runs a command where a view is. A frame that goes is no crash of the page.
    pub(crate) async fn ask<C: chromiumoxide::Command>(
        &self,
        view: &View,
        command: C,
    ) -> Result<Value, BrowserError> {
        let (link, own) = self.link();
        if view.session == own {
            return link.call_value(Some(own), command, PAGE_LIMIT).await;
        }
        let method = command.identifier();
        let answer = link
            .call_value(Some(&view.session), command, FRAME_LIMIT)
            .await;
        match answer {
            Err(BrowserError::Crashed { reason }) if !link.dead().is_cancelled() => {
                Err(protocol(&method, reason))
            }
            other => other,
        }
    }

    /// The scripts of a frame, installed if they are not there yet.
    pub(crate) fn view<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<View, BrowserError>> {
        Box::pin(async move {
            if let Some(view) = lock(&self.views().known).get(place) {
                return Ok(view.clone());
            }
            let (session, frame) = if place.is_empty() {
                let (link, session) = self.link();
                let tree = link
                    .call_value(Some(session), GetFrameTreeParams::default(), PAGE_LIMIT)
                    .await?;
                let frame = tree
                    .pointer("/frameTree/frame/id")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                (session.to_owned(), frame.to_owned())
            } else {
                self.frame(place).await?
            };
            let view = self.install(session, &frame).await?;
            lock(&self.views().known).insert(place.to_owned(), view.clone());
            Ok(view)
        })
    }

    /// Session and id of the frame that a locator names.
    async fn frame(&self, place: &str) -> Result<(String, String), BrowserError> {
        if place == WINDOW {
            let window = self.views().window();
            let (target, session) = window.ok_or_else(|| BrowserError::ElementNotFound {
                what: "window that the page opened".to_owned(),
                evidence: Evidence::default(),
            })?;
            return Ok((session, target));
        }
        let (outer, local) = place.rsplit_once(FRAME).unwrap_or(("", place));
        let mut around = self.view(outer).await?;
        let find = |context| EvaluateParams {
            context_id: Some(context),
            object_group: Some(GROUP.to_owned()),
            ..EvaluateParams::new(format!("__ct.find({})", Value::from(local)))
        };
        let mut found = self.ask(&around, find(around.context)).await;
        if matches!(&found, Ok(answer) if exception(answer).is_some_and(|e| e.contains(UNSEEN))) {
            self.adopt_closed_roots(outer).await?;
            found = self.ask(&around, find(around.context)).await;
        }
        if matches!(&found, Err(BrowserError::Protocol { reason, .. }) if !reason.starts_with("no answer"))
        {
            // The outer document was replaced.
            self.views().forget(outer);
            around = self.view(outer).await?;
            found = self.ask(&around, find(around.context)).await;
        }
        let found = found?;
        let Some(object) = found.pointer("/result/objectId").and_then(Value::as_str) else {
            return Err(BrowserError::ElementNotFound {
                what: format!("frame {place}"),
                evidence: Evidence::default(),
            });
        };
        let describe = DescribeNodeParams {
            object_id: Some(RemoteObjectId::new(object)),
            ..Default::default()
        };
        let node = self.ask(&around, describe).await;
        self.release(&around);
        let node = node?;
        let frame = node.pointer("/node/frameId").and_then(Value::as_str);
        let frame =
            frame.ok_or_else(|| protocol("DOM.describeNode", "the frame is empty".to_owned()))?;
        let session = match self.views().child(frame) {
            Some(session) => session?,
            None => around.session,
        };
        Ok((session, frame.to_owned()))
    }

    pub(crate) fn release(&self, view: &View) {
        let release = ReleaseObjectGroupParams::new(GROUP);
        self.link().0.fire(Some(&view.session), release);
    }

    async fn install(&self, session: String, frame: &str) -> Result<View, BrowserError> {
        let create = CreateIsolatedWorldParams {
            world_name: Some(WORLD.to_owned()),
            ..CreateIsolatedWorldParams::new(FrameId::new(frame))
        };
        // A view in the making: only its session counts yet.
        let mut view = View {
            session,
            context: ExecutionContextId::new(0),
        };
        let made = self.ask(&view, create).await?;
        let context = made
            .get("executionContextId")
            .and_then(Value::as_i64)
            .ok_or_else(|| {
                protocol("Page.createIsolatedWorld", "it names no context".to_owned())
            })?;
        view.context = ExecutionContextId::new(context);
        let install = EvaluateParams {
            context_id: Some(view.context),
            ..EvaluateParams::new(SCRIPT)
        };
        let answer = self.ask(&view, install).await?;
        match exception(&answer) {
            Some(thrown) => Err(protocol("page script", thrown)),
            None => Ok(view),
        }
    }
}

fn listed(function: &str, arguments: &impl Serialize) -> Result<Vec<Value>, BrowserError> {
    match serde_json::to_value(arguments) {
        Ok(Value::Array(arguments)) => Ok(arguments),
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(one) => Ok(vec![one]),
        Err(error) => Err(protocol(
            &format!("page script {function}"),
            error.to_string(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_names_its_frame_and_what_is_in_it() {
        let locator = inside(&inside("#a", "#b"), "p >>> textarea");
        assert_eq!(locator, "#a |>> #b |>> p >>> textarea");
        assert_eq!(frame_of(&locator), Some("#a |>> #b"));
        assert_eq!(frame_of("#a |>> #b"), Some("#a"));
        assert_eq!(frame_of("p >>> textarea"), None);
        assert_eq!(inside("", "#b"), "#b");
    }

    #[test]
    fn forgetting_a_frame_forgets_what_is_in_it_and_nothing_else() {
        let views = Views::default();
        let view = View {
            session: "s".to_owned(),
            context: ExecutionContextId::new(1),
        };
        for place in ["", "#a", "#ab", "#a |>> #b"] {
            lock(&views.known).insert(place.to_owned(), view.clone());
        }
        views.forget("#a");
        assert_eq!(views.places(), ["", "#ab"]);
    }
}
