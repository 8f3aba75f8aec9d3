//! Asking the vision model: what was said a short while ago, the day's budget, the breaker, one call, and one more when the answer does not fit.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use computetower_jobs::TenantId;
use computetower_store::Store;
use computetower_store::metrics::pages::VisionCall;
use jsonschema::Validator;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::breaker::{Breaker, Way};
use super::judgement::{Answer, Question};
use super::wire::{self, Misfit, Said};
use super::{VisionApi, VisionSettings};

/// Bytes of an answer that are read at most.
const LARGEST: usize = 256 * 1024;
/// Questions of one process that are on their way at once.
const AT_ONCE: usize = 8;

/// Why there is no judgement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The tenant's day is used up.
    #[error("the budget of the day is used up")]
    OverBudget,
    /// It has failed too often lately.
    #[error("the endpoint has failed again and again, and is left alone for a minute")]
    BreakerOpen,
    /// It did not answer, or not with what its API promises.
    #[error("the endpoint failed: {0}")]
    Endpoint(String),
    /// Its answers did not fit.
    #[error("the model's answer does not fit, also after it was asked again: {0}")]
    Unfit(String),
    /// Nobody could say how much of the day is used up.
    #[error("storage did not answer")]
    Storage,
}

/// A judgement, and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) answer: Answer,
    pub(crate) took: Duration,
    pub(crate) cached: bool,
}

/// Who asks: whose budget it is.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tenant: TenantId,
}

/// The model's client.
pub(crate) struct Vision {
    settings: VisionSettings,
    http: reqwest::Client,
    breaker: Mutex<Breaker>,
    at_once: tokio::sync::Semaphore,
}

