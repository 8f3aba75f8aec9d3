//! How each kind of work is done, and the upkeep that keeps accepted jobs moving.
//!
//! It knows neither axum nor SQL: it claims, renews and finishes through `store`, drives pages through `browser`, and lets `jobs` decide.

mod account;
pub mod browsers;
mod captcha;
mod challenges;
mod classify;
mod context;
pub mod extraction;
mod feed;
mod kinds;
mod lanes;
mod notes;
mod outside;
mod pages;
mod person;
pub mod process;
mod recoveries;
mod run;
mod running;
mod signing_in;
mod tie;
pub mod trace;
pub mod upkeep;
mod vision;
mod waiting;

pub use captcha::SolverSettings;
pub use computetower_crawl::fetch::FetchSettings;
pub use computetower_crawl::guard::Guard;
pub use outside::OutsideSettings;
pub use process::{WorkerOptions, run_worker};
pub use vision::{Structure, VisionApi, VisionSettings};
