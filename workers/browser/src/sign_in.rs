//! Signing in: finds the form, fills it with real events, submits it once, and watches for the verdict. A password is
//! submitted at most once per call, whatever happens.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::detect::between::{approval, passage};
use crate::detect::chat;
pub use crate::detect::login::LoginForm;
use crate::detect::login::{Stage, WAY_OUT, stage, stage_expecting, submit_button};
use crate::detect::verdict::{Outcome, Since, judge};
use crate::error::BrowserError;
use crate::facts::{PageFacts, settled};
use crate::input::Key;
use crate::notes::{Notes, Verdict};
use crate::page::Page;
use crate::passed::{Going, Passed, press_on};
use crate::password::submit_password;
use crate::proof::turned_away;
use crate::trace::step;

/// How long a page may take to show what it wants.
const LOOK_LIMIT: Duration = Duration::from_secs(12);
pub(crate) const TICK: Duration = Duration::from_millis(120);

/// So many pages may lead to the login.
const MOST_OPENED: usize = 3;

/// An account on a web app.
pub struct Account<'a> {
    /// User name or e-mail address.
    pub username: &'a str,
    /// Password; never logged, never noted.
    pub password: &'a str,
}

/// How a sign-in went.
#[derive(Debug)]
pub struct SignIn {
    /// The judgement, with a screenshot.
    pub verdict: Verdict,
    /// The form that was used; empty when none was needed.
    pub form: LoginForm,
    /// False when the page was signed in already or needs no login, and nobody had to help.
    pub needed: bool,
    /// What was seen of somebody being in.
    pub shows: Shows,
}

/// What a page shows of somebody being in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// A sign-in that took, a way out, or a chat.
    Inside,
    /// A page that works, with neither a sign-in nor anything that only somebody who is in would see.
    Nothing,
    /// A page that lets nobody in.
    TurnedAway(String),
    /// A page that says nothing about it, because of this.
    Unclear(String),
}

impl SignIn {
    /// Whether the page's own elements show it. Nothing is built on one that they do not show: it holds for the page as it stands.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.verdict.validator == "dom"
    }
}

/// Signs in on the page as it stands, if it asks for it.
///
/// # Errors
/// [`BrowserError::InvalidCredentials`], [`BrowserError::SignInUnclear`], [`BrowserError::SecondFactor`], [`BrowserError::Captcha`],
/// [`BrowserError::ProviderRateLimited`], [`BrowserError::ElementNotFound`] when a form cannot be filled, and what a
/// page can fail with at any time.
pub async fn sign_in(
    page: &Page,
    account: &Account<'_>,
    notes: &Notes,
) -> Result<SignIn, BrowserError> {
    step("sign in", sign_in_as(page, account, notes, false)).await
}

/// As [`sign_in`], after a person has said that the challenge in the way is solved, or that what the page wanted confirmed elsewhere was: the page is
/// looked at as it is now, a challenge beside a form is not minded, and a form that is there is submitted.
///
/// # Errors
/// As [`sign_in`].
pub async fn sign_in_past_challenge(
    page: &Page,
    account: &Account<'_>,
    notes: &Notes,
) -> Result<SignIn, BrowserError> {
    step("sign in", sign_in_as(page, account, notes, true)).await
}

