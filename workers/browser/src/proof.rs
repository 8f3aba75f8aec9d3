//! Proof that a sign-in took, where the page itself shows nothing: whoever comes anew is not asked to sign in again.

use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::network::GetCookiesParams;
use chromiumoxide::cdp::browser_protocol::page::GetNavigationHistoryParams;
use tokio::time::Instant;

use crate::detect::login::Stage;
use crate::detect::words;
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::notes::Notes;
use crate::page::Page;
use crate::sign_in::{Account, look};

/// Whether the account shows on a page that did not show it before.
pub(crate) fn shows_account(before: &PageFacts, now: &PageFacts, account: &Account<'_>) -> bool {
    let name = account.username.trim().to_lowercase();
    // Short parts of addresses are words like any other: "info", "max".
    let first = name.split_once('@').map(|(first, _)| (first, 5));
    let shows = |facts: &PageFacts, name: &str| has_word(&facts.text.to_lowercase(), name);
    [Some((name.as_str(), 3)), first]
        .into_iter()
        .flatten()
        .any(|(name, least)| {
            name.chars().count() >= least && shows(now, name) && !shows(before, name)
        })
}

/// Whether a text has these words, whole.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        ![before, after]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric)
    })
}

/// Something that the browser keeps for a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    name: String,
    value: String,
    http_only: bool,
}

/// What coming anew shows.
#[derive(Debug, PartialEq)]
pub(crate) enum Anew {
    /// Somebody is in, and this shows it.
    Proven(String),
    /// Whoever comes anew is asked to sign in.
    AsksAgain,
    /// Neither, because of this.
    Unclear(String),
}

/// What the browser keeps for the page: none when it cannot be told.
pub(crate) async fn kept(page: &Page) -> Vec<Kept> {
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
        .map(|cookie| Kept {
            name: cookie.name,
            value: cookie.value,
            http_only: cookie.http_only,
        })
        .collect()
}

/// Comes anew to where the page was first opened: whoever is in is not asked to sign in any more.
pub(crate) async fn comes_anew(
    page: &Page,
    before: &PageFacts,
    kept_before: &[Kept],
    notes: &Notes,
) -> Result<Anew, BrowserError> {
    let began = Instant::now();
    let Some(first) = first_address(page).await? else {
        return Ok(Anew::Unclear("there is no address to come to".to_owned()));
    };
    let kept_now = kept(page).await;
    page.goto(&first).await?;
    let (facts, found) = look(page, false).await?;
    let anew = if asks(&found) {
        // The sign-in page itself may ask whoever opens it.
        let is_login_page = bare(&first) == bare(&before.url);
        asked_again(is_login_page, kept_before, &kept_now)
    } else {
        not_asked(&facts, &found)
    };
    notes.step(
        "login.came_anew",
        serde_json::json!({"url": facts.url, "asks": asks(&found), "status": facts.status}),
        began,
    );
    Ok(anew)
}

fn asks(found: &Stage) -> bool {
    matches!(
        found,
        Stage::Form(_)
            | Stage::UserStep(_)
            | Stage::Code(_)
            | Stage::Opener(_)
            | Stage::Chooser(_)
            | Stage::Challenge(_)
    )
}

/// Not being asked is proof only on a page that works, and that does not turn people away without asking.
fn not_asked(facts: &PageFacts, found: &Stage) -> Anew {
    turned_away(facts, found).map_or_else(
        || Anew::Proven("who comes anew is not asked to sign in".to_owned()),
        |what| Anew::Unclear(format!("who comes anew {what}")),
    )
}

/// What happens to who comes to a page that asks for no sign-in and lets nobody in either.
pub(crate) fn turned_away(facts: &PageFacts, found: &Stage) -> Option<String> {
    if facts.status >= 400 {
        return Some(format!("gets status {}", facts.status));
    }
    if facts.text.trim().is_empty() {
        return Some("gets an empty page".to_owned());
    }
    let said = format!("{} {}", facts.headings.join(" "), facts.text).to_lowercase();
    let turns_away = words::any(&said, words::WRONG) || words::any(&said, words::LOCKED);
    (*found == Stage::Nothing && turns_away).then(|| {
        let said: String = facts.text.chars().take(120).collect();
        format!("reads: {said}")
    })
}

