//! Going through pages between a login and the app.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::detect::between::Passage;
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::notes::Notes;
use crate::page::Page;

/// How long a page between login and app has to stand as it is before anything is pressed on it.
const STANDS: Duration = Duration::from_millis(400);

/// Pages between login and app: each is gone through once, and not too many.
#[derive(Default)]
pub(crate) struct Passed {
    done: Vec<(String, String)>,
    seen: Option<(Passage, Instant)>,
}

/// What to do about a page that looks like one between login and app.
#[derive(Debug, PartialEq)]
pub(crate) enum Going {
    /// It may still be drawing itself.
    Wait,
    /// Press.
    Press,
    /// It was pressed before: it is part of the app.
    Over,
}

impl Passed {
    /// What to do about it now.
    pub(crate) fn going(&mut self, facts: &PageFacts, passage: &Passage) -> Going {
        let heading = facts.headings.first().cloned().unwrap_or_default();
        let address = facts.url.split(['?', '#']).next().unwrap_or_default();
        let this = (format!("{address} {heading}"), passage.button.clone());
        if self.done.len() >= 4 || self.done.contains(&this) {
            return Going::Over;
        }
        match &self.seen {
            Some((seen, since)) if seen == passage => {
                if since.elapsed() < STANDS {
                    return Going::Wait;
                }
                self.done.push(this);
                self.seen = None;
                Going::Press
            }
            _ => {
                self.seen = Some((passage.clone(), Instant::now()));
                Going::Wait
            }
        }
    }
}

/// Presses what leads from a page between login and app into the app.
pub(crate) async fn press_on(
    page: &Page,
    passage: &Passage,
    notes: &Notes,
) -> Result<(), BrowserError> {
    let began = Instant::now();
    page.click(&passage.button).await?;
    notes.step(
        "login.went_on",
        json!({"button": passage.button, "says": passage.says, "why": passage.why}),
        began,
    );
    Ok(())
}
