//! `chat`: asks a page one question in a conversation of its own and passes the answer on as it comes.
//!
//! The question is typed once: the intent is recorded before the send, and a later attempt first looks whether the question stands in the
//! conversation already. Only when it provably does not is it asked again.

use std::convert::Infallible;
use std::time::Duration;

use computetower_browser::{Answer, BrowserError, ChatMap, Conversation, Notes, Page, shows};
use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{EventBody, Failure, FailureCode, JobKind, Outcome};
use computetower_store::StoreError;
use computetower_store::jobs::NewJob;
use computetower_store::providers::{MISSES_BEFORE_DISCOVERY, Provider};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::account::{Place, SignedIn, open_signed_in};
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, NotePump, failure_of};
use crate::run::chain;
use crate::trace;

/// The name under which the sent question is recorded.
const PROMPT: &str = "prompt";
/// What its record says when the answer broke off.
const CUT: &str = "cut";

/// How long a page may take to show a conversation again.
const FIND_CONVERSATION: Duration = Duration::from_secs(5);

/// How often the address of the page is looked at while it answers.
const LOOK_AT_ADDRESS: Duration = Duration::from_millis(500);

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
    let place = Place {
        url: &provider.url,
        credential: provider.credential,
        provider: Some(provider.id),
        input: Some(&map.input),
    };
    let signed_in = open_signed_in(context, place, notes).await?;
    let answered = converse(context, chat, provider, map, notes, &signed_in).await;
    if answered.is_err() {
        signed_in.session.distrust();
    }
    answered
}

async fn converse(
    context: &JobContext,
    chat: &Chat,
    provider: &Provider,
    map: &ChatMap,
    notes: &Notes,
    signed_in: &SignedIn,
) -> Result<Answer, Failure> {
    let question = chat.prompt();
    let mut conversation = Conversation::new(&signed_in.page, map, notes);
    let mut noted = String::new();
    if !was_asked(
        context,
        &signed_in.page,
        &mut conversation,
        &question,
        &provider.url,
    )
    .await?
    {
        // Whatever it took to get here, the page is at rest before anything is typed. A trusted session's first page has been waited for already.
        if signed_in.sign_in.is_some() || provider.credential.is_none() || context.job.attempt > 1 {
            // What is wrong with a chat that does not open shows when it is typed into.
            let _ = conversation.open().await;
            shows(&signed_in.page, &map.input).await;
        }
        noted = ask(context, &signed_in.page, &mut conversation, &question).await?;
    }
    match read(context, &signed_in.page, &mut conversation, noted).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            if matches!(error, BrowserError::AnswerCut { .. }) {
                note_cut(context).await;
            }
            Err(failure_of(context, &error).await)
        }
    }
}

/// Notes that the answer broke off. A page that keeps conversations shows what came of it like any answer: should the job be retried by hand, the
/// question is asked anew.
async fn note_cut(context: &JobContext) {
    let (job, lease) = (context.job.id, context.job.lease);
    let detail = json!({ CUT: true });
    if let Err(error) = context.store.effect_done(job, lease, PROMPT, &detail).await {
        tracing::warn!(job.id = %job, error = %chain(&error), "that the answer broke off could not be noted");
    }
}

/// Looks whether an earlier attempt sent the question: where that attempt left it, the question stands in the conversation.
async fn was_asked(
    context: &JobContext,
    page: &Page,
    conversation: &mut Conversation<'_>,
    question: &str,
    start: &str,
) -> Result<bool, Failure> {
    let effect = context
        .store
        .effect(context.job.id, PROMPT)
        .await
        .map_err(|error| classify::store(&error))?;
    let Some(effect) = effect else {
        return Ok(false);
    };
    if effect.detail.get(CUT).is_some() {
        return Ok(false);
    }
    let left_at = effect
        .detail
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or(start);
    let looked = async {
        page.goto(left_at).await?;
        conversation.open().await?;
        // The page may need a moment to fetch the conversation, and another to show it around the question.
        let deadline = tokio::time::Instant::now() + FIND_CONVERSATION;
        let mut shown = false;
        loop {
            shown = shown || conversation.shows(question).await?;
            if shown && conversation.resume(question).await? {
                break;
            }
            if tokio::time::Instant::now() >= deadline {
                if shown {
                    return Ok(Earlier::Unreadable);
                }
                page.goto(start).await?;
                return Ok(Earlier::Gone);
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        Ok::<Earlier, BrowserError>(Earlier::Found)
    };
    let found = match looked.await {
        Ok(found) => found,
        Err(error) => return Err(failure_of(context, &error).await),
    };
    let kind = if found == Earlier::Gone {
        "prompt.gone"
    } else {
        "prompt.found"
    };
    context.feed.emit(EventBody::Step {
        kind: kind.to_owned(),
        detail: json!({ "attempt": effect.attempt }),
        duration_ms: 0,
    });
    match found {
        Earlier::Gone => Ok(false),
        Earlier::Found => Ok(true),
        Earlier::Unreadable => Err(Failure::new(
            FailureCode::ElementNotFound,
            "The question was sent before and stands on the page, but the conversation around it could not be found.",
        )),
    }
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

/// Types and sends the question. Returns the address at which it was noted.
async fn ask(
    context: &JobContext,
    page: &Page,
    conversation: &mut Conversation<'_>,
    question: &str,
) -> Result<String, Failure> {
    if let Err(error) = conversation.type_question(question).await {
        return Err(failure_of(context, &error).await);
    }
    let (job, lease) = (context.job.id, context.job.lease);
    let before = page.url().await.unwrap_or_default();
    context
        .store
        .intend_effect(job, lease, PROMPT, &json!({ "url": before }))
        .await
        .map_err(|error| classify::store(&error))?;
    if let Err(error) = conversation.send().await {
        return Err(failure_of(context, &error).await);
    }
    let after = page.url().await.unwrap_or(before);
    // The question is out: that this could not be noted must not stop the answer from being read.
    if let Err(error) = context
        .store
        .effect_done(job, lease, PROMPT, &json!({ "url": &after }))
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
) -> Result<Answer, BrowserError> {
    let (sender, mut chunks) = mpsc::channel::<String>(256);
    let address = Address {
        context,
        page,
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

/// Where the conversation stands: many pages give it an address of its own only with the first words of the answer, and a later attempt can read on
/// only there.
struct Address<'a> {
    context: &'a JobContext,
    page: &'a Page,
    noted: tokio::sync::Mutex<String>,
}

impl Address<'_> {
    /// Notes it whenever it changes.
    async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_AT_ADDRESS).await;
            self.note().await;
        }
    }

    /// Notes it if it has changed.
    async fn note(&self) {
        let mut noted = self.noted.lock().await;
        let Ok(now) = self.page.url().await else {
            return;
        };
        if now == *noted {
            return;
        }
        let job = &self.context.job;
        let detail = json!({ "url": now });
        match self
            .context
            .store
            .effect_done(job.id, job.lease, PROMPT, &detail)
            .await
        {
            Ok(()) => *noted = now,
            Err(error) => {
                tracing::debug!(job.id = %job.id, error = %chain(&error), "the conversation's address could not be noted")
            }
        }
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
