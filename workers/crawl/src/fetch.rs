//! One request: guarded, bounded in size and time, and without following where it leads.

mod errors;
mod kind;
mod large;
mod resolver;
mod retry;

pub use errors::FetchError;
pub use kind::{Kind, kind_by_address, kind_by_content_type};
pub use large::Permit;
pub use retry::{Hops, MOST_HOPS, Next, next, next_of, retry_after};

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use crate::address::origin;
use crate::guard::Guard;
use large::{Large, Rate};

/// Bodies beyond this are read by few at once, so that many large ones do not fill the memory together.
const SMALL: usize = 2 * 1024 * 1024;

/// How a process asks.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// The product token and where people read about it.
    pub user_agent: String,
    /// Which private addresses may be asked.
    pub guard: Guard,
    /// For the connection.
    pub connect_timeout: Duration,
    /// For the next piece of an answer.
    pub idle_timeout: Duration,
    /// For all of a page; files have four times as long.
    pub timeout: Duration,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("computetower/", env!("CARGO_PKG_VERSION")).to_owned(),
            guard: Guard::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            timeout: Duration::from_secs(60),
        }
    }
}

/// By what a server is asked whether anything has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// For what.
    pub url: &'a Url,
    /// What is known already.
    pub known: Option<&'a Validators>,
    /// The value of `Cookie`, for sites behind a login.
    pub cookies: Option<&'a str>,
    /// How much is read at the most, in bytes; by what comes where it is left out.
    pub limit: Option<Limit>,
}

/// How much of a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// What is larger is an error.
    Refuse(usize),
    /// What is larger is cut.
    Cut(usize),
}

