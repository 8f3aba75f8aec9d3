//! What discovery learns about a chat page, kept so that the next conversation need not learn it again.

use serde::{Deserialize, Serialize};

use crate::network::recipe::Recipe;
use crate::selectors::Selector;

/// How a question is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendBy {
    /// The Enter key.
    Enter,
    /// The Enter key with control held down.
    ControlEnter,
    /// A button, by locator.
    Button(String),
}

/// How an answer reaches the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamMethod {
    /// Server-Sent Events, by fetch or `EventSource`.
    Sse,
    /// A fetched body that arrives piece by piece.
    FetchStream,
    /// WebSocket frames.
    Websocket,
    /// Requests repeated until the answer is there.
    Polling,
    /// One response holding the whole answer.
    Response,
    /// Not found in the traffic: read from the page.
    #[default]
    Dom,
}

impl StreamMethod {
    /// Its name as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::FetchStream => "fetch_stream",
            Self::Websocket => "websocket",
            Self::Polling => "polling",
            Self::Response => "response",
            Self::Dom => "dom",
        }
    }
}

/// Text around answers that is none of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Furniture {
    /// Blocks before an answer: author names and the like.
    pub leading: Vec<String>,
    /// Blocks after it.
    pub trailing: Vec<String>,
    /// Elements (tag and class names) whose blocks are never part of an answer.
    pub elements: Vec<String>,
    /// Inline text at the head of an answer's first block.
    pub heads: Vec<String>,
}

/// The page's own way to a new conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewChat {
    /// The control's locator.
    pub button: String,
    /// The locator of the button that agrees, where the page asks whether that is meant.
    pub agree: Option<String>,
    /// Whether the page is loaded again by it.
    pub loads: bool,
    /// Whether the page speaks with its server then: the new conversation is there only when that has ended.
    pub speaks: bool,
}

/// The page's own control that chooses its model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelPicker {
    /// The control's locator.
    pub picker: String,
    /// A `select`; else it opens a list.
    pub native: bool,
    /// What it offers, as the page calls it.
    pub names: Vec<String>,
    /// What it showed when it was found: what is asked for when nobody names a model.
    pub shown: Option<String>,
}

/// Where a page takes files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attach {
    /// Locator of the field for them, mostly not shown.
    pub input: Option<String>,
    /// Locator of a button that brings one, or a menu that does.
    pub button: Option<String>,
}

/// A chat page as discovered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatMap {
    /// Address that the chat was found at.
    pub url: String,
    /// The box's locator.
    pub input: String,
    /// Ways to find the box again, the most stable first; the one in `input` may be among them.
    pub inputs: Vec<Selector>,
    /// Boxes that took a question and of which nothing came: they are left alone while there is another.
    pub given_up: Vec<String>,
    /// What kind of field it is: `textarea`, `rich`, `text`, `editor`.
    pub input_kind: String,
    /// What was pressed to open the chat, where the page does not show it by itself.
    pub launcher: Option<String>,
    /// What was pressed before it, in order: a launcher may show only then.
    pub before_launcher: Vec<String>,
    /// How a question is sent.
    pub send: Option<SendBy>,
    /// The send button's locator, also where Enter sends: its state tells whether an answer is being written.
    pub send_button: Option<String>,
    /// How answers arrive.
    pub method: StreamMethod,
    /// Where in the traffic their source text is, best first.
    pub recipes: Vec<Recipe>,
    /// Marks seen while an answer was being written, and gone when it was complete.
    pub closing: Vec<String>,
    /// Marks that mean nothing here.
    pub ignored: Vec<String>,
    /// Text around answers that is none of them.
    pub furniture: Furniture,
    /// How a new conversation is begun without loading the page again; none where no control was seen to do it.
    pub new_chat: Option<NewChat>,
    /// The page's models; none where no control for them was found.
    pub models: Option<ModelPicker>,
    /// Where files are put beside a question. None while nobody has looked; empty where nothing was found.
    pub attach: Option<Attach>,
    /// The last question of the trial: a page that shows it when it is loaded has opened an old conversation again.
    pub trial: String,
    /// Its answer.
    pub trial_answer: String,
    /// The trial's questions showed in the conversation.
    pub shows_questions: bool,
    /// How long an answer must be unchanged after the last mark has gone, in milliseconds; 0 for the default.
    pub settle_ms: u64,
    /// 0 to 1.
    pub confidence: f32,
    /// What spoke for the choices.
    pub reasons: Vec<String>,
}

impl ChatMap {
    /// What may have to be pressed before the box is there, the last of it first.
    pub(crate) fn launchers(&self) -> impl Iterator<Item = &String> {
        self.launcher
            .iter()
            .chain(self.before_launcher.iter().rev())
    }
}
