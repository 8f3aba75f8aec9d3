//! Fetching what a tenant names by a URL: never from a private address unless the operator allows it, whatever a name resolves to at that moment and
//! wherever it redirects, and never more than is wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, header};

use super::urls::{check, permitted};
use crate::config::PrivateUrls;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// Resolves names as ever, and leaves out what may not be asked.
struct Guarded {
    allowed: PrivateUrls,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found
                .filter(|address| permitted(address.ip(), allowed))
                .collect();
            if found.is_empty() {
                return Err("it has no address that may be asked".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Fetches at most `most` bytes.
///
/// # Errors
/// What went wrong, for people: it names no address that the URL does not name.
pub async fn fetch(text: &str, allowed: PrivateUrls, most: usize) -> Result<Vec<u8>, String> {
    tokio::time::timeout(LIMIT, follow(text, allowed, most))
        .await
        .unwrap_or_else(|_| Err(format!("did not come within {} seconds", LIMIT.as_secs())))
}

async fn follow(text: &str, allowed: PrivateUrls, most: usize) -> Result<Vec<u8>, String> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Arc::new(Guarded { allowed }))
        .build()
        .map_err(|_| "could not be fetched".to_owned())?;
    let mut url = check(text, allowed).await?;
    for _ in 0..=REDIRECTS {
        let reply = client
            .get(url.clone())
            .header(header::ACCEPT, "image/*")
            .send()
            .await
            .map_err(|_| "could not be fetched".to_owned())?;
        if reply.status().is_redirection() {
            let to = reply.headers().get(header::LOCATION);
            let to = to.and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            let to = to.ok_or_else(|| "redirects nowhere".to_owned())?;
            url = check(to.as_str(), allowed).await?;
            continue;
        }
        if reply.status() != StatusCode::OK {
            return Err(format!("answers with status {}", reply.status().as_u16()));
        }
        let mut body = reply.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|_| "broke off while it was fetched".to_owned())?;
            if bytes.len() + piece.len() > most {
                return Err(format!("has more than {most} bytes"));
            }
            bytes.extend_from_slice(&piece);
        }
        return Ok(bytes);
    }
    Err(format!("redirects more than {REDIRECTS} times"))
}
