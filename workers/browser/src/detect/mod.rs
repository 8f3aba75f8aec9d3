//! Judgements over captured facts: pure, explained, and the same with or without a browser. No host name, no brand.

pub mod attach;
pub mod between;
pub mod chat;
pub mod code;
mod elsewhere;
pub mod exit;
mod human;
pub mod launcher;
pub mod login;
#[rustfmt::skip] // Lists of words, one to a line, would hide the rest.
pub mod models;
pub mod undecided;
pub mod verdict;
pub mod ways;
#[rustfmt::skip] // Lists of words, one to a line, would hide the rest.
pub(crate) mod words;

/// A choice with its score and the reasons that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Index into the facts' list that was judged.
    pub index: usize,
    /// Higher is better; the scale is the detector's own.
    pub score: i32,
    /// What spoke for and against.
    pub reasons: Vec<String>,
}

impl Scored {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            score: 0,
            reasons: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, points: i32, reason: &str) {
        self.score += points;
        self.reasons.push(format!("{points:+} {reason}"));
    }
}
