//! Signing out: finds the page's own way out, also behind an account's menu, presses it, and has the page show that nobody is signed in any more.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::detect::exit::{exits, menus, outside};
use crate::detect::login::Stage;
use crate::detect::words;
use crate::error::BrowserError;
use crate::facts::{Button, PageFacts};
use crate::input::Key;
use crate::notes::{Notes, Verdict};
use crate::page::Page;
use crate::sign_in::{TICK, look, verdict};
use crate::trace::step;

/// So many menus are looked behind.
const MOST_MENUS: usize = 3;
/// What signs out, and what asks whether one is sure.
const MOST_PRESSED: usize = 3;
/// How long a menu may take to open.
const OPENS: Duration = Duration::from_secs(3);
/// How long the page may take to sign out, or to ask once more.
const ANSWERS: Duration = Duration::from_secs(8);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The page was told, and asks to sign in.
    SignedOut,
    /// The page asked to sign in before anything was pressed.
    WasOut,
    /// Nothing on the page signs out.
    NoWayOut,
    /// Something was pressed, and nothing shows that it signed out.
    NotShown,
    /// There was no session to sign out.
    NoSession,
}

impl Departure {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::WasOut => "was_out",
            Self::NoWayOut => "no_way_out",
            Self::NotShown => "not_shown",
            Self::NoSession => "no_session",
        }
    }
}

/// How a sign-out went.
#[derive(Clone, Debug)]
pub struct SignOut {
    /// What came of it.
    pub departure: Departure,
    /// What was seen, in words.
    pub observation: String,
}

/// Signs out on a page that shows `url`, which is loaded again to see whether it then asks to sign in.
///
/// # Errors
/// What a page can fail with at any time.
pub async fn sign_out(
    page: &Page,
    url: &str,
    username: &str,
    notes: &Notes,
) -> Result<SignOut, BrowserError> {
    step("sign out", leave(page, url, username, notes)).await
}

async fn leave(
    page: &Page,
    url: &str,
    username: &str,
    notes: &Notes,
) -> Result<SignOut, BrowserError> {
    let began = Instant::now();
    let (facts, found) = look(page, false).await?;
    past_challenges(page, &found).await?;
    notes.step(
        "logout.looked",
        json!({"url": facts.url, "ways_out": exits(&facts).len()}),
        began,
    );
    let over = outside(&facts);
    let was_out = |why: String| SignOut {
        departure: Departure::WasOut,
        observation: format!("the session was over already: {why}"),
    };
    // An offer to sign in may be for something else, beside the menu of an account.
    let asks = matches!(found, Stage::Form(_) | Stage::UserStep(_));
    if let Some(why) = over
        .clone()
        .filter(|_| asks || facts.status == 401 || menus(&facts, username).is_empty())
    {
        return Ok(was_out(why));
    }
    let Some(exit) = find(page, facts, username, notes).await? else {
        if let Some(why) = over {
            return Ok(was_out(why));
        }
        let observation = "nothing was found on the page that signs out".to_owned();
        return Ok(judged(page, notes, Departure::NoWayOut, 0.7, observation).await);
    };
    press(page, exit, notes).await?;
    // Anew, as somebody would who comes back: a page that only looks as if shows what it is.
    page.goto(url).await?;
    let (facts, found) = look(page, false).await?;
    past_challenges(page, &found).await?;
    notes.step("logout.looked_again", json!({"url": facts.url}), began);
    Ok(match outside(&facts) {
        Some(why) => {
            let observation = format!("after signing out, {why}");
            judged(page, notes, Departure::SignedOut, 0.95, observation).await
        }
        None => {
            let observation =
                "signing out was pressed, and the page does not ask to sign in".to_owned();
            judged(page, notes, Departure::NotShown, 0.7, observation).await
        }
    })
}

/// A challenge says nothing of whoever is behind it: it is tried again.
async fn past_challenges(page: &Page, found: &Stage) -> Result<(), BrowserError> {
    let Stage::Challenge(kind) = found else {
        return Ok(());
    };
    Err(BrowserError::Captcha {
        kind: kind.clone(),
        submitted: false,
        evidence: page.evidence().await,
    })
}

