//! `chat`: asks a page one question and passes the answer on as it comes. A request whose messages begin with a conversation that was had here is
//! asked in that conversation; any other gets one of its own.
//!
//! The question is typed once: the intent is recorded before the send, and a later attempt first looks whether the question stands in the
//! conversation already. Only when it provably does not is it asked again.

mod address;
mod place;

use std::sync::Arc;
use std::time::Duration;

use computetower_browser::{Answer, BrowserError, ChatMap, Conversation, LastTurn, Notes, Page};
use computetower_jobs::kinds::chat::{Chat, Role};
use computetower_jobs::{EventBody, Failure, FailureCode, JobKind, Outcome};
use computetower_store::StoreError;
use computetower_store::jobs::NewJob;
use computetower_store::providers::{MISSES_BEFORE_DISCOVERY, Provider};
use computetower_store::threads::{Said, Thread};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::address::Address;
use self::place::{Ready, Standing, has_address, leaves_without_loading};
use crate::account::comes_to_rest;
use crate::browsers::{LiveSession, OpenPage};
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, NotePump, failure_of};
use crate::pages::KeptPage;
use crate::run::{chain, would_end};
use crate::trace;

/// The name under which the sent question is recorded.
const PROMPT: &str = "prompt";
/// What its record says when the answer broke off.
const CUT: &str = "cut";

/// What a later attempt has to know of a question that was sent.
#[derive(Clone, Copy)]
struct Prompt {
    /// How many of the job's messages the page knew: what comes after them was typed.
    known: usize,
    /// How often the same question stood in the conversation before.
    before: u64,
}

impl Prompt {
    fn detail(self, url: &str) -> Value {
        json!({ "url": url, "known": self.known, "before": self.before })
    }

    fn read(detail: &Value) -> Self {
        let number = |name: &str| detail.get(name).and_then(Value::as_u64).unwrap_or(0);
        Self {
            known: usize::try_from(number("known")).unwrap_or(0),
            before: number("before"),
        }
    }
}

/// Why an attempt ends without an answer.
enum Halt {
    Failed(Failure),
    NotYet(String),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Halt::Failed(failure)
    }
}

pub(super) async fn run(context: &JobContext, chat: &Chat) -> Outcome {
    let (provider, map) = match provider_of(context, &chat.model).await {
        Ok(found) => found,
        Err(Halt::Failed(failure)) => return Outcome::Failed(failure),
        Err(Halt::NotYet(reason)) => {
            return Outcome::Snoozed {
                wait: Duration::from_millis(500),
                reason,
            };
        }
    };
    let pump = NotePump::start(
        context,
        About {
            credential: provider.credential,
            provider: Some(provider.id),
        },
    );
    let done = attempt(context, chat, &provider, &map, pump.notes()).await;
    let validation = pump.finish().await;
    match done {
        Ok(answer) => {
            if let Err(error) = context.store.provider_hit(provider.id).await {
                tracing::warn!(error = %chain(&error), "the provider's health could not be noted");
            }
            Outcome::Completed(result(chat, &answer, validation))
        }
        Err(failure) => {
            if failure.code == FailureCode::ElementNotFound {
                note_miss(context, &provider).await;
            }
            Outcome::Failed(failure)
        }
    }
}

async fn provider_of(context: &JobContext, model: &str) -> Result<(Provider, ChatMap), Halt> {
    let provider = match context
        .store
        .provider_named(context.job.tenant, model)
        .await
    {
        Ok(provider) => provider,
        Err(StoreError::NotFound(_)) => {
            return Err(Failure::new(
                FailureCode::InvalidInput,
                format!("model: there is no provider named {model:?}."),
            )
            .into());
        }
        Err(error) => return Err(classify::store(&error).into()),
    };
    match provider.chat_map.clone() {
        Some(map) => match serde_json::from_value(map) {
            Ok(map) => Ok((provider, map)),
            Err(error) => Err(Failure::new(
                FailureCode::Unknown,
                "What is stored about the provider cannot be read; discover it again.",
            )
            .with_internal(error.to_string())
            .into()),
        },
        None if provider.status == "failed" => {
            let why = provider
                .failure
                .map_or_else(|| "unknown".to_owned(), |failure| failure.message);
            Err(Failure::new(
                FailureCode::InvalidInput,
                format!("model: the discovery of {model:?} failed: {why}"),
            )
            .into())
        }
        None => Err(Halt::NotYet(format!(
            "The provider {model:?} is still being discovered."
        ))),
    }
}