async fn sign_in_as(
    page: &Page,
    account: &Account<'_>,
    notes: &Notes,
    solved: bool,
) -> Result<SignIn, BrowserError> {
    let began = Instant::now();
    page.conceal(account.password);
    let mut opener = None;
    // Where something was pressed that leads to the login: from a public page it may lead to one that has a button of its own for it.
    let mut opened: Vec<String> = Vec::new();
    let mut stepped = false;
    let mut chosen: Vec<String> = Vec::new();
    let mut passed = Passed::default();
    loop {
        let expecting = opener.is_some() || stepped || !chosen.is_empty();
        let (facts, found) = look(page, expecting).await?;
        notes.step(
            "login.looked",
            json!({"found": name_of(&found), "url": facts.url}),
            began,
        );
        match found {
            Stage::Form(mut form) => {
                // A box to tick or a picture to read stops the form from being accepted; others solve themselves.
                if !solved
                    && let Some(kind) = facts
                        .challenges
                        .iter()
                        .find(|kind| *kind != "turnstile")
                        .cloned()
                {
                    return Err(BrowserError::Captcha {
                        kind,
                        submitted: false,
                        evidence: page.evidence().await,
                    });
                }
                form.opener = opener;
                form.two_steps |= stepped;
                return submit_password(page, account, form, notes).await;
            }
            Stage::UserStep(form) if !stepped => {
                submit_user(page, account, &facts, &form, notes).await?;
                stepped = true;
            }
            // On the way already: somebody is known here, and the app has to be let in.
            Stage::Opener(_) | Stage::Chooser(_) | Stage::Nothing | Stage::Inside(_)
                if (opener.is_some() || stepped || solved)
                    && let Some(passage) = passage(&facts)
                    && let going = passed.going(&facts, &passage)
                    && going != Going::Over =>
            {
                match going {
                    Going::Press => press_on(page, &passage, notes).await?,
                    _ => sleep(TICK).await,
                }
            }
            Stage::Chooser(locator) if chosen.len() < 2 && !chosen.contains(&locator) => {
                page.click(&locator).await?;
                notes.step("login.chosen", json!({"button": locator}), began);
                chosen.push(locator);
            }
            Stage::Opener(locator)
                if opened.len() < MOST_OPENED && !opened.contains(&facts.url) && !stepped =>
            {
                page.click(&locator).await?;
                notes.step("login.opened", json!({"button": locator}), began);
                opened.push(facts.url);
                opener.get_or_insert(locator);
            }
            Stage::Challenge(kind) => {
                return Err(BrowserError::Captcha {
                    kind,
                    submitted: false,
                    evidence: page.evidence().await,
                });
            }
            Stage::Code(code) => {
                let observation = facts.headings.first().cloned().unwrap_or_default();
                return Err(BrowserError::SecondFactor {
                    observation,
                    by_app: code.by_app,
                    evidence: page.evidence().await,
                });
            }
            // A name that was not taken beside a challenge was perhaps not looked at.
            Stage::UserStep(_)
                if let Some(kind) = facts
                    .challenges
                    .iter()
                    .find(|kind| *kind != "turnstile")
                    .cloned() =>
            {
                return Err(BrowserError::Captcha {
                    kind,
                    submitted: false,
                    evidence: page.evidence().await,
                });
            }
            Stage::UserStep(_) => {
                let observation = "the page asks for the user name again".to_owned();
                return Err(BrowserError::InvalidCredentials {
                    observation,
                    evidence: page.evidence().await,
                });
            }
            // What was pressed for it has opened nothing, and there is no chat without it.
            Stage::Opener(_) | Stage::Chooser(_)
                if stepped || opener.is_some() && !solved && chat::inputs(&facts).is_empty() =>
            {
                let what = "password field".to_owned();
                return Err(BrowserError::ElementNotFound {
                    what,
                    evidence: page.evidence().await,
                });
            }
            Stage::Inside(_) | Stage::Nothing | Stage::Opener(_) | Stage::Chooser(_) => {
                // Somebody was to confirm something elsewhere: the page may learn of it in a moment.
                if solved && let Some(observation) = approval(&facts) {
                    if began.elapsed() < LOOK_LIMIT {
                        continue;
                    }
                    return Err(BrowserError::SecondFactor {
                        observation,
                        by_app: false,
                        evidence: page.evidence().await,
                    });
                }
                let shows = shows(&facts, &found);
                let Some((observation, confidence)) = without_form(found, solved) else {
                    let observation =
                        "a person says that it is done, and the page does not show it".to_owned();
                    return Err(BrowserError::SignInUnclear {
                        observation,
                        evidence: page.evidence().await,
                    });
                };
                let verdict = verdict(page, true, confidence, observation).await;
                // A chat box alone may stand there for anybody: nobody has judged that somebody is signed in.
                if confidence > 0.6 {
                    notes.validation(verdict.clone());
                }
                return Ok(SignIn {
                    verdict,
                    form: LoginForm::default(),
                    // What a person has helped with is worth keeping.
                    needed: solved,
                    shows,
                });
            }
        }
    }
}

