//! The table at the end.

use std::collections::BTreeMap;

use crate::run::Outcome;

/// Prints one line for each fault and victim.
pub(crate) fn print(outcomes: &[Outcome]) {
    let mut rows: BTreeMap<(String, String), Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        rows.entry(outcome.case.fault.names())
            .or_default()
            .push(outcome);
    }
    println!(
        "\n{:<18} {:<22} {:>5} {:>6} {:>6} {:>7} {:>7}   {:>15}   {:>17}",
        "fault",
        "victim",
        "cases",
        "broken",
        "jobs",
        "events",
        "holes",
        "recovery p50/p99",
        "restart p50/p99"
    );
    for ((fault, victim), outcomes) in &rows {
        line(fault, victim, outcomes);
    }
    line("all", "", &outcomes.iter().collect::<Vec<_>>());
    println!(
        "recovery: from the end of the fault until every accepted job had ended, its own work included, in seconds\n\
         restart: from the kill of a worker until each job that it ran began its next attempt, in seconds\n\
         holes: jobs whose event numbers leave some out, which is allowed"
    );
    for outcome in outcomes.iter().filter(|outcome| !outcome.broken.is_empty()) {
        println!("\n{}", outcome.case);
        for broken in &outcome.broken {
            println!("  broken: {broken}");
        }
    }
}

fn line(fault: &str, victim: &str, outcomes: &[&Outcome]) {
    let broken = outcomes
        .iter()
        .filter(|outcome| !outcome.broken.is_empty())
        .count();
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(|outcome| of(outcome)).sum::<usize>();
    let run: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| Some(outcome.recovery?.as_secs_f64()))
        .collect();
    let restarts = outcomes
        .iter()
        .flat_map(|outcome| outcome.restarts.iter().copied());
    println!(
        "{fault:<18} {victim:<22} {:>5} {broken:>6} {:>6} {:>7} {:>7}   {:>15}   {:>17}",
        outcomes
            .iter()
            .filter(|outcome| outcome.left_out.is_none())
            .count(),
        sum(|outcome| outcome.jobs),
        sum(|outcome| outcome.events),
        sum(|outcome| outcome.holes),
        percentiles(run),
        percentiles(restarts.collect()),
    );
}

fn percentiles(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1));
    match (at(50), at(99)) {
        (Some(half), Some(most)) => format!("{half:.1} / {most:.1}"),
        _ => "-".to_owned(),
    }
}
