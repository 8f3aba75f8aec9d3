//! Which provider a question is asked of, and with which of its accounts: what the caller named stands for one, or for several in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use computetower_browser::ChatMap;
use computetower_jobs::failover::{Standing, order};
use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::places::{Choice, Wishes};
use computetower_jobs::{CredentialId, EventBody, Failure, FailureCode};
use computetower_store::StoreError;
use computetower_store::affinity::Home;
use computetower_store::aliases::{Asked, Model};
use computetower_store::providers::Provider;
use computetower_store::threads::With;
use serde_json::json;

use super::{CUT, Halt, PROMPT};
use crate::classify;
use crate::context::JobContext;
use crate::run::chain;

/// The name under which it is recorded which of several providers has begun to answer.
const ANSWERING: &str = "answering";
/// For how long a page that asks to slow down and names no time is left alone, where there are others.
const SLOW_DOWN: Duration = Duration::from_secs(60);

/// How soon it is looked again for a free place.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A provider that can be asked.
pub(super) struct Candidate {
    /// The provider, with the account that is used.
    pub(super) provider: Provider,
    /// How to chat there.
    pub(super) map: ChatMap,
    /// The page's model that was asked for.
    pub(super) model: Option<String>,
    /// The name under which the question that is sent there is recorded.
    pub(super) prompt: String,
    /// It is one of several.
    pub(super) is_one_of_several: bool,
    home: Option<CredentialId>,
    given: AtomicBool,
}

/// Why a provider is not asked now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Away {
    Busy,
    Limited(DateTime<Utc>),
    Refused,
}

impl Away {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Limited(_) => "rate_limited",
            Self::Refused => "invalid_credentials",
        }
    }

    /// What it would mean for the job if there were nobody else.
    pub(super) fn as_failure(self, chat: &Chat) -> Failure {
        let model = &chat.model;
        let (code, text, wait) = match self {
            Self::Busy => (
                FailureCode::NotReady,
                format!("All places at {model:?} are taken."),
                Some(LOOK_AGAIN),
            ),
            Self::Limited(until) => (
                FailureCode::ProviderRateLimited,
                format!("What stands behind {model:?} asks to slow down."),
                Some((until - Utc::now()).to_std().unwrap_or_default()),
            ),
            Self::Refused => (
                FailureCode::InvalidCredentials,
                format!(
                    "The pages behind {model:?} have refused all accounts before; give them the right passwords."
                ),
                None,
            ),
        };
        let mut failure = Failure::new(code, text);
        failure.retry_after = wait;
        failure
    }
}

/// The providers that what the caller named stands for, in the order in which they are asked.
pub(super) async fn candidates(context: &JobContext, chat: &Chat) -> Result<Vec<Candidate>, Halt> {
    let tenant = context.job.tenant;
    let model = match context.store.model(tenant, &chat.model).await {
        Ok(model) => model,
        Err(StoreError::NotFound(_)) => {
            return Err(Failure::new(
                FailureCode::InvalidInput,
                format!(
                    "model: there is no provider named {:?}, or its page does not offer the model.",
                    chat.model
                ),
            )
            .into());
        }
        Err(error) => return Err(classify::store(&error).into()),
    };
    let several = matches!(model, Model::Several { .. });
    let asked = model.asked();
    let home = context
        .store
        .home_of(tenant, &asked, chat)
        .await
        .map_err(|error| classify::store(&error))?;
    let standings: Vec<Standing> = asked
        .iter()
        .map(|asked| Standing {
            known: asked.provider.chat_map.is_some(),
            unhealthy: asked.provider.status == "unhealthy" && several,
            home: home.is_some_and(|home| home.provider == asked.provider.id),
        })
        .collect();
    let mut candidates = Vec::new();
    for at in order(&standings) {
        candidates.push(candidate(&asked[at], several, home)?);
    }
    if several {
        keep_to_who_has_begun(context, &mut candidates).await?;
    }
    if candidates.is_empty() {
        return Err(nobody(chat, &asked));
    }
    Ok(candidates)
}

fn candidate(asked: &Asked, several: bool, home: Option<Home>) -> Result<Candidate, Failure> {
    let provider = asked.provider.clone();
    let map = provider.chat_map.clone().unwrap_or_default();
    let map: ChatMap = serde_json::from_value(map).map_err(|error| {
        Failure::new(
            FailureCode::Unknown,
            "What is stored about the provider cannot be read; discover it again.",
        )
        .with_internal(error.to_string())
    })?;
    let home = home.filter(|home| home.provider == provider.id);
    Ok(Candidate {
        prompt: match several {
            true => format!("{PROMPT}:{}", provider.id),
            false => PROMPT.to_owned(),
        },
        home: home.and_then(|home| home.credential),
        model: asked.model.clone(),
        is_one_of_several: several,
        given: AtomicBool::new(false),
        provider,
        map,
    })
}

