//! Sites without end, and sites that only look so.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse("https://a.example/")
        .unwrap()
        .join(text)
        .unwrap()
}

/// Walks a site as a crawl does; a page is its text and its links. Gives what was fetched.
fn walk(start: &str, most: usize, page: impl Fn(&Url) -> (String, Vec<Url>)) -> HashSet<Url> {
    let mut traps = Traps::default();
    let mut known = HashSet::from([url(start)]);
    let mut texts = HashSet::new();
    let mut queue = VecDeque::from([(url(start), 0)]);
    let mut fetched = HashSet::new();
    while let Some((at, points)) = queue.pop_front() {
        if fetched.len() == most {
            break;
        }
        let (text, links) = page(&at);
        fetched.insert(at.clone());
        let new_links: Vec<Url> = links
            .into_iter()
            .filter(|link| known.insert(link.clone()))
            .collect();
        let same_text = !texts.insert(text.clone());
        let next = traps.judge(
            &at,
            points,
            &Brought {
                text: &text,
                same_text,
                new_links: &new_links,
            },
        );
        queue.extend(
            new_links
                .into_iter()
                .filter(|link| !traps.is_trap(link, next, 2026))
                .map(|link| (link, next)),
        );
    }
    fetched
}

fn number(at: &Url) -> u32 {
    at.as_str()
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap_or(1)
}

#[test]
fn a_listing_is_followed_to_its_end_even_when_only_numbers_differ() {
    let fetched = walk("/shop/", 5_000, |at| match at.path() {
        path if path.contains("product") => (
            format!(
                "Product {}\nA fine thing.\nPrice: {}",
                number(at),
                number(at) * 3
            ),
            vec![url("/shop/")],
        ),
        _ => {
            let page = number(at);
            let mut links: Vec<Url> = (0..20)
                .map(|n| url(&format!("/shop/product-{}.html", page * 20 + n)))
                .collect();
            if page < 50 {
                links.push(url(&format!("/shop/page-{}.html", page + 1)));
            }
            (format!("Page {page} of 50\nProduct"), links)
        }
    });
    let products = fetched
        .iter()
        .filter(|at| at.path().contains("product"))
        .count();
    assert_eq!(products, 1_000);
}

#[test]
fn an_endless_listing_of_nothing_ends() {
    let fetched = walk("/list/", 5_000, |at| {
        let next = number(at) + 1;
        (
            format!("Page {next}\nNothing was found.\nTry something else."),
            vec![url(&format!("/list/page-{next}.html")), url("/")],
        )
    });
    assert!((10..100).contains(&fetched.len()), "{}", fetched.len());
}

#[test]
fn an_endless_listing_of_the_same_thing_ends_sooner() {
    let fetched = walk("/list/", 5_000, |at| {
        (
            "Nothing was found.".to_owned(),
            vec![url(&format!("/list/?page={}", number(at) + 1))],
        )
    });
    assert!(fetched.len() < 30, "{}", fetched.len());
}

#[test]
fn a_calendar_ends_in_both_directions() {
    let fetched = walk("/calendar/2026/6/", 20_000, |at| {
        let parts: Vec<i32> = at
            .path()
            .split('/')
            .filter_map(|part| part.parse().ok())
            .collect();
        match parts.as_slice() {
            [year, month] => {
                let month_of = |n: i32| {
                    url(&format!(
                        "/calendar/{}/{}/",
                        n.div_euclid(12),
                        n.rem_euclid(12) + 1
                    ))
                };
                let this = year * 12 + month - 1;
                let mut links: Vec<Url> = (1..=28)
                    .map(|day| url(&format!("/calendar/{year}/{month}/{day}/")))
                    .collect();
                links.extend([month_of(this - 1), month_of(this + 1)]);
                (
                    format!("Calendar\nMonth {month} of {year}\nNo events"),
                    links,
                )
            }
            _ => (format!("{parts:?}\nNo events on this day"), Vec::new()),
        }
    });
    assert!(fetched.len() < 3_000, "{}", fetched.len());
    assert!(fetched.contains(&url("/calendar/2026/7/")));
}

#[test]
fn combinations_of_filters_end() {
    let fetched = walk(
        "/shop?colour=0&size=0&sort=0&brand=0&shape=0",
        20_000,
        |at| {
            let values: Vec<u32> = at
                .query()
                .unwrap_or_default()
                .split('&')
                .filter_map(|pair| pair.split('=').nth(1)?.parse().ok())
                .collect();
            let links = (0..5).flat_map(|which| {
                let values = values.clone();
                (0..7).map(move |value| {
                    let mut values = values.clone();
                    values[which] = value;
                    let [a, b, c, d, e] = values[..] else {
                        unreachable!("five filters")
                    };
                    url(&format!(
                        "/shop?colour={a}&size={b}&sort={c}&brand={d}&shape={e}"
                    ))
                })
            });
            (
                format!("Shop\nThing\nOther thing\nFilter {values:?}"),
                links.collect(),
            )
        },
    );
    assert!(
        fetched.len() < 3_000,
        "{} of {}",
        fetched.len(),
        7_u32.pow(5)
    );
}

#[test]
fn paths_that_repeat_themselves_are_none() {
    for endless in [
        "/a/b/a/b/a/b/a/b/",
        "/x/x/x/x/x",
        "/css/css/css/css/",
        "/a/1/a/2/a/3/a/4/a/5/a/6/a/7",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25",
    ] {
        assert!(looks_endless(&url(endless)), "{endless}");
    }
    for fine in [
        "/a/b/a/b/a/b/c",
        "/docs/api/docs/api/v1",
        "/2026/01/01/01/title",
        "/",
    ] {
        assert!(!looks_endless(&url(fine)), "{fine}");
    }
}

