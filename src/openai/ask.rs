//! Asking a page, for either surface: a `chat` job per question, heard to its end, and asked again when the answer does not fit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_jobs::kinds::chat::{Chat, Message, Role};
use computetower_jobs::{JobId, JobKind, Named, TenantId};
use computetower_store::StoreError;
use computetower_store::jobs::NewJob;
use futures::stream::SelectAll;
use futures::{FutureExt, Stream, StreamExt};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::calls::{Call, Reading};
use super::contract::{Contract, REPAIRS};
use super::cut::{Bounds, Cutter, Reason};
use super::error::OpenAiError;
use super::images::{self, Picture};
use super::repeats::{Sent, Watch};
use super::tokens::estimate;
use crate::api::events::follow;
use crate::app::App;
use crate::trace;

/// How long a stream waits for the first piece before it answers 200: until then a failure still gets its own status.
const PEEK: Duration = Duration::from_secs(20);
/// How long a completion may take in all.
const DEADLINE: Duration = Duration::from_secs(900);

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// The messages, with what the page has to be told about the contract.
    pub(super) chat: Chat,
    /// What is put beside them.
    pub(super) pictures: Vec<Picture>,
    pub(super) contract: Contract,
    /// Where the answer is to end.
    pub(super) bounds: Bounds,
    /// Whether the pieces are wanted.
    pub(super) stream: bool,
    /// The field in which the caller sent the messages.
    pub(super) field: &'static str,
}

/// What is heard of an answer.
pub(super) enum Heard {
    /// More of the text.
    Piece(String),
    /// All of it.
    Done(Said),
}

/// A whole answer.
pub(super) struct Said {
    /// The text, to which the pieces join.
    pub(super) text: String,
    /// The functions that are to be called.
    pub(super) calls: Vec<Call>,
    pub(super) reason: Reason,
    /// What the page was told and has said.
    pub(super) page: Chat,
}

impl Said {
    pub(super) fn tokens(&self) -> usize {
        let calls = self
            .calls
            .iter()
            .map(|call| estimate(&call.name) + estimate(&call.arguments));
        estimate(&self.text) + calls.sum::<usize>()
    }
}

type Answers = SelectAll<Pin<Box<dyn Stream<Item = (usize, Result<Heard, OpenAiError>)> + Send>>>;

/// Questions that have been accepted. Dropping them cancels their jobs, unless an `Idempotency-Key` lets others wait for them, too.
pub(super) struct Asked {
    /// The first job of each answer.
    pub(super) jobs: Vec<JobId>,
    answers: Answers,
    peeked: Option<(usize, Result<Heard, OpenAiError>)>,
    watch: Option<Arc<Watch>>,
}

impl Asked {
    /// What comes next, and of which answer; nothing when all have ended. After an error nobody should ask again.
    pub(super) async fn next(&mut self) -> Option<(usize, Result<Heard, OpenAiError>)> {
        match self.peeked.take() {
            Some(heard) => Some(heard),
            None => self.answers.next().await,
        }
    }

