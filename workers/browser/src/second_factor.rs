//! Giving the code that a page asks for after the password, once. Where the code comes from is decided elsewhere.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::detect::login::{LoginForm, Stage, stage};
use crate::detect::verdict::{Outcome, Since, judge};
use crate::error::BrowserError;
use crate::notes::Notes;
use crate::page::Page;
use crate::sign_in::{SignIn, TICK, VERDICT_LIMIT, fill, limited, look, submit, verdict};

/// Gives the code that a page asks for after the password (see [`BrowserError::SecondFactor`]), once.
///
/// # Errors
/// As [`crate::sign_in`]; a refused code is [`BrowserError::InvalidCredentials`].
pub async fn submit_code(page: &Page, code: &str, notes: &Notes) -> Result<SignIn, BrowserError> {
    let (before, found) = look(page, false).await?;
    let Stage::Code(field) = found else {
        let what = "field for a second factor".to_owned();
        return Err(BrowserError::ElementNotFound {
            what,
            evidence: page.evidence().await,
        });
    };
    let single = before
        .fields
        .iter()
        .any(|known| known.locator == field && known.maxlength == 1);
    if single {
        // One box per digit: each takes a key and hands the focus on.
        page.focus(&field).await?;
        page.type_keys(code).await?;
    } else {
        fill(page, &field, code, "code field").await?;
    }
    let filled = page.facts().await?;
    let submitted = Instant::now();
    // Some pages submit by themselves with the last digit.
    if matches!(stage(&filled), Stage::Code(_)) {
        submit(page, &field).await?;
    }
    notes.step("login.code_submitted", json!({"field": field}), submitted);
    let mut agreeing: Option<Instant> = None;
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
        let outcome = judge(&before, &now, Since { waited, sent: true });
        match outcome {
            Outcome::Accepted { confidence, why } => {
                let first = *agreeing.get_or_insert_with(Instant::now);
                if first.elapsed() < Duration::from_millis(if confidence > 0.9 { 200 } else { 900 })
                {
                    continue;
                }
                let verdict = verdict(page, true, confidence, why).await;
                notes.validation(verdict.clone());
                return Ok(SignIn {
                    verdict,
                    form: LoginForm::default(),
                    needed: true,
                });
            }
            Outcome::Refused {
                why: observation, ..
            } => {
                return Err(BrowserError::InvalidCredentials {
                    observation,
                    evidence: page.evidence().await,
                });
            }
            Outcome::Limited(observation) => return Err(limited(page, observation).await),
            Outcome::Broken(text) => {
                return Err(BrowserError::PageError {
                    text,
                    evidence: page.evidence().await,
                });
            }
            _ if asks => {
                let complaint = now
                    .alerts
                    .iter()
                    .find(|alert| !before.alerts.contains(alert))
                    .map(|alert| alert.text.clone());
                let stale = waited > Duration::from_secs(12);
                if let Some(observation) = complaint
                    .or_else(|| stale.then(|| "the page asks for the code again".to_owned()))
                {
                    return Err(BrowserError::InvalidCredentials {
                        observation,
                        evidence: page.evidence().await,
                    });
                }
            }
            _ => agreeing = None,
        }
        if waited > VERDICT_LIMIT {
            let what = "reaction to the code".to_owned();
            return Err(BrowserError::ElementNotFound {
                what,
                evidence: page.evidence().await,
            });
        }
    }
}
