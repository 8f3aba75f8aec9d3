//! Somebody who can look at a picture of a page and point at something in it. Who that is, is decided elsewhere; what is pointed at has to stand every
//! trial that anything else has to stand.

use futures::future::BoxFuture;
use serde_json::json;
use tokio::time::Instant;

use crate::chat_map::ChatMap;
use crate::facts::PageFacts;
use crate::notes::Notes;
use crate::page::Page;

/// How the reason ends for which a box was taken that somebody has pointed at.
pub(crate) const POINTED: &str = "points at it";

/// A point in a picture, by fractions of its width and height.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointed {
    /// 0 at the left, 1 at the right.
    pub x: f64,
    /// 0 at the top, 1 at the bottom.
    pub y: f64,
    /// 0 to 1.
    pub confidence: f32,
    /// Who points.
    pub by: String,
}

/// Looks at pictures.
pub trait Eyes: Send + Sync {
    /// Where a chat's box for messages is in this picture (JPEG); none when there is none, or nobody looks.
    fn chat_box<'a>(&'a self, picture: &'a [u8]) -> BoxFuture<'a, Option<Pointed>>;
}

/// Asks for the box of a page in which no field scores high enough. What is pointed at counts only if it can be written into.
pub(crate) async fn find_box(
    page: &Page,
    facts: &PageFacts,
    eyes: &dyn Eyes,
    notes: &Notes,
) -> Option<ChatMap> {
    // The picture would be that of the window, and the point be looked up in the page behind it.
    let is_behind = || page.views().window().is_some();
    if is_behind() {
        return None;
    }
    let began = Instant::now();
    let picture = page.evidence().await.0?;
    let pointed = eyes.chat_box(&picture).await?;
    if is_behind() {
        return None;
    }
    let point = (pointed.x, pointed.y);
    let found: Option<(String, String)> = page.js("fieldAt", point).await.ok().flatten();
    notes.step(
        "discover.pointed",
        json!({"by": pointed.by, "x": pointed.x, "y": pointed.y, "confidence": pointed.confidence, "locator": found.as_ref().map(|(locator, _)| locator)}),
        began,
    );
    let (input, input_kind) = found?;
    Some(ChatMap {
        url: facts.url.clone(),
        input,
        input_kind,
        reasons: vec![format!("input: {} {POINTED}", pointed.by)],
        ..ChatMap::default()
    })
}
