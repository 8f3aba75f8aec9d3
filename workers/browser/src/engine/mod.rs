//! The machinery under a page: the process, the socket, and what is left of either when an owner dies.

pub(crate) mod flags;
pub(crate) mod link;
pub(crate) mod owner;
pub(crate) mod process;
