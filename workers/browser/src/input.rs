//! Real mouse and key events, and text pasted into fields. Checks that a click would hit what it is meant for; does
//! not decide what to click.

use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType,
    InsertTextParams, MouseButton,
};
use serde::Deserialize;

use crate::error::{BrowserError, Evidence};
use crate::page::Page;
use crate::view::{WINDOW, frame_of, in_window};

/// Where a click on an element would go.
#[derive(Debug, Deserialize)]
pub(crate) struct Point {
    x: f64,
    y: f64,
    pub(crate) free: bool,
    pub(crate) shown: bool,
    pub(crate) disabled: bool,
    pub(crate) cover: String,
}

impl Point {
    pub(crate) fn at(&self) -> (f64, f64) {
        (self.x, self.y)
    }
}

/// Where a point inside a frame is in the document around it.
#[derive(Debug, Deserialize)]
struct Through {
    x: f64,
    y: f64,
    free: bool,
    shown: bool,
    cover: String,
}

/// Keys with an effect of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    Enter,
    ShiftEnter,
    Escape,
    Backspace,
}

impl Key {
    fn parts(self) -> (&'static str, i64, Option<&'static str>) {
        match self {
            Self::Enter | Self::ShiftEnter => ("Enter", 13, Some("\r")),
            Self::Escape => ("Escape", 27, None),
            Self::Backspace => ("Backspace", 8, None),
        }
    }
}

impl Page {
    /// Clicks the middle of an element with the mouse. An element under a cover that is part of no dialog is clicked
    /// by script instead, so that nothing else is hit.
    pub(crate) async fn click(&self, locator: &str) -> Result<(), BrowserError> {
        let point = self.point(locator).await?;
        self.act_in(in_window(locator));
        if !point.free || !point.shown {
            tracing::debug!(cover = %point.cover, "clicking a covered element by script");
            self.js::<bool>("press", (locator,)).await?;
            return Ok(());
        }
        let event = |kind, button, buttons, clicks| DispatchMouseEventParams {
            button,
            buttons: Some(buttons),
            click_count: Some(clicks),
            ..DispatchMouseEventParams::new(kind, point.x, point.y)
        };
        self.call_active(event(DispatchMouseEventType::MouseMoved, None, 0, 0))
            .await?;
        self.call_active(event(
            DispatchMouseEventType::MousePressed,
            Some(MouseButton::Left),
            1,
            1,
        ))
        .await?;
        self.call_active(event(
            DispatchMouseEventType::MouseReleased,
            Some(MouseButton::Left),
            0,
            1,
        ))
        .await?;
        Ok(())
    }

