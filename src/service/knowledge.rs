//! Knowledge: what files are, and starting to read a source.

pub mod class;
pub mod start;
pub mod uploads;
