//! The HTTP API, resource by resource.

mod batches;
mod chains;
mod credentials;
mod events;
mod examples;
mod isolation;
mod jobs;
mod metrics;
mod openai;
mod openapi;
mod providers;
mod races;
mod recoveries;
mod refusals;
mod replay;
mod scale;
mod schedules;

pub(crate) use openai::discovered;
