//! How many commands are taken.

use tokio::time::Instant;

/// Commands that may come at once, and how many more each second.
const BURST: f64 = 50.0;
const PER_SECOND: f64 = 10.0;
/// Commands in a row that are refused before it is enough.
const REFUSALS: u32 = 100;

/// Whether a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answerable {
    Yes,
    /// It is one too many.
    Later,
    /// So were many before it.
    NoMore,
}

/// What a client has left.
pub(super) struct Patience {
    tokens: f64,
    counted_at: Instant,
    refused: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tokens: BURST,
            counted_at: Instant::now(),
            refused: 0,
        }
    }
}

impl Patience {
    /// Takes another command.
    pub(super) fn with_another(&mut self, now: Instant) -> Answerable {
        let more = now.duration_since(self.counted_at).as_secs_f64() * PER_SECOND;
        self.tokens = (self.tokens + more).min(BURST);
        self.counted_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused = 0;
            return Answerable::Yes;
        }
        self.refused += 1;
        if self.refused > REFUSALS {
            Answerable::NoMore
        } else {
            Answerable::Later
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_taken_a_flood_is_refused_and_then_ended() {
        let mut patience = Patience::default();
        let now = Instant::now();
        let answers: Vec<Answerable> = (0..200).map(|_| patience.with_another(now)).collect();
        assert!(
            answers[..50]
                .iter()
                .all(|answer| *answer == Answerable::Yes)
        );
        assert!(
            answers[50..150]
                .iter()
                .all(|answer| *answer == Answerable::Later)
        );
        assert_eq!(answers[150], Answerable::NoMore);
    }

    #[test]
    fn who_waits_is_heard_again() {
        let mut patience = Patience::default();
        let now = Instant::now();
        while patience.with_another(now) == Answerable::Yes {}
        let later = now + Duration::from_secs(1);
        let answers: Vec<Answerable> = (0..11).map(|_| patience.with_another(later)).collect();
        assert!(
            answers[..10]
                .iter()
                .all(|answer| *answer == Answerable::Yes)
        );
        assert_eq!(answers[10], Answerable::Later);
    }
}
