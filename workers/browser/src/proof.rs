//! Proof that a sign-in took, where the page itself shows nothing: whoever comes anew is not asked to sign in again.

use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::network::GetCookiesParams;
use chromiumoxide::cdp::browser_protocol::page::GetNavigationHistoryParams;
use tokio::time::Instant;

use crate::detect::login::Stage;
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::notes::Notes;
use crate::page::Page;
use crate::sign_in::{Account, look};

/// Whether the account shows on a page that did not show it before.
pub(crate) fn shows_account(before: &PageFacts, now: &PageFacts, account: &Account<'_>) -> bool {
    let name = account.username.trim().to_lowercase();
    let first = name.split('@').next().unwrap_or_default();
    let shows = |facts: &PageFacts, name: &str| facts.text.to_lowercase().contains(name);
    [name.as_str(), first]
        .iter()
        .any(|name| name.chars().count() >= 3 && shows(now, name) && !shows(before, name))
}

/// What the browser keeps for the page, by name and value: none when it cannot be told.
pub(crate) async fn kept(page: &Page) -> Vec<(String, String)> {
    let cookies = page.call(GetCookiesParams::default()).await;
    let cookies = cookies.map(|answer| answer.cookies).unwrap_or_default();
    cookies
        .into_iter()
        // Those against forgery change with every page.
        .filter(|cookie| {
            !["csrf", "xsrf"]
                .iter()
                .any(|part| cookie.name.to_lowercase().contains(part))
        })
        .map(|cookie| (cookie.name, cookie.value))
        .collect()
}

/// Comes anew to where the page was first opened. `Ok(Some(why))` when it does not ask to sign in any more.
pub(crate) async fn comes_anew(
    page: &Page,
    before: &PageFacts,
    kept_before: &[(String, String)],
    notes: &Notes,
) -> Result<Option<String>, BrowserError> {
    let began = Instant::now();
    let Some(first) = first_address(page).await? else {
        return Ok(None);
    };
    let given = kept(page)
        .await
        .iter()
        .any(|cookie| !kept_before.contains(cookie));
    page.goto(&first).await?;
    let (facts, found) = look(page, false).await?;
    let asks = matches!(
        found,
        Stage::Form(_)
            | Stage::UserStep(_)
            | Stage::Code(_)
            | Stage::Opener(_)
            | Stage::Chooser(_)
            | Stage::Challenge(_)
    );
    notes.step(
        "login.came_anew",
        serde_json::json!({"url": facts.url, "asks": asks}),
        began,
    );
    if !asks {
        return Ok(Some("who comes anew is not asked to sign in".to_owned()));
    }
    // The sign-in page itself may ask whoever opens it. Then what the browser was given to keep has to speak.
    let is_login_page = bare(&first) == bare(&before.url);
    if is_login_page && given {
        return Ok(Some(
            "the page has given the browser something to keep".to_owned(),
        ));
    }
    Ok(None)
}

fn bare(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// The address that was asked for first, before any redirect.
async fn first_address(page: &Page) -> Result<Option<String>, BrowserError> {
    let history = page.call(GetNavigationHistoryParams::default()).await?;
    Ok(history
        .entries
        .iter()
        .map(|entry| {
            if entry.user_typed_url.starts_with("http") {
                entry.user_typed_url.clone()
            } else {
                entry.url.clone()
            }
        })
        .find(|address| address.starts_with("http")))
}

/// How long a page that shows nothing may still show something.
pub(crate) const SHOW_LIMIT: Duration = Duration::from_millis(2_500);
