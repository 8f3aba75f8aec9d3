//! How many workers a queue should have: pure, so that it can be property-tested.

/// A queue, as far as it matters for the advice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleFacts {
    /// Jobs that could start now if there were slots.
    pub waiting: u64,
    /// Jobs that run.
    pub running: u64,
    /// How long the longest-waiting one has waited, in seconds.
    pub oldest_age_seconds: f64,
    /// Workers that live.
    pub workers: u64,
    /// Jobs that one worker runs at once, at least 1.
    pub slots_per_worker: u64,
    /// How long a job took of late, in seconds, where one has ended.
    pub run_seconds: Option<f64>,
    /// True while nothing of the queue is started.
    pub paused: bool,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleGoal {
    /// Within how many seconds what waits should have been done; above 0.
    pub target_seconds: f64,
    /// Never fewer workers.
    pub min: u64,
    /// Never more workers, not below `min`.
    pub max: u64,
}

/// Why so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleReason {
    /// Nothing waits and nothing runs.
    Idle,
    /// Nothing is started at present; what runs is given its workers.
    Paused,
    /// As many as what waits and runs needs.
    Work,
    /// What waits has waited longer than the target: one more than there are.
    Late,
    /// Fewer would do; one goes at a time.
    StepDown,
    /// More would be used, but are not allowed.
    AtMax,
}

impl ScaleReason {
    /// A plain sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            ScaleReason::Idle => "nothing waits and nothing runs",
            ScaleReason::Paused => "the queue is paused; what runs keeps its workers",
            ScaleReason::Work => "what waits and runs needs as many to be done within the target",
            ScaleReason::Late => "what waits has waited longer than the target: one more",
            ScaleReason::StepDown => "fewer would do; one goes at a time",
            ScaleReason::AtMax => "more would be used, but this is the most that is allowed",
        }
    }
}

/// Advises how many workers a queue should have now.
///
/// Between `min` and `max`; at least one while anything waits or runs (unless `max` is 0); never so few that running jobs lose their slots;
/// never more than there is work for, beyond `min`; and never more than one fewer than there are, unless `max` itself is lower.
#[must_use]
pub fn advise(facts: &ScaleFacts, goal: &ScaleGoal) -> (u64, ScaleReason) {
    let per_worker = facts.slots_per_worker.max(1);
    let waiting = if facts.paused { 0 } else { facts.waiting };
    let work = waiting.saturating_add(facts.running);
    // Workers for whom there is work at all.
    let useful = work.div_ceil(per_worker);
    let needed = slots_needed(facts, goal, waiting).div_ceil(per_worker);
    let (mut advised, mut reason) = if facts.paused {
        (needed, ScaleReason::Paused)
    } else if work == 0 {
        (0, ScaleReason::Idle)
    } else {
        (needed, ScaleReason::Work)
    };
    // Whatever was assumed about the time a job takes: it was not enough.
    if waiting > 0 && facts.oldest_age_seconds > goal.target_seconds {
        let one_more = facts.workers.saturating_add(1).min(useful);
        if one_more > advised {
            (advised, reason) = (one_more, ScaleReason::Late);
        }
    }
    advised = advised.max(goal.min);
    let step_down = facts.workers.saturating_sub(1);
    if advised < step_down {
        advised = step_down;
        reason = ScaleReason::StepDown;
    }
    if advised > goal.max {
        return (goal.max, ScaleReason::AtMax);
    }
    (advised, reason)
}

