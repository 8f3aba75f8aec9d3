//! computetower: jobs that log in, chat and more in real browsers, accepted over HTTP, run by workers, told over SSE.
//!
//! This crate is the composition root: the command line, the configuration, the API and its protocols. How work is done stands in
//! `workers/`, what is durable in `store/`, what work is in `jobs/`.

pub mod api;
pub mod app;
pub mod chat_sessions;
pub mod cli;
pub mod config;
pub mod metrics_server;
pub mod openai;
pub mod service;
pub mod stop;
pub mod telemetry;
pub mod trace;
pub mod up;
