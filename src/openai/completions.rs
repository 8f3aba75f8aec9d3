//! `/v1/chat/completions`: a `chat` job, answered as OpenAI would.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use computetower_jobs::{JobId, JobKind, TenantId};
use computetower_store::StoreError;
use computetower_store::accounts::Scope;
use computetower_store::jobs::NewJob;
use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cut::{Cutter, cut};
use super::error::OpenAiError;
use super::request::{Completion, read};
use super::stream::{Answer, Shape};
use crate::api::auth::caller;
use crate::api::events::follow;
use crate::app::App;
use crate::service::submit::idempotency_key;
use crate::trace;

/// How long a stream waits for the first piece before it answers 200: until then a failure still gets its own status.
const PEEK: Duration = Duration::from_secs(20);
/// How long a completion may take in all.
const DEADLINE: Duration = Duration::from_secs(900);
/// How often a quiet stream shows that it lives. Comments only: the official clients fail on anything else.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Asks a chat page. The header `x-computetower-job-id` names the job, whose events can be followed as well.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", security(("api_key" = [])),
    request_body(content = Value, example = json!({"model": "helpdesk", "messages": [{"role": "user", "content": "How do I reset my password?"}], "stream": true})),
    responses((status = 200, body = Value, description = "OpenAI's chat completion, or with `stream` its chunks as Server-Sent Events", example = json!({
                  "id": "chatcmpl-01890000000070008000000000000001", "object": "chat.completion", "created": 1767225600, "model": "helpdesk",
                  "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                               "message": {"role": "assistant", "content": "Open the settings, then **Security**.", "refusal": null}}],
                  "usage": {"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 19}})),
              (status = "default", body = Value, description = "OpenAI's error object", example = json!({"error": {
                  "message": "messages: must not be empty", "type": "invalid_request_error", "param": "messages", "code": null}}))))]
pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, OpenAiError> {
    let caller = caller(&app, &headers, Scope::Write).await?;
    let body = body.map_err(|rejection| OpenAiError::unreadable(rejection.status()))?;
    let request = read(&body)?;
    let job = submit(&app, caller.tenant, &request, &headers, &body).await?;
    // With a key of its own the job may have other callers, now or later: then nobody's leaving ends it.
    let shared = headers.contains_key("idempotency-key");
    let leave = CancelOnDrop {
        app: app.clone(),
        tenant: caller.tenant,
        job: (!shared).then_some(job),
    };
    let ignored = named(&request.ignored);
    let mut response = if request.stream {
        streamed(&app, caller.tenant, job, &request, leave).await?
    } else {
        whole(&app, caller.tenant, job, &request, leave).await?
    };
    let out = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&job.to_string()) {
        out.insert("x-computetower-job-id", value);
    }
    if !ignored.is_empty()
        && let Ok(value) = HeaderValue::from_str(&ignored)
    {
        out.insert("x-computetower-ignored", value);
    }
    Ok(response)
}

/// Fields that were left aside, as a header that every client can read.
fn named(fields: &[String]) -> String {
    const NAMED: usize = 20;
    let mut text = fields
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(",");
    if fields.len() > NAMED {
        text.push_str(&format!(",and {} more", fields.len() - NAMED));
    }
    text
}

async fn submit(
    app: &App,
    tenant: TenantId,
    request: &Completion,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<JobId, OpenAiError> {
    let model = &request.chat.model;
    let provider = match app.store().provider_named(tenant, model).await {
        Ok(provider) => provider,
        Err(StoreError::NotFound(_)) => return Err(OpenAiError::no_model(model)),
        Err(error) => return Err(error.into()),
    };
    let payload = serde_json::to_value(&request.chat)
        .map_err(|error| OpenAiError::invalid("messages", error.to_string()))?;
    JobKind::Chat.parse(payload.clone()).map_err(|invalid| {
        OpenAiError::invalid(
            invalid.field.clone(),
            format!("{} {}.", invalid.field, invalid.reason),
        )
    })?;
    let key = idempotency_key(headers)?;
    let new = NewJob {
        idempotency: key.map(|key| (key, Sha256::digest(body).to_vec())),
        // The official clients give up after ten minutes; nobody reads an answer that comes much later.
        deadline: Some(chrono::Utc::now() + DEADLINE),
        limit_key: Some(provider.limit_key()),
        trace_context: trace::context(),
        ..NewJob::now(JobKind::Chat, payload)
    };
    Ok(app.store().submit(tenant, &new).await?.id)
}

async fn whole(
    app: &App,
    tenant: TenantId,
    job: JobId,
    request: &Completion,
    mut leave: CancelOnDrop,
) -> Result<Response, OpenAiError> {
    let mut answer = Answer::default();
    let followed = follow(app.store().clone(), tenant, job, 0).await;
    let mut events = Box::pin(followed.map_err(OpenAiError::after_acceptance)?);
    let mut cutter = Cutter::new(request.bounds.clone());
    while let Some(event) = events.next().await {
        cutter.push(&answer.hear(&event.body));
        if answer.is_given_up() || cutter.over().is_some() {
            break;
        }
    }
    let shape = Shape::new(job, &request.chat);
    if let Some(reason) = cutter.over() {
        // Nobody wants the rest: the job is cancelled, and its page closed.
        return Ok(Json(shape.completion(cutter.told(), reason)).into_response());
    }
    leave.stay_if(!answer.is_given_up());
    let (text, reason) = cut(&request.bounds, &answer.into_text()?);
    Ok(Json(shape.completion(&text, reason)).into_response())
}

async fn streamed(
    app: &App,
    tenant: TenantId,
    job: JobId,
    request: &Completion,
    mut leave: CancelOnDrop,
) -> Result<Response, OpenAiError> {
    let shape = Shape::new(job, &request.chat);
    let include_usage = request.include_usage;
    let mut answer = Answer::default();
    let followed = follow(app.store().clone(), tenant, job, 0).await;
    let mut events = Box::pin(followed.map_err(OpenAiError::after_acceptance)?);
    let mut cutter = Cutter::new(request.bounds.clone());
    let mut first = String::new();
    let mut over = false;
    let peek = tokio::time::timeout(PEEK, async {
        loop {
            match events.next().await {
                Some(event) => first.push_str(&cutter.push(&answer.hear(&event.body))),
                None => over = true,
            }
            if !first.is_empty() || over || answer.is_given_up() || cutter.over().is_some() {
                return;
            }
        }
    });
    // No piece yet is no failure: the stream begins and says that it lives.
    let _ = peek.await;
    if first.is_empty() && (over || answer.is_given_up()) {
        leave.stay_if(!answer.is_given_up());
        first = cutter.push(&answer.rest()?);
        over = true;
    }
    let stream = async_stream::stream! {
        let event = |value: Value| Ok::<_, std::convert::Infallible>(sse::Event::default().data(value.to_string()));
        yield event(shape.chunk(json!({ "role": "assistant", "content": "" }), None));
        if !first.is_empty() {
            yield event(shape.chunk(json!({ "content": first }), None));
        }
        while !over && !answer.is_given_up() && cutter.over().is_none() {
            let Some(heard) = events.next().await else { break };
            let piece = cutter.push(&answer.hear(&heard.body));
            if !piece.is_empty() {
                yield event(shape.chunk(json!({ "content": piece }), None));
            }
        }
        // With the end that the caller has named nobody wants the rest: the job is cancelled, and its page closed.
        let rest = if cutter.over().is_some() {
            Ok(String::new())
        } else {
            leave.stay_if(!answer.is_given_up());
            answer.rest()
        };
        match rest {
            Ok(rest) => {
                let mut rest = cutter.push(&rest);
                let (held_back, reason) = cutter.finish();
                rest.push_str(&held_back);
                if !rest.is_empty() {
                    yield event(shape.chunk(json!({ "content": rest }), None));
                }
                yield event(shape.chunk(json!({}), Some(reason.name())));
                if include_usage {
                    yield event(shape.usage_chunk(cutter.told()));
                }
            }
            Err(error) => yield event(error.body()),
        }
        yield Ok(sse::Event::default().data("[DONE]"));
    };
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("thinking"))
        .into_response();
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Cancels the job when the caller goes away before the answer is complete: nobody would read it, and the page would go on.
struct CancelOnDrop {
    app: App,
    tenant: TenantId,
    job: Option<JobId>,
}

impl CancelOnDrop {
    /// The job has ended by itself, or somebody else may wait for it.
    fn stay_if(&mut self, ended: bool) {
        if ended {
            self.job = None;
        }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let (app, tenant) = (self.app.clone(), self.tenant);
            tokio::spawn(async move {
                if let Err(error) = app.store().cancel(tenant, job).await {
                    tracing::debug!(job.id = %job, error = ?error, "the job of a caller that went away was not cancelled");
                }
            });
        }
    }
}
