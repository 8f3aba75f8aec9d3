//! What a page looked like at one moment, as plain data: fields, buttons, alerts, challenges. Captured by
//! `js/facts.js`, judged by [`crate::detect`]. Holds no password's value.

use serde::{Deserialize, Serialize};

use crate::view::frame_of;

/// Left, top, width and height in CSS pixels of the viewport.
pub type Box4 = [f64; 4];

/// One page at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageFacts {
    /// Address.
    pub url: String,
    /// Title.
    pub title: String,
    /// Language that the document declares.
    pub lang: String,
    /// `loading`, `interactive` or `complete`.
    pub ready: String,
    /// Viewport width and height.
    pub viewport: [f64; 2],
    /// Visible fields that take text, in document order.
    pub fields: Vec<Field>,
    /// Visible buttons and links, in document order.
    pub buttons: Vec<Button>,
    /// Visible boxes to tick.
    pub boxes: Vec<Tick>,
    /// Visible alerts, toasts and error texts.
    pub alerts: Vec<Alert>,
    /// Visible frames.
    pub frames: Vec<Frame>,
    /// Headings and legends.
    pub headings: Vec<String>,
    /// Visible text, shortened.
    pub text: String,
    /// Number of elements.
    pub elements: u64,
    /// Kinds of human challenges seen.
    pub challenges: Vec<String>,
    /// Length of the cookies that scripts can read.
    pub cookies: u64,
    /// Whether something says that it is loading.
    pub busy: bool,
    /// HTTP status of the document, 0 when unknown.
    pub status: u64,
    /// What the page's own `alert`-like dialogs said so far.
    pub dialogs: Vec<String>,
    /// What can be pressed in the page's lower corners and is none of `buttons`: elements of any kind.
    pub corners: Vec<Button>,
    /// Elements that may have a closed shadow root and were not asked about yet.
    pub unseen: u64,
    /// There is nothing to write or sign in with, and it was not looked for everywhere lately.
    pub bare: bool,
}

/// A field that takes text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    /// Finds it again: CSS segments joined by ` >>> `, each in the shadow root or frame of the one before; ` |>> `
    /// leads into a frame of another origin.
    pub locator: String,
    /// Element name.
    pub tag: String,
    /// Input type, `textarea`, `rich` for something editable, `editor` for a field that takes keys for text that is
    /// drawn beside it.
    pub r#type: String,
    /// ARIA role.
    pub role: String,
    /// `name`.
    pub name: String,
    /// `id`.
    pub id: String,
    /// `autocomplete`.
    pub autocomplete: String,
    /// Placeholder.
    pub placeholder: String,
    /// Text of its labels.
    pub label: String,
    /// `aria-label` or `title`.
    pub aria: String,
    /// Text that stands just before it.
    pub near: String,
    /// Class names.
    pub classes: String,
    /// Where it is.
    #[serde(rename = "box")]
    pub area: Box4,
    /// Disabled.
    pub disabled: bool,
    /// Read-only.
    pub readonly: bool,
    /// Has the focus.
    pub focused: bool,
    /// Length of its value.
    pub length: u64,
    /// Its value, shortened; empty for passwords.
    pub value: String,
    /// The form it belongs to, by number.
    pub form: Option<u32>,
    /// What it stands in: `nav`, `header`, `footer`, `aside`, `search`, `dialog`, `log`, `article`.
    pub context: Vec<String>,
    /// `inputmode`.
    pub inputmode: String,
    /// `maxlength`, 0 for none.
    pub maxlength: u64,
    /// `aria-invalid`.
    pub invalid: bool,
    /// Something else lies over its middle.
    pub covered: bool,
    /// Lives in a shadow root or a frame.
    pub shadow: bool,
}

