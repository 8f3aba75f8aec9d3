//! Which URLs a tenant may name: http and https, and no private address unless the operator allows it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::config::PrivateUrls;

/// Reads and checks a URL.
///
/// # Errors
/// What is wrong with it, for people.
pub async fn check(text: &str, allowed: PrivateUrls) -> Result<Url, String> {
    if text.len() > 2_048 {
        return Err("must have at most 2048 characters".to_owned());
    }
    let url = Url::parse(text.trim()).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password: give them as fields".to_owned());
    }
    let addresses = match url.host() {
        None => return Err("must name a host".to_owned()),
        Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
        Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
        // A name that does not resolve now may do so when the job runs; the page then cannot be reached, and the job says so.
        Some(Host::Domain(name)) => {
            tokio::net::lookup_host((name, url.port_or_known_default().unwrap_or(80)))
                .await
                .map(|found| found.map(|address| address.ip()).collect())
                .unwrap_or_default()
        }
    };
    let refused = addresses
        .into_iter()
        .find(|address| !permitted(*address, allowed));
    match refused {
        None => Ok(url),
        Some(_) => Err("names a private address; an operator can allow that with COMPUTETOWER_ALLOW_PRIVATE_URLS".to_owned()),
    }
}

/// Whether an address may be asked.
pub(crate) fn permitted(address: IpAddr, allowed: PrivateUrls) -> bool {
    allowed.guard().permits(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn private_addresses_are_refused_unless_allowed() {
        for text in [
            "http://127.0.0.1/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:a00:1::]/",
            "http://[::10.0.0.1]/",
            "http://[fec0::1]/",
            "http://0.0.0.0/",
            "http://168.63.129.16/",
        ] {
            assert!(check(text, PrivateUrls::Refused).await.is_err(), "{text}");
            assert!(check(text, PrivateUrls::All).await.is_ok(), "{text}");
        }
        assert!(
            check("http://127.0.0.1:8000/x", PrivateUrls::Loopback)
                .await
                .is_ok()
        );
        assert!(
            check("http://10.0.0.1/", PrivateUrls::Loopback)
                .await
                .is_err()
        );
        assert!(
            check("http://93.184.216.34/", PrivateUrls::Refused)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn only_web_addresses_are_taken() {
        for text in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "chat.example",
            "http://",
            "http://me:secret@93.184.216.34/",
        ] {
            assert!(check(text, PrivateUrls::All).await.is_err(), "{text}");
        }
    }
}