    /// Waits a while for the first thing that is heard, so that an early failure has a status of its own.
    pub(super) async fn peek(&mut self) -> Result<(), OpenAiError> {
        let heard = tokio::time::timeout(PEEK, self.next()).await;
        self.told();
        // Nothing yet is no failure.
        match heard {
            Ok(Some((_, Err(error)))) => Err(error),
            Ok(heard) => {
                self.peeked = heard;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// From here on the caller is answered, in whatever way.
    fn told(&self) {
        if let Some(watch) = &self.watch {
            watch.told();
        }
    }

    /// All answers, whole.
    pub(super) async fn whole(mut self) -> Result<Vec<Said>, OpenAiError> {
        let said = self.gather().await;
        self.told();
        said
    }

    async fn gather(&mut self) -> Result<Vec<Said>, OpenAiError> {
        let mut said: Vec<Option<Said>> = self.jobs.iter().map(|_| None).collect();
        while let Some((index, heard)) = self.next().await {
            if let Heard::Done(done) = heard? {
                said[index] = Some(done);
            }
        }
        Ok(said.into_iter().flatten().collect())
    }
}

/// Submits a question as often as answers are wanted.
pub(super) async fn ask(
    app: &App,
    tenant: TenantId,
    mut ask: Ask,
    count: usize,
    sent: Sent,
) -> Result<Asked, OpenAiError> {
    let model = &ask.chat.model;
    let named = Named::Model(model.clone());
    let limit_key = app.store().limit_key_of(tenant, &named).await?;
    let limit_key = limit_key.ok_or_else(|| OpenAiError::no_model(model))?;
    if let Some(picture) = ask.pictures.first() {
        // Behind an alias, and for a model of a page, the job finds out.
        match app.store().provider_named(tenant, model).await {
            Ok(provider) if takes_no_files(provider.chat_map.as_ref()) => {
                let message = "This model's page has nothing that takes pictures.";
                return Err(OpenAiError::unsupported(picture.at.clone(), message));
            }
            Ok(_) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let files = images::keep(app, tenant, &ask.pictures).await?;
        ask.chat.files.extend(files);
    }
    let watch = sent.watch.clone();
    let asker = Arc::new(Asker {
        app: app.clone(),
        tenant,
        contract: ask.contract,
        bounds: ask.bounds,
        stream: ask.stream,
        field: ask.field,
        limit_key,
        sent,
        // The official clients give up after ten minutes; nobody reads an answer that comes much later.
        deadline: Utc::now() + DEADLINE,
        trace_context: trace::context(),
    });
    let mut jobs = Vec::new();
    let mut answers = Answers::new();
    for index in 0..count {
        // Should a later one be refused, the drop cancels those before.
        let job = asker.submit(&ask.chat, index, 0).await;
        let job = job.map_err(|error| {
            if let Some(watch) = &watch {
                watch.told();
            }
            refused(index, error)
        })?;
        let leave = asker.leave(job);
        let answer = answer(asker.clone(), ask.chat.clone(), index, job, leave);
        answers.push(Box::pin(answer.map(move |heard| (index, heard))));
        jobs.push(job);
    }
    Ok(Asked {
        jobs,
        answers,
        peeked: None,
        watch,
    })
}

/// Whether it is known of a page that it takes no files.
fn takes_no_files(map: Option<&Value>) -> bool {
    let attach = map.and_then(|map| map.get("attach"));
    let there = |name: &str| attach.is_some_and(|attach| attach[name].is_string());
    attach.is_some_and(Value::is_object) && !there("input") && !there("button")
}

/// The error of a question that was not accepted. Behind another that was, the client must not ask for both again.
fn refused(index: usize, error: OpenAiError) -> OpenAiError {
    match index {
        0 => error,
        _ => error.once_accepted(),
    }
}

/// What all jobs of a request have in common.
struct Asker {
    app: App,
    tenant: TenantId,
    contract: Contract,
    bounds: Bounds,
    stream: bool,
    field: &'static str,
    limit_key: String,
    sent: Sent,
    deadline: DateTime<Utc>,
    trace_context: Option<String>,
}

impl Asker {
    async fn submit(&self, chat: &Chat, index: usize, repair: usize) -> Result<JobId, OpenAiError> {
        let payload = serde_json::to_value(chat)
            .map_err(|error| OpenAiError::invalid(self.field, error.to_string()))?;
        JobKind::Chat.parse(payload.clone()).map_err(|invalid| {
            let field = invalid.field.replacen("messages", self.field, 1);
            let message = format!("{field} {}.", invalid.reason);
            OpenAiError::invalid(field, message)
        })?;
        let new = NewJob {
            idempotency: self
                .sent
                .key
                .as_ref()
                .map(|(key, hash)| (key_of(key, index, repair), hash.clone())),
            deadline: Some(self.deadline),
            limit_key: Some(self.limit_key.clone()),
            trace_context: self.trace_context.clone(),
            ..NewJob::now(JobKind::Chat, payload)
        };
        Ok(self.app.store().submit(self.tenant, &new).await?.id)
    }

    /// With a key of its own the job may have other callers, now or later: then nobody's leaving ends it.
    fn leave(&self, job: JobId) -> CancelOnDrop {
        CancelOnDrop {
            app: self.app.clone(),
            tenant: self.tenant,
            job: (!self.sent.chosen).then_some(job),
            watch: self.sent.watch.clone(),
        }
    }
}

/// The caller's key for the first question; one that is made from it for each further one.
fn key_of(key: &str, index: usize, repair: usize) -> String {
    if index == 0 && repair == 0 {
        return key.to_owned();
    }
    let digest = Sha256::digest(format!("{index} {repair} {key}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("answer {index} repair {repair} of {hex}")
}

/// One answer: the page is asked until it fits, and the last [`Heard`] is [`Heard::Done`], or an error.
fn answer(
    asker: Arc<Asker>,
    mut chat: Chat,
    index: usize,
    mut job: JobId,
    mut leave: CancelOnDrop,
) -> impl Stream<Item = Result<Heard, OpenAiError>> + Send {
    async_stream::try_stream! {
        let mut cutter = Cutter::new(asker.bounds.clone());
        let mut repair = 0;
        loop {
            let followed = follow(asker.app.store().clone(), asker.tenant, job, 0).await;
            let mut events = Box::pin(followed.map_err(OpenAiError::after_acceptance)?);
            let (mut answer, mut heard) = (Answer::default(), String::new());
            // Of the text, that many bytes were passed on.
            let mut passed = 0;
            let mut next = events.next().await;
            while let Some(event) = next {
                heard.push_str(&answer.hear(&event.body));
                // Once it has to be asked again, nothing is passed on before it fits.
                let free = if repair == 0 { asker.contract.free(&heard).max(passed) } else { 0 };
                if free > passed {
                    let piece = cutter.push(&heard[passed..free]);
                    passed = free;
                    if !piece.is_empty() && asker.stream {
                        yield Heard::Piece(piece);
                    }
                }
                if cutter.over().is_some() {
                    break;
                }
                // Events that are played again have others behind them already: then it went on all the same.
                next = match answer.is_given_up() {
                    true => events.next().now_or_never().flatten(),
                    false => events.next().await,
                };
            }
            if let Some(reason) = cutter.over() {
                // With the end that the caller has named nobody wants the rest: the job is cancelled, and its page closed.
                leave.for_good();
                let text = cutter.told().to_owned();
                let page = with_answer(&chat, &text);
                yield Heard::Done(Said { text, calls: Vec::new(), reason, page });
                return;
            }
            leave.stay_if(!answer.is_given_up());
            if !asker.stream {
                // Nobody was told anything: only the answer that fits counts.
                passed = 0;
                cutter = Cutter::new(asker.bounds.clone());
            }
            let text = match passed {
                0 => answer.text()?,
                // What was told cannot be taken back.
                _ => {
                    heard.push_str(&answer.rest()?);
                    heard
                }
            };
            match asker.contract.read(&text) {
                Ok(reading) => {
                    let raw = text;
                    let (text, calls) = match reading {
                        Reading::Text(text) => (text, Vec::new()),
                        Reading::Calls(text, calls) => (text, calls),
                    };
                    let mut piece = cutter.push(&behind(cutter.taken(), &text, repair > 0));
                    // What would have come behind the end is not there.
                    let calls = if cutter.over().is_none() { calls } else { Vec::new() };
                    let (held_back, reason) = cutter.finish();
                    piece.push_str(&held_back);
                    if !piece.is_empty() && asker.stream {
                        yield Heard::Piece(piece);
                    }
                    let reason = if calls.is_empty() { reason } else { Reason::Calls };
                    let page = with_answer(&chat, &raw);
                    yield Heard::Done(Said { text: cutter.told().to_owned(), calls, reason, page });
                    return;
                }
                Err(faults) if repair >= REPAIRS => Err::<(), _>(OpenAiError::unfit(&faults))?,
                Err(faults) => {
                    repair += 1;
                    tracing::info!(job.id = %job, repair, faults = ?faults, "an answer did not fit");
                    chat.messages = asker.contract.again(&chat.messages, &text, &faults);
                    job = asker.submit(&chat, index, repair).await.map_err(OpenAiError::once_accepted)?;
                    leave = asker.leave(job);
                }
            }
        }
    }
}

/// A conversation as the page knows it, with its answer.
fn with_answer(chat: &Chat, answer: &str) -> Chat {
    let answer = Message {
        role: Role::Assistant,
        content: answer.to_owned(),
    };
    let mut chat = chat.clone();
    chat.messages.push(answer);
    chat
}

/// What is left to tell of a text when some was told. What was told before the page was asked again is a paragraph of its own.
fn behind(told: &str, text: &str, again: bool) -> String {
    match text.strip_prefix(told) {
        Some(rest) if !again || told.is_empty() => rest.to_owned(),
        _ if text.trim().is_empty() => String::new(),
        _ => format!("\n\n{text}"),
    }
}

/// Cancels the job when the caller goes away before the answer is complete: nobody would read it, and the page would go on. A client that was told
/// nothing may come back by itself; it is given the time for that.
struct CancelOnDrop {
    app: App,
    tenant: TenantId,
    job: Option<JobId>,
    watch: Option<Arc<Watch>>,
}

impl CancelOnDrop {
    /// The job has ended by itself.
    fn stay_if(&mut self, ended: bool) {
        if ended {
            self.job = None;
        }
    }

    /// Whoever comes back needs no more of the job than has been heard.
    fn for_good(&mut self) {
        self.watch = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let (app, tenant) = (self.app.clone(), self.tenant);
            let watch = self.watch.take().filter(|watch| watch.is_open());
            tokio::spawn(async move {
                if let Some(watch) = watch
                    && watch.comes_back().await
                {
                    return;
                }
                if let Err(error) = app.store().cancel(tenant, job).await {
                    tracing::debug!(job.id = %job, error = ?error, "the job of a caller that went away was not cancelled");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_store::StoreError;

    #[test]
    fn each_question_has_a_key_of_its_own() {
        assert_eq!(key_of("k", 0, 0), "k");
        let keys = [
            key_of("k", 0, 1),
            key_of("k", 1, 0),
            key_of("k", 1, 1),
            key_of("l", 1, 0),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(key.len() <= 255 && !keys[..at].contains(key));
        }
        assert_eq!(key_of("k", 1, 0), key_of("k", 1, 0));
    }

    #[test]
    fn a_question_behind_another_is_not_to_be_asked_again() {
        use axum::response::IntoResponse;
        let told = |index| {
            let error = OpenAiError::from(StoreError::Postgres(sqlx::Error::PoolTimedOut));
            let response = refused(index, error).into_response();
            response.headers().get("x-should-retry").cloned()
        };
        assert_eq!(told(0), None);
        assert!(told(1).is_some_and(|told| told == "false"));
    }

    #[test]
    fn what_was_told_is_told_once() {
        assert_eq!(behind("One ", "One two", false), "two");
        assert_eq!(behind("", "Two", true), "Two");
        assert_eq!(behind("One", "Two", true), "\n\nTwo");
        assert_eq!(behind("One", " ", true), "");
    }
}