async fn attempt(
    context: &JobContext,
    chat: &Chat,
    provider: &Provider,
    map: &ChatMap,
    notes: &Notes,
) -> Result<Answer, Failure> {
    let Ready {
        session,
        page,
        text,
        known,
        standing,
    } = place::find(context, chat, provider, map, notes).await?;
    let mut conversation =
        Conversation::new(&page, map, notes).of_account(provider.credential.is_some());
    let answered = converse(context, &page, &mut conversation, &text, known, standing).await;
    let asked = page.is_answering();
    page.answering(None);
    if answered.is_ok()
        && let Some(learned) = conversation.learned()
    {
        keep_what_was_learned(context, provider, &learned).await;
    }
    drop(conversation);
    match answered {
        Ok(answer) => {
            session.answered();
            keep(context, chat, provider, map, &session, page, text, &answer).await;
            Ok(answer)
        }
        Err(failure) => {
            session.distrust();
            if failure.code == FailureCode::SessionExpired {
                session.pages().close_all();
            } else if asked && !would_end(&context.job, &failure) {
                session.pages().park(context.job.id, page);
            }
            Err(failure)
        }
    }
}

async fn converse(
    context: &JobContext,
    page: &OpenPage,
    conversation: &mut Conversation<'_>,
    text: &str,
    known: usize,
    standing: Standing,
) -> Result<Answer, Failure> {
    let (noted, prompt) = match standing {
        Standing::Asked { before } => {
            // The page's own question, found anew by this conversation.
            if let Err(error) = conversation.resume(text).await {
                return Err(failure_of(context, &error).await);
            }
            (String::new(), Prompt { known, before })
        }
        Standing::Open => {
            let before = match conversation.times_shown(text).await {
                Ok(times) => times,
                Err(error) => return Err(failure_of(context, &error).await),
            };
            let prompt = Prompt { known, before };
            (
                ask(context, page, conversation, text, prompt).await?,
                prompt,
            )
        }
    };
    let input = conversation.map().input.clone();
    page.answering(Some((&context.stop, &input)));
    match read(context, page, conversation, noted, prompt).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            if matches!(
                error,
                BrowserError::AnswerCut { .. }
                    | BrowserError::PageError {
                        in_its_place: true,
                        ..
                    }
            ) {
                note_cut(context).await;
            }
            Err(failure_of(context, &error).await)
        }
    }
}

/// Notes that the answer broke off, or that an error stands in its place. An error beside it may not be about it: then the next attempt reads on. A page that keeps conversations shows what came of it like any answer:
/// should the job be retried, the question is asked anew.
async fn note_cut(context: &JobContext) {
    let (job, lease) = (context.job.id, context.job.lease);
    let detail = json!({ CUT: true });
    if let Err(error) = context.store.effect_done(job, lease, PROMPT, &detail).await {
        tracing::warn!(job.id = %job, error = %chain(&error), "that the answer broke off could not be noted");
    }
}

/// Keeps what the question has found out about the page, unless somebody else has changed what is known of it meanwhile. Failing costs the next question
/// the same detour.
async fn keep_what_was_learned(context: &JobContext, provider: &Provider, learned: &ChatMap) {
    let (Some(before), Ok(after)) = (&provider.chat_map, serde_json::to_value(learned)) else {
        return;
    };
    let kept = context.store.chat_map_learned(provider.id, before, &after);
    match kept.await {
        Ok(true) => {}
        Ok(false) => {
            tracing::debug!(job.id = %context.job.id, "what was learned of the page is older than what is known")
        }
        Err(error) => {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "what was learned of the page could not be kept")
        }
    }
}

