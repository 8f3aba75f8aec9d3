//! Who gets a turn, and when.

use proptest::prelude::*;

use super::*;

const PACE: Pace = Pace {
    at_once: 4,
    delay: Duration::ZERO,
};

#[test]
fn so_many_are_on_their_way_at_once() {
    let hosts = Hosts::default();
    let turns: Vec<Turn> = (0..4)
        .map(|_| hosts.turn("http://a.example", PACE).ok().unwrap())
        .collect();
    assert_eq!(
        hosts.turn("http://a.example", PACE).err(),
        Some(When::AfterAnother)
    );
    assert!(
        hosts.turn("http://b.example", PACE).is_ok(),
        "another host has its own"
    );
    drop(turns);
    assert!(hosts.turn("http://a.example", PACE).is_ok());
}

#[test]
fn a_pause_that_robots_ask_for_is_kept_up_to_a_limit() {
    let asked = PACE.with_robots(Some(Duration::from_secs(5)));
    assert_eq!((asked.at_once, asked.delay), (1, Duration::from_secs(5)));
    assert_eq!(
        PACE.with_robots(Some(Duration::from_secs(86_400))).delay,
        LONGEST_DELAY
    );
    assert_eq!(PACE.with_robots(None), PACE);
    let now = Instant::now();
    let mut host = Host::new(now);
    assert_eq!(host.ask(0, asked, now), When::Now);
    host.end(Ended::Answered, None, now);
    assert_eq!(
        host.ask(0, asked, now + Duration::from_secs(4)),
        When::At(now + Duration::from_secs(5))
    );
    assert_eq!(host.ask(0, asked, now + Duration::from_secs(5)), When::Now);
}

#[test]
fn a_host_that_asks_for_patience_is_left_alone_and_then_asked_less() {
    let now = Instant::now();
    let mut host = Host::new(now);
    (0..4).for_each(|_| assert_eq!(host.ask(0, PACE, now), When::Now));
    for _ in 0..4 {
        host.end(Ended::Patience(Some(Duration::from_secs(9))), None, now);
    }
    assert_eq!(
        host.ask(0, PACE, now),
        When::At(now + Duration::from_secs(9))
    );
    let later = now + Duration::from_secs(9);
    assert_eq!(host.ask(0, PACE, later), When::Now);
    assert_eq!(host.ask(0, PACE, later), When::Now);
    assert_eq!(
        host.ask(0, PACE, later),
        When::AfterAnother,
        "half of those that were too many"
    );
    host.end(
        Ended::Patience(Some(Duration::from_secs(1_000_000))),
        None,
        later,
    );
    assert_eq!(host.ask(0, PACE, later), When::At(later + LONGEST_PAUSE));
}

#[test]
fn a_host_that_asks_for_no_patience_is_left_alone_as_long_as_usual() {
    let now = Instant::now();
    let mut host = Host::new(now);
    assert_eq!(host.ask(0, PACE, now), When::Now);
    host.end(Ended::Patience(Some(Duration::ZERO)), None, now);
    assert_eq!(
        host.ask(0, PACE, now),
        When::At(now + Duration::from_secs(2))
    );
}

fn key(n: u8) -> Key {
    Key([n; 16])
}

#[test]
fn a_host_of_which_nothing_comes_is_to_blame_and_not_its_pages() {
    let mut now = Instant::now();
    let mut host = Host::new(now);
    let fail = |host: &mut Host, page: u8, now: Instant| {
        assert_eq!(host.ask(0, PACE, now), When::Now, "{page}");
        host.end(Ended::Failing, Some(key(page)), now)
    };
    for page in 0..4 {
        assert_eq!(fail(&mut host, page, now), Blame::Page);
        assert_eq!(fail(&mut host, page, now), Blame::Page, "one page alone");
    }
    assert_eq!(fail(&mut host, 4, now), Blame::Host);
    // Thirty seconds without an answer: it is tried now and then, with one request, and no page is to blame.
    let up_again = now + Duration::from_secs(30);
    let mut tried = 0;
    while now < up_again {
        match host.ask(0, PACE, now) {
            When::Now => {
                tried += 1;
                assert_eq!(host.ask(0, PACE, now), When::AfterAnother, "one is enough");
                assert_eq!(host.end(Ended::Failing, Some(key(9)), now), Blame::Host);
            }
            When::At(at) => now = at,
            When::AfterAnother => unreachable!("nothing is on its way"),
        }
    }
    assert!((2..=5).contains(&tried), "{tried}");
    assert_eq!(host.ask(0, PACE, now), When::Now);
    assert_eq!(host.end(Ended::Answered, Some(key(9)), now), Blame::Page);
    for _ in 0..4 {
        assert_eq!(host.ask(0, PACE, now), When::Now, "as many as before");
    }
    assert_eq!(
        host.end(Ended::Failing, Some(key(1)), now),
        Blame::Page,
        "counted from the last answer"
    );
}

