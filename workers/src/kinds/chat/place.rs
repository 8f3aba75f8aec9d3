//! Where a question is asked: on the page that shows its conversation, on one that stands ready, or on one that is opened for it. An earlier attempt's
//! question is looked for before anything else.

use std::sync::Arc;
use std::time::Duration;

use computetower_browser::{
    BrowserError, ChatMap, Conversation, LastTurn, Notes, Page, ready, recognises, start_new,
};
use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{EventBody, Failure, FailureCode};
use computetower_store::jobs::Effect;
use computetower_store::providers::Provider;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::choose::Candidate;
use super::{CUT, Prompt};
use crate::account::{AccountSession, Place, comes_to_rest, open_in, session_of};
use crate::browsers::{LiveSession, OpenPage};
use crate::classify;
use crate::context::JobContext;
use crate::notes::failure_of;
use crate::run::chain;

/// How long a page may take to show a conversation again.
const FIND_CONVERSATION: Duration = Duration::from_secs(5);

/// A page on which the question can be asked, or was.
pub(super) struct Ready {
    pub(super) session: Arc<LiveSession>,
    pub(super) page: OpenPage,
    /// What is typed.
    pub(super) text: String,
    /// How many of the job's messages the page knows already.
    pub(super) known: usize,
    pub(super) standing: Standing,
}

/// How the question stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has to be typed.
    Open,
    /// An earlier attempt sent it, and the page shows it, more often than so many times before.
    Asked { before: u64 },
}

/// What became of a question that an earlier attempt sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Earlier {
    /// The page does not know it: it can be asked again.
    Gone,
    /// It stands in a conversation that can be read on.
    Found,
    /// It stands on the page, but not in a conversation that can be read.
    Unreadable,
}

/// What the search goes by.
#[derive(Clone, Copy)]
struct Search<'a> {
    context: &'a JobContext,
    chat: &'a Chat,
    candidate: &'a Candidate,
    provider: &'a Provider,
    map: &'a ChatMap,
    notes: &'a Notes,
}

/// Finds the page for a question.
///
/// # Errors
/// What a sign-in or a page can fail with, as a failure of the job.
pub(super) async fn find(
    context: &JobContext,
    chat: &Chat,
    candidate: &Candidate,
    notes: &Notes,
) -> Result<Ready, Failure> {
    let search = Search {
        context,
        chat,
        candidate,
        provider: &candidate.provider,
        map: &candidate.map,
        notes,
    };
    let effect = context
        .store
        .effect(context.job.id, &candidate.prompt)
        .await
        .map_err(|error| classify::store(&error))?;
    let sent = effect.filter(|effect| effect.detail.get(CUT).is_none());
    if let Some(effect) = sent {
        return search.again(&effect).await;
    }
    if let Some(ready) = search.continued().await? {
        return Ok(ready);
    }
    if let Some(ready) = search.standing_ready().await? {
        return Ok(ready);
    }
    search.opened().await
}

