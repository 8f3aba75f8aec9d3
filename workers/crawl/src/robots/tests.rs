//! The behaviour that Google publishes, as cases of our own.

use std::time::Duration;

use proptest::prelude::*;
use url::Url;

use super::*;

fn may(file: &str, agent: &str, path: &str) -> bool {
    Robots::read(file.as_bytes(), agent)
        .allows(&Url::parse("https://a.example").unwrap().join(path).unwrap())
}

#[test]
fn a_file_without_rules_forbids_nothing() {
    assert!(may("", "foobot", "/x"));
    assert!(
        may("disallow: /\n", "foobot", "/x"),
        "a rule before any agent is nobody's"
    );
    assert!(may("foo: FooBot\nbar: /\n", "foobot", "/x"));
    assert!(may("<html><body>Not found</body></html>", "foobot", "/x"));
}

#[test]
fn keys_may_be_written_in_many_ways() {
    for file in [
        "user-agent: FooBot\ndisallow: /\n",
        "USER-AGENT: FooBot\nDISALLOW: /\n",
        "user-agent FooBot\ndisallow /\n",
        "useragent: FooBot\ndisalow: /\n",
        "user agent: FooBot\ndissallow: /\n",
        "\u{feff}User-Agent: FooBot\rDisallow: /\r",
        "User-agent: FooBot # ours\r\nDisallow: / # all\r\n",
    ] {
        assert!(!may(file, "foobot", "/x/y"), "{file:?}");
        assert!(may(file, "barbot", "/x/y"), "{file:?}");
    }
}

#[test]
fn the_group_of_the_crawler_counts_alone() {
    let file = "allow: /foo/bar/\n\nuser-agent: FooBot\ndisallow: /\nallow: /x/\nuser-agent: BarBot\ndisallow: /\nallow: /y/\n\n\nallow: /w/\nuser-agent: BazBot\n\nuser-agent: FooBot\nallow: /z/\ndisallow: /\n";
    for path in ["/x/b", "/z/d"] {
        assert!(may(file, "foobot", path), "{path}");
    }
    for path in ["/y/c", "/w/a", "/foo/bar/"] {
        assert!(!may(file, "foobot", path), "{path}");
    }
    for path in ["/y/c", "/w/a"] {
        assert!(may(file, "barbot", path), "{path}");
    }
    assert!(!may(file, "barbot", "/z/d"));
    // The groups of one agent are one.
    assert!(may(file, "bazbot", "/z/d"));
}

#[test]
fn what_is_said_to_all_counts_where_nothing_is_said_by_name() {
    let file = "user-agent: *\nallow: /\nuser-agent: FooBot\ndisallow: /\n";
    assert!(!may(file, "foobot", "/x/y"));
    assert!(may(file, "barbot", "/x/y"));
    assert!(
        may(
            "user-agent: *\ndisallow: /\nuser-agent: FooBot\ndisallow:\n",
            "foobot",
            "/x"
        ),
        "an empty rule by name forbids nothing"
    );
    assert!(!may("user-agent: * baz\ndisallow: /\n", "foobot", "/x"));
    assert!(may("user-agent: *baz\ndisallow: /\n", "foobot", "/x"));
    assert!(
        !may("user-agent: foobot/2.1 (x)\ndisallow: /\n", "foobot", "/x"),
        "a version says nothing"
    );
    assert!(may("user-agent: foobots\ndisallow: /\n", "foobot", "/x"));
}

#[test]
fn several_agents_share_a_group_and_sitemaps_do_not_end_it() {
    let file =
        "user-agent: BarBot\nsitemap: https://a.example/s.xml\nuser-agent: FooBot\ndisallow: /x/\n";
    assert!(!may(file, "foobot", "/x/"));
    assert!(!may(file, "barbot", "/x/"));
    assert_eq!(
        Robots::read(file.as_bytes(), "foobot").sitemaps,
        ["https://a.example/s.xml"]
    );
}

