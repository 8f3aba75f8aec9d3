//! When a page can be typed into.

use std::time::Duration;

use tokio::time::Instant;

use crate::detect::chat;
use crate::facts::Field;
use crate::page::Page;

/// A page that is signed in shows its chat box within this time.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
/// A page that has not changed for as long has come to rest.
const REST: Duration = Duration::from_millis(900);

/// Waits a little (five seconds) until a page shows its chat box, ready to be typed into, and has come to rest: many pages show their box before their connection
/// stands, and lose what is sent until then.
pub async fn shows(page: &Page, input: &str) -> bool {
    let deadline = Instant::now() + SHOWN_WITHIN;
    let mut at_rest: Option<(u64, Instant)> = None;
    loop {
        let Ok(facts) = page.facts().await else {
            return false;
        };
        let asks_password = facts.fields.iter().any(|field| field.r#type == "password");
        let usable = |field: &Field| {
            field.locator == input && !field.disabled && !field.readonly && !field.covered
        };
        if asks_password || !facts.fields.iter().any(usable) {
            at_rest = None;
        } else {
            match at_rest {
                Some((elements, since)) if elements == facts.elements => {
                    if since.elapsed() >= REST {
                        return true;
                    }
                }
                _ => at_rest = Some((facts.elements, Instant::now())),
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a page that came to rest before can be typed into now, by one look.
pub async fn ready(page: &Page, input: &str) -> bool {
    let Ok(facts) = page.facts().await else {
        return false;
    };
    let asks_password = facts.fields.iter().any(|field| field.r#type == "password");
    let usable = |field: &Field| !field.disabled && !field.readonly;
    let known = facts.fields.iter().find(|field| field.locator == input);
    // A page may make its box anew after each question.
    let field = known.or_else(|| {
        let best = chat::inputs(&facts).into_iter().next();
        best.map(|best| &facts.fields[best.index])
    });
    !asks_password && field.is_some_and(usable)
}
