//! One address for what is one page: the canonical form of a URL, and the key under which a crawl knows it.

use std::fmt;

use sha2::{Digest, Sha256};
use url::Url;

/// The longest address that is followed, in bytes.
pub const LONGEST: usize = 2_048;

/// Query parameters that say where a visitor came from and never what the page shows.
const TRACKING: &[&str] = &[
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "dclid",
    "epik",
    "fbclid",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "s_kwcid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "yclid",
];
/// Names that only ever mean a session.
const SESSIONS: &[&str] = &["cfid", "cftoken", "jsessionid", "phpsessid", "zenid"];
/// Names that mean a login's session where the value looks like one, and else perhaps a talk at a conference or anything.
const PERHAPS_SESSIONS: &[&str] = &["s", "sessid", "session", "session_id", "sessionid", "sid"];
/// What servers make sessions of has at least so many letters and digits; ids of databases have 24.
const SHORTEST_SESSION: usize = 26;

/// Why a link is no page's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// It cannot be read as a URL.
    #[error("it is not a URL")]
    Malformed,
    /// It is `mailto:`, `javascript:` or the like.
    #[error("it begins neither with http:// nor with https://")]
    Scheme,
    /// It is longer than [`LONGEST`].
    #[error("it is too long")]
    TooLong,
}

/// Under what a crawl knows an address: the same for query parameters in another order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A page's address in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: Url,
    key: Key,
}

impl Address {
    /// Reads a link, relative to `base` where there is one.
    ///
    /// # Errors
    /// When it leads to no page.
    pub fn read(text: &str, base: Option<&Url>) -> Result<Self, NotAnAddress> {
        if text.len() > LONGEST * 2 {
            return Err(NotAnAddress::TooLong);
        }
        let parsed = Url::options().base_url(base).parse(text.trim());
        Self::of(parsed.map_err(|_| NotAnAddress::Malformed)?)
    }

    /// The canonical form of a URL: no fragment, no credentials, no default port, percent-encoding only where it is needed, without parameters that
    /// track visitors or name sessions.
    ///
    /// # Errors
    /// When it leads to no page.
    pub fn of(mut url: Url) -> Result<Self, NotAnAddress> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NotAnAddress::Scheme);
        }
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            // Both succeed for http and https, which have a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() || host == "." {
            return Err(NotAnAddress::Malformed);
        }
        if let Some(bare) = host.strip_suffix('.').map(str::to_owned) {
            url.set_host(Some(&bare))
                .map_err(|_| NotAnAddress::Malformed)?;
        }
        let path = without_session(&plain(url.path()));
        if path != url.path() {
            url.set_path(&path);
        }
        if let Some(query) = url.query() {
            let kept = kept_parameters(query).join("&");
            url.set_query((!kept.is_empty()).then_some(kept.as_str()));
        }
        if url.as_str().len() > LONGEST {
            return Err(NotAnAddress::TooLong);
        }
        let key = key_of(&url);
        Ok(Self { url, key })
    }

    /// The same page whatever its parameters are.
    #[must_use]
    pub fn without_query(mut self) -> Self {
        if self.url.query().is_some() {
            self.url.set_query(None);
            self.key = key_of(&self.url);
        }
        self
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Under what it is known.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Scheme, host and port: what robots.txt and politeness are about.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(&self.url)
    }
}

/// Scheme, host and port of a URL, as text.
#[must_use]
pub fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// Whether two addresses are usually two names of one page: with or without `index.html`, a slash at the end, `www.`, or TLS. Only usually: that they
/// are one has to be shown by a redirect, a canonical link or the same content.
#[must_use]
pub fn likely_one(one: &Url, other: &Url) -> bool {
    bare(one) == bare(other)
}

fn bare(url: &Url) -> (String, Option<u16>, String, Option<&str>) {
    let host = url.host_str().unwrap_or_default();
    let path = url.path();
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let path = if matches!(stem, "index" | "default") && file != stem {
        folder
    } else {
        path
    };
    (
        host.strip_prefix("www.").unwrap_or(host).to_owned(),
        url.port(),
        path.trim_end_matches('/').to_owned(),
        url.query(),
    )
}

fn key_of(url: &Url) -> Key {
    let mut hash = Sha256::new();
    match url.query() {
        Some(query) if query.contains('&') => {
            let mut parameters: Vec<&str> = query.split('&').collect();
            parameters.sort_unstable();
            hash.update(&url[..url::Position::AfterPath]);
            hash.update("?");
            hash.update(parameters.join("&"));
        }
        _ => hash.update(url.as_str()),
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    Key(key)
}

/// Percent-encoding in its normal form: what needs none is written plainly, the rest with capital digits.
#[must_use]
pub fn plain(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|digits| {
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_hex
                .then(|| u8::from_str_radix(digits, 16).ok())
                .flatten()
        });
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte))
            }
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => {
                out.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    out
}

fn kept_parameters(query: &str) -> Vec<String> {
    query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(plain)
        .filter(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = name.to_ascii_lowercase();
            !(name.starts_with("utm_")
                || TRACKING.contains(&name.as_str())
                || is_session(&name, value))
        })
        .collect()
}

