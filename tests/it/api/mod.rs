//! The HTTP API, resource by resource.

mod batches;
mod chains;
mod credentials;
mod events;
mod isolation;
mod jobs;
mod openai;
mod openapi;
mod providers;
mod refusals;
mod replay;
mod schedules;

pub(crate) use openai::discovered;
