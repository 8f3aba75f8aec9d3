//! One look at a whole page: its own facts, and those of the frames in it that have to be asked by themselves, as if
//! all stood in one document. Judges nothing.

use std::time::Duration;

use futures::future::{BoxFuture, join_all};

use crate::error::BrowserError;
use crate::facts::{Box4, Field, Frame, PageFacts};
use crate::page::Page;
use crate::view::{WINDOW, inside};

/// Frames in frames.
const DEPTH: usize = 4;
/// Frames that are asked at one level; pages with more fill them with advertisements.
const FRAMES: usize = 12;
/// How long a frame may take to answer.
const FRAME_LOOK: Duration = Duration::from_millis(1500);
const TEXT: usize = 6000;

impl Page {
    /// Everything a detector may look at, captured at once: frames of other origins and the window that the page opened
    /// last included.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn facts(&self) -> Result<PageFacts, BrowserError> {
        let mut facts = self.facts_in(String::new(), 0).await?;
        if self.views().window().is_some() {
            let look = self.facts_in(WINDOW.to_owned(), 0);
            // A window that has nothing to show yet, or closes just now, is not there.
            if let Ok(Ok(inner)) = tokio::time::timeout(FRAME_LOOK, look).await {
                let whole = Frame {
                    locator: WINDOW.to_owned(),
                    inner: [0.0, 0.0, 1.0, 1.0],
                    ..Default::default()
                };
                merge(&mut facts, &whole, inner);
            }
        }
        self.add_own(&mut facts);
        Ok(facts)
    }

    fn facts_in(
        &self,
        place: String,
        depth: usize,
    ) -> BoxFuture<'_, Result<PageFacts, BrowserError>> {
        Box::pin(async move {
            let mut facts: PageFacts = self.js_in(&place, "facts", ()).await?;
            let mut bare = facts.bare;
            if facts.unseen > 0 && self.adopt_closed_roots(&place).await? {
                facts = self.js_in(&place, "facts", ()).await?;
                bare &= !facts.fields.iter().any(Field::takes_lines_or_secrets);
            }
            if bare && self.adopt_all_closed_roots(&place).await? {
                facts = self.js_in(&place, "facts", ()).await?;
            }
            if depth >= DEPTH {
                return Ok(facts);
            }
            let frames: Vec<Frame> = facts
                .frames
                .iter()
                .filter(|frame| frame.foreign && frame.enter && !frame.locator.is_empty())
                .filter(|frame| !self.views().is_slow(&inside(&place, &frame.locator)))
                .take(FRAMES)
                .cloned()
                .collect();
            let looks = join_all(frames.iter().map(|frame| {
                let look = self.facts_in(inside(&place, &frame.locator), depth + 1);
                tokio::time::timeout(FRAME_LOOK, look)
            }))
            .await;
            for (frame, look) in frames.iter().zip(looks) {
                match look {
                    Ok(Ok(inner)) => merge(&mut facts, frame, inner),
                    // The next look may find it.
                    Ok(Err(error)) => tracing::debug!("a frame was not looked into: {error}"),
                    Err(_elapsed) => self.views().slow(&inside(&place, &frame.locator)),
                }
            }
            Ok(facts)
        })
    }
}

/// Adds what is in a frame, in the coordinates and under the locators of the document around it.
fn merge(facts: &mut PageFacts, frame: &Frame, inner: PageFacts) {
    let [left, top, across, down] = frame.inner;
    let moved = |area: Box4| {
        [
            left + area[0] * across,
            top + area[1] * down,
            area[2] * across,
            area[3] * down,
        ]
    };
    let forms = |facts: &PageFacts| {
        let fields = facts.fields.iter().filter_map(|field| field.form);
        let buttons = facts.buttons.iter().filter_map(|button| button.form);
        fields.chain(buttons).max().map_or(0, |last| last + 1)
    };
    let first = forms(facts);
    let holds_fields = !inner.fields.is_empty();
    let named = |locator: &str| {
        if locator.is_empty() {
            String::new()
        } else {
            inside(&frame.locator, locator)
        }
    };
    for mut field in inner.fields {
        field.locator = named(&field.locator);
        field.area = moved(field.area);
        field.form = field.form.map(|form| form + first);
        field.covered |= frame.covered;
        field.shadow = true;
        field.context.extend(frame.context.iter().cloned());
        facts.fields.push(field);
    }
    for (mut button, list) in inner
        .buttons
        .into_iter()
        .map(|button| (button, true))
        .chain(inner.corners.into_iter().map(|button| (button, false)))
    {
        button.locator = named(&button.locator);
        button.area = moved(button.area);
        button.form = button.form.map(|form| form + first);
        button.covered |= frame.covered;
        button.context.extend(frame.context.iter().cloned());
        if list {
            facts.buttons.push(button);
        } else {
            facts.corners.push(button);
        }
    }
    for mut alert in inner.alerts {
        alert.area = moved(alert.area);
        facts.alerts.push(alert);
    }
    for mut deeper in inner.frames {
        deeper.locator = named(&deeper.locator);
        deeper.area = moved(deeper.area);
        // Looked into already, as far as it could be.
        deeper.enter = false;
        facts.frames.push(deeper);
    }
    facts.headings.extend(inner.headings);
    if facts.text.len() < TEXT && !inner.text.is_empty() {
        if !facts.text.is_empty() {
            facts.text.push('\n');
        }
        facts.text.push_str(&inner.text);
    }
    // Whether the page has come to rest is no matter of advertisements.
    if holds_fields {
        facts.elements += inner.elements;
        facts.busy |= inner.busy;
    }
    for challenge in inner.challenges {
        if !facts.challenges.contains(&challenge) {
            facts.challenges.push(challenge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Button;

    #[test]
    fn what_is_in_a_frame_is_found_where_it_shows_and_by_way_of_the_frame() {
        let mut page = PageFacts {
            buttons: vec![Button {
                form: Some(1),
                ..Default::default()
            }],
            ..Default::default()
        };
        let frame = Frame {
            locator: "iframe[title=\"Chat\"]".to_owned(),
            inner: [100.0, 50.0, 0.5, 0.5],
            context: vec!["dialog".to_owned()],
            covered: true,
            ..Default::default()
        };
        let field = Field {
            locator: "#prompt".to_owned(),
            area: [10.0, 20.0, 200.0, 40.0],
            form: Some(0),
            ..Default::default()
        };
        let inner = PageFacts {
            fields: vec![field],
            text: "inside".to_owned(),
            elements: 7,
            ..Default::default()
        };
        merge(&mut page, &frame, inner);
        let field = &page.fields[0];
        assert_eq!(field.locator, "iframe[title=\"Chat\"] |>> #prompt");
        assert_eq!(field.area, [105.0, 60.0, 100.0, 20.0]);
        assert_eq!(field.form, Some(2));
        assert!(field.covered && field.is_in("dialog"));
        assert_eq!((page.text.as_str(), page.elements), ("inside", 7));
    }
}
