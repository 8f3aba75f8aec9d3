//! What a page says that came instead of the sign-in form, and is neither an app nor a step that is known. Pure.

use super::between::approval;
use super::human;
use super::login::Stage;
use super::verdict::{Outcome, Since};
use super::words;
use crate::facts::PageFacts;

/// The form is gone, and neither an app nor another step has come that is known.
pub(super) fn elsewhere(
    before: &PageFacts,
    now: &PageFacts,
    since: Since,
    found: &Stage,
    (limit, complaint): (Option<&String>, Option<&String>),
) -> Outcome {
    let refused = |confidence: f32, why: &str| Outcome::Refused {
        confidence,
        why: why.chars().take(200).collect(),
    };
    let ms = since.waited.as_millis();
    let spoken = spoken(now);
    let lower = spoken.to_lowercase();
    if let Some(text) = limit {
        return Outcome::Limited(text.clone());
    }
    if let Some(text) =
        complaint.filter(|text| now.text.len() < 500 || now.alerts.iter().any(|a| &a.text == *text))
    {
        if human::only_about_person(now, [text]) {
            return Outcome::Challenge(human::kind(now));
        }
        return refused(0.8, text);
    }
    if matches!(now.status, 401 | 403) && now.url != before.url {
        return refused(0.85, &format!("status {}: {spoken}", now.status));
    }
    let blank = now.text.is_empty() && now.fields.is_empty() && now.buttons.is_empty();
    if blank || now.ready == "loading" || now.busy && ms < 6000 {
        return Outcome::Pending;
    }
    // It says itself that it is not done.
    if now.text.chars().count() < 80 && words::any(&lower, words::WAITING) && ms < 12_000 {
        return Outcome::Pending;
    }
    let of_account = words::any(&lower, words::SECRET)
        || words::any(&lower, words::USER)
        || words::any(&lower, words::SIGN_IN);
    let new = !before.text.contains(&now.text);
    if new && words::any(&lower, words::LOCKED) && of_account {
        return Outcome::Limited(spoken);
    }
    let accuses = words::any(&lower, words::WRONG) || words::any(&lower, words::NO_ENTRY);
    if new && accuses && (of_account || now.text.len() < 200) && now.fields.is_empty() {
        if human::only_about_person(now, [&spoken]) {
            return Outcome::Challenge(human::kind(now));
        }
        return refused(0.8, &spoken);
    }
    if let Some(text) = approval(now).filter(|_| ms > 1500) {
        return Outcome::SecondFactor {
            why: text,
            by_app: false,
        };
    }
    if matches!(found, Stage::Opener(_) | Stage::Chooser(_)) {
        // An app may show its public side for a moment. One that goes on offering the login has let nobody in.
        return if ms > 6000 {
            refused(0.65, "the page offers to sign in again")
        } else {
            Outcome::Pending
        };
    }
    let has_come = if now.url == before.url {
        ms >= 2000
    } else {
        ms >= 800
    };
    if !has_come {
        return Outcome::Pending;
    }
    let greets = |facts: &PageFacts| {
        let said = format!("{} {}", facts.headings.join(" "), facts.text);
        let said: String = said.to_lowercase().chars().take(400).collect();
        words::any(&said, words::WELCOME)
    };
    let account = |facts: &PageFacts| {
        facts.buttons.iter().any(|button| {
            let said = button.words();
            said.chars().count() < 60 && words::any(&said, words::ACCOUNT)
        })
    };
    if !accuses && greets(now) && !greets(before) {
        return Outcome::Accepted {
            confidence: 0.8,
            why: "the sign-in form is gone, and the page greets".to_owned(),
        };
    }
    if account(now) && !account(before) {
        return Outcome::Accepted {
            confidence: 0.8,
            why: "the sign-in form is gone, and there is an account's menu".to_owned(),
        };
    }
    Outcome::Unproven("the sign-in form is gone".to_owned())
}

/// Characters that a page has at most that says one thing.
const SHORT: usize = 300;

/// What a page says that says little: its title and headings, and all of a short text.
fn spoken(now: &PageFacts) -> String {
    let text = if now.text.chars().count() < SHORT {
        now.text.as_str()
    } else {
        ""
    };
    let mut parts: Vec<&str> = now.headings.iter().map(String::as_str).collect();
    parts.push(&now.title);
    parts.retain(|part| !text.contains(part));
    parts.push(text);
    parts.join(" ").trim().to_owned()
}
