//! The HTTP API, resource by resource.

mod aliases;
mod batches;
mod chains;
mod credentials;
mod events;
mod examples;
mod history;
mod images;
mod isolation;
mod jobs;
mod large;
mod metrics;
mod openai;
mod openapi;
mod providers;
mod races;
mod recoveries;
mod refusals;
mod repeats;
mod replay;
mod scale;
mod schedules;
mod session_commands;
mod sessions;
mod stored_objects;

pub(crate) use openai::discovered;
