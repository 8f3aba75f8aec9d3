//! A vision model's look at a screenshot. It never decides: the page's elements do. It makes their judgement surer or less sure, and where they say
//! neither yes nor no it may decide between the two. An endpoint that fails changes nothing.

mod ask;
mod beside;
mod breaker;
mod eyes;
mod judgement;
mod wire;

use std::time::Duration;

use computetower_store::vault::Secret;

pub(crate) use ask::{Asker, Trouble, Vision};
pub(crate) use beside::{Looks, Told, add};
pub(crate) use eyes::ModelEyes;
pub(crate) use judgement::{Question, combined};

/// Which API the endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisionApi {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's chat completions, and whatever is compatible with them.
    OpenAi,
}

/// How an OpenAI-compatible endpoint is asked for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// By a JSON schema.
    Schema,
    /// As any JSON object.
    Object,
    /// By words alone.
    Words,
}

/// A vision model, and how much of it there is.
#[derive(Clone, Debug)]
pub struct VisionSettings {
    /// Which API it speaks.
    pub api: VisionApi,
    /// Where: for Anthropic's API what comes before `/v1/messages`, else what comes before `/chat/completions`.
    pub url: String,
    /// The model.
    pub model: String,
    /// The key; some endpoints need none.
    pub key: Option<Secret>,
    /// How an OpenAI-compatible endpoint is asked for JSON.
    pub structure: Structure,
    /// How long one call may take.
    pub timeout: Duration,
    /// How long the end of a job waits for judgements that are on their way.
    pub wait: Duration,
    /// How long a judgement is good for the same picture.
    pub keep: Duration,
    /// Calls that a tenant may have on a day (UTC).
    pub calls_per_day: i32,
    /// Tokens that a tenant may have on a day (UTC): no call is begun when they are used up.
    pub tokens_per_day: i64,
}