impl Limit {
    fn bytes(self) -> usize {
        match self {
            Limit::Refuse(bytes) | Limit::Cut(bytes) => bytes,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where it leads, for a redirect that says so.
    pub location: Option<Url>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// For the next time.
    pub validators: Validators,
    /// How long to wait, where it says so.
    pub retry_after: Option<Duration>,
    /// `X-Robots-Tag`, a line for each time it was sent: see [`crate::robots::RobotsTag::read`].
    pub robots_tag: Option<String>,
    /// What it sets, as the same host is to be told it: `a=1; b=2`. Only for pages that lead to themselves until they are.
    pub cookies: Option<String>,
    /// What came, unpacked. Empty for redirects, errors and answers that say that nothing has changed.
    pub body: Vec<u8>,
    /// For as long as a large body is held: it counts against others until the answer is dropped, or this is.
    pub permit: Option<Permit>,
}

/// Asks servers. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Fetcher {
    http: reqwest::Client,
    settings: Arc<FetchSettings>,
    large: Large,
}

impl Fetcher {
    /// A fetcher.
    ///
    /// # Errors
    /// When TLS cannot be used.
    pub fn new(settings: FetchSettings) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy of the environment would resolve names itself, past the guard.
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(resolver::Guarded::new(settings.guard.clone())))
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(16)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            http,
            settings: Arc::new(settings),
            large: Large::default(),
        })
    }

    /// The product token by which robots.txt names this crawler.
    #[must_use]
    pub fn token(&self) -> &str {
        let agent = &self.settings.user_agent;
        agent.split(['/', ' ']).next().unwrap_or(agent)
    }

    /// Asks once. Redirects are told, not followed.
    ///
    /// # Errors
    /// By class: no connection, too slow, too large, a private address.
    pub async fn get(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        self.settings
            .guard
            .check(request.url)
            .map_err(|_| FetchError::PrivateAddress)?;
        let began = Instant::now();
        let mut asked = self.http.get(request.url.clone()).header(
            header::ACCEPT,
            "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        );
        if let Some(cookies) = request
            .cookies
            .and_then(|text| HeaderValue::from_str(text).ok())
        {
            asked = asked.header(header::COOKIE, cookies);
        }
        let conditions = request
            .known
            .map(|known| (&known.etag, &known.last_modified));
        if let Some((etag, last_modified)) = conditions {
            for (name, value) in [
                (header::IF_NONE_MATCH, etag),
                (header::IF_MODIFIED_SINCE, last_modified),
            ] {
                if let Some(value) = value
                    .as_deref()
                    .and_then(|text| HeaderValue::from_str(text).ok())
                {
                    asked = asked.header(name, value);
                }
            }
        }
        // The head has to come within the time of a page; a server that drips headers does not get more.
        let sent = tokio::time::timeout_at(began + self.settings.timeout, asked.send()).await;
        let response = sent
            .map_err(|_| FetchError::Timeout)?
            .map_err(|error| FetchError::of(&error))?;
        self.read(request, response, began).await
    }

    async fn read(
        &self,
        request: &Request<'_>,
        mut response: reqwest::Response,
        began: Instant,
    ) -> Result<Answer, FetchError> {
        let headers = response.headers();
        let status = response.status().as_u16();
        let mut answer = Answer {
            status,
            location: text(headers, header::LOCATION)
                .filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308))
                .and_then(|to| request.url.join(&to).ok()),
            content_type: text(headers, header::CONTENT_TYPE),
            validators: Validators {
                etag: text(headers, header::ETAG),
                last_modified: text(headers, header::LAST_MODIFIED),
            },
            retry_after: text(headers, header::RETRY_AFTER)
                .and_then(|value| retry_after(&value, std::time::SystemTime::now())),
            robots_tag: lines(headers, &header::HeaderName::from_static("x-robots-tag")),
            cookies: lines(headers, &header::SET_COOKIE).map(|lines| {
                let set = lines.lines().filter_map(|line| line.split(';').next());
                set.map(str::trim).collect::<Vec<_>>().join("; ")
            }),
            body: Vec::new(),
            permit: None,
        };
        let is_packed = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(|value| still_packed(&String::from_utf8_lossy(value.as_bytes())));
        if !(200..300).contains(&status) {
            return Ok(answer);
        }
        let kind = kind_by_content_type(answer.content_type.as_deref(), request.url);
        let limit = match request.limit {
            Some(limit) => limit,
            None if kind == Kind::Other => return Ok(answer),
            None => Limit::Refuse(kind.largest()),
        };
        // Who asks for all that comes unpacks it, too.
        if is_packed && request.limit.is_none() {
            return Err(FetchError::BadAnswer);
        }
        // Only where it is not packed: what is announced is then what comes.
        let announced = response.content_length().unwrap_or(0);
        if matches!(limit, Limit::Refuse(bytes) if announced > bytes as u64) {
            return Err(FetchError::TooLarge);
        }
        let mut end = began + self.settings.timeout * if kind == Kind::Page { 1 } else { 4 };
        let mut rate = Rate::new(self.settings.idle_timeout);
        loop {
            let wait = end.min(Instant::now() + self.settings.idle_timeout);
            let piece = tokio::time::timeout_at(wait, response.chunk())
                .await
                .map_err(|_| FetchError::Timeout)?;
            let Some(piece) = piece.map_err(|error| FetchError::of(&error))? else {
                return Ok(answer);
            };
            let room = limit.bytes().saturating_sub(answer.body.len());
            if piece.len() > room {
                match limit {
                    Limit::Refuse(_) => return Err(FetchError::TooLarge),
                    Limit::Cut(_) => {
                        answer.body.extend_from_slice(&piece[..room]);
                        return Ok(answer);
                    }
                }
            }
            answer.body.extend_from_slice(&piece);
            if answer.body.len() <= SMALL {
                continue;
            }
            if answer.permit.is_some() {
                if !rate.came(piece.len(), Instant::now()) {
                    return Err(FetchError::Timeout);
                }
                continue;
            }
            // The wait is none of the server's time.
            let asked = Instant::now();
            answer.permit = Some(self.large.permit(&origin(request.url)).await);
            let waited = asked.elapsed();
            end += waited;
            rate = Rate::new(self.settings.idle_timeout);
        }
    }
}

/// Whether a body comes as it was packed. What the client has unpacked says nothing of it any more; what is no packing at all is a server's mistake.
fn still_packed(encoding: &str) -> bool {
    const PACKINGS: &[&str] = &[
        "br",
        "compress",
        "deflate",
        "gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    ];
    encoding
        .split(',')
        .any(|one| PACKINGS.contains(&one.trim().to_ascii_lowercase().as_str()))
}

/// All values of a header, a line each.
fn lines(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join("\n"))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    // Addresses are sent as UTF-8 by some, against the rules.
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
