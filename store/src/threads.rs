//! Conversations that stand on a provider's page, found again by what was said in them.

use computetower_jobs::kinds::chat::Role;
use computetower_jobs::{CredentialId, ProviderId, TenantId, ThreadId, WorkerId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;

/// Characters of a question that are kept to recognise its page by.
const QUESTION_KEPT: usize = 2_000;
/// Characters of an answer.
const ANSWER_KEPT: usize = 500;

/// A conversation on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its id; a live page that shows it is known by it.
    pub id: ThreadId,
    /// Where the page was when the last answer was complete.
    pub url: String,
    /// The beginning of the last question, as it was typed.
    pub question: String,
    /// The beginning of its answer.
    pub answer: String,
}

/// With whom a conversation is had.
#[derive(Clone, Copy, Debug)]
pub struct With<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// With which provider.
    pub provider: ProviderId,
    /// With which of its accounts.
    pub credential: Option<CredentialId>,
    /// In which of the page's own models, where one was asked for.
    pub model: Option<&'a str>,
}

/// What tells one conversation from another: everything that was said in it, white space around the messages aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(Vec<u8>);

impl Said {
    /// Of these messages, oldest first.
    #[must_use]
    pub fn of<'m>(messages: impl IntoIterator<Item = (Role, &'m str)>) -> Self {
        let mut hash = Sha256::new();
        for (role, content) in messages {
            let content = content.replace("\r\n", "\n");
            let content = content.trim();
            let speaker: u8 = match role {
                Role::System => 1,
                Role::User => 2,
                Role::Assistant => 3,
            };
            hash.update([speaker]);
            hash.update((content.len() as u64).to_be_bytes());
            hash.update(content.as_bytes());
        }
        Self(hash.finalize().to_vec())
    }

    /// The SHA-256.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.0
    }
}

impl Thread {
    /// A conversation that has just been had.
    #[must_use]
    pub fn new(url: &str, question: &str, answer: &str) -> Self {
        Self {
            id: ThreadId::generate(),
            url: url.to_owned(),
            question: question.chars().take(QUESTION_KEPT).collect(),
            answer: answer.chars().take(ANSWER_KEPT).collect(),
        }
    }
}

struct Row {
    id: Uuid,
    url: String,
    question: String,
    answer: String,
}

impl From<Row> for Thread {
    fn from(row: Row) -> Self {
        Self {
            id: ThreadId(row.id),
            url: row.url,
            question: row.question,
            answer: row.answer,
        }
    }
}

impl Store {
    /// Takes the conversation in which just this was said, so that nobody else continues it: one of the `live` ones before the others, else the
    /// latest.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn take_thread(
        &self,
        with: With<'_>,
        said: &Said,
        live: &[ThreadId],
    ) -> Result<Option<Thread>, StoreError> {
        let live: Vec<Uuid> = live.iter().map(|id| id.0).collect();
        let row = sqlx::query_as!(
            Row,
            "delete from chat_threads where id = (
                 select id from chat_threads where provider_id = $1 and tenant_id = $2 and digest = $3
                   and (credential_id is null or credential_id = $5) and model is not distinct from $6
                 order by id = any($4) desc, at desc limit 1 for update skip locked)
             returning id, url, question, answer",
            with.provider.0,
            with.tenant.0,
            said.0,
            &live,
            with.credential.map(|id| id.0),
            with.model
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(row.map(Thread::from))
    }

    /// Keeps a conversation to be continued by whoever knows what was said in it. `worker` has its page open.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn keep_thread(
        &self,
        with: With<'_>,
        worker: WorkerId,
        said: &Said,
        thread: &Thread,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into chat_threads (id, tenant_id, provider_id, digest, url, question, answer, credential_id, worker_id, model)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (id) do nothing",
            thread.id.0,
            with.tenant.0,
            with.provider.0,
            said.0,
            thread.url,
            thread.question,
            thread.answer,
            with.credential.map(|id| id.0),
            worker.0,
            with.model
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The latest conversation with a provider and account, taken by nobody.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn latest_thread(
        &self,
        provider: ProviderId,
        credential: Option<CredentialId>,
    ) -> Result<Option<Thread>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            "select id, url, question, answer from chat_threads
             where provider_id = $1 and (credential_id is null or credential_id = $2) order by at desc limit 1",
            provider.0,
            credential.map(|id| id.0)
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(row.map(Thread::from))
    }

    /// Removes conversations that nobody has continued for `days`. How many.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn forget_old_threads(&self, days: i32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from chat_threads where id in (select id from chat_threads where at < now() - make_interval(days => $1) limit 1000)",
            days
        )
        .execute(&self.system)
        .await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_told_apart_by_speakers_and_borders_not_by_white_space_around() {
        let said = |messages: &[(Role, &str)]| Said::of(messages.iter().copied());
        let one = said(&[(Role::User, "Hi"), (Role::Assistant, "Hello\nyou")]);
        assert_eq!(
            one,
            said(&[(Role::User, " Hi\n"), (Role::Assistant, "Hello\r\nyou ")])
        );
        for other in [
            said(&[(Role::User, "Hi"), (Role::User, "Hello\nyou")]),
            said(&[(Role::User, "HiHello\nyou")]),
            said(&[(Role::User, "Hi"), (Role::Assistant, "Hello you")]),
            said(&[(Role::User, "H"), (Role::Assistant, "iHello\nyou")]),
        ] {
            assert_ne!(one, other);
        }
    }
}
