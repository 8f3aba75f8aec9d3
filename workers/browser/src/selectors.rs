//! Several ways to find one element again, each with how often it has held. Pure; time is given, not taken.

use serde::{Deserialize, Serialize};

/// A locator of an element, and how well it has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selector {
    /// Where the element is.
    pub locator: String,
    /// 0 to 1: how likely it is to find the same element after the page has changed.
    pub stability: f32,
    /// What its kind alone promises, before anything was seen of it.
    pub kind: f32,
    /// How often it pointed at the element that an answer proved right.
    pub proved: u32,
    /// How often it pointed at another, or at none.
    pub failed: u32,
    /// The same since it was last right.
    pub failed_since: u32,
    /// When it was last right, in seconds since 1970.
    pub proved_at: i64,
}

/// Ways that are kept of one element.
const MOST: usize = 8;
/// One that was wrong so often in a row is forgotten.
const FORGET: u32 = 5;
/// One that no answer has confirmed for so many seconds is forgotten: thirty days.
pub(crate) const TTL: i64 = 30 * 24 * 3600;

impl Selector {
    fn judge(&mut self) {
        // What its kind promises counts like four answers.
        #[expect(clippy::cast_precision_loss, reason = "counts of answers are small")]
        let (proved, failed) = (self.proved as f32, self.failed as f32);
        self.stability = (self.kind * 4.0 + proved) / (4.0 + proved + failed);
    }
}

/// Takes in what an answer has proved: these locators point at the right element now (with what their kind promises), and no others do.
pub(crate) fn prove(known: &mut Vec<Selector>, right: &[(String, f32)], now: i64) {
    for selector in known.iter_mut() {
        if right
            .iter()
            .any(|(locator, _)| *locator == selector.locator)
        {
            selector.proved = selector.proved.saturating_add(1);
            selector.failed_since = 0;
            selector.proved_at = now;
        } else {
            selector.failed = selector.failed.saturating_add(1);
            selector.failed_since += 1;
        }
        selector.judge();
    }
    for (locator, kind) in right {
        if known.iter().any(|selector| selector.locator == *locator) {
            continue;
        }
        let mut selector = Selector {
            locator: locator.clone(),
            kind: *kind,
            proved: 1,
            proved_at: now,
            ..Selector::default()
        };
        selector.judge();
        known.push(selector);
    }
    known.retain(|selector| selector.failed_since < FORGET && now - selector.proved_at < TTL);
    known.sort_by(|a, b| b.stability.total_cmp(&a.stability));
    known.truncate(MOST);
}

/// Whether an answer has to be noted although nothing has changed: so that what holds does not pass for forgotten.
pub(crate) fn is_due(known: &[Selector], now: i64) -> bool {
    let latest = known.iter().map(|selector| selector.proved_at).max();
    latest.is_none_or(|at| now - at > 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(locators: &[(&str, f32)]) -> Vec<(String, f32)> {
        locators
            .iter()
            .map(|(locator, kind)| ((*locator).to_owned(), *kind))
            .collect()
    }

    #[test]
    fn what_holds_rises_and_what_does_not_falls_and_is_forgotten() {
        let mut known = Vec::new();
        prove(&mut known, &found(&[("#a", 0.9), (".b", 0.4)]), 100);
        assert_eq!(known[0].locator, "#a");
        for at in 0..4 {
            prove(&mut known, &found(&[(".b", 0.4)]), 200 + at);
        }
        assert_eq!(known[0].locator, ".b", "it has held where the id did not");
        assert_eq!((known[1].failed, known[1].failed_since), (4, 4));
        prove(&mut known, &found(&[(".b", 0.4)]), 300);
        assert_eq!(known.len(), 1, "wrong five times in a row");
        assert!((0.0..=1.0).contains(&known[0].stability));
    }

    #[test]
    fn what_no_answer_confirms_for_long_is_forgotten() {
        let mut known = Vec::new();
        prove(&mut known, &found(&[("#a", 0.9)]), 0);
        assert!(is_due(&known, 4000) && !is_due(&known, 10));
        prove(&mut known, &found(&[(".b", 0.4)]), TTL + 1);
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].locator, ".b");
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let mut known = Vec::new();
        let many: Vec<(String, f32)> = (0..20).map(|n| (format!("#n{n}"), 0.5)).collect();
        prove(&mut known, &many, 1);
        assert_eq!(known.len(), MOST);
    }
}
