//! The HTTP API, resource by resource.

mod credentials;
mod events;
mod isolation;
mod jobs;
mod openai;
mod openapi;
mod providers;
mod refusals;

pub(crate) use openai::discovered;
