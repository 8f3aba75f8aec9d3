//! Giving the code that a page asks for after the password, once, and the text of a picture. Where they come from is decided elsewhere.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::detect::login::{CodeField, LoginForm, Stage, stage};
use crate::detect::verdict::{Outcome, Since, judge};
use crate::detect::words;
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::notes::Notes;
use crate::page::Page;
use crate::passed::{Going, Passed, press_on};
use crate::password::VERDICT_LIMIT;
use crate::proof::SHOW_LIMIT;
use crate::sign_in::{Shows, SignIn, TICK, fill, limited, look, submit, verdict};

/// How soon a page that submits the last digit by itself does so.
const BY_ITSELF: Duration = Duration::from_millis(700);
/// A page with traffic of its own that has left the code where it is for so long waits for a press.
const LEFT_ALONE: Duration = Duration::from_secs(2);
/// A page that still asks after so long says nothing any more.
const STALE: Duration = Duration::from_secs(12);

/// Gives the code that a page asks for after the password (see [`BrowserError::SecondFactor`]), once. Boxes like "trust this device" stay as they are.
///
/// # Errors
/// As [`crate::sign_in`]; a refused code is [`BrowserError::CodeRefused`].
pub async fn submit_code(page: &Page, code: &str, notes: &Notes) -> Result<SignIn, BrowserError> {
    let (before, found) = look(page, false).await?;
    let Stage::Code(field) = found else {
        let what = "field for a second factor".to_owned();
        return Err(BrowserError::ElementNotFound {
            what,
            evidence: page.evidence().await,
        });
    };
    page.conceal(code);
    let activity = page.activity();
    let submitted = Instant::now();
    type_code(page, &field, code).await?;
    let by_itself = goes_by_itself(page, &field, activity).await;
    if !by_itself {
        submit(page, &field.field).await?;
    }
    notes.step(
        "login.code_submitted",
        json!({"field": field.field, "split": field.split, "by_itself": by_itself}),
        submitted,
    );
    let mut agreeing: Option<Instant> = None;
    let mut unproven: Option<Instant> = None;
    let mut passed = Passed::default();
    loop {
        sleep(TICK).await;
        let waited = submitted.elapsed();
        let Ok(now) = page.facts().await else {
            if waited > VERDICT_LIMIT {
                return Err(BrowserError::NavigationTimeout {
                    url: before.url,
                    evidence: page.evidence().await,
                });
            }
            continue;
        };
        let asks = matches!(stage(&now), Stage::Code(_));
        let accepted = match judge(&before, &now, Since { waited, sent: true }) {
            // A code field is still there: refused, or not looked at yet.
            _ if asks => match refusal(&before, &now, waited) {
                Some(Asked::Refused(observation)) => {
                    return Err(refused(page, observation).await);
                }
                Some(Asked::Unclear) => {
                    return Err(BrowserError::SignInUnclear {
                        observation: "the page still asks for the code, and does not say why"
                            .to_owned(),
                        evidence: page.evidence().await,
                    });
                }
                None => None,
            },
            Outcome::Accepted { confidence, why } => Some((confidence, why)),
            // The field is gone, and no complaint: whoever was refused would be asked again.
            Outcome::Unproven(why) => {
                let since = *unproven.get_or_insert_with(Instant::now);
                (since.elapsed() > SHOW_LIMIT).then_some((0.7, why))
            }
            Outcome::GoesOn(passage) => match passed.going(&now, &passage) {
                Going::Wait => None,
                Going::Press => {
                    press_on(page, &passage, notes).await?;
                    None
                }
                Going::Over => Some((0.7, "the field for the code is gone".to_owned())),
            },
            Outcome::Refused { why, .. } => return Err(refused(page, why).await),
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
            Outcome::Challenge(_) | Outcome::Pending => None,
        };
        match accepted {
            Some((confidence, why)) => {
                let first = *agreeing.get_or_insert_with(Instant::now);
                let lasting = Duration::from_millis(if confidence > 0.9 { 200 } else { 900 });
                if first.elapsed() >= lasting {
                    let verdict = verdict(page, true, confidence, why).await;
                    notes.validation(verdict.clone());
                    return Ok(SignIn {
                        verdict,
                        form: LoginForm::default(),
                        needed: true,
                        shows: Shows::Inside,
                    });
                }
            }
            None => agreeing = None,
        }
        if waited > VERDICT_LIMIT {
            let observation = "the page does not react to the code".to_owned();
            return Err(BrowserError::SignInUnclear {
                observation,
                evidence: page.evidence().await,
            });
        }
    }
}

async fn refused(page: &Page, observation: String) -> BrowserError {
    BrowserError::CodeRefused {
        observation,
        evidence: page.evidence().await,
    }
}

async fn type_code(page: &Page, field: &CodeField, code: &str) -> Result<(), BrowserError> {
    if field.split {
        // One box per digit: each takes a key and hands the focus on.
        page.focus(&field.field).await?;
        return page.type_keys(code).await;
    }
    match fill(page, &field.field, code, "code field").await {
        // It may have been submitted, and be gone, with the last digit.
        Err(BrowserError::ElementNotFound { .. })
            if !matches!(page.facts().await.as_ref().map(stage), Ok(Stage::Code(_))) =>
        {
            Ok(())
        }
        filled => filled,
    }
}

/// Whether the page submits by itself with the last digit: then pressing, too, would give the code twice.
async fn goes_by_itself(page: &Page, field: &CodeField, activity: u64) -> bool {
    let began = Instant::now();
    loop {
        // Between two documents there is nothing to look at: it has gone.
        let left = match page.facts().await {
            Ok(facts) => left_there(&facts, &field.field),
            Err(_) => Left::Gone,
        };
        let sent = page.activity() > activity;
        if let Some(gone) = has_gone(&left, sent, began.elapsed()) {
            return gone;
        }
        sleep(TICK).await;
    }
}