#[test]
fn the_longest_rule_wins_and_of_two_the_one_that_allows() {
    let both = |first: &str, second: &str, path: &str| {
        may(
            &format!("user-agent: FooBot\n{first}\n{second}\n"),
            "foobot",
            path,
        )
    };
    assert!(!both(
        "disallow: /x/page.html",
        "allow: /x/",
        "/x/page.html"
    ));
    assert!(both("allow: /x/page.html", "disallow: /x/", "/x/page.html"));
    assert!(!both("allow: /x/page.html", "disallow: /x/", "/x/"));
    assert!(both("disallow: ", "allow: ", "/x/page.html"));
    assert!(both("disallow: /", "allow: /", "/x/page.html"));
    assert!(!both("disallow: /x", "allow: /x/", "/x"));
    assert!(both("disallow: /x", "allow: /x/", "/x/"));
    assert!(!both(
        "disallow: /x/page.html",
        "allow: /x/page.html?",
        "/x/page.html"
    ));
    assert!(both("allow: /page", "disallow: /*.html", "/page"));
    assert!(!both("allow: /page", "disallow: /*.html", "/page.html"));
    assert!(!both("allow: /$", "disallow: /", "/x"));
    assert!(both("allow: /$", "disallow: /", "/"));
}

#[test]
fn stars_and_the_end() {
    let forbidden = |pattern: &str, path: &str| {
        !may(
            &format!("user-agent: *\ndisallow: {pattern}\n"),
            "foobot",
            path,
        )
    };
    assert!(forbidden("/foo/bar/quz*", "/foo/bar/quz/qux"));
    assert!(forbidden("/foo/*/qux", "/foo/bar/baz/qux"));
    assert!(forbidden("/*.php$", "/dir/file.php"));
    assert!(!forbidden("/*.php$", "/dir/file.php?x=1"));
    assert!(!forbidden("/*.php$", "/file.php5"));
    assert!(forbidden("/fish*.php", "/fishheads/catfish.php?id=2"));
    assert!(!forbidden("/Fish", "/fish"), "case counts");
    assert!(forbidden("/a?b=*&c$", "/a?b=1&c"));
    assert!(!forbidden("/a$b", "/a"), "a dollar in the middle is itself");
    assert!(forbidden("*/x", "/a/x/b"));
}

#[test]
fn an_index_file_stands_for_its_folder_where_it_is_allowed() {
    let file = "user-agent: *\nallow: /fold/index.html\ndisallow: /fold/\n";
    assert!(may(file, "foobot", "/fold/"));
    assert!(may(file, "foobot", "/fold/index.html"));
    assert!(!may(file, "foobot", "/fold/other.html"));
}

#[test]
fn encodings_are_compared_in_their_normal_form() {
    let forbidden = |pattern: &str, path: &str| {
        !may(
            &format!("user-agent: *\ndisallow: {pattern}\n"),
            "foobot",
            path,
        )
    };
    assert!(forbidden("/foo/bar/ツ", "/foo/bar/%E3%83%84"));
    assert!(forbidden("/foo/bar/%e3%83%84", "/foo/bar/ツ"));
    // As RFC 9309 has it; Google leaves encoded letters as they are.
    assert!(forbidden("/foo/bar/%62%61%7A", "/foo/bar/baz"));
}

#[test]
fn what_addresses_encode_is_encoded_in_rules_too() {
    let forbidden = |pattern: &str, path: &str| {
        !may(
            &format!("user-agent: *\ndisallow: {pattern}\n"),
            "foobot",
            path,
        )
    };
    for (pattern, path) in [
        (
            "/search?q={search_term_string}",
            "/search?q={search_term_string}",
        ),
        ("/search?q={", "/search?q=%7Bx"),
        ("/a b/", "/a b/c"),
        ("/a b/", "/a%20b/c"),
        ("/\"x", "/\"x"),
        ("/*'", "/x?y='"),
        ("/*'", "/x?y=%27"),
        ("/*filter[", "/x?filter%5Ba%5D=1"),
        ("/*filter%5B", "/x?filter[a]=1"),
        ("/a|b", "/a%7cb"),
        // Signs of rules, meant as themselves.
        ("/a%2A", "/a*b"),
        ("/a%24", "/a$b"),
        ("/a*b", "/a*b"),
        ("/a*b$", "/axb"),
        ("/a$b", "/a%24b"),
    ] {
        assert!(forbidden(pattern, path), "{pattern} {path}");
    }
    assert!(!forbidden("/a%2A", "/axb"));
    assert!(!forbidden("/a b/", "/ab/"));
}

