//! Chromium only: supervised processes, sessions, logins, chat discovery and answers. Knows no job, no Postgres, no
//! Redis; speaks its own errors and findings.
//!
//! [`Chromium`] is one process group, [`Session`] one browser context in it, [`Page`] one page. [`sign_in`],
//! [`discover_chat`] and [`Conversation`] work on any page, without code per site: they capture facts
//! ([`PageFacts`]), judge them ([`detect`]) and act with real events.
//!
//! An application's log filter should keep `chromiumoxide::conn::raw_ws` and `async_tungstenite` at `warn`: below
//! that they print whole protocol messages, which hold whatever is typed.

mod challenge;
mod chat_map;
mod chromium;
mod closed;
mod conversation;
pub mod detect;
mod discover;
mod engine;
mod error;
mod eyes;
mod facts;
mod input;
mod look;
mod network;
mod notes;
mod page;
mod passed;
mod password;
mod proof;
mod rest;
mod second_factor;
mod selectors;
mod session;
mod sign_in;
mod sign_out;
pub mod trace;
mod view;

pub use challenge::{Challenge, Given};
pub use chat_map::{Attach, ChatMap, Furniture, ModelPicker, NewChat, SendBy, StreamMethod};
pub use chromium::{Chromium, LaunchConfig};
pub use conversation::{Answer, Conversation, LastTurn, choose_model, recognises, start_new};
pub use discover::{discover_chat, discover_chat_with};
pub use engine::owner::{SweepReport, make_folder, sweep};
pub use error::{BrowserError, Evidence};
pub use eyes::{Eyes, Pointed};
pub use facts::{Alert, Box4, Button, Field, Frame, PageFacts, Tick};
pub use network::recipe::{Mode, Recipe};
pub use notes::{Note, Notes, Verdict};
pub use page::Page;
pub use rest::{ready, shows};
pub use second_factor::{answer_challenge, submit_code};
pub use selectors::Selector;
pub use session::{Profile, Session};
pub use sign_in::{Account, LoginForm, Shows, SignIn, sign_in, sign_in_past_challenge};
pub use sign_out::{Departure, SignOut, sign_out};
