//! Live events: published by a fenced script into a bounded stream and a channel, read back by number, fanned out in memory.
//!
//! Redis holds nothing that Postgres will not hold a moment later; it makes events fast, not durable.

mod entry;
mod hub;
mod publisher;
mod read;

pub use hub::{EventHub, Notice, Subscription};
pub use publisher::EventPublisher;
pub use read::EventsSoFar;