impl Vision {
    pub(crate) fn new(settings: VisionSettings) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(settings.timeout)
            // A key is for the one who was named, not for whom he names.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            settings,
            http,
            breaker: Mutex::default(),
            at_once: tokio::sync::Semaphore::new(AT_ONCE),
        })
    }

    /// The name under which its judgements are kept.
    pub(crate) fn name(&self) -> &str {
        &self.settings.model
    }

    /// How long the end of a job waits for it.
    pub(crate) fn wait(&self) -> Duration {
        self.settings.wait
    }

    /// Asks about a picture (JPEG).
    ///
    /// # Errors
    /// Why there is no judgement.
    pub(crate) async fn ask(
        &self,
        asker: Asker<'_>,
        question: Question,
        jpeg: &[u8],
    ) -> Result<Judged, Trouble> {
        let began = Instant::now();
        let metrics = &asker.store.metrics;
        let digest = self.digest(asker.tenant, question, jpeg);
        if let Some(known) = asker.store.recent_judgement(&digest).await
            && let Ok(answer) = serde_json::from_str(&known)
        {
            metrics.vision_call(question.name(), VisionCall::Cached, None);
            return Ok(Judged {
                answer,
                took: began.elapsed(),
                cached: true,
            });
        }
        let asked = self.ask_anew(asker, question, jpeg).await;
        let outcome = match &asked {
            Ok(_) => VisionCall::Answered,
            Err(Trouble::OverBudget) => VisionCall::OverBudget,
            Err(Trouble::BreakerOpen) => VisionCall::BreakerOpen,
            Err(_) => VisionCall::Failed,
        };
        let was_called = !matches!(outcome, VisionCall::OverBudget | VisionCall::BreakerOpen);
        metrics.vision_call(
            question.name(),
            outcome,
            was_called.then(|| began.elapsed()),
        );
        let answer = asked?;
        if let Ok(text) = serde_json::to_string(&answer) {
            let keep = self.settings.keep;
            asker.store.keep_judgement(&digest, &text, keep).await;
        }
        Ok(Judged {
            answer,
            took: began.elapsed(),
            cached: false,
        })
    }

    async fn ask_anew(
        &self,
        asker: Asker<'_>,
        question: Question,
        jpeg: &[u8],
    ) -> Result<Answer, Trouble> {
        let schema = question.schema();
        let fits = jsonschema::validator_for(&schema)
            .map_err(|error| Trouble::Unfit(format!("the schema itself: {error}")))?;
        // Closed only by the end of the process.
        let _slot = self.at_once.acquire().await;
        let said = self.call(asker, question, jpeg, None).await?;
        let misfit = match read(&fits, said) {
            Ok(answer) => return Ok(answer),
            Err(misfit) => misfit,
        };
        let said = self.call(asker, question, jpeg, Some(&misfit)).await?;
        match read(&fits, said) {
            Ok(answer) => Ok(answer),
            Err(misfit) => Err(Trouble::Unfit(misfit.faults)),
        }
    }

    async fn call(
        &self,
        asker: Asker<'_>,
        question: Question,
        jpeg: &[u8],
        misfit: Option<&Misfit>,
    ) -> Result<Said, Trouble> {
        let Asker { store, tenant } = asker;
        let way = self.breaker().way(Instant::now());
        if way == Way::Shut {
            return Err(Trouble::BreakerOpen);
        }
        let VisionSettings {
            calls_per_day,
            tokens_per_day,
            ..
        } = self.settings;
        let allowed = store
            .reserve_vision_call(tenant, calls_per_day, tokens_per_day)
            .await;
        let trouble = match allowed {
            Ok(true) => None,
            Ok(false) => Some(Trouble::OverBudget),
            Err(_) => Some(Trouble::Storage),
        };
        if let Some(trouble) = trouble {
            // That tells nothing of the endpoint.
            self.breaker().not_made(way, Instant::now());
            return Err(trouble);
        }
        let said = self.send(question, jpeg, misfit).await;
        self.note(said.is_ok());
        let said = said.map_err(Trouble::Endpoint)?;
        if let Err(error) = store.count_vision_tokens(tenant, said.tokens).await {
            tracing::warn!(error = %crate::run::chain(&error), "the tokens of a vision model's answer could not be counted");
        }
        Ok(said)
    }

    async fn send(
        &self,
        question: Question,
        jpeg: &[u8],
        misfit: Option<&Misfit>,
    ) -> Result<Said, String> {
        let settings = &self.settings;
        let body = wire::request(settings, question, jpeg, misfit);
        let mut request = self.http.post(wire::address(settings)).json(&body);
        request = match (settings.api, &settings.key) {
            (VisionApi::Anthropic, key) => {
                let request = request.header("anthropic-version", wire::ANTHROPIC_VERSION);
                match key {
                    Some(key) => request.header("x-api-key", key.reveal()),
                    None => request,
                }
            }
            (VisionApi::OpenAi, Some(key)) => request.bearer_auth(key.reveal()),
            (VisionApi::OpenAi, None) => request,
        };
        // Its own words may hold the address, and in it whatever an operator has put there.
        let unreached = |error: reqwest::Error| {
            let error = error.without_url();
            if error.is_timeout() {
                format!("no answer within {} s", settings.timeout.as_secs_f32())
            } else {
                crate::run::chain(&error)
            }
        };
        let mut response = request.send().await.map_err(unreached)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreached)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err(format!("the answer has more than {LARGEST} bytes"));
            }
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            return Err(format!(
                "status {}: {}",
                status.as_u16(),
                wire::complaint(&body)
            ));
        }
        wire::read(settings.api, &body)
            .ok_or_else(|| "the answer is not of its API's shape".to_owned())
    }

    fn note(&self, answered: bool) {
        if answered {
            self.breaker().succeeded();
        } else {
            self.breaker().failed(Instant::now());
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // Nothing panics while it is held.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same only for the same tenant, model, question and picture.
    fn digest(&self, tenant: TenantId, question: Question, jpeg: &[u8]) -> String {
        let mut hash = Sha256::new();
        for part in [
            tenant.to_string().as_bytes(),
            self.settings.url.as_bytes(),
            self.settings.model.as_bytes(),
            question.name().as_bytes(),
            jpeg,
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let bytes = hash.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The answer, if it fits the schema.
fn read(fits: &Validator, said: Said) -> Result<Answer, Misfit> {
    let Said { answer, raw, .. } = said;
    let Some(answer) = answer else {
        let faults = "it is not the JSON object that was asked for".to_owned();
        return Err(Misfit { raw, faults });
    };
    let faults: Vec<String> = fits
        .iter_errors(&answer)
        .take(5)
        .map(|fault| {
            let place = fault.instance_path().to_string();
            format!("{} {fault}", if place.is_empty() { "/" } else { &place })
        })
        .collect();
    if !faults.is_empty() {
        let faults = faults.join("; ").chars().take(500).collect();
        return Err(Misfit { raw, faults });
    }
    serde_json::from_value::<Answer>(answer)
        .map(Answer::shortened)
        .map_err(|error| Misfit {
            raw,
            faults: error.to_string(),
        })
}
