//! One page: asked for, followed to where it leads, and read.

use std::time::Duration;

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::{Address, origin};
use computetower_crawl::fetch::{
    Answer, Hops, Kind, Next, Request, Validators, kind_by_content_type, next,
};
use computetower_crawl::hosts::{Ended, Turn};
use url::Url;

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
    Again(Duration),
}

/// Asks for a page. Redirects within its origin are followed here; others are the crawl's business.
pub(super) async fn get(site: &Site, asked: &Asked, turn: Turn) -> Got {
    let at = asked.address.origin();
    let may = |url: &Url| site.robots(&at).is_none_or(|robots| robots.allows(url));
    let mut url = asked.address.url().clone();
    let mut hops = Hops::from(&url);
    loop {
        if !may(&url) {
            return Got::Left(Skipped::Robots);
        }
        let request = Request {
            url: &url,
            // What is known of one address says nothing of another.
            known: asked.known.as_ref().filter(|_| url == *asked.address.url()),
            cookies: None,
            limit: None,
        };
        let answer = match site.fetcher.get(&request).await {
            Ok(answer) => answer,
            Err(error) => {
                turn.end(Ended::Silent);
                return lost(next(Err(error), None, asked.tries + 1));
            }
        };
        let Some(location) = answer.location.clone() else {
            turn.end(ended(&answer));
            return arrived(site, asked, &url, answer).await;
        };
        if let Err(failed) = hops.go(&location) {
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

fn ended(answer: &Answer) -> Ended {
    match answer.status {
        429 | 503 => Ended::Patience(answer.retry_after),
        _ => Ended::Answered,
    }
}

fn lost(next: Next) -> Got {
    match next {
        Next::Again(wait) => Got::Again(wait),
        Next::Failed(reason) => Got::Lost(reason),
    }
}

async fn arrived(site: &Site, asked: &Asked, url: &Url, answer: Answer) -> Got {
    match answer.status {
        304 if asked.known.is_some() => return Got::Unchanged,
        200..=299 => {}
        status => return lost(next(Ok(status), answer.retry_after, asked.tries + 1)),
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