#[test]
fn pages_of_one_listing_are_no_further_away() {
    for (from, to) in [
        ("/shop/", "/shop/page-2.html"),
        ("/shop/index.html", "/shop/page-2.html"),
        ("/shop", "/shop/page/2/"),
        ("/shop/page-2.html", "/shop/page-3.html"),
        ("/shop/page/2/", "/shop/page/40/"),
        ("/shop?sort=a", "/shop?sort=a&page=2"),
        ("/shop?page=2&sort=a", "/shop?page=3&sort=a"),
        ("/forum?start=0", "/forum?start=25"),
    ] {
        assert!(goes_on(&url(from), &url(to)), "{from} -> {to}");
    }
    for (from, to) in [
        ("/", "/shop/page-2.html"),
        ("/shop/", "/shop/product-2.html"),
        ("/shop/page-2.html", "/other/page-3.html"),
        ("/shop?sort=a", "/shop?sort=b&page=2"),
        ("/shop/", "/shop/2/"),
        ("/shop/page-2.html", "/shop/"),
    ] {
        assert!(!goes_on(&url(from), &url(to)), "{from} -> {to}");
    }
}

#[test]
fn far_dates_are_left_alone_where_the_way_is_barren_already() {
    let traps = Traps::default();
    for far in [
        "/calendar/2031/05/",
        "/events/2099-01-02",
        "/c?date=2044-01",
        "/c?year=2822&week=53",
    ] {
        assert!(traps.is_trap(&url(far), LEADS_ROUND, 2026), "{far}");
        assert!(!traps.is_trap(&url(far), 0, 2026), "{far}");
    }
    for fine in [
        "/blog/2024/05/title",
        "/rfc/rfc2616",
        "/products/3000",
        "/c?year=2027&month=1",
        "/20990102",
        "/v/2040.1.1/",
        "/topic/3456/2",
        "/topic/1234/2",
        "/events/1234/sessions/5",
        "/events/4321/sessions/5",
        "/updates/4810/2/",
        "/candidates/5012/7",
        "/schedule/3021/20",
        "/weekly/holiday/4000/1",
        "/events/1848/03/",
        "/day/1815/06/18/",
    ] {
        assert!(!traps.is_trap(&url(fine), LEADS_ROUND, 2026), "{fine}");
    }
}

/// A shop of a thousand products whose texts differ in numbers only. Listing pages come before products where that order is asked for, as in a crawl.
fn products_of(start: &str, on_a_page: u32, page_of: impl Fn(u32) -> String) -> usize {
    let first = start.to_owned();
    let is_listing = |at: &Url| !at.path().contains("product-");
    let fetched = walk(start, 5_000, |at| {
        if !is_listing(at) {
            let text = format!(
                "Product {}\nA fine thing.\nPrice: {}",
                number(at),
                number(at)
            );
            return (text, vec![url(&first)]);
        }
        let page = number(at);
        let mut links: Vec<Url> = (0..on_a_page)
            .map(|n| {
                url(&format!(
                    "/things/product-{}.html",
                    (page - 1) * on_a_page + n
                ))
            })
            .collect();
        if page < 1_000 / on_a_page {
            links.push(url(&page_of(page + 1)));
        }
        (format!("Page {page}\nProduct"), links)
    });
    fetched.iter().filter(|at| !is_listing(at)).count()
}

#[test]
fn a_listing_with_more_than_one_parameter_is_followed_to_its_end() {
    let page_of = |page: u32| format!("/shop?cat=all&page={page}");
    assert_eq!(products_of("/shop?cat=all", 20, page_of), 1_000);
}

#[test]
fn a_long_listing_of_few_products_a_page_is_followed_to_its_end() {
    let page_of = |page: u32| format!("/shop/page-{page}.html");
    assert_eq!(products_of("/shop/", 4, page_of), 1_000);
    assert_eq!(products_of("/shop/", 1, page_of), 1_000);
}

#[test]
fn pages_that_lead_to_ever_other_folders_end() {
    let fetched = walk("/x/", 20_000, |at| {
        let mut hash = DefaultHasher::new();
        at.hash(&mut hash);
        let name: String = format!("{:x}", hash.finish())
            .bytes()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        (
            format!("Nothing {}\nhere", hash.finish()),
            vec![url(&format!("/{name}/x"))],
        )
    });
    assert!(fetched.len() <= 300, "{}", fetched.len());
}

proptest! {
    #[test]
    fn a_page_that_brings_something_new_leads_on(points in 0..u16::MAX, words in proptest::collection::hash_set("[a-z]{5,9}", 5..9)) {
        let text = words.into_iter().collect::<Vec<_>>().join("\n");
        let brought = Brought { text: &text, same_text: false, new_links: &[] };
        prop_assert_eq!(Traps::default().judge(&url("/x"), points, &brought), 0);
    }

    #[test]
    fn numbers_do_not_change_a_shape(one in 0..100_000_u32, other in 0..100_000_u32) {
        prop_assert_eq!(shape(&url(&format!("/a/{one}/b?x={one}"))), shape(&url(&format!("/a/{other}/b?x={other}"))));
    }

    #[test]
    fn any_address_can_be_judged(path in "(/[a-z0-9%.-]{1,8}){0,30}", query in "[a-z0-9=&-]{0,40}") {
        let url = url(&format!("{path}?{query}"));
        let _ = Traps::default().is_trap(&url, 0, 2026);
        let _ = goes_on(&url, &url);
    }
}
