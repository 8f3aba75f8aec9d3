//! Things die in the middle, and nothing accepted is lost.

mod browser;
mod redis;
mod worker;
