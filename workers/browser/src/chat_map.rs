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
    /// The last question of the trial: a page that shows it when it is loaded has opened an old conversation again.
    pub trial: String,
    /// Its answer.
    pub trial_answer: String,
    /// How long an answer must be unchanged after the last mark has gone, in milliseconds; 0 for the default.
    pub settle_ms: u64,
    /// 0 to 1.
    pub confidence: f32,
    /// What spoke for the choices.
    pub reasons: Vec<String>,
}