/// Where the sign-in page itself was opened, what the browser was given to keep has to speak: a name that is new, and none of a script's.
fn asked_again(is_login_page: bool, before: &[Kept], now: &[Kept]) -> Anew {
    let was = |name: &str| before.iter().find(|cookie| cookie.name == name);
    let servers = || now.iter().filter(|cookie| cookie.http_only);
    if !is_login_page {
        return Anew::AsksAgain;
    }
    if servers().any(|cookie| was(&cookie.name).is_none()) {
        return Anew::Proven("the page has given the browser something to keep".to_owned());
    }
    // A session that was there and got another value may be that of somebody who is in, and may be nobody's.
    if servers().any(|cookie| was(&cookie.name).is_some_and(|was| was.value != cookie.value)) {
        return Anew::Unclear(
            "the sign-in page asks whoever opens it, and only what was kept before has changed"
                .to_owned(),
        );
    }
    Anew::AsksAgain
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> PageFacts {
        PageFacts {
            status: 200,
            text: text.into(),
            ..Default::default()
        }
    }

    fn cookie(name: &str, value: &str, http_only: bool) -> Kept {
        Kept {
            name: name.into(),
            value: value.into(),
            http_only,
        }
    }

    #[test]
    fn an_account_shows_in_whole_words_only() {
        let shows = |username, text| {
            let account = Account {
                username,
                password: "",
            };
            shows_account(&page("Sign in"), &page(text), &account)
        };
        assert!(shows("ada", "Good morning, Ada!"));
        assert!(!shows("ada", "Fragen zur Adaption"));
        assert!(shows("lovelace@example.org", "Lovelace, your things"));
        assert!(shows("info@example.org", "You are info@example.org."));
        assert!(!shows("info@example.org", "More info here"));
        assert!(!shows("lovelace@example.org", "Lovelaces"));
    }

    #[test]
    fn not_being_asked_is_proof_only_on_a_page_that_works() {
        assert!(matches!(
            not_asked(&page("Things"), &Stage::Nothing),
            Anew::Proven(_)
        ));
        let mut failed = page("Things");
        failed.status = 404;
        for facts in [
            failed,
            page(" "),
            page("Login failed."),
            page("Your account is locked."),
        ] {
            let anew = not_asked(&facts, &Stage::Nothing);
            assert!(matches!(anew, Anew::Unclear(_)), "{}: {anew:?}", facts.text);
        }
        // Inside, people write what they like.
        let inside = Stage::Inside("there is a chat box".into());
        assert!(matches!(
            not_asked(&page("What is wrong?"), &inside),
            Anew::Proven(_)
        ));
    }

    #[test]
    fn only_a_new_name_that_no_script_sets_says_that_a_sign_in_page_let_somebody_in() {
        let before = [cookie("session", "a", true), cookie("seen", "1", false)];
        let with = |more: Kept| {
            let mut now = before.to_vec();
            now.retain(|cookie| cookie.name != more.name);
            now.push(more);
            now
        };
        let came = |now: &[Kept]| asked_again(true, &before, now);
        assert_eq!(came(&before), Anew::AsksAgain);
        let given = with(cookie("token", "x", true));
        assert!(matches!(came(&given), Anew::Proven(_)));
        assert_eq!(asked_again(false, &before, &given), Anew::AsksAgain);
        assert_eq!(came(&with(cookie("ad", "x", false))), Anew::AsksAgain);
        assert_eq!(came(&with(cookie("seen", "2", false))), Anew::AsksAgain);
        let changed = came(&with(cookie("session", "b", true)));
        assert!(matches!(changed, Anew::Unclear(_)), "{changed:?}");
    }
}
