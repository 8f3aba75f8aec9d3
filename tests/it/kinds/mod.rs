//! Each kind of work, on real pages in real Chromium. `noop` is what `api/jobs.rs` and `recovery/` run.

mod captcha;
mod chat;
mod conversations;
mod discovery;
mod login;
mod second_factor;
mod vision;
