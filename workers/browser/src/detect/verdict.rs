//! Whether a sign-in that was submitted has been accepted, judged by what the page looked like before and looks like
//! now. Pure. An error is believed over a page that merely looks different; silence is not success.

use std::time::Duration;

use super::between::{Passage, approval, passage};
use super::elsewhere::elsewhere;
use super::human;
use super::login::{Stage, stage};
use super::ways::way_out;
use super::words;
use crate::facts::PageFacts;

/// What became of it so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing can be said yet.
    Pending,
    /// Signed in.
    Accepted {
        /// 0 to 1.
        confidence: f32,
        /// What was seen.
        why: String,
    },
    /// The page refuses the account.
    Refused {
        /// 0 to 1.
        confidence: f32,
        /// What was seen.
        why: String,
    },
    /// The page refuses to listen for a while.
    Limited(String),
    /// The page or its server failed; that says nothing about the account.
    Broken(String),
    /// The form is gone, and nothing shows that somebody is in.
    Unproven(String),
    /// A page between login and app: this is to be pressed.
    GoesOn(Passage),
    /// A code from elsewhere is asked for, or a confirmation.
    SecondFactor {
        /// What the page says.
        why: String,
        /// The code of an authenticator app may be meant.
        by_app: bool,
    },
    /// A person has to solve something.
    Challenge(String),
}

/// What is known besides the page's two looks.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// Time since the form was submitted.
    pub waited: Duration,
    /// Whether anything has left the page since.
    pub sent: bool,
}

