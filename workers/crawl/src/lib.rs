//! How a site is walked: which addresses are one, what is in scope, what robots.txt and sitemaps say, where traps are, and how pages are asked for politely.
//!
//! Decisions are pure. Only [`fetch`] asks the network; nothing here asks a database.

pub mod account;
pub mod address;
pub mod fetch;
pub mod fingerprint;
pub mod guard;
pub mod hosts;
pub mod refresh;
pub mod robots;
pub mod scope;
pub mod sitemap;
pub mod traps;
