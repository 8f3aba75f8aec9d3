//! Names become addresses here, and a connection is only ever made to one that was looked at: a name that changes its mind later changes nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::{Guard, PrivateAddress};

/// The system's resolver, and only what the guard permits of its answers.
pub(super) struct Guarded {
    guard: Guard,
}

/// The name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name is not known")]
pub(super) struct NotFound;

impl Guarded {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => found.collect(),
                Err(_) => return Err(NotFound.into()),
            };
            if found.is_empty() {
                return Err(NotFound.into());
            }
            // One private address makes the name suspect: none of its addresses is asked.
            if found.iter().any(|address| !guard.permits(address.ip())) {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