/// Slots that do what waits within the target, beside what runs; no more than there are jobs, and at least those that are taken.
fn slots_needed(facts: &ScaleFacts, goal: &ScaleGoal, waiting: u64) -> u64 {
    let work = waiting.saturating_add(facts.running);
    // As long as nothing is known, a job is taken to last as long as the target: as many slots as jobs.
    let share = facts
        .run_seconds
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map_or(1.0, |seconds| seconds / goal.target_seconds.max(0.001));
    // Saturating, and far below where a float skips whole numbers for any real queue.
    let slots = (work as f64 * share).ceil() as u64;
    slots
        .max(u64::from(waiting > 0))
        .max(facts.running)
        .min(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_facts() -> impl Strategy<Value = ScaleFacts> {
        (
            // Few jobs for many workers are as likely as many for few.
            prop_oneof![0u64..100, 0u64..100_000],
            prop_oneof![0u64..100, 0u64..5_000],
            0.0f64..5_000.0,
            0u64..200,
            1u64..64,
            proptest::option::of(prop_oneof![Just(0.0), 0.0f64..600.0]),
            proptest::bool::weighted(0.1),
        )
            .prop_map(
                |(waiting, running, oldest, workers, slots_per_worker, run_seconds, paused)| {
                    ScaleFacts {
                        waiting,
                        running,
                        oldest_age_seconds: oldest,
                        workers,
                        slots_per_worker,
                        run_seconds,
                        paused,
                    }
                },
            )
    }

    fn any_goal() -> impl Strategy<Value = ScaleGoal> {
        (1.0f64..3_600.0, 0u64..5, 0u64..200).prop_map(|(target_seconds, min, more)| ScaleGoal {
            target_seconds,
            min,
            max: min + more,
        })
    }

    proptest! {
        #[test]
        fn the_advice_stays_within_its_bounds(facts in any_facts(), goal in any_goal()) {
            let (advised, _) = advise(&facts, &goal);
            prop_assert!((goal.min..=goal.max).contains(&advised));
        }

        #[test]
        fn whatever_waits_has_a_worker(facts in any_facts(), goal in any_goal()) {
            let (advised, _) = advise(&facts, &goal);
            if facts.running > 0 || (facts.waiting > 0 && !facts.paused) {
                prop_assert!(advised >= goal.min.max(1).min(goal.max));
            }
        }

        #[test]
        fn one_goes_at_a_time(facts in any_facts(), goal in any_goal()) {
            let (advised, _) = advise(&facts, &goal);
            prop_assert!(advised + 1 >= facts.workers.min(goal.max));
        }

        #[test]
        fn running_jobs_keep_their_slots(facts in any_facts(), goal in any_goal()) {
            let (advised, _) = advise(&facts, &goal);
            prop_assert!(advised * facts.slots_per_worker >= facts.running || advised == goal.max);
        }

        #[test]
        fn nobody_is_started_without_work(facts in any_facts(), goal in any_goal()) {
            let (advised, _) = advise(&facts, &goal);
            let work = facts.running + if facts.paused { 0 } else { facts.waiting };
            let useful = work.div_ceil(facts.slots_per_worker);
            prop_assert!(advised <= useful.max(goal.min).max(facts.workers.saturating_sub(1)));
        }

        #[test]
        fn more_work_never_means_fewer_workers(facts in any_facts(), goal in any_goal(), more in 0u64..10_000) {
            let (before, _) = advise(&facts, &goal);
            let (after, _) = advise(&ScaleFacts { waiting: facts.waiting + more, ..facts }, &goal);
            prop_assert!(after >= before, "{after} after {before}");
        }

        #[test]
        fn the_backlog_is_gone_within_the_target(waiting in 1u64..10_000, slots_per_worker in 1u64..32, run_seconds in 0.01f64..30.0, target_seconds in 30.0f64..600.0) {
            let facts = ScaleFacts { waiting, running: 0, oldest_age_seconds: 0.0, workers: 0, slots_per_worker, run_seconds: Some(run_seconds), paused: false };
            let (advised, _) = advise(&facts, &ScaleGoal { target_seconds, min: 0, max: u64::MAX });
            let rate = (advised * slots_per_worker) as f64 / run_seconds;
            prop_assert!(waiting as f64 / rate <= target_seconds * 1.000_001);
        }

        #[test]
        fn advice_that_is_followed_comes_to_rest(facts in any_facts(), goal in any_goal()) {
            // The work stays as it is; only the workers follow the advice.
            let (mut now, mut steps) = (facts, 0);
            loop {
                let (advised, _) = advise(&now, &goal);
                if advised == now.workers {
                    break;
                }
                let rose = advised > now.workers;
                now.workers = advised;
                let (next, _) = advise(&now, &goal);
                prop_assert!(!rose || next >= advised, "it rose to {advised} and fell to {next} at once");
                steps += 1;
                prop_assert!(steps < 200_000);
            }
        }
    }

    #[test]
    fn an_example_of_each_reason() {
        let facts = ScaleFacts {
            waiting: 0,
            running: 0,
            oldest_age_seconds: 0.0,
            workers: 0,
            slots_per_worker: 8,
            run_seconds: Some(6.0),
            paused: false,
        };
        let goal = ScaleGoal {
            target_seconds: 60.0,
            min: 0,
            max: 10,
        };
        let busy = ScaleFacts {
            waiting: 400,
            workers: 2,
            ..facts
        };
        assert_eq!(advise(&facts, &goal), (0, ScaleReason::Idle));
        // 400 jobs of 6 s are 40 slots for a minute: 5 workers of 8.
        assert_eq!(advise(&busy, &goal), (5, ScaleReason::Work));
        let late = ScaleFacts {
            workers: 6,
            oldest_age_seconds: 61.0,
            ..busy
        };
        assert_eq!(advise(&late, &goal), (7, ScaleReason::Late));
        let less = ScaleFacts {
            workers: 6,
            ..facts
        };
        assert_eq!(advise(&less, &goal), (5, ScaleReason::StepDown));
        let much = ScaleFacts {
            waiting: 4_000,
            ..busy
        };
        assert_eq!(advise(&much, &goal), (10, ScaleReason::AtMax));
        let paused = ScaleFacts {
            paused: true,
            running: 9,
            ..busy
        };
        assert_eq!(advise(&paused, &goal), (2, ScaleReason::Paused));
    }
}
