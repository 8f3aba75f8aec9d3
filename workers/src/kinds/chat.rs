//! `chat`: asks a page one question and passes the answer on as it comes. A request whose messages begin with a conversation that was had here is
//! asked in that conversation; any other gets one of its own.
//!
//! The question is typed once: the intent is recorded before the send, and a later attempt first looks whether the question stands in the
//! conversation already. Only when it provably does not is it asked again.

mod address;
mod choose;
mod files;
mod history;
mod place;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use computetower_browser::{
    Answer, BrowserError, ChatMap, Conversation, LastTurn, Notes, choose_model,
};
use computetower_jobs::failover::{another_may_mend, most_hopeful};
use computetower_jobs::kinds::chat::{Chat, Role};
use computetower_jobs::{EventBody, Failure, FailureCode, JobKind, Outcome};
use computetower_store::jobs::NewJob;
use computetower_store::providers::{MISSES_BEFORE_DISCOVERY, Provider};
use computetower_store::threads::{Said, Thread};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::address::Address;
use self::choose::{Away, Candidate};
use self::place::{Ready, Standing, has_address, leaves_without_loading};
use crate::account::comes_to_rest;
use crate::browsers::{LiveSession, OpenPage};
use crate::challenges;
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
    // On the heap: what asking a page may need is too much for a thread's stack.
    match Box::pin(ask_somebody(context, chat)).await {
        Ok(result) => Outcome::Completed(result),
        Err(Halt::Failed(failure)) => Outcome::Failed(failure),
        Err(Halt::NotYet(reason)) => Outcome::Snoozed {
            wait: Duration::from_millis(500),
            reason,
        },
    }
}

/// Asks the first provider that can be asked, and the next as long as it can mend what went wrong and nothing of an answer was told.
async fn ask_somebody(context: &JobContext, chat: &Chat) -> Result<Value, Halt> {
    let mut candidates = VecDeque::from(choose::candidates(context, chat).await?);
    let mut failures = Vec::new();
    while let Some(mut candidate) = candidates.pop_front() {
        let next = candidates.front().map(|next| next.provider.name.clone());
        let context = JobContext {
            has_another_way: next.is_some(),
            ..context.clone()
        };
        let failure = match Box::pin(ask_one(&context, chat, &mut candidate)).await? {
            Done::Answered(result) => return Ok(result),
            Done::Away(why) => {
                if candidate.is_one_of_several {
                    candidate.tell_skipped(&context, why);
                }
                failures.push(why.as_failure(chat));
                continue;
            }
            Done::Failed(failure) => failure,
        };
        let mends = another_may_mend(failure.code) && !candidate.has_given();
        let Some(next) = next.filter(|_| mends) else {
            if candidate.has_given() || !mends {
                return Err(failure.into());
            }
            failures.push(failure);
            break;
        };
        candidate.tell_failover(&context, &failure, &next);
        failures.push(failure);
    }
    Err(most_hopeful(failures)
        .unwrap_or_else(|| Away::Refused.as_failure(chat))
        .into())
}

/// How asking one provider ended.
enum Done {
    Answered(Value),
    Failed(Failure),
    /// It was not asked.
    Away(Away),
}

/// Asks one provider: with another of its accounts when the web app does not take one and the question was not typed.
async fn ask_one(
    context: &JobContext,
    chat: &Chat,
    candidate: &mut Candidate,
) -> Result<Done, Failure> {
    let mut tried = Vec::new();
    let mut before: Option<Failure> = None;
    loop {
        match (candidate.take_place(context, &tried).await?, before.take()) {
            (Ok(()), Some(failure)) => {
                let to = format!("{} with another account", candidate.provider.name);
                candidate.tell_failover(context, &failure, &to);
            }
            (Ok(()), None) => {}
            // There is no other.
            (Err(_), Some(failure)) => return Ok(Done::Failed(failure)),
            // It says itself what is wrong with its account.
            (Err(Away::Refused), None) if !candidate.is_one_of_several => {}
            (Err(away), None) => return Ok(Done::Away(away)),
        }
        let failure = match ask_with(context, chat, candidate).await {
            Ok(result) => return Ok(Done::Answered(result)),
            Err(failure) => failure,
        };
        candidate.note_limit(context, &failure).await;
        let of_account = matches!(
            failure.code,
            FailureCode::InvalidCredentials | FailureCode::ProviderRateLimited
        );
        match candidate.provider.credential {
            Some(account) if of_account && !candidate.has_typed(context).await? => {
                tried.push(account);
                before = Some(failure);
            }
            _ => return Ok(Done::Failed(failure)),
        }
    }
}

