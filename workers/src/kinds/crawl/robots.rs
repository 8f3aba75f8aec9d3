//! Asking an origin for its robots.txt.

use computetower_crawl::fetch::{FetchError, Limit, Request};
use computetower_crawl::hosts::Ended;
use computetower_crawl::robots::{Access, LARGEST, Robots, access_by_status};
use url::Url;

use super::site::Site;

/// So often a robots.txt may lead on.
const MOST_HOPS: usize = 5;

/// What an origin lets us do.
pub(super) async fn ask(site: &Site, origin: &str) -> Access {
    let Ok(mut url) = Url::parse(&format!("{origin}/robots.txt")) else {
        return Access::Says(Robots::default());
    };
    let token = site.fetcher.token();
    for _ in 0..=MOST_HOPS {
        let turn = site.hosts.wait(origin, site.pace(origin)).await;
        let request = Request {
            url: &url,
            known: None,
            cookies: None,
            limit: Some(Limit::Cut(LARGEST)),
        };
        let answer = match site.fetcher.get(&request).await {
            Ok(answer) => answer,
            // Its pages will say the same, each for itself.
            Err(FetchError::PrivateAddress) => return Access::Says(Robots::default()),
            Err(error) => {
                turn.end(Ended::of(Err(error)));
                return access_by_status(None, b"", None, token);
            }
        };
        turn.end(Ended::of(Ok(&answer)));
        match answer.location {
            Some(location) => url = location,
            None => {
                return access_by_status(
                    Some(answer.status),
                    &answer.body,
                    answer.retry_after,
                    token,
                );
            }
        }
    }
    Access::Says(Robots::default())
}