/// What speaks for somebody being in where no form shows, and how much. After a person's help only the inside does: there was a login in the way.
fn without_form(found: Stage, solved: bool) -> Option<(String, f32)> {
    match found {
        Stage::Inside(why) if solved || why.starts_with(WAY_OUT) => Some((why, 0.9)),
        Stage::Inside(why) => Some((why, 0.6)),
        _ if solved => None,
        _ => Some(("the page asks for no login".to_owned(), 0.6)),
    }
}

/// What a server answers of an address where nothing is.
const NOWHERE: [u64; 2] = [404, 410];

fn shows(facts: &PageFacts, found: &Stage) -> Shows {
    match found {
        Stage::Inside(_) => Shows::Inside,
        Stage::Nothing => match turned_away(facts, found) {
            None => Shows::Nothing,
            // An address that leads nowhere leads nowhere for everybody: it says nothing of who comes.
            Some(what) if NOWHERE.contains(&facts.status) => {
                Shows::Unclear(format!("who comes {what}"))
            }
            Some(what) => Shows::TurnedAway(format!("who comes {what}")),
        },
        _ => Shows::Unclear("the page offers a sign-in that does not open".to_owned()),
    }
}

fn name_of(stage: &Stage) -> &'static str {
    match stage {
        Stage::Form(_) => "form",
        Stage::UserStep(_) => "user step",
        Stage::Code(_) => "code",
        Stage::Challenge(_) => "challenge",
        Stage::Chooser(_) => "chooser",
        Stage::Opener(_) => "opener",
        Stage::Inside(_) => "inside",
        Stage::Nothing => "nothing",
    }
}

/// Looks until two looks agree. What settles a question at once (a form) is believed on agreement; `Nothing` only
/// after a while, for pages that draw themselves late. `expecting` a form after a click or a first step, the page
/// is given longer.
pub(crate) async fn look(page: &Page, expecting: bool) -> Result<(PageFacts, Stage), BrowserError> {
    let began = Instant::now();
    // An app may show its inside for a moment before it finds that nobody is signed in: what counts is how long the
    // page has wanted the same thing.
    let mut wanted = ("", began);
    let mut last: Option<(PageFacts, Stage)> = None;
    loop {
        let facts = match page.facts().await {
            Ok(facts) => facts,
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            Err(error) if began.elapsed() > LOOK_LIMIT => return Err(error),
            // Between two documents there is nothing to look at.
            Err(_) => {
                sleep(TICK).await;
                continue;
            }
        };
        let found = if expecting {
            stage_expecting(&facts)
        } else {
            stage(&facts)
        };
        if wanted.0 != name_of(&found) {
            wanted = (name_of(&found), Instant::now());
        }
        let patience = match (&found, expecting) {
            (Stage::Form(_) | Stage::Code(_), _) => Duration::ZERO,
            (Stage::UserStep(_), false) => Duration::from_millis(300),
            (Stage::Inside(_), false) => Duration::from_millis(900),
            (Stage::Chooser(_) | Stage::Opener(_) | Stage::Challenge(_), false) => {
                Duration::from_millis(1200)
            }
            (Stage::Nothing, false) => {
                Duration::from_millis(if facts.text.is_empty() { 8000 } else { 2500 })
            }
            (Stage::Chooser(_), true) => Duration::from_millis(1500),
            // A page on the way, too, if it is one.
            (_, true) if passage(&facts).is_some() => Duration::from_millis(1500),
            (_, true) => Duration::from_secs(6),
        };
        let calm = last
            .as_ref()
            .is_some_and(|(before, _)| settled(before, &facts));
        if calm && wanted.1.elapsed() >= patience || began.elapsed() > LOOK_LIMIT {
            return Ok((facts, found));
        }
        last = Some((facts, found));
        sleep(TICK).await;
    }
}