/// Asks with the account that was chosen.
async fn ask_with(
    context: &JobContext,
    chat: &Chat,
    candidate: &Candidate,
) -> Result<Value, Failure> {
    let provider = &candidate.provider;
    let pump = NotePump::start(
        context,
        About {
            credential: provider.credential,
            provider: Some(provider.id),
        },
    );
    let done = Box::pin(attempt(context, chat, candidate, pump.notes())).await;
    let validation = pump.finish().await;
    match done {
        Ok(answer) => {
            if let Err(error) = context.store.provider_hit(provider.id).await {
                tracing::warn!(error = %chain(&error), "the provider's health could not be noted");
            }
            let conversation =
                history::keep(context, chat, provider, &answer, validation.as_ref()).await;
            let mut result = result(chat, provider, &answer, validation);
            result["conversation_id"] = json!(conversation);
            Ok(result)
        }
        Err(failure) => {
            if failure.code == FailureCode::ElementNotFound {
                note_miss(context, provider).await;
            }
            Err(failure)
        }
    }
}

async fn attempt(
    context: &JobContext,
    chat: &Chat,
    candidate: &Candidate,
    notes: &Notes,
) -> Result<Answer, Failure> {
    let map = &candidate.map;
    let Ready {
        session,
        page,
        text,
        known,
        standing,
    } = Box::pin(place::find(context, chat, candidate, notes)).await?;
    let stood = page.challenges().await;
    let mut conversation =
        Conversation::new(&page, map, notes).of_account(candidate.provider.credential.is_some());
    let place = Place {
        context,
        chat,
        candidate,
        page: &page,
        notes,
    };
    let answered = Box::pin(converse(place, &mut conversation, &text, known, standing)).await;
    let asked = page.is_answering();
    page.answering(None);
    if answered.is_ok()
        && let Some(learned) = conversation.learned()
    {
        keep_what_was_learned(context, &candidate.provider, &learned).await;
    }
    drop(conversation);
    match answered {
        Ok(answer) => {
            session.answered();
            keep(context, chat, candidate, &session, page, text, &answer).await;
            Ok(answer)
        }
        Err(failure) => {
            session.distrust();
            let about = About {
                credential: candidate.provider.credential,
                provider: Some(candidate.provider.id),
            };
            let failure = challenges::behind(context, &page, about, &stood, failure).await;
            if failure.code == FailureCode::SessionExpired {
                session.pages().close_all();
            } else if asked && !would_end(&context.job, &failure) {
                session.pages().park(context.job.id, page);
            }
            Err(failure)
        }
    }
}

/// Where an attempt is.
#[derive(Clone, Copy)]
struct Place<'a> {
    context: &'a JobContext,
    chat: &'a Chat,
    candidate: &'a Candidate,
    page: &'a OpenPage,
    notes: &'a Notes,
}

async fn converse(
    place: Place<'_>,
    conversation: &mut Conversation<'_>,
    text: &str,
    known: usize,
    standing: Standing,
) -> Result<Answer, Failure> {
    let Place {
        context,
        chat,
        page,
        ..
    } = place;
    // What the page was given is read by it as late as when the question is sent.
    let (noted, prompt, _files) = match standing {
        Standing::Asked { before } => {
            // The page's own question, found anew by this conversation.
            if let Err(error) = conversation.resume(text).await {
                return Err(failure_of(context, &error).await);
            }
            (String::new(), Prompt { known, before }, None)
        }
        Standing::Open => {
            set_model(place, known).await?;
            let before = match conversation.times_shown(text).await {
                Ok(times) => times,
                Err(error) => return Err(failure_of(context, &error).await),
            };
            let prompt = Prompt { known, before };
            let files = files::put_beside(context, chat, known, conversation).await?;
            let noted = ask(place, conversation, text, prompt).await?;
            (noted, prompt, files)
        }
    };
    let input = conversation.map().input.clone();
    page.answering(Some((&context.stop, &input)));
    match read(place, conversation, noted, prompt).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            if matches!(
                error,
                BrowserError::AnswerCut { .. }
                    | BrowserError::PageError {
                        in_its_place: true,
                        ..
                    }
                    | BrowserError::ProviderRateLimited {
                        in_its_place: true,
                        ..
                    }
            ) {
                note_cut(place).await;
            }
            Err(failure_of(context, &error).await)
        }
    }
}

