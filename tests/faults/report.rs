//! The table of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::Wanted;
use crate::run::{End, Outcome};

#[derive(Default)]
struct Line {
    runs: usize,
    at_once: usize,
    later: usize,
    kept: usize,
    classes: BTreeMap<String, usize>,
    steps: BTreeMap<String, usize>,
    wrong: usize,
    false_logins: usize,
    doubled: usize,
    took: Vec<Duration>,
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}

pub(crate) fn print(outcomes: &[Outcome], took: Duration) {
    let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
    let (mut recoverable, mut recovered, mut ended, mut not_begun) = (0, 0, 0, 0);
    for outcome in outcomes {
        if let End::NotBegun(_) = outcome.end {
            not_begun += 1;
            continue;
        }
        let fault = outcome.case.fault;
        let line = lines.entry(fault.name()).or_default();
        line.runs += 1;
        match &outcome.end {
            End::Recovered(1) => line.at_once += 1,
            End::Recovered(_) => line.later += 1,
            End::Class(code) => *line.classes.entry(code.clone()).or_default() += 1,
            End::TimedOut => *line.classes.entry("timed out".to_owned()).or_default() += 1,
            End::NotBegun(_) => {}
        }
        if fault.wanted() == Wanted::Answer {
            recoverable += 1;
            recovered += usize::from(outcome.recovered());
        } else {
            ended += usize::from(matches!(&outcome.end, End::Class(code) if code != "unknown"));
        }
        line.kept += usize::from(outcome.kept == Some(true));
        line.wrong += usize::from(!outcome.wrong.is_empty());
        line.false_logins += usize::from(outcome.false_logins > 0);
        line.doubled += usize::from(!outcome.doubled.is_empty());
        for step in outcome.steps.keys() {
            *line.steps.entry(step.clone()).or_default() += 1;
        }
        line.took.push(outcome.took);
    }
    println!(
        "| change | runs | answered at once | after failures | way kept | ended in a class | wrong | false login | asked twice | median s | by |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, line) in &mut lines {
        line.took.sort();
        let median = line
            .took
            .get(line.took.len() / 2)
            .copied()
            .unwrap_or_default();
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {} |",
            line.runs,
            line.at_once,
            line.later,
            line.kept,
            listed(&line.classes),
            line.wrong,
            line.false_logins,
            line.doubled,
            median.as_secs_f64(),
            listed(&line.steps),
        );
    }
    let runs = outcomes.len() - not_begun;
    let sum = |part: fn(&Line) -> usize| lines.values().map(part).sum::<usize>();
    #[expect(clippy::cast_precision_loss, reason = "a share, for reading")]
    let share = 100.0 * recovered as f64 / (recoverable.max(1)) as f64;
    println!(
        "{runs} runs in {:.0} s: {recovered} of {recoverable} that can be recovered were ({share:.1} %); {ended} of {} that cannot ended in a clear class; \
         {} wrong answers, {} false logins, {} questions asked twice; {not_begun} did not begin",
        took.as_secs_f64(),
        runs - recoverable,
        sum(|line| line.wrong),
        sum(|line| line.false_logins),
        sum(|line| line.doubled),
    );
    for outcome in outcomes {
        if let End::NotBegun(why) = &outcome.end {
            println!(
                "did not begin: case {}: {:?}: {why}",
                outcome.case.number, outcome.case.base
            );
        }
    }
}
