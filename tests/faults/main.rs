//! Chat pages that change between the discovery and a question: does the product find its way again by itself, does it end in a clear class where it
//! cannot, and does it ever give out something wrong as an answer? See docs/faults.md.
//!
//! `FAULTS_SEED` draws the cases, `FAULTS_CASES` says how many, `FAULTS_CASE` runs one of them alone, `FAULTS_FAULT` only those whose fault has this
//! in its name, `FAULTS_LANES` how many at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::print_stdout,
    reason = "a test tells its story to whoever looks"
)]

#[path = "../chaos/dice.rs"]
#[allow(dead_code, reason = "shared with another program")]
mod dice;
mod plan;
mod report;
mod run;
mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use computetower_jobs::Queue;
use computetower_test_site::{Site, hurried};
use futures::StreamExt;

use plan::Case;
use run::Outcome;
use support::TestApp;

/// The short form begins no case after so long.
const SHORT: Duration = Duration::from_secs(60);
/// A case that takes longer than this hangs: the test's own end is at three minutes.
const SHORT_CASE: Duration = Duration::from_secs(90);
/// The seed of the short form: the same cases each time. Others are drawn by `make faults`.
const SHORT_SEED: u64 = 1;
/// So many cases at least have to come to an end, on whatever machine.
const LEAST: usize = 2;
/// And runs no more than so many.
const SHORT_CASES: u64 = 20;
/// So many cases share a platform and a browser; then both begin afresh, because each leaves pages and sessions behind.
const BATCH: usize = 20;
/// So many batches at once: one whose last cases take long does not keep the others waiting.
const BESIDE: usize = 2;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

fn seed() -> u64 {
    let any = || u64::from(uuid::Uuid::new_v4().as_fields().0);
    setting("FAULTS_SEED").unwrap_or_else(any)
}

async fn run_batch(
    batch: &[Case],
    site: &Site,
    lanes: usize,
    patience: Duration,
    enough: &impl Fn() -> bool,
) -> Vec<Outcome> {
    if enough() {
        return Vec::new();
    }
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let both = HashMap::from([(Queue::Login, lanes), (Queue::Chat, lanes)]);
    app.start_worker_with(&[Queue::Login, Queue::Chat], both);
    let cases = batch.iter().take_while(|_| !enough());
    let outcomes = futures::stream::iter(cases)
        .map(|case| async {
            let outcome = tokio::time::timeout(patience, run::run(case.clone(), &app, site));
            outcome
                .await
                .unwrap_or_else(|_| Outcome::timed_out(case.clone(), patience))
        })
        .buffer_unordered(lanes)
        .inspect(|outcome| println!("{outcome}"))
        .collect::<Vec<_>>()
        .await;
    app.stop().await;
    outcomes
}

async fn run_cases(cases: Vec<Case>, patience: Duration, least: usize, enough: impl Fn() -> bool) {
    let began = Instant::now();
    let lanes = usize::try_from(setting("FAULTS_LANES").unwrap_or(4)).unwrap();
    let site = Site::start_with(hurried()).await;
    let batches = cases.chunks(BATCH).map(|batch| {
        let (site, enough) = (&site, &enough);
        run_batch(batch, site, lanes.div_ceil(BESIDE), patience, enough)
    });
    let outcomes: Vec<Vec<Outcome>> = futures::stream::iter(batches)
        .buffer_unordered(BESIDE)
        .collect()
        .await;
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    report::print(&outcomes, began.elapsed());
    let broken: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.is_broken())
        .collect();
    for outcome in &broken {
        println!(
            "again: FAULTS_SEED={} FAULTS_CASE={} make faults",
            outcome.case.seed, outcome.case.number
        );
    }
    assert!(broken.is_empty(), "{} cases broke a promise", broken.len());
    let begun = |outcome: &&Outcome| !matches!(outcome.end, run::End::NotBegun(_));
    let ended = outcomes.iter().filter(begun).count();
    assert!(
        ended >= least,
        "{ended} cases came to an end, of {least} at least"
    );
}

/// A handful of cases, the same each time: nothing wrong is given out, nobody is taken for signed in who is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_handful_of_changed_pages_is_never_answered_wrongly() {
    let began = Instant::now();
    let seed = setting("FAULTS_SEED").unwrap_or(SHORT_SEED);
    println!("FAULTS_SEED={seed}");
    let cases = (0..).map(|number| Case::draw(seed, number));
    let quick = cases.filter(|case| !case.fault.is_slow());
    let wanted = usize::try_from(SHORT_CASES).unwrap();
    run_cases(quick.take(wanted).collect(), SHORT_CASE, LEAST, || {
        began.elapsed() > SHORT
    })
    .await;
}

/// As many cases as are asked for: `make faults`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told to: make faults"]
async fn no_change_of_a_page_is_answered_wrongly() {
    let seed = seed();
    println!("FAULTS_SEED={seed}");
    let only = std::env::var("FAULTS_FAULT").unwrap_or_default();
    let cases = match setting("FAULTS_CASE") {
        Some(number) => vec![Case::draw(seed, number)],
        None => {
            let wanted = usize::try_from(setting("FAULTS_CASES").unwrap_or(40)).unwrap();
            let cases = (0..100_000).map(|number| Case::draw(seed, number));
            let fits = |case: &Case| case.fault.name().contains(&only);
            cases.filter(fits).take(wanted).collect()
        }
    };
    run_cases(cases, Duration::from_secs(1800), 1, || false).await;
}
