//! One file per kind: its payload and its policy. How it is done stands under the same name in `workers/src/kinds/`.

pub mod chat;
pub mod crawl;
pub mod discovery;
pub mod ingest;
pub mod login;
pub mod logout;
pub mod noop;
