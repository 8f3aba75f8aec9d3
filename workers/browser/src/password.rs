//! Submitting user and password, once, and watching for the verdict.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::detect::login::{LoginForm, Stage, stage_expecting};
use crate::detect::verdict::{Outcome, Since, judge};
use crate::detect::words;
use crate::error::{BrowserError, Evidence};
use crate::input::Key;
use crate::notes::Notes;
use crate::page::Page;
use crate::passed::{Going, Passed, press_on};
use crate::proof::{Anew, SHOW_LIMIT, comes_anew, kept, shows_account};
use crate::sign_in::{Account, Shows, SignIn, TICK, fill, limited, submit, verdict};

/// How long a field for a name has to be awaited after the password: what was there before may still be going.
const NAME_COMES: Duration = Duration::from_millis(500);
/// How long a submitted form may stay undecided.
pub(crate) const VERDICT_LIMIT: Duration = Duration::from_secs(25);

/// A sign-in that took, told and judged.
async fn accepted(
    page: &Page,
    form: LoginForm,
    confidence: f32,
    why: String,
    submitted: Instant,
    notes: &Notes,
) -> SignIn {
    let verdict = verdict(page, true, confidence, why).await;
    let observation = json!({"observation": verdict.observation});
    notes.step("login.accepted", observation, submitted);
    notes.validation(verdict.clone());
    SignIn {
        verdict,
        form,
        needed: true,
        shows: Shows::Inside,
    }
}

