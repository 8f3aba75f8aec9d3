//! The states of a job and the moves between them. `docs/state-machine.md` draws the same table; a test holds them equal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Scheduled for later, or waiting for its turn.
    Pending,
    /// Handed to a lane: the next free worker takes it.
    Queued,
    /// An attempt holds the lease.
    Running,
    /// Held back by a person; goes on when resumed.
    Paused,
    /// Waits for a person (CAPTCHA, second factor, unknown page).
    InterventionNeeded,
    /// Done, the result is recorded.
    Completed,
    /// Ended without a result; the failure is recorded.
    Failed,
    /// Ended on request.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [JobState; 8] = [
        JobState::Pending,
        JobState::Queued,
        JobState::Running,
        JobState::Paused,
        JobState::InterventionNeeded,
        JobState::Completed,
        JobState::Failed,
        JobState::Cancelled,
    ];

    /// The stable name, as it stands in Postgres and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            JobState::Pending => "pending",
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Paused => "paused",
            JobState::InterventionNeeded => "intervention_needed",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// True when no worker will ever touch the job again, unless a person retries it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            JobState::Completed | JobState::Failed | JobState::Cancelled
        )
    }

    /// The states that may follow this one. Every SQL move is guarded by the same table.
    #[must_use]
    pub const fn next(self) -> &'static [JobState] {
        use JobState::{
            Cancelled, Completed, Failed, InterventionNeeded, Paused, Pending, Queued, Running,
        };
        match self {
            // A deadline can pass before a job's turn has come.
            Pending => &[Queued, Paused, Failed, Cancelled],
            // Back to queued: dispatched again after its message was lost. Back to pending: its queue or tenant was paused.
            Queued => &[Queued, Pending, Running, Paused, Failed, Cancelled],
            Running => &[
                Pending,
                Queued,
                Paused,
                InterventionNeeded,
                Completed,
                Failed,
                Cancelled,
            ],
            Paused => &[Pending, Failed, Cancelled],
            InterventionNeeded => &[Pending, Queued, Failed, Cancelled],
            // Retried by hand: a new series of attempts.
            Failed | Cancelled => &[Pending, Queued],
            Completed => &[],
        }
    }

    /// Whether the state machine has the move.
    #[must_use]
    pub fn may_become(self, next: JobState) -> bool {
        self.next().contains(&next)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is not a job state.
#[derive(Debug, thiserror::Error)]
#[error("unknown job state {0:?}")]
pub struct UnknownState(pub String);

impl FromStr for JobState {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        JobState::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_still_reach_an_end() {
        for start in JobState::ALL {
            let mut seen = vec![start];
            let mut frontier = vec![start];
            while let Some(state) = frontier.pop() {
                for &next in state.next() {
                    if !seen.contains(&next) {
                        seen.push(next);
                        frontier.push(next);
                    }
                }
            }
            assert!(
                seen.iter().any(|state| state.is_final()),
                "{start} leads nowhere"
            );
        }
    }

    #[test]
    fn a_completed_job_stays_completed() {
        assert!(JobState::Completed.next().is_empty());
    }

    #[test]
    fn the_drawing_shows_the_same_moves() {
        let drawing = include_str!("../../docs/state-machine.md");
        for from in JobState::ALL {
            for to in JobState::ALL {
                let arrow = format!("{from} --> {to}");
                let drawn = drawing
                    .lines()
                    .any(|line| line.trim().split(" :").next() == Some(arrow.as_str()));
                assert_eq!(drawn, from.may_become(to), "{arrow}");
            }
        }
    }
}