    /// Scrolls an element into view and says where it is, in the page's coordinates.
    pub(crate) async fn point(&self, locator: &str) -> Result<Point, BrowserError> {
        let mut point = self.point_at_once(locator).await?;
        if frame_of(locator).is_none() {
            return Ok(point);
        }
        // Documents around a frame scroll in their own time.
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let again = self.point_at_once(locator).await?;
            let still = (again.x - point.x).abs() < 1.0 && (again.y - point.y).abs() < 1.0;
            point = again;
            if still {
                break;
            }
        }
        Ok(point)
    }

    async fn point_at_once(&self, locator: &str) -> Result<Point, BrowserError> {
        let missing = |what: &str| BrowserError::ElementNotFound {
            what: format!("element {what}"),
            evidence: Evidence::default(),
        };
        let found = self.js::<Option<Point>>("point", (locator,)).await?;
        let mut point = found.ok_or_else(|| missing(locator))?;
        let mut place = frame_of(locator);
        while let Some(frame) = place.filter(|frame| *frame != WINDOW) {
            let found = self.js::<Option<Through>>("through", (frame, point.x, point.y));
            let through = found.await?.ok_or_else(|| missing(frame))?;
            (point.x, point.y) = (through.x, through.y);
            point.shown &= through.shown;
            if point.free && !through.free {
                point.free = false;
                point.cover = through.cover;
            }
            place = frame_of(frame);
        }
        Ok(point)
    }

    /// Presses and releases a key. `control` holds the control key down meanwhile.
    pub(crate) async fn key(&self, key: Key, control: bool) -> Result<(), BrowserError> {
        let (name, code, text) = key.parts();
        let event = |kind, text: Option<&str>| DispatchKeyEventParams {
            key: Some(name.to_owned()),
            code: Some(name.to_owned()),
            windows_virtual_key_code: Some(code),
            modifiers: Some(if control {
                2
            } else if matches!(key, Key::ShiftEnter) {
                8
            } else {
                0
            }),
            text: text.map(str::to_owned),
            unmodified_text: text.map(str::to_owned),
            ..DispatchKeyEventParams::new(kind)
        };
        let down = if text.is_some() {
            DispatchKeyEventType::KeyDown
        } else {
            DispatchKeyEventType::RawKeyDown
        };
        self.call_active(event(down, text)).await?;
        self.call_active(event(DispatchKeyEventType::KeyUp, None))
            .await?;
        Ok(())
    }

    /// Puts the focus into a field, by a click first, and by script when that does not take.
    pub(crate) async fn focus(&self, locator: &str) -> Result<bool, BrowserError> {
        self.click(locator).await?;
        self.js("focus", (locator,)).await
    }

    /// Empties the focused field as a person would: select all, delete.
    pub(crate) async fn empty_focused(&self) -> Result<(), BrowserError> {
        let select = |kind| DispatchKeyEventParams {
            key: Some("a".to_owned()),
            code: Some("KeyA".to_owned()),
            windows_virtual_key_code: Some(65),
            modifiers: Some(2),
            commands: matches!(kind, DispatchKeyEventType::RawKeyDown)
                .then(|| vec!["selectAll".to_owned()]),
            ..DispatchKeyEventParams::new(kind)
        };
        self.call_active(select(DispatchKeyEventType::RawKeyDown))
            .await?;
        self.call_active(select(DispatchKeyEventType::KeyUp))
            .await?;
        self.key(Key::Backspace, false).await
    }

    /// Inserts text into the focused field at once, as a paste or an input method would.
    pub(crate) async fn insert(&self, text: &str) -> Result<(), BrowserError> {
        self.call_active(InsertTextParams::new(text))
            .await
            .map(drop)
    }

    /// Inserts text line by line, with the key that breaks a line without sending between them.
    pub(crate) async fn insert_lines(&self, text: &str, apart: bool) -> Result<(), BrowserError> {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                // Where an editor gives its text away without its line breaks, a blank keeps the words apart.
                if apart {
                    self.insert(" ").await?;
                }
                self.key(Key::ShiftEnter, false).await?;
            }
            if !line.is_empty() {
                self.insert(line).await?;
            }
        }
        Ok(())
    }

    /// Hands a text of very many lines to a field, by script: as the clipboard does, or written into it. Whether there was a way.
    pub(crate) async fn hand(&self, locator: &str, text: &str) -> Result<bool, BrowserError> {
        self.js("hand", (locator, text)).await
    }

    /// Hands a text to a code editor as the clipboard does; false where the field is none, or does not take it.
    pub(crate) async fn paste_code(&self, locator: &str, text: &str) -> Result<bool, BrowserError> {
        self.js("pasteCode", (locator, text)).await
    }

    /// Types text key by key, for fields that heed nothing else.
    pub(crate) async fn type_keys(&self, text: &str) -> Result<(), BrowserError> {
        for letter in text.chars() {
            let letter = letter.to_string();
            let event = |kind, with_text: bool| DispatchKeyEventParams {
                key: Some(letter.clone()),
                text: with_text.then(|| letter.clone()),
                unmodified_text: with_text.then(|| letter.clone()),
                ..DispatchKeyEventParams::new(kind)
            };
            self.call_active(event(DispatchKeyEventType::KeyDown, true))
                .await?;
            self.call_active(event(DispatchKeyEventType::KeyUp, false))
                .await?;
        }
        Ok(())
    }

    /// Fills a field and makes sure that the value arrived, exactly. The value is compared inside the page.
    pub(crate) async fn fill(&self, locator: &str, value: &str) -> Result<bool, BrowserError> {
        for attempt in 0..3 {
            if !self.focus(locator).await? {
                continue;
            }
            self.empty_focused().await?;
            if attempt < 2 {
                self.insert(value).await?
            } else {
                self.type_keys(value).await?
            }
            // A framework may write the field back once it has heard the event.
            tokio::time::sleep(Duration::from_millis(30)).await;
            if self.js::<bool>("holds", (locator, value)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
