//! Leaving a conversation for a new one by the page's own control, so that the page need not be loaded again. What counts is what comes of it: the
//! conversation is gone from the page, and the box is there and empty.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::chat_map::{ChatMap, NewChat};
use crate::detect::chat;
use crate::error::BrowserError;
use crate::facts::{Button, PageFacts};
use crate::notes::Notes;
use crate::page::Page;

/// How long a page may take to show an empty conversation.
const EMPTIED_WITHIN: Duration = Duration::from_secs(5);
/// A control that changes nothing in this time is none.
const NOTHING_HAPPENED: Duration = Duration::from_millis(1500);
/// A page that is to speak with its server about a new conversation has begun to by then.
const SPEAKS_WITHIN: Duration = Duration::from_millis(1500);
/// And is done when it has said nothing, and shown nothing new, for so long.
const AT_REST: Duration = Duration::from_millis(700);
/// Characters of an answer by which it is recognised.
const EXCERPT: usize = 60;

/// What was said last on a page: the question as typed and the answer as read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastTurn {
    /// What was typed.
    pub question: String,
    /// What was read.
    pub answer: String,
}

impl LastTurn {
    /// Texts of the conversation that the page shows now.
    async fn shown(&self, page: &Page, input: &str) -> Result<Vec<String>, BrowserError> {
        let mut shown = Vec::new();
        for text in [self.question.clone(), excerpt(&self.answer)] {
            if text.is_empty() {
                continue;
            }
            match page.js::<bool>("asks", (input, &text)).await {
                Ok(true) => shown.push(text),
                // The frame that it would show in is not there.
                Ok(false) | Err(BrowserError::ElementNotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(shown)
    }
}

/// The first line of an answer that says enough to be recognised by. That of a code fence is not shown.
fn excerpt(answer: &str) -> String {
    let says = |line: &&str| {
        !line.trim_start().starts_with("```")
            && line.chars().filter(|c| c.is_alphanumeric()).count() >= 8
    };
    let line = answer.lines().find(says).unwrap_or_default();
    line.chars().take(EXCERPT).collect()
}

/// Whether the page shows the conversation in which this was said last: the question, and the answer as far as it can be recognised. A list of
/// conversations may show the one without the other.
pub async fn recognises(page: &Page, map: &ChatMap, last: &LastTurn) -> bool {
    let wanted = [last.question.clone(), excerpt(&last.answer)];
    let wanted = wanted.iter().filter(|text| !text.is_empty()).count();
    let shown = last.shown(page, &map.input).await;
    shown.is_ok_and(|shown| wanted > 0 && shown.len() == wanted)
}

/// Begins a new conversation on a page that shows an old one. False when the control did not do it: then the page must be loaded anew.
///
/// # Errors
/// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
pub async fn start_new(
    page: &Page,
    map: &ChatMap,
    last: &LastTurn,
    notes: &Notes,
) -> Result<bool, BrowserError> {
    let Some(control) = &map.new_chat else {
        return Ok(false);
    };
    let began = Instant::now();
    let activity = page.activity();
    let done = press(page, map, control, last).await?.is_some();
    if done && control.speaks {
        comes_to_rest(page, activity).await?;
    }
    notes.step(
        "chat.new",
        json!({"button": control.button, "done": done}),
        began,
    );
    Ok(done)
}

/// Looks for a control that begins a new conversation, and tries it on the conversation of the trial. `fresh` is the page before that.
pub(crate) async fn learn(
    page: &Page,
    map: &ChatMap,
    fresh: &PageFacts,
    last: &LastTurn,
    notes: &Notes,
) -> Result<Option<NewChat>, BrowserError> {
    let began = Instant::now();
    let facts = page.facts().await?;
    // Lists of conversations have more on them afterwards, but not the conversation itself.
    let most = fresh.text.chars().count() + 2 * last.question.chars().count() + 120;
    for choice in chat::new_chats(&facts).into_iter().take(2) {
        let button = &facts.buttons[choice];
        let control = NewChat {
            button: button.locator.clone(),
            ..NewChat::default()
        };
        let activity = page.activity();
        let found = press(page, map, &control, last).await?;
        let speaks = found.is_some() && comes_to_rest(page, activity).await?;
        let found = found.map(|control| NewChat { speaks, ..control });
        let text = page.facts().await?.text.chars().count();
        let proven = found.filter(|_| text <= most);
        notes.step(
            "discover.new_chat",
            json!({"button": control.button, "words": button.words(), "done": proven.is_some()}),
            began,
        );
        if proven.is_some() {
            return Ok(proven);
        }
    }
    Ok(None)
}

/// Presses the control, agrees if the page asks, and waits until the conversation is gone. The control as it worked, or none.
async fn press(
    page: &Page,
    map: &ChatMap,
    control: &NewChat,
    last: &LastTurn,
) -> Result<Option<NewChat>, BrowserError> {
    let before = last.shown(page, &map.input).await?;
    if before.is_empty() {
        return Ok(None);
    }
    let old = page.facts().await?;
    let born: f64 = page.js("born", ()).await?;
    match page.click(&control.button).await {
        Ok(()) => {}
        Err(error @ BrowserError::Crashed { .. }) => return Err(error),
        Err(_) => return Ok(None),
    }
    let began = Instant::now();
    let mut agreed = None;
    loop {
        if let Ok(facts) = page.facts().await {
            let left = match last.shown(page, &map.input).await {
                Ok(left) => left.len() < before.len(),
                Err(error @ BrowserError::Crashed { .. }) => return Err(error),
                Err(_) => false,
            };
            if left && usable(&facts, &map.input) {
                let born_now: f64 = page.js("born", ()).await?;
                return Ok(Some(NewChat {
                    loads: born_now > born,
                    button: control.button.clone(),
                    agree: agreed,
                    speaks: false,
                }));
            }
            if !left
                && agreed.is_none()
                && let Some(door) = agreeing(&old, &facts, control)
            {
                agreed = Some(door.locator.clone());
                let _ = page.click(&door.locator).await;
                continue;
            }
            let waiting = agreed.is_some() || left;
            if began.elapsed() > EMPTIED_WITHIN || !waiting && began.elapsed() > NOTHING_HAPPENED {
                return Ok(None);
            }
        } else if began.elapsed() > EMPTIED_WITHIN {
            return Ok(None);
        }
        sleep(Duration::from_millis(60)).await;
    }
}

/// Waits until a page that speaks with its server about a new conversation has done so, and shows what came of it: what is typed before that may be
/// thrown away with the old one. False when it has said nothing.
async fn comes_to_rest(page: &Page, before: u64) -> Result<bool, BrowserError> {
    let began = Instant::now();
    while page.activity() == before {
        if began.elapsed() > SPEAKS_WITHIN {
            return Ok(false);
        }
        sleep(Duration::from_millis(50)).await;
    }
    let (mut seen, mut since) = ((0, String::new()), Instant::now());
    while began.elapsed() < EMPTIED_WITHIN && since.elapsed() < AT_REST {
        let facts = page.facts().await?;
        let now = (page.activity(), facts.text);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        sleep(Duration::from_millis(80)).await;
    }
    Ok(true)
}

fn usable(facts: &PageFacts, input: &str) -> bool {
    facts.fields.iter().any(|field| {
        field.locator == input
            && !field.disabled
            && !field.readonly
            && !field.covered
            && field.length <= 1
    })
}

/// The button of a dialog that has just come up which agrees.
fn agreeing<'f>(before: &PageFacts, now: &'f PageFacts, control: &NewChat) -> Option<&'f Button> {
    if let Some(known) = &control.agree
        && let Some(door) = now.buttons.iter().find(|button| button.locator == *known)
    {
        return Some(door);
    }
    let old = |button: &Button| {
        before
            .buttons
            .iter()
            .any(|b| b.locator == button.locator && b.text == button.text)
    };
    chat::agreeing(now.buttons.iter().filter(|button| !old(button)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_recognised_by_its_first_line_that_says_something() {
        assert_eq!(
            excerpt("---\n\n# A heading of it\nmore"),
            "# A heading of it"
        );
        assert_eq!(
            excerpt("```javascript\nlet answer = 42;"),
            "let answer = 42;"
        );
        assert_eq!(excerpt("Yes."), "");
        assert_eq!(excerpt(&"long ".repeat(50)).chars().count(), EXCERPT);
    }
}
