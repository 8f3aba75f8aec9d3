//! Each kind of work, on real pages in real Chromium. `noop` is what `api/jobs.rs` and `recovery/` run; `crawl` and `ingest` are in `knowledge/`.

mod affinity;
mod aliases;
mod captcha;
mod chat;
mod conversations;
mod discovery;
mod healing;
mod login;
mod logout;
mod models;
mod second_factor;
mod sessions;
mod vision;
