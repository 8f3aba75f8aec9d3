//! Knowledge: sources, what is read from them, and how it is found.

mod crawl;
mod keep;
