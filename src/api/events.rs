//! `/jobs/{id}/events`: a job's events as Server-Sent Events, each once, in order, from any number on.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use computetower_jobs::{Event, JobId, TenantId};
use computetower_store::accounts::Scope;
use computetower_store::events::Notice;
use computetower_store::{Store, StoreError};
use futures::Stream;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::api::auth::Reader;
use crate::api::extract::{Id, Params};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;

/// How long a stream trusts Redis to tell it everything before it looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How soon events that only Redis knew are looked for in Postgres: workers save them twice a second.
const SAVED_SOON: Duration = Duration::from_millis(300);

pub(super) fn router() -> Router<App> {
    Router::new().route("/jobs/{id}/events", get(events))
}

/// Where to begin.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// The number of the last event seen; the header `Last-Event-ID` wins.
    after: Option<i64>,
}

/// Streams a job's events: those that were, then those that come, until the last one. `id` is the event's number, `event` its name, `data` its fields.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/events", tag = "jobs", security(("api_key" = [])), params(("id" = JobId, Path), EventParams,
        ("Last-Event-ID" = Option<i64>, Header, description = "Go on after this event")),
    responses((status = 200, content_type = "text/event-stream", body = Event,
                example = "id: 3\nevent: progress\ndata: {\"percent\": 50.0, \"phase\": \"working\", \"message\": \"1 of 2\", \"t\": 1767225600000}\n\n"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn events(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
    headers: HeaderMap,
    Params(params): Params<EventParams>,
) -> Result<Response, Problem> {
    let after = match headers.get("last-event-id") {
        None => params.after.unwrap_or_default(),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Problem::field("Last-Event-ID", "must be the number of an event"))?,
    };
    if after < 0 {
        return Err(Problem::field("after", "must not be negative"));
    }
    let followed = follow(app.store().clone(), caller.tenant, id, after).await?;
    let may_answer = caller.scopes.contains(&Scope::Write);
    let stream = async_stream::stream! {
        for await event in followed {
            yield Ok::<_, Infallible>(as_sse(&event, may_answer));
        }
    };
    let mut response = Sse::new(stream)
        .keep_alive(
            KeepAlive::new()
                .interval(Duration::from_secs(15))
                .text("still here"),
        )
        .into_response();
    // Proxies that buffer would hold events back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// An event as it is sent. Whoever may not answer the question of a job does not get the link by which anybody may.
fn as_sse(event: &Event, may_answer: bool) -> sse::Event {
    let mut data = event.body.data();
    if let Value::Object(fields) = &mut data {
        if !may_answer {
            fields.remove("answer_url");
        }
        fields.insert("at".to_owned(), Value::from(event.at.to_rfc3339()));
    }
    sse::Event::default()
        .id(event.seq.to_string())
        .event(event.body.name())
        .data(data.to_string())
}

/// The events of a job after a number, then those that come, until the last one.
///
/// # Errors
/// [`StoreError::NotFound`] also when the job is another tenant's.
pub async fn follow(
    store: Store,
    tenant: TenantId,
    job: JobId,
    after: i64,
) -> Result<impl Stream<Item = Event> + Send + use<>, StoreError> {
    // Listen first, then read: nothing can fall between. What is heard waits until it is known whose job it is.
    let mut subscription = store.hub().await.subscribe(job).await;
    let mut backlog = store.events_after(tenant, job, after).await?;
    Ok(async_stream::stream! {
        let mut last = after;
        loop {
            for event in std::mem::take(&mut backlog.events) {
                last = event.seq;
                yield event;
            }
            // Only the end of a job that has ended is the end: one that was retried by hand has others in the middle.
            if backlog.ended {
                return;
            }
            let patience = if backlog.more { SAVED_SOON } else { LOOK_AGAIN };
            let reread = loop {
                match tokio::time::timeout(patience, subscription.next()).await {
                    Ok(Notice::Event(event)) if event.seq <= last => {}
                    Ok(Notice::Event(event)) if event.seq == last + 1 => {
                        last = event.seq;
                        let ended = event.body.is_final();
                        yield Event::clone(&event);
                        if ended {
                            break false;
                        }
                    }
                    // With a hole before it, it waits until Postgres has what is missing.
                    Ok(Notice::Event(_)) if backlog.more => {}
                    // A gap, a reconnection, or a long silence.
                    Ok(Notice::Event(_) | Notice::Resync) | Err(_) => break true,
                }
            };
            if !reread {
                return;
            }
            backlog = loop {
                match store.events_after(tenant, job, last).await {
                    Ok(events) => break events,
                    // Forgotten meanwhile.
                    Err(StoreError::NotFound(_)) => return,
                    Err(error) => {
                        tracing::warn!(job.id = %job, error = ?error, "a stream waits for Postgres");
                        tokio::time::sleep(SAVED_SOON).await;
                    }
                }
            };
        }
    })
}
