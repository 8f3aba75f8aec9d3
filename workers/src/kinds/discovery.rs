//! `discovery`: signs in, finds the chat box and the answer, proves them by asking, and keeps what was found.

use computetower_browser::{ChatMap, Eyes, discover_chat_with};
use computetower_jobs::kinds::discovery::Discovery;
use computetower_jobs::places::{Choice, Wishes};
use computetower_jobs::{Failure, FailureCode, Outcome, Strategy};
use computetower_store::providers::Provider;
use serde_json::{Value, json};

use crate::account::{Place, open_signed_in};
use crate::challenges;
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, NotePump, failure_of};
use crate::run::{chain, would_end};
use crate::vision::ModelEyes;

pub(super) async fn run(context: &JobContext, discovery: &Discovery) -> Outcome {
    let provider = match context
        .store
        .provider(context.job.tenant, discovery.provider_id)
        .await
    {
        Ok(provider) => with_good_account(context, provider).await,
        Err(error) => return Outcome::Failed(classify::store(&error)),
    };
    let pump = NotePump::start(
        context,
        About {
            credential: provider.credential,
            provider: Some(provider.id),
        },
    );
    let done = attempt(context, &provider, &pump).await;
    let validation = pump.finish().await;
    match done {
        Ok(mut result) => {
            result["validation"] = validation.unwrap_or(Value::Null);
            Outcome::Completed(result)
        }
        Err(failure) => {
            if would_end(&context.job, &failure)
                && let Err(error) = context
                    .store
                    .provider_failed(provider.id, &failure.to_public())
                    .await
            {
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the provider could not be marked");
            }
            Outcome::Failed(failure)
        }
    }
}

/// With an account that the web app has not refused, where the one that the provider began with is none.
async fn with_good_account(context: &JobContext, mut provider: Provider) -> Provider {
    let first = match provider.credential {
        Some(id) => context.store.credential(context.job.tenant, id).await.ok(),
        None => None,
    };
    let good = first.is_some_and(|credential| credential.status != "invalid");
    if !good
        && provider.more_accounts
        && let Ok(Choice::Take(credential)) = context
            .store
            .likely_account(&provider, &Wishes::default())
            .await
    {
        provider.credential = credential;
    }
    provider
}

async fn attempt(
    context: &JobContext,
    provider: &Provider,
    pump: &NotePump,
) -> Result<Value, Failure> {
    context
        .store
        .provider_discovering(provider.id)
        .await
        .map_err(|error| classify::store(&error))?;
    context.progress(5.0, "opening", format!("Opening {}", provider.url));
    let place = Place {
        url: &provider.url,
        credential: provider.credential,
        provider: Some(provider.id),
        chat: None,
    };
    let signed_in = open_signed_in(context, place, pump.notes()).await?;
    context.progress(
        30.0,
        "discovering",
        "Looking for the chat box, the send control and the answer",
    );
    let known: Option<ChatMap> = provider
        .chat_map
        .clone()
        .and_then(|map| serde_json::from_value(map).ok());
    let stood = signed_in.page.challenges().await;
    let eyes = ModelEyes::of(context);
    let look = eyes.as_ref().map(|eyes| eyes as &dyn Eyes);
    let found = discover_chat_with(&signed_in.page, known.as_ref(), look, pump.notes()).await;
    let about = About {
        credential: provider.credential,
        provider: Some(provider.id),
    };
    if eyes.is_some_and(|eyes| eyes.has_pointed()) {
        let code = FailureCode::ElementNotFound;
        context
            .recovered(about, code, Strategy::Vision, found.is_ok())
            .await;
    }
    let map = match found {
        Ok(map) => map,
        Err(error) => {
            let failure = failure_of(context, &error).await;
            let page = &signed_in.page;
            return Err(challenges::behind(context, page, about, &stood, failure).await);
        }
    };
    let map = serde_json::to_value(&map).map_err(|error| {
        Failure::new(FailureCode::Unknown, "What was found could not be stored.")
            .with_internal(error.to_string())
    })?;
    context
        .store
        .provider_ready(provider.id, &map)
        .await
        .map_err(|error| classify::store(&error))?;
    context.progress(100.0, "ready", "The provider answers");
    Ok(json!({ "provider_id": provider.id, "chat_map": map }))
}
