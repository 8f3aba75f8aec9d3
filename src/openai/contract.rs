//! What an answer has to be beyond words: the page is told, the answer checked, and the page told again what was wrong. Pure.

use computetower_jobs::kinds::chat::{Message, Role};

use super::calls::{self, Reading};
use super::json_mode::Format;
use super::tools::Tools;

/// How often a page is asked again for an answer that does not fit.
pub(super) const REPAIRS: usize = 2;

/// What an answer has to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contract {
    pub(super) format: Format,
    pub(super) tools: Option<Tools>,
}

impl Contract {
    /// Puts what the page has to know between the messages: behind the instructions at their head, so that a conversation that grows keeps its
    /// beginning. The first `known` messages are those of a conversation that goes on; what was told last in it is not told again.
    pub(super) fn tell(&self, messages: &mut Vec<Message>, known: usize) {
        let parts = [
            self.tools.as_ref().map(Tools::instruction),
            self.format.instruction(),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return;
        }
        let between = match parts.len() {
            1 => "\n\n",
            _ => "\n\nAnd when no function is called: ",
        };
        let content = parts.join(between);
        if was_told(&messages[..known], &content) {
            return;
        }
        let head = messages[known..]
            .iter()
            .take_while(|message| message.role == Role::System)
            .count();
        messages.insert(
            known + head,
            Message {
                role: Role::System,
                content,
            },
        );
    }

    /// Up to which byte an answer that is still being written can be passed on.
    pub(super) fn free(&self, answer: &str) -> usize {
        match (&self.tools, self.format.is_text()) {
            (_, false) => 0,
            (None, true) => answer.len(),
            (Some(tools), true) => calls::free(tools, answer),
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// What is wrong with it, in words that the page can mend it by.
    pub(super) fn read(&self, answer: &str) -> Result<Reading, Vec<String>> {
        let read = match &self.tools {
            Some(tools) => calls::read(tools, answer)?,
            None => Reading::Text(answer.to_owned()),
        };
        match read {
            Reading::Text(text) => self.format.take(&text).map(Reading::Text),
            calls @ Reading::Calls(..) => Ok(calls),
        }
    }

    /// What the page is asked after an answer that does not fit.
    pub(super) fn again(
        &self,
        messages: &[Message],
        answer: &str,
        faults: &[String],
    ) -> Vec<Message> {
        let mut text = "Your last answer cannot be used:\n".to_owned();
        for fault in faults {
            text.push_str(&format!("- {fault}\n"));
        }
        text.push_str("\nAnswer the same again without these faults, ");
        text.push_str(match (&self.tools, self.format.is_text()) {
            (Some(_), _) => {
                "in the way described at the beginning: one ```json block with {\"tool_calls\": [{\"name\": \"NAME\", \"arguments\": {}}]} to call functions, \
                 or an answer without such a block if you meant none."
            }
            (None, _) => "as one ```json block and nothing else.",
        });
        let mut messages = messages.to_vec();
        messages.push(Message {
            role: Role::Assistant,
            content: answer.to_owned(),
        });
        messages.push(Message {
            role: Role::User,
            content: text,
        });
        messages
    }
}

/// Whether instructions are among the last two that a conversation was told: those of the caller, and those of a contract.
pub(super) fn was_told(messages: &[Message], content: &str) -> bool {
    messages
        .iter()
        .rev()
        .filter(|message| message.role == Role::System)
        .take(2)
        .any(|message| message.content == content)
}

#[cfg(test)]
mod tests {
    use super::super::tools::tests::{tools, weather};
    use super::*;
    use serde_json::{Value, json};

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.to_owned(),
        }
    }

    fn contract() -> Contract {
        let read = tools(&json!([weather()]), &Value::Null);
        Contract {
            format: Format::Object,
            tools: read.unwrap_or_else(|error| panic!("{error:?}")),
        }
    }

    #[test]
    fn the_instruction_stands_behind_those_of_the_caller() {
        let mut messages = vec![
            message(Role::System, "Be short."),
            message(Role::User, "Hi"),
        ];
        contract().tell(&mut messages, 0);
        assert_eq!(messages.len(), 3);
        assert!(
            messages[1].role == Role::System
                && messages[1]
                    .content
                    .contains("And when no function is called: Answer with one code block")
        );
        let mut plain = vec![message(Role::User, "Hi")];
        Contract::default().tell(&mut plain, 0);
        assert_eq!(plain.len(), 1);
    }

    #[test]
    fn a_conversation_that_goes_on_is_told_once() {
        let mut messages = vec![message(Role::User, "Hi")];
        contract().tell(&mut messages, 0);
        messages.push(message(Role::Assistant, "{}"));
        let known = messages.len();
        messages.push(message(Role::User, "And?"));
        contract().tell(&mut messages, known);
        assert_eq!(messages.len(), known + 1);
        let plain = Contract {
            format: Format::Object,
            tools: None,
        };
        plain.tell(&mut messages, known);
        assert_eq!(
            (messages.len(), messages[known].role),
            (known + 2, Role::System)
        );
    }

    #[test]
    fn an_answer_is_calls_or_of_the_format() {
        let calls =
            "{\"tool_calls\": [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}]}";
        assert!(matches!(contract().read(calls), Ok(Reading::Calls(..))));
        assert_eq!(
            contract().read("So: {\"a\": 1}"),
            Ok(Reading::Text("{\"a\": 1}".into()))
        );
        assert!(contract().read("Words.").is_err());
        assert_eq!(
            (
                contract().free("Words."),
                Contract::default().free("Words.")
            ),
            (0, 6)
        );
    }

    #[test]
    fn what_was_wrong_is_told_behind_the_wrong_answer() {
        let asked = [message(Role::User, "Hi")];
        let again = contract().again(&asked, "Words.", &["There is no JSON in it.".to_owned()]);
        assert_eq!(again.len(), 3);
        assert!(
            again[1] == message(Role::Assistant, "Words.")
                && again[2].content.contains("- There is no JSON in it.\n")
        );
    }
}
