//! What a page complains of while it answers: in the place of an answer, or of one that it has begun to show. Pure.

use crate::detect::words;

/// What a page may say in the place of an answer.
pub(super) fn complains(text: &str) -> bool {
    let lower = text.to_lowercase();
    has_failed(&lower) || words::any(&lower, words::LOCKED)
}

/// Whether it says that something has failed. A number alone may be any number.
fn has_failed(lower: &str) -> bool {
    let is_word = |word: &&&str| !word.starts_with(|c: char| c.is_ascii_digit());
    let failed: Vec<&str> = words::FAILED.iter().filter(is_word).copied().collect();
    words::any(lower, &failed)
}

/// What it may say to somebody who is not signed in, or no longer.
pub(super) fn asks_to_sign_in(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.chars().count() < 120 && words::any(&lower, words::SIGN_IN)
}

/// What it may say of an answer that it has begun to show. Numbers and limits beside an answer are mostly about the next one.
fn regrets(text: &str) -> bool {
    let lower = text.to_lowercase();
    has_failed(&lower) || words::any(&lower, words::BROKEN_OFF)
}

/// What a page has begun to complain of since its answer last grew.
#[derive(Debug, Default)]
pub(super) struct Regrets {
    /// The alerts of the last look.
    seen: Vec<String>,
    /// Those that stood there before the text last grew: they have nothing to do with its end.
    old: Vec<String>,
    complaint: Option<String>,
}

impl Regrets {
    /// Takes a look in: whether the text has changed, the alerts that stand there, and the text.
    pub(super) fn listen(&mut self, changed: bool, alerts: &[String], text: &str) {
        if changed {
            self.old = std::mem::take(&mut self.seen);
            self.complaint = None;
        }
        if self.complaint.is_none() && !text.is_empty() {
            let new = |alert: &&String| {
                regrets(alert) && !self.old.contains(alert) && !text.contains(alert.as_str())
            };
            self.complaint = alerts.iter().find(new).cloned();
        }
        self.seen = alerts.to_vec();
    }

    /// What shows that the answer is not whole. Where the stream that brought it has come to its end, a page may still complain of something else.
    pub(super) fn cut_short(&self, ended: bool) -> Option<String> {
        let complaint = self.complaint.as_ref()?;
        let of_answer = !ended || words::any(&complaint.to_lowercase(), words::BROKEN_OFF);
        of_answer.then(|| complaint.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "Something went wrong";
    const LOST: &str = "The connection was lost. The answer is incomplete.";

    #[test]
    fn a_limit_beside_an_answer_is_not_about_it() {
        for text in [FAILED, LOST, "Antwort unterbrochen"] {
            assert!(regrets(text), "{text}");
        }
        for text in [
            "500 credits left",
            "You have reached your message limit",
            "Copied to clipboard",
        ] {
            assert!(!regrets(text), "{text}");
        }
        assert!(complains("You have reached your message limit"));
        assert!(!complains("About 5000 km.") && !complains("It costs 502 euros."));
        assert!(asks_to_sign_in("Bitte anmelden, um Nachrichten zu senden."));
        assert!(!asks_to_sign_in("Copied to clipboard"));
    }

    /// What is found after these looks: (the alert, the text), where the stream ended or did not.
    fn found(looks: &[(&str, &str)], ended: bool) -> Option<String> {
        let mut regrets = Regrets::default();
        let mut before = "";
        for (alert, text) in looks {
            let alerts: Vec<String> = std::iter::once(*alert)
                .filter(|alert| !alert.is_empty())
                .map(str::to_owned)
                .collect();
            regrets.listen(*text != before, &alerts, text);
            before = text;
        }
        regrets.cut_short(ended)
    }

    #[test]
    fn what_comes_after_the_last_words_is_about_them_also_when_it_goes_again() {
        let cut = [
            ("", "one"),
            ("", "one two"),
            (FAILED, "one two"),
            ("", "one two"),
        ];
        assert_eq!(found(&cut, false).as_deref(), Some(FAILED));
        // It may come in the same look as the last words.
        assert!(found(&[("", "one"), (LOST, "one two")], true).is_some());
    }

    #[test]
    fn what_stood_there_before_and_what_the_answer_says_is_not() {
        assert_eq!(found(&[(FAILED, "one"), (FAILED, "one two")], false), None);
        assert_eq!(found(&[("", "one"), (FAILED, FAILED)], false), None);
        assert_eq!(found(&[(FAILED, "")], false), None);
        // A stream that has come to its end brought all of it.
        assert_eq!(found(&[("", "one"), (FAILED, "one")], true), None);
    }
}
