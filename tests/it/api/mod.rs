//! The HTTP API, resource by resource.

mod credentials;
mod events;
mod isolation;
mod jobs;
mod metrics;
mod openai;
mod openapi;
mod providers;
mod refusals;
mod scale;

pub(crate) use openai::discovered;