#[test]
fn a_pause_ends_the_list_of_agents() {
    let file = "user-agent: *\ncrawl-delay: 5\n\nuser-agent: otherbot\ndisallow: /\n";
    assert!(may(file, "foobot", "/x"));
    assert!(!may(file, "otherbot", "/x"));
    let delay = Robots::read(file.as_bytes(), "foobot").crawl_delay;
    assert_eq!(delay, Some(Duration::from_secs(5)));
}

#[test]
fn a_file_of_stars_costs_little() {
    let stars = format!("user-agent: *\ndisallow: /x{}\n", "*".repeat(10_000));
    let robots = Robots::read(stars.as_bytes(), "foobot");
    assert_eq!(robots.rules[0].pattern.stars(), 1);
    assert!(!may(&stars, "foobot", "/xyz"), "it is read all the same");
    let many = format!("disallow: /{}\n", "*a".repeat(99)).repeat(2_000);
    let robots = Robots::read(format!("user-agent: *\n{many}").as_bytes(), "foobot");
    let stars: usize = robots.rules.iter().map(|rule| rule.pattern.stars()).sum();
    assert!((1_000..=MOST_STARS).contains(&stars), "{stars}");
    let rules = "user-agent: *\n".to_owned() + &"disallow: /x\n".repeat(20_000);
    let robots = Robots::read(rules.as_bytes(), "foobot");
    assert_eq!(robots.rules.len(), MOST_RULES);
    let nonsense = format!("user-agent: *\ndisallow: /{}\n", "*a".repeat(5_000));
    assert!(may(&nonsense, "foobot", "/aaaa"), "nobody means that");
}

#[test]
fn delays_are_heard_where_they_make_sense() {
    let delay = |value: &str| {
        Robots::read(
            format!("user-agent: *\ncrawl-delay: {value}\n").as_bytes(),
            "foobot",
        )
        .crawl_delay
    };
    assert_eq!(delay("1.5"), Some(Duration::from_millis(1_500)));
    for nonsense in ["-1", "NaN", "inf", "soon", "1e300"] {
        assert_eq!(delay(nonsense), None, "{nonsense}");
    }
}

#[test]
fn how_the_site_answers_says_what_may_be_asked() {
    let forbids = b"user-agent: *\ndisallow: /\n";
    let everything = Access::Says(Robots::default());
    for status in [301, 400, 401, 403, 404, 410, 451] {
        assert_eq!(
            access_by_status(Some(status), forbids, None, "foobot"),
            everything,
            "{status}"
        );
    }
    for status in [None, Some(429), Some(500), Some(503)] {
        assert!(
            matches!(
                access_by_status(status, b"", None, "foobot"),
                Access::Later(_)
            ),
            "{status:?}"
        );
    }
    let asked = Duration::from_secs(7);
    assert_eq!(
        access_by_status(Some(429), b"", Some(asked), "foobot"),
        Access::Later(Some(asked))
    );
    let mut long = b"user-agent: *\n".to_vec();
    long.resize(LARGEST, b'\n');
    long.extend_from_slice(b"disallow: /\n");
    assert_eq!(
        access_by_status(Some(200), &long, None, "foobot"),
        everything,
        "what comes after the limit is not heeded"
    );
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), path in "/[a-z.%*?][a-z/.%*?]{0,20}") {
        let robots = Robots::read(&bytes, "foobot");
        let _ = robots.allows(&Url::parse("https://a.example").unwrap().join(&path).unwrap());
    }

    #[test]
    fn a_rule_forbids_what_begins_with_it(path in "/[a-z/]{0,12}", more in "[a-z]{0,8}") {
        let file = format!("user-agent: *\ndisallow: {path}\n");
        let whole = format!("{path}{more}");
        prop_assume!(!whole.contains("//"));
        prop_assert!(!may(&file, "foobot", &whole));
    }
}
