//! Chaos: real processes, real servers, random faults at chosen moments, and what has to hold afterwards. See docs/chaos.md.
//!
//! `CHAOS_SEED` draws the cases, `CHAOS_CASES` says how many, `CHAOS_CASE` runs one of them alone, `CHAOS_FAULT` only those whose fault or
//! victim has this in its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::print_stdout,
    reason = "a test tells its story to whoever looks"
)]

mod checks;
mod client;
mod dice;
mod faults;
mod load;
mod member;
mod moments;
mod plan;
mod platform;
mod proxy;
mod report;
mod run;
mod services;
mod wait;

use std::time::{Duration, Instant};

use plan::{Case, Fault, Role};
use platform::Shared;

/// The short form begins no case after so long.
const SHORT: Duration = Duration::from_secs(30);
/// And runs no more than so many.
const SHORT_CASES: u64 = 4;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

fn seed() -> u64 {
    let any = || u64::from(uuid::Uuid::new_v4().as_fields().0);
    setting("CHAOS_SEED").unwrap_or_else(any)
}

async fn run_cases(cases: impl Iterator<Item = Case>, enough: impl Fn() -> bool) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut shared = Shared::start().await;
    let mut outcomes = Vec::new();
    for case in cases {
        if enough() {
            break;
        }
        println!("{case}");
        let outcome = run::run(case, &mut shared).await;
        match (outcome.left_out, outcome.recovery) {
            (Some(why), _) => println!("  left out: {why}"),
            (None, recovery) => println!(
                "  {} jobs, {} events over {} connections, done {:.1} s after the fault, {} broken",
                outcome.jobs,
                outcome.events,
                outcome.connections,
                recovery.unwrap_or_default().as_secs_f64(),
                outcome.broken.len()
            ),
        }
        for broken in &outcome.broken {
            println!("  broken: {broken}");
        }
        if !outcome.broken.is_empty() {
            println!(
                "  again: CHAOS_SEED={} CHAOS_CASE={} make chaos",
                outcome.case.seed, outcome.case.number
            );
        }
        outcomes.push(outcome);
    }
    report::print(&outcomes);
    let broken = outcomes.iter().filter(|outcome| !outcome.broken.is_empty());
    assert_eq!(broken.count(), 0, "cases that broke something");
}

/// A handful of cases of a new seed each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_handful_of_random_faults_breaks_nothing() {
    let began = Instant::now();
    let seed = seed();
    println!("CHAOS_SEED={seed}");
    // Two leases long, and more: for the long form alone.
    let is_short = |case: &Case| case.fault != Fault::Freeze(Role::Worker);
    let cases = (0..SHORT_CASES).map(|number| Case::draw(seed, number));
    run_cases(cases.filter(is_short), || began.elapsed() > SHORT).await;
}

/// As many cases as are asked for: `make chaos`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told to: make chaos"]
async fn no_fault_at_any_moment_breaks_anything() {
    let seed = seed();
    println!("CHAOS_SEED={seed}");
    let only = std::env::var("CHAOS_FAULT").unwrap_or_default();
    let fits = move |case: &Case| {
        let (fault, victim) = case.fault.names();
        fault.contains(&only) || victim.contains(&only)
    };
    match setting("CHAOS_CASE") {
        Some(number) => run_cases(std::iter::once(Case::draw(seed, number)), || false).await,
        None => {
            let wanted = usize::try_from(setting("CHAOS_CASES").unwrap_or(30)).unwrap();
            let cases = (0..).map(|number| Case::draw(seed, number));
            run_cases(cases.filter(fits).take(wanted), || false).await;
        }
    }
}