/// Judges the page as it is `now` against how it was `before` the password was submitted.
#[must_use]
pub fn judge(before: &PageFacts, now: &PageFacts, since: Since) -> Outcome {
    let news = news(before, now);
    if let Some(text) = broken(now, &news) {
        return Outcome::Broken(text);
    }
    let wrong = |text: &&String| words::any(&text.to_lowercase(), words::WRONG);
    // Of several, the one about the account counts.
    let complaint = news
        .iter()
        .find(|text| wrong(text) && human::blames_account(text))
        .or_else(|| news.iter().find(wrong));
    let limit = news
        .iter()
        .find(|text| words::any(&text.to_lowercase(), words::LOCKED));
    let refused = |confidence: f32, why: &str| Outcome::Refused {
        confidence,
        why: why.to_owned(),
    };
    let ms = since.waited.as_millis();
    let calm = !now.busy && now.ready != "loading";
    let new_way_out = way_out(now).filter(|_| way_out(before).is_none());
    // Asked before anything else: a page that lets an app in may have a way out of its own.
    let here = now.fields.iter().any(|field| field.r#type == "password");
    if !here
        && complaint.is_none()
        && limit.is_none()
        && calm
        // What is to be confirmed elsewhere is a person's, whatever its one button says.
        && approval(now).is_none()
        && let Some(passage) = passage(now)
    {
        return Outcome::GoesOn(passage);
    }
    match stage(now) {
        // A password field in the app itself, behind a way out that was not there before.
        Stage::Form(_)
            if new_way_out.is_some()
                && now.url != before.url
                && complaint.is_none()
                && limit.is_none() =>
        {
            Outcome::Accepted {
                confidence: 0.8,
                why: "there is a way out, and the address has changed".to_owned(),
            }
        }
        Stage::Form(form) => {
            if let Some(text) = limit {
                return Outcome::Limited(text.clone());
            }
            // That the proof of a person was not taken says nothing about the account.
            if human::only_about_person(now, &news) {
                return Outcome::Challenge(human::kind(now));
            }
            if let Some(text) = complaint {
                return refused(0.97, text);
            }
            if ms > 700
                && let Some(text) = news.first()
            {
                return refused(0.85, text);
            }
            let field = now
                .fields
                .iter()
                .find(|field| Some(&field.locator) == form.password.as_ref());
            let was = before
                .fields
                .iter()
                .find(|field| field.r#type == "password");
            if ms > 700 && field.is_some_and(|f| f.invalid) && !was.is_some_and(|f| f.invalid) {
                return refused(0.85, "the password field is marked as invalid");
            }
            if let (true, Some(kind)) = (ms > 3000, now.challenges.first()) {
                return Outcome::Challenge(kind.clone());
            }
            // The same complaint once more, on a page that came anew, is no news.
            if since.sent
                && ms > 700
                && field.is_some_and(|f| f.length == 0)
                && now.ready == "complete"
                && let Some(kind) = now.challenges.first()
                && human::only_about_person(now, now.alerts.iter().map(|alert| &alert.text))
            {
                return Outcome::Challenge(kind.clone());
            }
            if since.sent
                && ms > 2500
                && field.is_some_and(|f| f.length == 0)
                && !now.busy
                && now.ready == "complete"
            {
                return refused(0.75, "the sign-in form came back empty");
            }
            if since.sent && ms > 12_000 {
                return refused(
                    0.6,
                    "the sign-in form is still there long after it was submitted",
                );
            }
            Outcome::Pending
        }
        Stage::Code(code) => Outcome::SecondFactor {
            why: now
                .headings
                .first()
                .cloned()
                .unwrap_or_else(|| "a code".to_owned()),
            by_app: code.by_app,
        },
        Stage::UserStep(_) => match (limit, complaint) {
            (Some(text), _) => Outcome::Limited(text.clone()),
            _ if human::only_about_person(now, &news) => Outcome::Challenge(human::kind(now)),
            (None, Some(text)) => refused(0.95, text),
            (None, None) if ms > 4000 && now.challenges.iter().any(|kind| kind != "turnstile") => {
                Outcome::Challenge(human::kind(now))
            }
            (None, None) if ms > 4000 => refused(0.6, "the page asks for the user name again"),
            (None, None) => Outcome::Pending,
        },
        Stage::Inside(why)
            if (way_out(now).is_none() || new_way_out.is_some())
                && complaint.is_none()
                && limit.is_none()
                && calm =>
        {
            Outcome::Accepted {
                confidence: 0.95,
                why,
            }
        }
        Stage::Challenge(kind) if ms > 1500 => Outcome::Challenge(kind),
        Stage::Challenge(_) => Outcome::Pending,
        found => elsewhere(before, now, since, &found, (limit, complaint)),
    }
}

/// A failure that does not speak of the account: the browser's own error page, or a server's.
fn broken(now: &PageFacts, news: &[String]) -> Option<String> {
    if now.url.starts_with("chrome-error:") {
        return Some(now.text.chars().take(200).collect());
    }
    let has_form = now.fields.iter().any(|field| field.r#type == "password");
    if now.status >= 500 && !has_form {
        return Some(format!(
            "status {}: {}",
            now.status,
            now.text.chars().take(160).collect::<String>()
        ));
    }
    let blames_account =
        |text: &str| words::any(text, words::SECRET) || words::any(text, words::USER);
    let fails = |text: &str| {
        let lower = text.to_lowercase();
        words::any(&lower, words::BROKEN) && !blames_account(&lower)
    };
    let bare = now.fields.is_empty() && now.text.len() < 300 && fails(&now.text);
    news.iter()
        .find(|text| fails(text))
        .cloned()
        .or_else(|| bare.then(|| now.text.clone()))
}

/// Texts that call for attention and were not there before: alerts, dialogs, and new sentences of the page.
fn news(before: &PageFacts, now: &PageFacts) -> Vec<String> {
    let known = |text: &str| before.alerts.iter().any(|alert| alert.text == text);
    let mut news: Vec<String> = now
        .alerts
        .iter()
        .map(|alert| alert.text.clone())
        .filter(|text| !known(text) && meaningful(text))
        .collect();
    news.extend(now.dialogs.iter().skip(before.dialogs.len()).cloned());
    // Outside alerts only what reads like a complaint is news: pages change much when a login succeeds.
    let here = now.fields.iter().any(|field| field.r#type == "password");
    if here && let Some(text) = inserted(&before.text, &now.text) {
        let lower = text.to_lowercase();
        if words::any(&lower, words::WRONG) || words::any(&lower, words::LOCKED) {
            news.push(text);
        }
    }
    news
}

fn meaningful(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= 3
        && !words::any(&text.to_lowercase(), words::WAITING)
}

/// The stretch of words that `now` has and `before` has not, when they are otherwise the same.
fn inserted(before: &str, now: &str) -> Option<String> {
    let (before, now): (Vec<&str>, Vec<&str>) =
        (before.split(' ').collect(), now.split(' ').collect());
    let head = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
    let tail = before[head..]
        .iter()
        .rev()
        .zip(now[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let new = now[head..now.len() - tail].join(" ");
    (!new.is_empty() && new.len() < 300).then_some(new)
}

#[cfg(test)]
mod tests;