/// Callers may have heard the beginning of an answer: only who began it can go on with it.
async fn keep_to_who_has_begun(
    context: &JobContext,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Failure> {
    let job = &context.job;
    // Of a job that was retried by hand, what came before is over.
    if job.counted == 1 && job.interruptions == 0 && job.snoozes == 0 {
        return Ok(());
    }
    let begun = context
        .store
        .effect(job.id, ANSWERING)
        .await
        .map_err(|error| classify::store(&error))?;
    let Some(begun) = begun else { return Ok(()) };
    candidates.retain(|candidate| begun.detail["provider"] == json!(candidate.provider.id));
    if candidates.is_empty() {
        return Err(Failure::new(
            FailureCode::AnswerCut,
            "The provider that had begun to answer is not there any more. Ask again.",
        ));
    }
    Ok(())
}

/// Why there is nobody to ask.
fn nobody(chat: &Chat, asked: &[Asked]) -> Halt {
    let waits = asked
        .iter()
        .any(|asked| asked.provider.status != "failed" && asked.provider.chat_map.is_none());
    if waits {
        return Halt::NotYet(format!(
            "The provider {:?} is still being discovered.",
            chat.model
        ));
    }
    let why: Vec<String> = asked
        .iter()
        .filter_map(|asked| {
            let failure = asked.provider.failure.as_ref();
            failure.map(|failure| failure.message.clone())
        })
        .collect();
    let why = match why.as_slice() {
        [] => "unknown".to_owned(),
        why => why.join(" "),
    };
    Halt::Failed(Failure::new(
        FailureCode::InvalidInput,
        format!("model: the discovery of {:?} failed: {why}", chat.model),
    ))
}

impl Candidate {
    /// With whom its conversations are had.
    pub(super) fn with(&self) -> With<'_> {
        With {
            tenant: self.provider.tenant,
            provider: self.provider.id,
            credential: self.provider.credential,
            model: self.model.as_deref(),
        }
    }

    /// Takes a place: one of the provider's accounts that was not tried yet, the one used longest ago, or that of the conversation.
    pub(super) async fn take_place(
        &mut self,
        context: &JobContext,
        tried: &[CredentialId],
    ) -> Result<Result<(), Away>, Failure> {
        let job = &context.job;
        let typed = self.has_typed(context).await?;
        let wishes = Wishes {
            home: self.home,
            tried: tried.to_vec(),
            choosy: self.is_one_of_several,
        };
        let choice = context
            .store
            .take_place(job.id, job.lease, &self.provider, typed, wishes)
            .await
            .map_err(|error| classify::store(&error))?;
        Ok(match choice {
            Choice::Take(credential) => {
                self.provider.credential = credential;
                Ok(())
            }
            Choice::Busy => Err(Away::Busy),
            Choice::Limited(until) => Err(Away::Limited(until)),
            Choice::Refused => Err(Away::Refused),
        })
    }

    /// Whether the question was sent there, by this attempt or an earlier one, and its answer may still be read.
    pub(super) async fn has_typed(&self, context: &JobContext) -> Result<bool, Failure> {
        let effect = context
            .store
            .effect(context.job.id, &self.prompt)
            .await
            .map_err(|error| classify::store(&error))?;
        Ok(effect.is_some_and(|effect| effect.detail.get(CUT).is_none()))
    }

    /// Something of the answer is about to be told.
    pub(super) async fn gives(&self, context: &JobContext) {
        self.given.store(true, Ordering::Relaxed);
        if !self.is_one_of_several {
            return;
        }
        let job = &context.job;
        let detail = json!({ "provider": self.provider.id });
        let noted = context
            .store
            .intend_effect(job.id, job.lease, ANSWERING, &detail);
        if let Err(error) = noted.await {
            tracing::warn!(job.id = %job.id, error = %chain(&error), "who began to answer could not be noted");
        }
    }

    /// Whether something of the answer was told.
    pub(super) fn has_given(&self) -> bool {
        self.given.load(Ordering::Relaxed)
    }

    /// Remembers a page that asks to slow down.
    pub(super) async fn note_limit(&self, context: &JobContext, failure: &Failure) {
        if failure.code != FailureCode::ProviderRateLimited {
            return;
        }
        let until = Utc::now() + failure.retry_after.unwrap_or(SLOW_DOWN);
        let noted = context
            .store
            .note_limited(&self.provider, self.provider.credential, until);
        if let Err(error) = noted.await {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "that the page asks to slow down could not be noted");
        }
    }

    /// Tells that somebody else is asked.
    pub(super) fn tell_failover(&self, context: &JobContext, failure: &Failure, to: &str) {
        context.feed.emit(EventBody::Step {
            kind: "chat.failover".to_owned(),
            detail: json!({ "provider": self.provider.name, "to": to, "code": failure.code, "message": failure.public }),
            duration_ms: 0,
        });
    }

    /// Tells that the provider is not asked.
    pub(super) fn tell_skipped(&self, context: &JobContext, away: Away) {
        context.feed.emit(EventBody::Step {
            kind: "chat.skipped".to_owned(),
            detail: json!({ "provider": self.provider.name, "why": away.name() }),
            duration_ms: 0,
        });
    }
}