/// What a page has done with the code that was typed.
#[derive(Debug, PartialEq)]
enum Left {
    /// It is there, and can be submitted.
    There,
    /// The field is there, but it is empty or takes nothing any more.
    Taken,
    /// The field is gone.
    Gone,
}

fn left_there(facts: &PageFacts, locator: &str) -> Left {
    let field = facts.fields.iter().find(|known| known.locator == locator);
    match field {
        None => Left::Gone,
        Some(field) if field.length > 0 && !field.disabled => Left::There,
        Some(_) => Left::Taken,
    }
}

/// Whether the code has gone off by itself; none while that cannot be told. Traffic alone does not say so: pages report every key to somebody.
fn has_gone(left: &Left, sent: bool, waited: Duration) -> Option<bool> {
    match left {
        Left::Gone => Some(true),
        Left::Taken if sent => Some(true),
        Left::There if sent => (waited >= LEFT_ALONE).then_some(false),
        _ => (waited >= BY_ITSELF).then_some(false),
    }
}

/// What a page says that still asks for a code.
#[derive(Debug, PartialEq)]
enum Asked {
    /// It has refused the one it got, and this is why.
    Refused(String),
    /// It has the code, and neither takes nor refuses it.
    Unclear,
}

/// What a page that still asks for a code has made of the one it got; none while nothing can be said.
fn refusal(before: &PageFacts, now: &PageFacts, waited: Duration) -> Option<Asked> {
    let complaint = now
        .alerts
        .iter()
        .filter(|alert| !before.alerts.contains(alert))
        .map(|alert| alert.text.clone())
        .chain(now.dialogs.iter().skip(before.dialogs.len()).cloned())
        .find(|text| !words::any(&text.to_lowercase(), words::WAITING));
    let emptied = |facts: &PageFacts| facts.fields.iter().all(|field| field.length == 0);
    let invalid = |facts: &PageFacts| facts.fields.iter().any(|field| field.invalid);
    complaint
        .or_else(|| {
            // The same words as before are a complaint that was there: about the code before.
            let said = |facts: &PageFacts| words::any(&facts.text.to_lowercase(), words::WRONG);
            (said(now) && !said(before)).then(|| now.text.chars().take(200).collect())
        })
        .or_else(|| {
            (invalid(now) && !invalid(before)).then(|| "the field is marked as invalid".to_owned())
        })
        .or_else(|| {
            let calm = !now.busy && now.ready == "complete";
            (waited > Duration::from_millis(3_500) && calm && emptied(now))
                .then(|| "the page asks for the code again".to_owned())
        })
        .map(Asked::Refused)
        .or_else(|| {
            let what = if emptied(now) {
                Asked::Refused("the page still asks for the code".to_owned())
            } else {
                Asked::Unclear
            };
            (waited > STALE).then_some(what)
        })
}

/// Puts the text that a person has read off a picture into the field beside it. It is submitted with the form.
///
/// # Errors
/// [`BrowserError::ElementNotFound`] when there is no such field.
pub async fn answer_challenge(page: &Page, text: &str) -> Result<(), BrowserError> {
    let facts = page.facts().await?;
    let field = facts.fields.iter().find(|field| {
        field.r#type != "password"
            && words::any(
                &field.words(),
                &[
                    "captcha",
                    "characters",
                    "picture",
                    "image",
                    "zeichen",
                    "bild",
                    "验证码",
                    "文字",
                    "картинк",
                ],
            )
    });
    match field {
        Some(field) => fill(page, &field.locator, text, "field for the picture's text").await,
        None => Err(BrowserError::ElementNotFound {
            what: "field for the picture's text".to_owned(),
            evidence: page.evidence().await,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Alert, Field};

    fn page(length: u64) -> PageFacts {
        PageFacts {
            ready: "complete".into(),
            text: "Enter the code".into(),
            fields: vec![Field {
                locator: "code".into(),
                length,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_page_that_keeps_the_code_and_says_nothing_has_not_refused_it() {
        let (before, late) = (page(0), Duration::from_secs(13));
        assert_eq!(refusal(&before, &page(6), Duration::from_secs(11)), None);
        assert_eq!(refusal(&before, &page(6), late), Some(Asked::Unclear));
        let emptied = refusal(&before, &page(0), late);
        assert!(matches!(emptied, Some(Asked::Refused(_))), "{emptied:?}");
        let mut said = page(6);
        said.alerts.push(Alert {
            text: "That code is not right.".into(),
            ..Default::default()
        });
        let refused = refusal(&before, &said, late);
        assert!(matches!(refused, Some(Asked::Refused(_))), "{refused:?}");
    }

    #[test]
    fn traffic_alone_does_not_say_that_a_code_has_gone() {
        let ms = Duration::from_millis;
        let left = left_there(&page(6), "code");
        assert_eq!(left, Left::There);
        assert_eq!(has_gone(&left, true, ms(300)), None);
        assert_eq!(has_gone(&left, true, ms(2_000)), Some(false));
        assert_eq!(has_gone(&left, false, ms(700)), Some(false));
        let mut disabled = page(6);
        disabled.fields[0].disabled = true;
        for (facts, left) in [
            (disabled, Left::Taken),
            (page(0), Left::Taken),
            (PageFacts::default(), Left::Gone),
        ] {
            assert_eq!(left_there(&facts, "code"), left);
            assert_eq!(has_gone(&left, true, ms(300)), Some(true), "{left:?}");
        }
    }
}