impl<'a> Search<'a> {
    fn place(&self, url: &'a str) -> Place<'a> {
        Place {
            url,
            credential: self.provider.credential,
            provider: Some(self.provider.id),
            chat: Some(self.map),
        }
    }

    async fn session(&self) -> Result<AccountSession, Failure> {
        session_of(self.context, self.place(&self.provider.url)).await
    }

    /// Tells which page is asked on: `live` (the conversation's own), `reopened` (by its address), `emptied` (by the page's control for a new
    /// conversation), `ahead` (opened before anybody asked), `opened`.
    fn uses(&self, page: &'static str) {
        self.context.feed.emit(EventBody::Step {
            kind: "chat.page".to_owned(),
            detail: json!({ "page": page }),
            duration_ms: 0,
        });
    }

    fn ready(&self, session: Arc<LiveSession>, page: OpenPage, known: usize) -> Ready {
        Ready {
            session,
            page,
            text: self.chat.prompt_from(known),
            known,
            standing: Standing::Open,
        }
    }

    /// An earlier attempt meant to send the question: where that attempt left it, it may stand in the conversation.
    async fn again(&self, effect: &Effect) -> Result<Ready, Failure> {
        let Prompt { known, before } = Prompt::read(&effect.detail);
        let text = self.chat.prompt_from(known);
        let start = self.provider.url.as_str();
        let account = self.session().await?;
        let parked = account.session.pages().unpark(self.context.job.id);
        if let Some(page) = parked {
            // The very page on which it was asked: nothing has to be loaded.
            let session = account.session.clone();
            if matches!(
                self.look_for(&page, &text, before, None).await,
                Ok(Earlier::Found)
            ) {
                self.tell("prompt.found", effect);
                return Ok(Ready {
                    session,
                    page,
                    text,
                    known,
                    standing: Standing::Asked { before },
                });
            }
        }
        let signed_in = open_in(self.context, account, self.place(start), self.notes).await?;
        // To load a page that forgets its sign-in would be to leave it.
        let stays = signed_in.session.forgets();
        let left_at = effect.detail.get("url").and_then(Value::as_str);
        let address = left_at.or(Some(start)).filter(|_| !stays);
        let found = match self.look_for(&signed_in.page, &text, before, address).await {
            Ok(found) => found,
            Err(error) => return Err(failure_of(self.context, &error).await),
        };
        match found {
            Earlier::Gone => {
                self.tell("prompt.gone", effect);
                if !stays && let Err(error) = signed_in.page.goto(start).await {
                    return Err(failure_of(self.context, &error).await);
                }
                comes_to_rest(&signed_in.page, self.map).await;
                self.leave_what_was_reopened(&signed_in.page).await?;
                Ok(self.ready(signed_in.session, signed_in.page, 0))
            }
            Earlier::Found => {
                self.tell("prompt.found", effect);
                Ok(Ready {
                    session: signed_in.session,
                    page: signed_in.page,
                    text,
                    known,
                    standing: Standing::Asked { before },
                })
            }
            Earlier::Unreadable => {
                self.tell("prompt.found", effect);
                Err(Failure::new(
                    FailureCode::ElementNotFound,
                    "The question was sent before and stands on the page, but the conversation around it could not be found.",
                ))
            }
        }
    }

    fn tell(&self, kind: &str, effect: &Effect) {
        self.context.feed.emit(EventBody::Step {
            kind: kind.to_owned(),
            detail: json!({ "attempt": effect.attempt }),
            duration_ms: 0,
        });
    }

    async fn look_for(
        &self,
        page: &Page,
        text: &str,
        before: u64,
        address: Option<&str>,
    ) -> Result<Earlier, BrowserError> {
        if let Some(address) = address {
            page.goto(address).await?;
        }
        let mut conversation = Conversation::new(page, self.map, self.notes);
        conversation.open().await?;
        // The page may need a moment to fetch the conversation, and another to show it around the question.
        let deadline = Instant::now() + FIND_CONVERSATION;
        let mut shown = false;
        loop {
            let more = conversation.times_shown(text).await? > before;
            if more && conversation.resume(text).await? {
                return Ok(Earlier::Found);
            }
            // Its beginning alone may be that of another question.
            shown = shown || more || before == 0 && conversation.shows(text).await?;
            // A page that nobody has touched does not change any more.
            if Instant::now() >= deadline || address.is_none() && !shown {
                return Ok(if shown {
                    Earlier::Unreadable
                } else {
                    Earlier::Gone
                });
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// The conversation that the messages continue, where the page still knows it.
    async fn continued(&self) -> Result<Option<Ready>, Failure> {
        let Some(known) = self.chat.answered() else {
            return Ok(None);
        };
        let account = self.session().await?;
        let said = super::history::of(&self.chat.said(known));
        let live = account.session.pages().threads(self.provider.id);
        let taken = self
            .context
            .store
            .take_thread(self.candidate.with(), &said, &live)
            .await
            .map_err(|error| classify::store(&error))?;
        let Some(thread) = taken else {
            return Ok(None);
        };
        let kept = account.session.pages().take_thread(thread.id);
        if let Some(kept) = kept
            && account.is_trusted()
            && ready(&kept.page, &self.map.input).await
            && recognises(&kept.page, self.map, &kept.last).await
        {
            self.uses("live");
            return Ok(Some(self.ready(account.session, kept.page, known)));
        }
        if !has_address(&thread.url, self.provider, self.map) {
            return Ok(None);
        }
        let signed_in = open_in(self.context, account, self.place(&thread.url), self.notes).await?;
        let last = LastTurn {
            question: thread.question.clone(),
            answer: thread.answer.clone(),
        };
        comes_to_rest(&signed_in.page, self.map).await;
        let deadline = Instant::now() + FIND_CONVERSATION;
        while Instant::now() < deadline {
            if recognises(&signed_in.page, self.map, &last).await {
                self.uses("reopened");
                return Ok(Some(self.ready(signed_in.session, signed_in.page, known)));
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        Ok(None)
    }

    /// A page that needs no loading: one whose conversation may be left, or one that was opened ahead.
    async fn standing_ready(&self) -> Result<Option<Ready>, Failure> {
        let account = self.session().await?;
        if !account.is_trusted() {
            return Ok(None);
        }
        if leaves_without_loading(self.map) {
            let kept = account.session.pages().take_leavable(self.provider.id);
            if let Some(kept) = kept
                && ready(&kept.page, &self.map.input).await
                && matches!(
                    start_new(&kept.page, self.map, &kept.last, self.notes).await,
                    Ok(true)
                )
            {
                self.uses("emptied");
                return Ok(Some(self.ready(account.session, kept.page, 0)));
            }
        }
        let spare = account.session.pages().take_spare(self.provider.id);
        if let Some(spare) = spare
            && let Some(page) = spare.page().await
            && ready(&page, &self.map.input).await
        {
            self.leave_what_was_reopened(&page).await?;
            self.uses("ahead");
            return Ok(Some(self.ready(account.session, page, 0)));
        }
        Ok(None)
    }

    /// A page that is opened for the question.
    async fn opened(&self) -> Result<Ready, Failure> {
        let account = self.session().await?;
        let place = self.place(&self.provider.url);
        let signed_in = open_in(self.context, account, place, self.notes).await?;
        // Whatever it took to get here, the page is at rest before anything is typed. A trusted session's first page has been waited for already.
        if signed_in.sign_in.is_some()
            || self.provider.credential.is_none()
            || self.context.job.attempt > 1
        {
            comes_to_rest(&signed_in.page, self.map).await;
        }
        self.leave_what_was_reopened(&signed_in.page).await?;
        self.uses("opened");
        Ok(self.ready(signed_in.session, signed_in.page, 0))
    }

    /// Some pages open the last conversation when they are loaded. A question of its own gets a conversation of its own, where the page has a control
    /// for it.
    async fn leave_what_was_reopened(&self, page: &Page) -> Result<(), Failure> {
        if self.map.new_chat.is_none() {
            return Ok(());
        }
        let (store, provider) = (&self.context.store, self.provider);
        let latest = match store.latest_thread(provider.id, provider.credential).await {
            Ok(latest) => latest,
            Err(error) => {
                tracing::warn!(job.id = %self.context.job.id, error = %chain(&error), "the last conversation could not be looked up");
                None
            }
        };
        let mut lasts = vec![LastTurn {
            question: self.map.trial.clone(),
            answer: self.map.trial_answer.clone(),
        }];
        lasts.extend(latest.map(|thread| LastTurn {
            question: thread.question,
            answer: thread.answer,
        }));
        for last in lasts {
            if recognises(page, self.map, &last).await {
                match start_new(page, self.map, &last, self.notes).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {
                        return Err(Failure::new(
                            FailureCode::ElementNotFound,
                            "The page opened an earlier conversation, and its control for a new one did not work.",
                        ));
                    }
                    Err(error) => return Err(failure_of(self.context, &error).await),
                }
            }
        }
        Ok(())
    }
}

/// Whether a conversation can be left for a new one without the page being loaded: then none need be opened ahead.
pub(super) fn leaves_without_loading(map: &ChatMap) -> bool {
    map.new_chat.as_ref().is_some_and(|control| !control.loads)
}

/// Whether a conversation has an address other than that of a new one.
pub(super) fn has_address(url: &str, provider: &Provider, map: &ChatMap) -> bool {
    url != provider.url && url != map.url
}