async fn judged(
    page: &Page,
    notes: &Notes,
    departure: Departure,
    confidence: f32,
    observation: String,
) -> SignOut {
    let passed = departure == Departure::SignedOut;
    notes.validation(Verdict {
        subject: "logout",
        ..verdict(page, passed, confidence, observation.clone()).await
    });
    SignOut {
        departure,
        observation,
    }
}

/// The way out: one that shows, or one behind a menu.
async fn find(
    page: &Page,
    mut facts: PageFacts,
    username: &str,
    notes: &Notes,
) -> Result<Option<String>, BrowserError> {
    if let Some(exit) = exits(&facts).first() {
        return Ok(Some(exit.locator.clone()));
    }
    let address = facts.url.clone();
    let mut opened: Vec<String> = Vec::new();
    while opened.len() < MOST_MENUS {
        let menus = menus(&facts, username);
        let Some(menu) = menus.iter().find(|menu| !opened.contains(&menu.locator)) else {
            return Ok(None);
        };
        let began = Instant::now();
        let locator = menu.locator.clone();
        opened.push(locator.clone());
        // It may have been drawn anew meanwhile; another may be the right one.
        match page.click(&locator).await {
            Ok(()) => {}
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            Err(_) => {
                facts = page.facts().await?;
                continue;
            }
        }
        while began.elapsed() < OPENS {
            sleep(TICK).await;
            // Between two documents there is nothing to look at.
            let Ok(now) = page.facts().await else {
                continue;
            };
            if let Some(exit) = exits(&now)
                .first()
                .map(|exit: &&Button| exit.locator.clone())
            {
                notes.step(
                    "logout.opened",
                    json!({"button": locator, "found": true}),
                    began,
                );
                return Ok(Some(exit));
            }
        }
        notes.step(
            "logout.opened",
            json!({"button": locator, "found": false}),
            began,
        );
        let _ = page.key(Key::Escape, false).await;
        if page.url().await? != address {
            page.goto(&address).await?;
            facts = look(page, false).await?.0;
        } else {
            facts = page.facts().await?;
        }
    }
    Ok(None)
}

/// Presses the way out, and what then asks whether one is sure, until the page asks to sign in or does no more.
async fn press(page: &Page, exit: String, notes: &Notes) -> Result<(), BrowserError> {
    let mut next = Some((page.url().await?, exit));
    let mut pressed: Vec<(String, String)> = Vec::new();
    while let Some(exit) = next.take() {
        let began = Instant::now();
        let before = page.facts().await?;
        let stood: Vec<(String, String)> = exits(&before)
            .into_iter()
            .map(|exit| (exit.locator.clone(), exit.text.clone()))
            .collect();
        page.click(&exit.1).await?;
        notes.step(
            "logout.pressed",
            json!({"button": exit.1, "url": exit.0}),
            began,
        );
        pressed.push(exit);
        if pressed.len() == MOST_PRESSED {
            return Ok(());
        }
        while next.is_none() && began.elapsed() < ANSWERS {
            sleep(TICK).await;
            let Ok(now) = page.facts().await else {
                continue;
            };
            if outside(&now).is_some() {
                return Ok(());
            }
            // In a dialog, or on another page: the same control as before is on its way out.
            next = exits(&now)
                .into_iter()
                .map(|exit| (exit, (now.url.clone(), exit.locator.clone())))
                .find(|(exit, at)| {
                    // Only what has come by the press asks whether one is sure.
                    let stands = stood.contains(&(exit.locator.clone(), exit.text.clone()));
                    !pressed.contains(at)
                        && (now.url != before.url || !stands)
                        && !words::any(&exit.words(), words::EVERYWHERE)
                        && (exit.is_in("dialog") || pressed.iter().all(|(url, _)| *url != at.0))
                })
                .map(|(_, at)| at);
        }
    }
    Ok(())
}