/// A button, or a link that may serve as one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    /// Finds it again.
    pub locator: String,
    /// Element name.
    pub tag: String,
    /// `submit`, `button`, …
    pub r#type: String,
    /// Whether it is a link.
    pub link: bool,
    /// Its text.
    pub text: String,
    /// `aria-label`, `title` or `alt`.
    pub aria: String,
    /// `name`.
    pub name: String,
    /// `id`.
    pub id: String,
    /// `data-testid`.
    pub testid: String,
    /// Class names.
    pub classes: String,
    /// A link's address.
    pub href: String,
    /// Shows an icon.
    pub icon: bool,
    /// Where it is.
    #[serde(rename = "box")]
    pub area: Box4,
    /// Disabled.
    pub disabled: bool,
    /// The form it belongs to, by number.
    pub form: Option<u32>,
    /// What it stands in.
    pub context: Vec<String>,
    /// Submits its form by default.
    pub submit: bool,
    /// Something else lies over its middle.
    pub covered: bool,
    /// `aria-haspopup`.
    pub popup: String,
    /// `aria-pressed`.
    pub pressed: String,
}

/// A box to tick, or a switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tick {
    /// Finds it again: the box, or its label where the box itself is hidden.
    pub locator: String,
    /// What it says.
    pub words: String,
    /// Whether it is on.
    pub on: bool,
    /// The form it belongs to, by number.
    pub form: Option<u32>,
}

/// Something that calls for attention.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// What it says.
    pub text: String,
    /// ARIA role.
    pub role: String,
    /// Tag and class names.
    pub sig: String,
    /// Where it is.
    #[serde(rename = "box")]
    pub area: Box4,
}

/// An embedded document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// Its address.
    pub src: String,
    /// Its title.
    pub title: String,
    /// Of another origin: it was asked by itself.
    pub foreign: bool,
    /// Where it is.
    #[serde(rename = "box")]
    pub area: Box4,
    /// Finds it again.
    pub locator: String,
    /// Large enough to hold something, and no challenge.
    pub enter: bool,
    /// Left and top of the document in it, and its scale across and down.
    pub inner: Box4,
    /// What it stands in.
    pub context: Vec<String>,
    /// Something else lies over its middle.
    pub covered: bool,
}

impl Field {
    /// Whether it may be what a chat or a sign-in form is about.
    pub(crate) fn takes_lines_or_secrets(&self) -> bool {
        matches!(
            self.r#type.as_str(),
            "textarea" | "rich" | "editor" | "password"
        )
    }

    /// All that it says about itself, in lower case.
    #[must_use]
    pub fn words(&self) -> String {
        [
            &self.name,
            &self.id,
            &self.autocomplete,
            &self.placeholder,
            &self.label,
            &self.aria,
            &self.near,
        ]
        .map(String::as_str)
        .join(" ")
        .to_lowercase()
    }

    /// Whether it stands in a `place` of [`Field::context`].
    #[must_use]
    pub fn is_in(&self, place: &str) -> bool {
        self.context.iter().any(|context| context == place)
    }

    /// Its middle.
    #[must_use]
    pub fn centre(&self) -> (f64, f64) {
        centre(self.area)
    }
}

impl Button {
    /// All that it says about itself, in lower case, without its classes.
    #[must_use]
    pub fn words(&self) -> String {
        [&self.text, &self.aria, &self.name, &self.id, &self.testid]
            .map(String::as_str)
            .join(" ")
            .to_lowercase()
    }

    /// Whether it stands in a `place` of [`Button::context`].
    #[must_use]
    pub fn is_in(&self, place: &str) -> bool {
        self.context.iter().any(|context| context == place)
    }

    /// Its middle.
    #[must_use]
    pub fn centre(&self) -> (f64, f64) {
        centre(self.area)
    }
}

fn centre(area: Box4) -> (f64, f64) {
    (area[0] + area[2] / 2.0, area[1] + area[3] / 2.0)
}

/// Two looks at a page agree when it has settled: same address, same fields and buttons, about as much text.
pub(crate) fn settled(before: &PageFacts, after: &PageFacts) -> bool {
    let locators = |facts: &PageFacts| {
        facts
            .fields
            .iter()
            .map(|f| (f.locator.clone(), f.disabled))
            .collect::<Vec<_>>()
    };
    // Frames without a field are mostly advertisements, and change as they like.
    let buttons = |facts: &PageFacts| {
        let counts = |button: &&Button| {
            frame_of(&button.locator)
                .is_none_or(|frame| facts.fields.iter().any(|f| f.locator.starts_with(frame)))
        };
        facts.buttons.iter().filter(counts).count()
    };
    before.url == after.url
        && after.ready != "loading"
        && before.elements.abs_diff(after.elements) <= 2
        && buttons(before) == buttons(after)
        && locators(before) == locators(after)
}
