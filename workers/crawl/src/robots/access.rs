//! What follows from how a site answers when it is asked for its robots.txt.

use std::time::Duration;

use super::Robots;

/// How much of a robots.txt is read, in bytes; what comes after it is not heeded.
pub const LARGEST: usize = 500 * 1024;

/// What a site lets a crawler do.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// What the file says.
    Says(Robots),
    /// Nothing for now: the file could not be had. It is asked for again, after that time where the site says one.
    Later(Option<Duration>),
}

/// By the status of the answer, `None` when there was no answer: a file that is refused or missing forbids nothing, a server that fails forbids all
/// until it answers. Redirects that did not end count as missing.
#[must_use]
pub fn access_by_status(
    status: Option<u16>,
    body: &[u8],
    retry_after: Option<Duration>,
    agent: &str,
) -> Access {
    match status {
        Some(200..=299) => Access::Says(Robots::read(&body[..body.len().min(LARGEST)], agent)),
        Some(429) | Some(500..=599) | None => Access::Later(retry_after),
        Some(_) => Access::Says(Robots::default()),
    }
}