#[test]
fn a_host_is_given_up_in_the_end_and_may_be_tried_later() {
    let began = Instant::now();
    let mut now = began;
    let mut host = Host::new(now);
    let mut page = 0;
    while !host.is_given_up(now) {
        match host.ask(0, PACE, now) {
            When::Now => {
                page = (page + 1) % 200;
                let _ = host.end(Ended::Failing, Some(key(page)), now);
            }
            When::At(at) => now = at,
            When::AfterAnother => unreachable!("nothing is on its way"),
        }
    }
    let passed = now.duration_since(began);
    assert!(
        (Duration::from_secs(120)..Duration::from_secs(600)).contains(&passed),
        "{passed:?}"
    );
    assert_eq!(
        host.end(Ended::Failing, Some(key(1)), now),
        Blame::HostForGood
    );
    now += Duration::from_secs(61);
    assert!(!host.is_given_up(now));
    assert_eq!(host.ask(0, PACE, now), When::Now);
    host.end(Ended::Answered, None, now);
    assert!(!host.is_given_up(now));
}

/// Crawls that ask as often as they can, each as it is told; what they got.
fn share(paces: &[Pace], took: Duration, rounds: u32) -> Vec<u32> {
    let mut host = Host::new(Instant::now());
    let mut now = Instant::now();
    let mut got = vec![0; paces.len()];
    let mut on_the_way: Vec<Instant> = Vec::new();
    let mut asks_at = vec![now; paces.len()];
    for _ in 0..rounds {
        now += Duration::from_millis(1);
        let before = on_the_way.len();
        on_the_way.retain(|ends| *ends > now);
        for _ in on_the_way.len()..before {
            host.end(Ended::Answered, None, now);
        }
        for (who, pace) in paces.iter().enumerate() {
            // The first sees at once what has ended, the others look now and then.
            while who == 0 || asks_at[who] <= now {
                match host.ask(who as u64, *pace, now) {
                    When::Now => {
                        got[who] += 1;
                        on_the_way.push(now + took);
                    }
                    When::At(at) => {
                        asks_at[who] = at;
                        break;
                    }
                    When::AfterAnother => {
                        asks_at[who] = now + Duration::from_millis(50);
                        break;
                    }
                }
            }
        }
    }
    got
}

#[test]
fn no_crawl_starves_beside_another() {
    let quick = Pace {
        at_once: 8,
        delay: Duration::ZERO,
    };
    let slow = Pace {
        at_once: 8,
        delay: Duration::from_millis(1_000),
    };
    let one = Pace {
        at_once: 1,
        delay: Duration::ZERO,
    };
    let took = Duration::from_millis(100);
    for other in [quick, slow, one] {
        let got = share(&[quick, other], took, 20_000);
        assert!(got[1] * 3 >= got[0], "{other:?}: {got:?}");
    }
    let got = share(&[quick, slow], took, 20_000);
    // Eight had begun before the slower one came.
    assert!(
        got[0] + got[1] <= 8 + 21,
        "the slower pace is kept: {got:?}"
    );
    let got = share(&[quick], took, 20_000);
    assert!(got[0] >= 1_500, "alone it gets all: {got:?}");
}

#[test]
fn a_slower_crawl_that_has_gone_slows_nobody() {
    let now = Instant::now();
    let slow = Pace {
        at_once: 1,
        delay: Duration::from_secs(5),
    };
    let mut host = Host::new(now);
    assert_eq!(host.ask(1, slow, now), When::Now);
    host.end(Ended::Answered, None, now);
    assert_eq!(host.ask(0, PACE, now), When::At(now + slow.delay));
    let later = now + Duration::from_secs(31);
    assert_eq!(host.ask(0, PACE, later), When::Now);
    assert_eq!(host.ask(0, PACE, later), When::Now);
}

#[test]
fn one_machine_is_one_host() {
    let hosts = Hosts::default();
    let one = Pace {
        at_once: 1,
        delay: Duration::ZERO,
    };
    let turn = hosts.turn("https://www.a.example", one);
    assert!(turn.is_ok());
    assert!(hosts.turn("http://a.example", one).is_err());
    assert!(hosts.turn("http://a.example:8080", one).is_ok());
    assert!(hosts.turn("http://www.example", one).is_ok());
    assert!(hosts.turn("http://example", one).is_ok());
}

#[test]
fn what_came_says_how_it_ended() {
    assert_eq!(Ended::of(Err(FetchError::Connection)), Ended::Failing);
    assert_eq!(Ended::of(Err(FetchError::TooLarge)), Ended::Silent);
}

proptest! {
    #[test]
    fn never_more_on_their_way_nor_sooner_than_agreed(at_once in 1..6_u32, delay in 0..50_u64, steps in proptest::collection::vec((0..4_u8, 0..100_u64), 1..200)) {
        let pace = Pace { at_once, delay: Duration::from_millis(delay) };
        let mut now = Instant::now();
        let mut host = Host::new(now);
        let (mut on_the_way, mut last): (u32, Option<Instant>) = (0, None);
        for (what, passed) in steps {
            now += Duration::from_millis(passed);
            match what {
                0 if on_the_way > 0 => {
                    on_the_way -= 1;
                    host.end(Ended::Answered, None, now);
                }
                1 if on_the_way > 0 => {
                    on_the_way -= 1;
                    host.end(Ended::Patience(None), None, now);
                    prop_assert!(host.ask(0, pace, now) != When::Now);
                }
                _ => {
                    if host.ask(0, pace, now) == When::Now {
                        on_the_way += 1;
                        prop_assert!(on_the_way <= at_once);
                        prop_assert!(last.is_none_or(|last| now.duration_since(last) >= pace.delay));
                        last = Some(now);
                    }
                }
            }
        }
    }
}