/// Types and sends the question. Returns the address at which it was noted.
async fn ask(
    context: &JobContext,
    page: &Page,
    conversation: &mut Conversation<'_>,
    question: &str,
    prompt: Prompt,
) -> Result<String, Failure> {
    if let Err(error) = conversation.type_question(question).await {
        return Err(failure_of(context, &error).await);
    }
    let (job, lease) = (context.job.id, context.job.lease);
    let before = page.url().await.unwrap_or_default();
    context
        .store
        .intend_effect(job, lease, PROMPT, &prompt.detail(&before))
        .await
        .map_err(|error| classify::store(&error))?;
    if let Err(error) = conversation.send().await {
        return Err(failure_of(context, &error).await);
    }
    let after = page.url().await.unwrap_or(before);
    // The question is out: that this could not be noted must not stop the answer from being read.
    if let Err(error) = context
        .store
        .effect_done(job, lease, PROMPT, &prompt.detail(&after))
        .await
    {
        tracing::warn!(job.id = %job, error = %chain(&error), "the sent question could not be noted");
    }
    Ok(after)
}

async fn read(
    context: &JobContext,
    page: &Page,
    conversation: &mut Conversation<'_>,
    noted: String,
    prompt: Prompt,
) -> Result<Answer, BrowserError> {
    let (sender, mut chunks) = mpsc::channel::<String>(256);
    let address = Address {
        context,
        page,
        prompt,
        noted: tokio::sync::Mutex::new(noted),
    };
    let pass_on = async {
        let mut index = 0;
        while let Some(text) = chunks.recv().await {
            if index == 0 {
                // Whoever hears of an answer can rely on its being found again.
                address.note().await;
            }
            context.feed.emit(EventBody::Chunk { index, text });
            index += 1;
        }
    };
    let reading = async {
        let answer = conversation.read_answer(&sender).await;
        drop(sender);
        answer
    };
    let reading = async {
        tokio::select! {
            answer = reading => answer,
            never = address.watch() => match never {},
        }
    };
    let (answer, ()) = tokio::join!(reading, pass_on);
    answer
}

/// Keeps the page and its conversation for whoever continues it, and where a new conversation needs a page of its own, opens one ahead. Failing costs
/// the next question time, not this one its answer.
#[expect(
    clippy::too_many_arguments,
    reason = "all that a conversation consists of"
)]
async fn keep(
    context: &JobContext,
    chat: &Chat,
    provider: &Provider,
    map: &ChatMap,
    session: &Arc<LiveSession>,
    page: OpenPage,
    question: String,
    answer: &Answer,
) {
    let Ok(url) = page.url().await else { return };
    let thread = Thread::new(&url, &question, &answer.text);
    let messages = chat
        .messages
        .iter()
        .map(|message| (message.role, message.content.as_str()));
    let said = Said::of(messages.chain([(Role::Assistant, answer.text.as_str())]));
    if let Err(error) = context
        .store
        .keep_thread(provider.tenant, provider.id, &said, &thread)
        .await
    {
        tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the conversation could not be noted");
        return;
    }
    let has_address = has_address(&url, provider, map);
    let mut pages = session.pages();
    pages.keep(KeptPage {
        page,
        thread: thread.id,
        provider: provider.id,
        last: LastTurn {
            question,
            answer: answer.text.clone(),
        },
        has_address,
    });
    // One that is loaded and must be signed in to again cannot be opened ahead.
    let ahead = !leaves_without_loading(map) && !session.forgets();
    while ahead && pages.wants_spare(provider.id) {
        let (session, url, map) = (session.clone(), provider.url.clone(), map.clone());
        let spare = tokio::spawn(async move {
            let page = session.open(&url).await.ok()?;
            comes_to_rest(&page, &map).await.then_some(page)
        });
        pages.keep_spare(provider.id, spare);
    }
}

fn result(chat: &Chat, answer: &Answer, validation: Option<Value>) -> Value {
    json!({
        "model": chat.model,
        "content": answer.text,
        "finish_reason": "stop",
        "closing_signal": answer.closing_signal,
        "stream_method": answer.method,
        "validation": validation,
    })
}

/// Counts a page that was not as it was found, and has it discovered anew after a few.
async fn note_miss(context: &JobContext, provider: &Provider) {
    let counted = context.store.provider_miss(provider.id).await;
    let Ok(misses) = counted else { return };
    if misses == MISSES_BEFORE_DISCOVERY {
        let again = NewJob {
            trace_context: trace::traceparent(&tracing::Span::current()),
            limit_key: Some(provider.limit_key()),
            ..NewJob::now(JobKind::Discovery, json!({ "provider_id": provider.id }))
        };
        if let Err(error) = context.store.submit(context.job.tenant, &again).await {
            tracing::warn!(error = %chain(&error), "the discovery could not be queued");
        }
    }
}