pub(crate) async fn submit_password(
    page: &Page,
    account: &Account<'_>,
    mut form: LoginForm,
    notes: &Notes,
) -> Result<SignIn, BrowserError> {
    let began = Instant::now();
    if let Some(user) = &form.user {
        fill(page, user, account.username, "user field").await?;
    }
    let password = form.password.clone().unwrap_or_default();
    fill(page, &password, account.password, "password field").await?;
    remember(page, &password, notes).await?;
    let before = page.facts().await?;
    let kept = kept(page).await;
    notes.step(
        "login.filled",
        json!({"user": form.user, "password": password, "reasons": form.reasons}),
        began,
    );
    let activity = page.activity();
    let mut submitted = Instant::now();
    form.submit = submit(page, &password).await?;
    notes.step(
        "login.submitted",
        json!({"button": form.submit, "enter": form.submit.is_none()}),
        submitted,
    );

    let mut agreeing: Option<Instant> = None;
    let mut unproven: Option<Instant> = None;
    let mut passed = Passed::default();
    let mut entered = form.submit.is_none();
    let mut named = form.user.is_some() || account.username.is_empty();
    loop {
        sleep(TICK).await;
        let now = match page.facts().await {
            Ok(now) => now,
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            Err(_) if submitted.elapsed() < VERDICT_LIMIT => continue,
            Err(error) => return Err(error),
        };
        let since = Since {
            waited: submitted.elapsed(),
            sent: page.activity() > activity,
        };
        // A page that asked for the password alone may ask for the name next.
        if !named
            && since.waited > NAME_COMES
            && let Stage::UserStep(step) = stage_expecting(&now)
            && let Some(user) = step.user
        {
            named = true;
            fill(page, &user, account.username, "user field").await?;
            submit(page, &user).await?;
            notes.step("login.user_submitted", json!({"user": user}), submitted);
            form.user = Some(user);
            form.two_steps = true;
            submitted = Instant::now();
            continue;
        }
        let outcome = match judge(&before, &now, since) {
            Outcome::Unproven(why) if shows_account(&before, &now, account) => Outcome::Accepted {
                confidence: 0.8,
                why: format!("{why}, and the page shows the account"),
            },
            // The app itself may have a button that looks like a way on: pressed once, it is one no more.
            Outcome::GoesOn(passage) => match passed.going(&now, &passage) {
                Going::Wait => continue,
                Going::Press => Outcome::GoesOn(passage),
                Going::Over => Outcome::Unproven("the sign-in form is gone".to_owned()),
            },
            outcome => outcome,
        };
        if !matches!(outcome, Outcome::Unproven(_)) {
            unproven = None;
        }
        let (observation, evidence) = match outcome {
            Outcome::GoesOn(passage) => {
                press_on(page, &passage, notes).await?;
                submitted = Instant::now();
                agreeing = None;
                continue;
            }
            Outcome::Unproven(why) => {
                // It may still be drawing itself.
                if unproven.get_or_insert_with(Instant::now).elapsed() < SHOW_LIMIT {
                    continue;
                }
                match comes_anew(page, &before, &kept, notes).await? {
                    Anew::Proven(proof) => {
                        let why = format!("{why}, and {proof}");
                        return Ok(accepted(page, form, 0.75, why, submitted, notes).await);
                    }
                    Anew::Unclear(what) => {
                        let observation = format!("{why}, and {what}");
                        notes.step(
                            "login.unclear",
                            json!({"observation": observation}),
                            submitted,
                        );
                        return Err(BrowserError::SignInUnclear {
                            observation,
                            evidence: page.evidence().await,
                        });
                    }
                    Anew::AsksAgain => {
                        let why = format!(
                            "{why}, but nothing shows that it worked, and who comes anew has to sign in"
                        );
                        let refused = verdict(page, false, 0.6, why.clone()).await;
                        let evidence = Evidence(
                            Some(refused.screenshot.clone()).filter(|shot| !shot.is_empty()),
                        );
                        notes.validation(refused);
                        (why, evidence)
                    }
                }
            }
            Outcome::Accepted { confidence, why } => {
                let first = *agreeing.get_or_insert_with(Instant::now);
                if first.elapsed() < Duration::from_millis(if confidence > 0.9 { 200 } else { 900 })
                {
                    continue;
                }
                return Ok(accepted(page, form, confidence, why, submitted, notes).await);
            }
            Outcome::Pending => {
                agreeing = None;
                // The button did nothing at all: nothing has left the page, so the Enter key submits for the first time.
                if !entered
                    && !since.sent
                    && since.waited > Duration::from_secs(3)
                    && now.url == before.url
                {
                    entered = true;
                    page.js::<bool>("focus", (&password,)).await?;
                    page.key(Key::Enter, false).await?;
                    notes.step("login.submitted", json!({"enter": true}), submitted);
                }
                if submitted.elapsed() < VERDICT_LIMIT {
                    continue;
                }
                let observation = "the page does not react to the sign-in form".to_owned();
                return Err(BrowserError::SignInUnclear {
                    observation,
                    evidence: page.evidence().await,
                });
            }
            Outcome::Limited(observation) => return Err(limited(page, observation).await),
            Outcome::Broken(text) => {
                return Err(BrowserError::PageError {
                    text,
                    in_its_place: false,
                    evidence: page.evidence().await,
                });
            }
            Outcome::SecondFactor { why, by_app } => {
                return Err(BrowserError::SecondFactor {
                    observation: why,
                    by_app,
                    evidence: page.evidence().await,
                });
            }
            Outcome::Challenge(kind) => {
                return Err(BrowserError::Captcha {
                    kind,
                    submitted: true,
                    evidence: page.evidence().await,
                });
            }
            Outcome::Refused { confidence, why } => {
                let refused = verdict(page, false, confidence, why.clone()).await;
                let evidence =
                    Evidence(Some(refused.screenshot.clone()).filter(|shot| !shot.is_empty()));
                notes.validation(refused);
                (why, evidence)
            }
        };
        notes.step(
            "login.refused",
            json!({"observation": observation}),
            submitted,
        );
        return Err(BrowserError::InvalidCredentials {
            observation,
            evidence,
        });
    }
}

/// Ticks "remember me" beside a password, where there is such a box.
async fn remember(page: &Page, password: &str, notes: &Notes) -> Result<(), BrowserError> {
    let began = Instant::now();
    let facts = page.facts().await?;
    let form = facts
        .fields
        .iter()
        .find(|field| field.locator == password)
        .and_then(|field| field.form);
    let found = facts
        .boxes
        .iter()
        .find(|tick| !tick.on && tick.form == form && words::any(&tick.words, words::REMEMBER));
    if let Some(tick) = found {
        // What cannot be ticked does not stop a sign-in.
        let ticked = page.click(&tick.locator).await.is_ok();
        notes.step(
            "login.remembered",
            json!({"box": tick.locator, "ticked": ticked}),
            began,
        );
    }
    Ok(())
}
