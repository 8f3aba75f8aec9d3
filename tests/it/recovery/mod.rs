//! Things die in the middle, and nothing accepted is lost.

mod browser;
mod postgres;
mod redis;
mod up;
mod worker;
