//! Answers that the question itself brings along, for tests of what is made of an answer.
//!
//! A question with the word `SCRIPT` and a JSON list of texts behind it is answered with the first of them; asked again, with the next, and so on;
//! the last is said as often as it is wanted. A question without a script that goes on from one ("Your last answer …", "Result of …") gets the next answer of the last script.

use std::collections::HashMap;

use serde_json::Deserializer;

const MARK: &str = "SCRIPT";
/// How questions begin that go on in a conversation.
const GOES_ON: [&str; 2] = ["Your last answer", "Result of"];

/// How often each script was asked for.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    told: HashMap<Vec<String>, usize>,
    last: Option<Vec<String>>,
}

impl Scripts {
    /// The answer to a question, when it has one of its own.
    pub(crate) fn answer(&mut self, question: &str) -> Option<String> {
        let goes_on = GOES_ON
            .iter()
            .any(|begins| question.trim_start().starts_with(begins));
        let script = match script_of(question) {
            Some(script) => script,
            None if goes_on => self.last.clone()?,
            None => return None,
        };
        let told = self.told.entry(script.clone()).or_default();
        let answer = script
            .get((*told).min(script.len().saturating_sub(1)))
            .cloned();
        *told += 1;
        self.last = Some(script);
        answer
    }
}

/// The script in a question.
pub(crate) fn script_of(question: &str) -> Option<Vec<String>> {
    let (_, behind) = question.split_once(MARK)?;
    Deserializer::from_str(behind)
        .into_iter::<Vec<String>>()
        .next()?
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_answer_by_answer() {
        let mut scripts = Scripts::default();
        let question = r#"User: 1 SCRIPT ["```json\n{}\n```", "two"] please"#;
        assert_eq!(
            scripts.answer(question).as_deref(),
            Some("```json\n{}\n```")
        );
        assert_eq!(
            scripts.answer("Your last answer cannot be used").as_deref(),
            Some("two")
        );
        assert_eq!(scripts.answer(question).as_deref(), Some("two"));
        assert_eq!(scripts.answer("Hello"), None);
    }
}
