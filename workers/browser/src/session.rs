//! A browser context of its own, and the profile it can be restored from. Decides nothing about who is signed in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, Weak};

use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::network::CookieParam;
use chromiumoxide::cdp::browser_protocol::storage::{GetCookiesParams, SetCookiesParams};
use chromiumoxide::cdp::browser_protocol::target::{
    CreateBrowserContextParams, DisposeBrowserContextParams,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chromium::{BROWSER_LIMIT, Chromium};
use crate::error::BrowserError;
use crate::page::{Page, PageInner};

/// What a signed-in context can be restored from: cookies, and local and session storage by origin. All of it is
/// secret: keep it encrypted. `Debug` prints counts only.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Cookies in the shape of the protocol's own `CookieParam`.
    pub cookies: Vec<Value>,
    /// Local storage items by origin.
    #[serde(default)]
    pub local_storage: BTreeMap<String, BTreeMap<String, String>>,
    /// Session storage items by origin.
    #[serde(default)]
    pub session_storage: BTreeMap<String, BTreeMap<String, String>>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("cookies", &self.cookies.len())
            .field("origins", &self.local_storage.len())
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Whether there is nothing to restore.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.local_storage.is_empty() && self.session_storage.is_empty()
    }
}

/// A browser context. Dropping it closes its pages and forgets its storage.
pub struct Session {
    chromium: Chromium,
    context: BrowserContextId,
    pages: Mutex<Vec<Weak<PageInner>>>,
    storage: Option<String>,
    closed: bool,
}

impl Session {
    pub(crate) async fn start(
        chromium: Chromium,
        profile: Option<&Profile>,
    ) -> Result<Self, BrowserError> {
        let create = CreateBrowserContextParams {
            dispose_on_detach: Some(true),
            ..Default::default()
        };
        let context = chromium
            .link()
            .call(None, create, BROWSER_LIMIT)
            .await?
            .browser_context_id;
        let mut session = Self {
            chromium,
            context,
            pages: Mutex::new(Vec::new()),
            storage: None,
            closed: false,
        };
        if let Some(profile) = profile {
            session.restore(profile).await?;
        }
        Ok(session)
    }

    async fn restore(&mut self, profile: &Profile) -> Result<(), BrowserError> {
        let cookies: Vec<CookieParam> = profile
            .cookies
            .iter()
            .filter_map(|cookie| serde_json::from_value(cookie.clone()).ok())
            .collect();
        if !cookies.is_empty() {
            let set = SetCookiesParams {
                cookies,
                browser_context_id: Some(self.context.clone()),
            };
            self.chromium.link().call(None, set, BROWSER_LIMIT).await?;
        }
        if !profile.local_storage.is_empty() || !profile.session_storage.is_empty() {
            let items = serde_json::json!([profile.local_storage, profile.session_storage]);
            self.storage = Some(format!(
                "(() => {{ const [local, session] = {items}; \
                 for (const [store, all] of [[localStorage, local], [sessionStorage, session]]) \
                 for (const [key, value] of Object.entries(all[location.origin] || {{}})) \
                 if (store.getItem(key) === null) store.setItem(key, value); }})()"
            ));
        }
        Ok(())
    }

    /// Opens an address in a new page of this context and waits until its document is usable.
    ///
    /// # Errors
    /// [`BrowserError::NavigationTimeout`], [`BrowserError::Network`], [`BrowserError::Crashed`].
    pub async fn open(&self, url: &str) -> Result<Page, BrowserError> {
        let page = Page::create(&self.chromium, &self.context).await?;
        {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            pages.retain(|page| page.strong_count() > 0);
            pages.push(page.downgrade());
        }
        let mut opening = Opening(Some(page));
        if let Some(page) = &opening.0 {
            match &self.storage {
                Some(script) => page.goto_with_script(url, script).await?,
                None => page.goto(url).await?,
            }
        }
        opening.0.take().ok_or_else(|| BrowserError::Protocol {
            command: "open".to_owned(),
            reason: "the page was taken".to_owned(),
        })
    }

    /// Cookies of the context and the storage of the origins that its open pages show.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn export_profile(&self) -> Result<Profile, BrowserError> {
        let get = GetCookiesParams {
            browser_context_id: Some(self.context.clone()),
        };
        let answer = self
            .chromium
            .link()
            .call_value(None, get, BROWSER_LIMIT)
            .await?;
        let cookies = answer
            .get("cookies")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut profile = Profile {
            cookies: cookies.into_iter().map(as_param).collect(),
            ..Default::default()
        };
        let pages: Vec<_> = self
            .pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for inner in pages {
            type Items = BTreeMap<String, String>;
            // A page that cannot be asked (closed, crashed, an error page) has no storage to keep.
            let stored = Page::from(inner)
                .everywhere::<(String, Items, Items)>("storage", ())
                .await;
            for (origin, local, session) in stored {
                if !local.is_empty() {
                    profile
                        .local_storage
                        .entry(origin.clone())
                        .or_default()
                        .extend(local);
                }
                if !session.is_empty() {
                    profile
                        .session_storage
                        .entry(origin)
                        .or_default()
                        .extend(session);
                }
            }
        }
        Ok(profile)
    }

    /// The browser that this context lives in.
    #[must_use]
    pub fn chromium(&self) -> &Chromium {
        &self.chromium
    }

    /// Closes the context with all its pages.
    pub async fn close(mut self) {
        self.closed = true;
        let dispose = DisposeBrowserContextParams::new(self.context.clone());
        if let Err(error) = self
            .chromium
            .link()
            .call(None, dispose, BROWSER_LIMIT)
            .await
        {
            tracing::debug!("a browser context was not closed: {error}");
        }
    }
}

/// A page on its way. One that does not come, or that nobody waits for any more, is closed.
struct Opening(Option<Page>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(page) = &self.0 {
            page.close_soon();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.closed {
            self.chromium
                .link()
                .fire(None, DisposeBrowserContextParams::new(self.context.clone()));
        }
    }
}

/// A cookie as reported, as it has to be given to set it: a session cookie has no expiry date.
fn as_param(cookie: Value) -> Value {
    const KEPT: [&str; 10] = [
        "name",
        "value",
        "domain",
        "path",
        "expires",
        "httpOnly",
        "secure",
        "sameSite",
        "priority",
        "partitionKey",
    ];
    let Value::Object(mut fields) = cookie else {
        return cookie;
    };
    if fields
        .get("session")
        .and_then(Value::as_bool)
        .unwrap_or(false)
    {
        fields.remove("expires");
    }
    fields.retain(|name, _| KEPT.contains(&name.as_str()));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_prints_no_values_and_a_session_cookie_has_no_expiry() {
        let cookie = serde_json::json!({"name": "sid", "value": "secret", "domain": "a", "path": "/", "expires": -1,
            "size": 9, "httpOnly": true, "secure": false, "session": true, "sourcePort": 80});
        let param = as_param(cookie);
        assert!(param.get("expires").is_none() && param.get("size").is_none());
        assert!(serde_json::from_value::<CookieParam>(param.clone()).is_ok());
        let profile = Profile {
            cookies: vec![param],
            ..Default::default()
        };
        assert!(!format!("{profile:?}").contains("secret"));
    }
}