fn is_session(name: &str, value: &str) -> bool {
    SESSIONS.contains(&name)
        || name.starts_with("aspsessionid")
        || PERHAPS_SESSIONS.contains(&name) && looks_random(value)
}

/// True for what no person would choose and hardly a database: long, and letters mixed with digits, without hyphens.
fn looks_random(value: &str) -> bool {
    value.len() >= SHORTEST_SESSION
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A path without `;jsessionid=…` and without `(S(…))`.
fn without_session(path: &str) -> String {
    if !path.contains([';', '(']) {
        return path.to_owned();
    }
    let is_cookieless = |segment: &str| segment.starts_with("(S(") && segment.ends_with("))");
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !is_cookieless(segment))
        .map(|segment| {
            let mut pieces = segment.split(';');
            let first = pieces.next().unwrap_or_default().to_owned();
            pieces.fold(first, |kept, piece| {
                let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
                if is_session(&name.to_ascii_lowercase(), value) {
                    kept
                } else {
                    kept + ";" + piece
                }
            })
        })
        .collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        Address::read(text, None).unwrap().as_str().to_owned()
    }

    #[test]
    fn what_is_one_page_has_one_form() {
        for (text, expected) in [
            (
                "HTTP://Example.COM:80/a/../b/./c#part",
                "http://example.com/b/c",
            ),
            ("https://example.com:443", "https://example.com/"),
            ("https://example.com./x", "https://example.com/x"),
            (
                "https://example.com/%7euser/%c3%a9",
                "https://example.com/~user/%C3%A9",
            ),
            ("https://example.com/a?", "https://example.com/a"),
            (
                "https://example.com/a?utm_source=x&b=2&gclid=1&a=1",
                "https://example.com/a?b=2&a=1",
            ),
            (
                "https://example.com/a;jsessionid=0A1B?PHPSESSID=77",
                "https://example.com/a",
            ),
            (
                "https://example.com/(S(abc123))/a;v=1",
                "https://example.com/a;v=1",
            ),
            (
                "https://example.com/a?sid=12",
                "https://example.com/a?sid=12",
            ),
            (
                "https://example.com/a?sid=0a1b2c3d4e5f607182930a1b2c3d4e5f&SessionID=0a1b2c3d4e5f60718293abcdef",
                "https://example.com/a",
            ),
            (
                "https://example.com/agenda/talk?session_id=17",
                "https://example.com/agenda/talk?session_id=17",
            ),
            (
                "https://example.com/session.php?sessionid=408&sessid=b",
                "https://example.com/session.php?sessionid=408&sessid=b",
            ),
            (
                "https://example.com/a?sid=507f1f77bcf86cd799439011",
                "https://example.com/a?sid=507f1f77bcf86cd799439011",
            ),
            (
                "https://example.com/a?session=123e4567-e89b-12d3-a456-426614174000",
                "https://example.com/a?session=123e4567-e89b-12d3-a456-426614174000",
            ),
            ("https://me:secret@example.com/", "https://example.com/"),
            ("https://example.com/100%/x", "https://example.com/100%/x"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_key_does_not_know_the_order_of_parameters() {
        let key = |text: &str| Address::read(text, None).unwrap().key();
        assert_eq!(
            key("http://a.example/?b=1&a=2"),
            key("http://a.example/?a=2&b=1")
        );
        assert_ne!(
            key("http://a.example/?b=1&a=2"),
            key("http://a.example/?a=1&b=2")
        );
        assert_ne!(
            key("http://a.example/x"),
            key("http://a.example/x/"),
            "not merged without proof"
        );
    }

    #[test]
    fn what_is_no_page_is_refused() {
        assert_eq!(
            Address::read("mailto:a@b.example", None),
            Err(NotAnAddress::Scheme)
        );
        assert_eq!(Address::read("http://", None), Err(NotAnAddress::Malformed));
        let long = format!("http://a.example/{}", "x".repeat(3_000));
        assert_eq!(Address::read(&long, None), Err(NotAnAddress::TooLong));
    }

    #[test]
    fn names_of_one_page_are_recognised() {
        let one = |a: &str, b: &str| likely_one(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        assert!(one(
            "http://a.example/x/",
            "https://www.a.example/x/index.html"
        ));
        assert!(one("http://a.example/x", "http://a.example/x/"));
        assert!(!one("http://a.example/x", "http://a.example/y"));
        assert!(!one("http://a.example/index", "http://a.example/"));
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(text in "(http|https)://[a-z]{1,8}(\\.[a-z]{2,3})?(:[0-9]{2,4})?(/[a-zA-Z0-9%;=.()~ é]{0,12}){0,4}(\\?[a-z0-9=&%+;]{0,24})?(#[a-z]{0,4})?") {
            if let Ok(first) = Address::read(&text, None) {
                let second = Address::read(first.as_str(), None).unwrap();
                prop_assert_eq!(&first, &second);
            }
        }

        #[test]
        fn whatever_a_link_says_it_is_read_or_refused(text in ".{0,200}") {
            let base = Url::parse("https://a.example/b/c").unwrap();
            if let Ok(address) = Address::read(&text, Some(&base)) {
                prop_assert!(address.url().fragment().is_none());
                prop_assert!(address.url().username().is_empty());
            }
        }
    }
}
