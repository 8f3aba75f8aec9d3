//! The whole platform against real Postgres, Redis, S3 and Chromium. `scripts/test.sh` starts what is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test tells its story to whoever looks"
)]

mod api;
mod bench;
mod cli;
mod kinds;
mod knowledge;
mod model;
mod plans;
mod recovery;
mod support;
mod tidy;
mod traces;
mod turns;
mod up;
