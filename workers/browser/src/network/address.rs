//! What the address of a request says: where it goes, and what kind of request it is. Pure.

/// Whether two addresses are of one site: of one host, or of hosts with the same last two labels.
pub(super) fn same_site(a: &str, b: &str) -> bool {
    let host = |url: &str| {
        url::Url::parse(url)
            .ok()?
            .host()
            .map(|host| host.to_owned())
    };
    match (host(a), host(b)) {
        (Some(url::Host::Domain(a)), Some(url::Host::Domain(b))) => {
            let site = |host: &str| -> Vec<String> {
                host.rsplit('.').take(2).map(str::to_owned).collect()
            };
            site(&a) == site(&b)
        }
        (a, b) => a.is_some() && a == b,
    }
}

/// An address's path with its ids as `*`.
pub(super) fn address(url: &str) -> String {
    let path = url::Url::parse(url)
        .map(|url| url.path().to_owned())
        .unwrap_or_default();
    let is_id = |part: &str| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        digits >= 3 || part.len() >= 20 || digits > 0 && digits == part.len()
    };
    path.split('/')
        .map(|part| if is_id(part) { "*" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_its_hosts_with_the_same_last_two_labels() {
        assert!(same_site("https://chat.x.org/c/1", "https://api.x.org/ask"));
        assert!(same_site("http://127.0.0.1:81/", "http://127.0.0.1:82/a"));
        assert!(!same_site("https://x.org/", "https://stats.y.org/"));
        assert!(!same_site("http://10.0.0.1/", "http://10.0.0.2/"));
        assert!(!same_site("about:blank", "about:blank"));
    }

    #[test]
    fn ids_in_addresses_do_not_count() {
        assert_eq!(
            address("https://x/api/chat/8f3a-22b1-9c/messages?x=1"),
            "/api/chat/*/messages"
        );
        assert_eq!(address("wss://x/v1/socket"), "/v1/socket");
    }
}
