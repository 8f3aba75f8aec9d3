//! `chat`: asks a chat page and reads the answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kind::InvalidPayload;
use crate::policy::{KindPolicy, RetryPolicy};

/// How `chat` is tried. An answer may take ten minutes; the page is given a little more.
pub const POLICY: KindPolicy = KindPolicy {
    retry: RetryPolicy {
        attempts: 4,
        base_ms: 1_000,
        cap_ms: 30_000,
    },
    timeout: Duration::from_secs(780),
};

/// Characters that all messages together may have.
pub const MAX_CHARACTERS: usize = 400_000;

/// Characters that count as a token.
pub const CHARACTERS_OF_A_TOKEN: usize = 4;

/// How many tokens a text has: an estimate, since a page does not tell.
#[must_use]
pub fn estimate_tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_OF_A_TOKEN)
}

/// The payload of a `chat` job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"model": "helpdesk", "messages": [{"role": "user", "content": "How do I reset my password?"}]}))]
pub struct Chat {
    /// The provider's name.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Plain text.
    pub content: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions (`system` and `developer` mean the same here).
    #[serde(alias = "developer")]
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Chat {
    pub(crate) fn check(&self) -> Result<(), InvalidPayload> {
        if self.messages.is_empty() {
            return Err(InvalidPayload::new(
                "messages",
                "must hold at least one message",
            ));
        }
        if !self
            .messages
            .iter()
            .any(|message| message.role == Role::User)
        {
            return Err(InvalidPayload::new(
                "messages",
                "must hold a message with role user",
            ));
        }
        if self.prompt().trim().is_empty() {
            return Err(InvalidPayload::new("messages", "must not all be empty"));
        }
        let characters: usize = self
            .messages
            .iter()
            .map(|message| message.content.chars().count())
            .sum();
        if characters > MAX_CHARACTERS {
            return Err(InvalidPayload::new(
                "messages",
                format!("must have at most {MAX_CHARACTERS} characters together"),
            ));
        }
        Ok(())
    }

    /// What is typed into the page for a conversation that it knows nothing of: the one message as it is, or the whole conversation as a transcript.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.prompt_from(0)
    }

    /// How many messages a page knows that answered before: all up to the last answer. None when there is none, or nothing comes after it.
    #[must_use]
    pub fn answered(&self) -> Option<usize> {
        let last = self
            .messages
            .iter()
            .rposition(|message| message.role == Role::Assistant)?;
        let asks =
            |message: &Message| message.role == Role::User && !message.content.trim().is_empty();
        self.messages[last + 1..]
            .iter()
            .any(asks)
            .then_some(last + 1)
    }

    /// What is typed into a page that knows the first `known` messages.
    #[must_use]
    pub fn prompt_from(&self, known: usize) -> String {
        let rest = self.messages.get(known..).unwrap_or_default();
        if let [only] = rest {
            return only.content.clone();
        }
        let turns: Vec<String> = rest
            .iter()
            .filter(|message| !message.content.trim().is_empty())
            .map(|message| {
                let speaker = match message.role {
                    Role::System => "Instructions",
                    Role::User => "User",
                    Role::Assistant => "Assistant",
                };
                format!("{speaker}: {}", message.content)
            })
            .collect();
        turns.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.to_owned(),
        }
    }

    #[test]
    fn a_single_question_is_typed_as_it_is() {
        let chat = Chat {
            model: "m".into(),
            messages: vec![message(Role::User, " Why?\n")],
        };
        assert_eq!(chat.prompt(), " Why?\n");
    }

    #[test]
    fn a_conversation_is_typed_as_a_transcript() {
        let chat = Chat {
            model: "m".into(),
            messages: vec![
                message(Role::System, "Be short."),
                message(Role::User, "Hi"),
                message(Role::Assistant, "Hello"),
                message(Role::User, "Why?"),
            ],
        };
        assert_eq!(
            chat.prompt(),
            "Instructions: Be short.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Why?"
        );
    }

    #[test]
    fn a_page_that_has_answered_is_told_what_came_after_that() {
        let mut chat = Chat {
            model: "m".into(),
            messages: vec![
                message(Role::System, "Be short."),
                message(Role::User, "Hi"),
            ],
        };
        assert_eq!(chat.answered(), None);
        chat.messages.push(message(Role::Assistant, "Hello"));
        assert_eq!(chat.answered(), None, "nothing is asked");
        chat.messages.push(message(Role::User, "Why?"));
        assert_eq!(chat.answered(), Some(3));
        assert_eq!(chat.prompt_from(3), "Why?");
        chat.messages.push(message(Role::User, "And how?"));
        assert_eq!(chat.prompt_from(3), "User: Why?\n\nUser: And how?");
        assert_eq!(chat.prompt_from(9), "");
    }

    #[test]
    fn a_conversation_without_a_question_is_refused() {
        let chat = Chat {
            model: "m".into(),
            messages: vec![message(Role::System, "x")],
        };
        assert!(chat.check().is_err());
    }
}