/// Has the page show the model that was asked for; in a new conversation for which nobody named one, that which it showed when it was discovered.
async fn set_model(place: Place<'_>, known: usize) -> Result<(), Failure> {
    let Place {
        context,
        candidate,
        page,
        notes,
        ..
    } = place;
    let map = &candidate.map;
    let usual = || map.models.as_ref().and_then(|models| models.shown.clone());
    let (label, asked) = match &candidate.model {
        Some(label) => (label.clone(), true),
        None => match usual().filter(|_| known == 0) {
            Some(label) => (label, false),
            None => return Ok(()),
        },
    };
    match choose_model(page, map, &label, notes).await {
        Ok(true) => Ok(()),
        // A conversation was begun in its model, and not every page shows it later.
        Ok(false) if !asked || known > 0 => Ok(()),
        Ok(false) => Err(Failure::new(
            FailureCode::ElementNotFound,
            format!("The page does not show its models, so that {label:?} cannot be chosen."),
        )),
        Err(BrowserError::ElementNotFound { .. }) if !asked => Ok(()),
        Err(error) => Err(failure_of(context, &error).await),
    }
}

/// Notes that the answer broke off, or that an error stands in its place. An error beside it may not be about it: then the next attempt reads on.
/// A page that keeps conversations shows what came of it like any answer: should the job be retried, the question is asked anew.
async fn note_cut(place: Place<'_>) {
    let Place {
        context, candidate, ..
    } = place;
    let (job, lease) = (context.job.id, context.job.lease);
    let detail = json!({ CUT: true });
    let noted = context
        .store
        .effect_done(job, lease, &candidate.prompt, &detail);
    if let Err(error) = noted.await {
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
    place: Place<'_>,
    conversation: &mut Conversation<'_>,
    question: &str,
    prompt: Prompt,
) -> Result<String, Failure> {
    let Place {
        context,
        candidate,
        page,
        ..
    } = place;
    if let Err(error) = conversation.type_question(question).await {
        return Err(failure_of(context, &error).await);
    }
    let (job, lease) = (context.job.id, context.job.lease);
    let before = page.url().await.unwrap_or_default();
    context
        .store
        .intend_effect(job, lease, &candidate.prompt, &prompt.detail(&before))
        .await
        .map_err(|error| classify::store(&error))?;
    if let Err(error) = conversation.send().await {
        return Err(failure_of(context, &error).await);
    }
    let after = page.url().await.unwrap_or(before);
    // The question is out: that this could not be noted must not stop the answer from being read.
    if let Err(error) = context
        .store
        .effect_done(job, lease, &candidate.prompt, &prompt.detail(&after))
        .await
    {
        tracing::warn!(job.id = %job, error = %chain(&error), "the sent question could not be noted");
    }
    Ok(after)
}

async fn read(
    place: Place<'_>,
    conversation: &mut Conversation<'_>,
    noted: String,
    prompt: Prompt,
) -> Result<Answer, BrowserError> {
    let Place {
        context,
        candidate,
        page,
        ..
    } = place;
    let (sender, mut chunks) = mpsc::channel::<String>(256);
    let address = Address {
        context,
        page,
        prompt,
        name: &candidate.prompt,
        noted: tokio::sync::Mutex::new(noted),
    };
    let pass_on = async {
        let mut index = 0;
        while let Some(text) = chunks.recv().await {
            if index == 0 {
                // Whoever hears of an answer can rely on its being found again.
                address.note().await;
                candidate.gives(context).await;
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
async fn keep(
    context: &JobContext,
    chat: &Chat,
    candidate: &Candidate,
    session: &Arc<LiveSession>,
    page: OpenPage,
    question: String,
    answer: &Answer,
) {
    let (provider, map) = (&candidate.provider, &candidate.map);
    let Ok(url) = page.url().await else { return };
    let thread = Thread::new(&url, &question, &answer.text);
    let messages = chat.said(chat.messages.len());
    let messages = messages.iter().map(|(role, content)| (*role, &**content));
    let said = Said::of(messages.chain([(Role::Assistant, answer.text.as_str())]));
    if let Err(error) = context
        .store
        .keep_thread(candidate.with(), context.worker, &said, &thread)
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
        pages.open_spare(provider.id, async move {
            let page = session.open(&url).await.ok()?;
            comes_to_rest(&page, &map).await.then_some(page)
        });
    }
}

fn result(chat: &Chat, provider: &Provider, answer: &Answer, validation: Option<Value>) -> Value {
    json!({
        "model": chat.model,
        "provider": provider.name,
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
