//! How each kind of work is done, and the upkeep that keeps accepted jobs moving.
//!
//! It knows neither axum nor SQL: it claims, renews and finishes through `store`, drives pages through `browser`, and lets `jobs` decide.

mod account;
pub mod browsers;
mod classify;
mod context;
mod feed;
mod kinds;
mod lanes;
mod notes;
mod pages;
mod person;
pub mod process;
mod run;
mod running;
mod signing_in;
pub mod trace;
pub mod upkeep;
mod waiting;

pub use process::{WorkerOptions, run_worker};
