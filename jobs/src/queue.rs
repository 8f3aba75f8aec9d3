//! Queues: the lanes in which kinds wait for workers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A queue. Its name is stable: it is part of Redis keys, the Procfile and the API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Logins and the discovery of providers.
    Login,
    /// Chat completions.
    Chat,
    /// Crawls, and files that are read.
    Knowledge,
    /// Jobs without an effect, for health checks and benchmarks.
    Noop,
}

impl Queue {
    /// Every queue, in the order in which they are listed to people.
    pub const ALL: [Queue; 4] = [Queue::Login, Queue::Chat, Queue::Knowledge, Queue::Noop];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Queue::Login => "login",
            Queue::Chat => "chat",
            Queue::Knowledge => "knowledge",
            Queue::Noop => "noop",
        }
    }

    /// How many jobs of this queue one worker process runs at once unless told otherwise.
    /// Browser work is bounded by memory, work without a browser by cores.
    #[must_use]
    pub const fn default_concurrency(self) -> usize {
        match self {
            Queue::Login => 4,
            Queue::Chat => 8,
            // A crawl waits for its hosts most of the time, and works through many pages at once by itself.
            Queue::Knowledge => 4,
            // It costs next to nothing, and many at once are written down in few statements.
            Queue::Noop => 256,
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is not the name of a queue.
#[derive(Debug, thiserror::Error)]
#[error("unknown queue {0:?}: use one of login, chat, knowledge, noop")]
pub struct UnknownQueue(pub String);

impl FromStr for Queue {
    type Err = UnknownQueue;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Queue::ALL
            .into_iter()
            .find(|queue| queue.name() == text)
            .ok_or_else(|| UnknownQueue(text.to_owned()))
    }
}
