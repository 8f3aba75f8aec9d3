//! `chat`: asks a chat page and reads the answer.

use std::borrow::Cow;
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

/// Files that one job may bring along.
pub const MAX_FILES: usize = 100;

/// The payload of a `chat` job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"model": "helpdesk", "messages": [{"role": "user", "content": "How do I reset my password?"}]}))]
pub struct Chat {
    /// The provider's name.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// Pictures that are put beside the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ChatFile>,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatFile {
    /// To which: 0 for the first message of the role `user`.
    pub turn: usize,
    /// The tenant's own object that holds it.
    pub key: String,
    /// What the page is told that it is called.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
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
        if self.files.len() > MAX_FILES {
            return Err(InvalidPayload::new(
                "files",
                format!("must be at most {MAX_FILES}"),
            ));
        }
        let turns = users(&self.messages);
        for file in &self.files {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let named = (1..=80).contains(&file.name.len()) && file.name.chars().all(plain);
            if file.turn >= turns || !named || file.name.starts_with('.') {
                return Err(InvalidPayload::new(
                    "files",
                    "must belong to messages of the role user, with names of 1 to 80 letters, digits, dashes and dots",
                ));
            }
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

    /// The files of the messages behind the first `known`.
    pub fn files_from(&self, known: usize) -> impl Iterator<Item = &ChatFile> {
        let before = users(self.messages.get(..known).unwrap_or_default());
        self.files.iter().filter(move |file| file.turn >= before)
    }

    /// What was said in the first `known` messages: who, and what, which is another thing with another picture beside it.
    #[must_use]
    pub fn said(&self, known: usize) -> Vec<(Role, Cow<'_, str>)> {
        let mut turn = 0;
        let messages = self.messages.iter().take(known);
        messages
            .map(|message| {
                let mut content = Cow::Borrowed(message.content.as_str());
                if message.role == Role::User {
                    for file in self.files.iter().filter(|file| file.turn == turn) {
                        content.to_mut().push_str("\n\0");
                        content.to_mut().push_str(&file.sha256);
                    }
                    turn += 1;
                }
                (message.role, content)
            })
            .collect()
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

/// How many of the messages are of users.
fn users(messages: &[Message]) -> usize {
    let users = messages.iter().filter(|message| message.role == Role::User);
    users.count()
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
            files: Vec::new(),
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
            files: Vec::new(),
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
            files: Vec::new(),
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
    fn files_belong_to_messages_of_users() {
        let file = |turn, name: &str| ChatFile {
            turn,
            key: "k".into(),
            name: name.into(),
            sha256: "ab".into(),
        };
        let mut chat = Chat {
            model: "m".into(),
            messages: vec![
                message(Role::System, "Be short."),
                message(Role::User, "What is this?"),
                message(Role::Assistant, "A cat."),
                message(Role::User, "And this?"),
            ],
            files: vec![file(0, "a.png"), file(1, "b.png")],
        };
        assert!(chat.check().is_ok());
        let from = |known| {
            chat.files_from(known)
                .map(|file| file.turn)
                .collect::<Vec<_>>()
        };
        assert_eq!((from(0), from(3)), (vec![0, 1], vec![1]));
        assert_eq!(chat.said(2)[1].1, "What is this?\n\0ab");
        for wrong in [
            file(2, "a.png"),
            file(0, ""),
            file(0, "../a"),
            file(0, ".a"),
        ] {
            chat.files = vec![wrong];
            assert!(chat.check().is_err());
        }
        chat.files = vec![file(0, "a"); MAX_FILES + 1];
        assert!(chat.check().is_err());
    }

    #[test]
    fn a_conversation_without_a_question_is_refused() {
        let chat = Chat {
            model: "m".into(),
            messages: vec![message(Role::System, "x")],
            files: Vec::new(),
        };
        assert!(chat.check().is_err());
    }
}