pub(crate) async fn fill(
    page: &Page,
    locator: &str,
    value: &str,
    what: &str,
) -> Result<(), BrowserError> {
    if page.fill(locator, value).await? {
        return Ok(());
    }
    Err(BrowserError::ElementNotFound {
        what: format!("{what} that keeps its value"),
        evidence: page.evidence().await,
    })
}

async fn submit_user(
    page: &Page,
    account: &Account<'_>,
    before: &PageFacts,
    form: &LoginForm,
    notes: &Notes,
) -> Result<(), BrowserError> {
    let began = Instant::now();
    let Some(user) = &form.user else {
        return Ok(());
    };
    fill(page, user, account.username, "user field").await?;
    submit(page, user).await?;
    notes.step(
        "login.user_submitted",
        json!({"user": user, "submit": form.submit, "reasons": form.reasons}),
        began,
    );
    // Wait for the next step: a password, a code, or a complaint.
    while began.elapsed() < LOOK_LIMIT {
        sleep(TICK).await;
        let Ok(now) = page.facts().await else {
            continue;
        };
        match stage(&now) {
            Stage::UserStep(_) => {
                let since = Since {
                    waited: began.elapsed().min(Duration::from_millis(3900)),
                    sent: true,
                };
                match judge(before, &now, since) {
                    Outcome::Refused { why, .. } => {
                        return Err(BrowserError::InvalidCredentials {
                            observation: why,
                            evidence: page.evidence().await,
                        });
                    }
                    Outcome::Limited(observation) => return Err(limited(page, observation).await),
                    Outcome::Challenge(kind) => {
                        return Err(BrowserError::Captcha {
                            kind,
                            submitted: false,
                            evidence: page.evidence().await,
                        });
                    }
                    _ => {}
                }
            }
            Stage::Nothing | Stage::Opener(_) => {}
            Stage::Chooser(_) if began.elapsed() < Duration::from_millis(1500) => {}
            _ => return Ok(()),
        }
    }
    Ok(())
}

pub(crate) async fn limited(page: &Page, observation: String) -> BrowserError {
    BrowserError::ProviderRateLimited {
        observation,
        retry_after: None,
        in_its_place: false,
        evidence: page.evidence().await,
    }
}

/// Presses what submits the form that `anchor` belongs to, as it is now that it is filled: a button may have come to
/// life. Enter where there is none.
pub(crate) async fn submit(page: &Page, anchor: &str) -> Result<Option<String>, BrowserError> {
    let began = Instant::now();
    loop {
        let facts = page.facts().await?;
        let field = facts.fields.iter().find(|field| field.locator == anchor);
        let button = field
            .and_then(|field| submit_button(&facts, field))
            .map(|choice| &facts.buttons[choice.index]);
        match button {
            // A form that checks its fields enables its button a moment after the last one is filled.
            Some(button) if button.disabled && began.elapsed() < Duration::from_secs(2) => {
                sleep(TICK).await
            }
            Some(button) if !button.disabled => {
                page.click(&button.locator).await?;
                return Ok(Some(button.locator.clone()));
            }
            _ => {
                page.js::<bool>("focus", (anchor,)).await?;
                page.key(Key::Enter, false).await?;
                return Ok(None);
            }
        }
    }
}

pub(crate) async fn verdict(
    page: &Page,
    passed: bool,
    confidence: f32,
    observation: String,
) -> Verdict {
    let screenshot = page.evidence().await.0.unwrap_or_default();
    Verdict {
        subject: "login",
        passed,
        confidence,
        observation,
        screenshot,
        validator: "dom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_persons_help_only_the_inside_is_success() {
        let inside = || Stage::Inside("there is a way out".to_owned());
        assert!(without_form(inside(), true).is_some());
        assert!(without_form(inside(), false).is_some());
        assert!(without_form(Stage::Nothing, false).is_some());
        assert_eq!(without_form(Stage::Nothing, true), None);
        assert_eq!(without_form(Stage::Opener("b".to_owned()), true), None);
    }
}
