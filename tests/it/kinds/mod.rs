//! Each kind of work, on real pages in real Chromium. `noop` is what `api/jobs.rs` and `recovery/` run.

mod chat;
mod conversations;
mod discovery;
mod healing;
mod login;
mod second_factor;
