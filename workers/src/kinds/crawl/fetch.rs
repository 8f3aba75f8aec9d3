//! One page: asked for, followed to where it leads, and read.

use std::time::Duration;

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::{Address, origin};
use computetower_crawl::fetch::{
    Answer, Hops, Kind, Next, Request, Validators, kind_by_content_type, next_of,
};
use computetower_crawl::hosts::{Blame, Ended, Turn};
use url::{Position, Url};

use super::read::{Body, Read};
use super::site::Site;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) address: Address,
    /// So often it was asked for in vain.
    pub(super) tries: u32,
    /// What is known of it.
    pub(super) known: Option<Validators>,
}

/// What came of it.
pub(super) enum Got {
    /// The page; `at` is where it was found in the end.
    Read { at: Address, read: Box<Read> },
    /// The server says that it has not changed.
    Unchanged,
    /// It leads on to where this crawl asks by itself.
    Leads(Address),
    /// It is left out.
    Left(Skipped),
    /// It could not be had.
    Lost(Failed),
    /// It is asked for again.
    Again {
        wait: Duration,
        /// The try counts against it: it was not the host's fault.
        counts: bool,
    },
}

/// Asks for a page. Redirects within its origin are followed here; others are the crawl's business.
pub(super) async fn get(site: &Site, asked: &Asked, turn: Turn) -> Got {
    let at = asked.address.origin();
    let robots = site.robots(&at);
    let may = |url: &Url| robots.as_ref().is_none_or(|robots| robots.allows(url));
    let mut url = asked.address.url().clone();
    let mut hops = Hops::from(&url);
    let mut cookies: Option<String> = None;
    loop {
        if !may(&url) {
            return Got::Left(Skipped::Robots);
        }
        let request = Request {
            url: &url,
            // What is known of one address says nothing of another.
            known: asked.known.as_ref().filter(|_| url == *asked.address.url()),
            cookies: cookies.as_deref(),
            limit: None,
        };
        let answer = match site.fetcher.get(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                let blame = turn.end_of(asked.address.key(), Ended::of(Err(error)));
                return lost(next_of(Err(error), None, asked.tries + 1, blame), blame);
            }
        };
        let Some(location) = answer.location.clone() else {
            let blame = turn.end_of(asked.address.key(), Ended::of(Ok(&answer)));
            return arrived(site, asked, &url, answer, blame).await;
        };
        let whole = |url: &Url| url[..Position::AfterQuery].to_owned();
        // A page that sets a cookie and leads to itself wants to be asked with it, once.
        let is_gate = whole(&location) == whole(&url) && cookies.is_none();
        if is_gate && answer.cookies.is_some() {
            cookies.clone_from(&answer.cookies);
        } else if let Err(failed) = hops.go(&location) {
            turn.end(Ended::Answered);
            return Got::Lost(failed);
        }
        let Ok(to) = Address::of(location.clone()) else {
            turn.end(Ended::Answered);
            return Got::Lost(Failed::Refused);
        };
        if origin(to.url()) != at {
            turn.end(Ended::Answered);
            return Got::Leads(to);
        }
        tokio::time::sleep(site.pace(&at).delay).await;
        // As it says, with what an address is known by left in: a page may lead on to itself with a mark of its own.
        url = location;
        url.set_fragment(None);
        let kept = (url.set_username(""), url.set_password(None));
        // Both cannot fail where there is a host.
        debug_assert!(kept == (Ok(()), Ok(())));
    }
}

fn lost(next: Next, blame: Blame) -> Got {
    match next {
        Next::Again(wait) => Got::Again {
            wait,
            counts: blame == Blame::Page,
        },
        Next::Failed(reason) => Got::Lost(reason),
    }
}

async fn arrived(site: &Site, asked: &Asked, url: &Url, answer: Answer, blame: Blame) -> Got {
    match answer.status {
        304 if asked.known.is_some() && url == asked.address.url() => return Got::Unchanged,
        200..=299 => {}
        status => {
            let next = next_of(Ok(status), answer.retry_after, asked.tries + 1, blame);
            return lost(next, blame);
        }
    }
    if kind_by_content_type(answer.content_type.as_deref(), url) == Kind::Other {
        return Got::Left(Skipped::FileType);
    }
    // Cannot fail: it was one when it was asked.
    let Ok(at) = Address::of(url.clone()) else {
        return Got::Lost(Failed::Refused);
    };
    let body = Body {
        url: url.clone(),
        token: site.fetcher.token().to_owned(),
        ignore_query: site.options().ignore_query,
        answer,
    };
    match super::read::read(&site.extraction, body).await {
        Ok(read) => Got::Read {
            at,
            read: Box::new(read),
        },
        Err(left) => left,
    }
}
