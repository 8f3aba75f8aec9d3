//! `/sessions`: the chat sessions that WebSockets at `/ws/sessions/{id}` speak to: open, list, look, close; tickets for browsers.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{ChatSessionId, CredentialId, Named, ProviderId, TenantId};
use computetower_store::StoreError;
use computetower_store::chat_sessions::ChatSession;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::chat_sessions::ticket;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/sessions", get(list).post(create))
        .route("/sessions/{id}", get(show).delete(close))
        .route("/sessions/{id}/ticket", post(self::ticket))
}

/// What a session is about: one of the three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"model": "helpdesk"}))]
pub(crate) struct OpenSession {
    /// Who is asked, as in `/v1/models`.
    #[serde(default)]
    model: Option<String>,
    /// The same, by the provider's id.
    #[serde(default)]
    provider_id: Option<ProviderId>,
    /// An account: the provider that uses it is asked, where there is one. Without one the session can sign in, and no more.
    #[serde(default)]
    credential_id: Option<CredentialId>,
}

/// A chat session.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000020", "kind": "chat", "state": "open", "model": "helpdesk", "credential_id": "01890000-0000-7000-8000-000000000009",
    "conversation": 1, "last_seq": 7, "acked_seq": 0, "in_progress": "m-2", "websocket_url": "/ws/sessions/01890000-0000-7000-8000-000000000020",
    "created_at": "2026-01-01T00:00:00Z", "active_at": "2026-01-01T00:00:05Z", "closed_at": null}))]
pub(crate) struct SessionView {
    id: ChatSessionId,
    /// Always `chat`.
    kind: &'static str,
    /// `open` or `closed`.
    state: &'static str,
    /// Who is asked.
    model: Option<String>,
    /// The account that it signs in with, where there is one.
    credential_id: Option<CredentialId>,
    /// The number of the present conversation, from 1.
    conversation: i32,
    /// The number of its last frame; 0 before the first.
    last_seq: i64,
    /// The highest number that its client has acknowledged.
    acked_seq: i64,
    /// What is in progress, by the client's name.
    in_progress: Option<String>,
    /// Where its WebSocket is.
    websocket_url: String,
    created_at: DateTime<Utc>,
    active_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl From<ChatSession> for SessionView {
    fn from(session: ChatSession) -> Self {
        Self {
            id: session.id,
            kind: "chat",
            state: if session.open { "open" } else { "closed" },
            model: session.model,
            credential_id: session.credential,
            conversation: session.conversation,
            last_seq: session.last_seq,
            acked_seq: session.acked_seq,
            in_progress: session.in_progress.filter(|_| session.open),
            websocket_url: websocket_url(session.id),
            created_at: session.created_at,
            active_at: session.active_at,
            closed_at: session.closed_at,
        }
    }
}

/// A page of sessions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"sessions": [], "next_cursor": "01890000-0000-7000-8000-000000000020"}))]
pub(crate) struct SessionPage {
    sessions: Vec<SessionView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<ChatSessionId>,
}

/// Which sessions to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only those: `open` or `closed`.
    state: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<ChatSessionId>,
    /// 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// What a browser shows instead of a key.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"ticket": "0189….1767225660.…", "websocket_url": "/ws/sessions/01890000-0000-7000-8000-000000000020?ticket=0189….1767225660.…",
    "expires_at": "2026-01-01T00:01:00Z"}))]
pub(crate) struct Ticket {
    ticket: String,
    /// Where the WebSocket is, with the ticket.
    websocket_url: String,
    /// Until when a connection can begin with it.
    expires_at: DateTime<Utc>,
}

fn websocket_url(id: ChatSessionId) -> String {
    format!("/ws/sessions/{id}")
}

/// Opens a chat session. Messages go through its WebSocket, `/ws/sessions/{id}`.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", security(("api_key" = [])), request_body = OpenSession,
    responses((status = 201, body = SessionView, headers(("Location" = String))),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Too many are open"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<OpenSession>,
) -> Result<Response, Problem> {
    let (model, credential) = subject(&app, caller.tenant, request).await?;
    let id = app
        .store()
        .add_chat_session(caller.tenant, model.as_deref(), credential)
        .await?;
    let session = app.store().chat_session(caller.tenant, id).await?;
    let view = SessionView::from(session);
    let mut response = (StatusCode::CREATED, Answer(view)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/api/v1/sessions/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

async fn subject(
    app: &App,
    tenant: TenantId,
    request: OpenSession,
) -> Result<(Option<String>, Option<CredentialId>), Problem> {
    let store = app.store();
    match (request.model, request.provider_id, request.credential_id) {
        (Some(model), None, None) => {
            let named = Named::Model(model.clone());
            if store.limit_key_of(tenant, &named).await?.is_none() {
                return Err(Problem::field("model", "there is no such model"));
            }
            let credential = credential_of(app, tenant, &model).await?;
            Ok((Some(model), credential))
        }
        (None, Some(id), None) => match store.provider(tenant, id).await {
            Ok(provider) => {
                let credential = credential_of(app, tenant, &provider.name).await?;
                Ok((Some(provider.name), credential))
            }
            Err(StoreError::NotFound(_)) => {
                Err(Problem::field("provider_id", "there is no such provider"))
            }
            Err(error) => Err(error.into()),
        },
        (None, None, Some(id)) => {
            match store.credential(tenant, id).await {
                Ok(_) => {}
                Err(StoreError::NotFound(_)) => {
                    return Err(Problem::field(
                        "credential_id",
                        "there is no such credential",
                    ));
                }
                Err(error) => return Err(error.into()),
            }
            let providers = store.providers(tenant).await?;
            let user = providers
                .into_iter()
                .find(|provider| provider.credential == Some(id));
            Ok((user.map(|provider| provider.name), Some(id)))
        }
        (None, None, None) => Err(Problem::field(
            "model",
            "is missing: name a model, a provider_id or a credential_id",
        )),
        _ => Err(Problem::field(
            "model",
            "cannot be told apart: give one of model, provider_id and credential_id",
        )),
    }
}

/// The account with which a model is asked: that of its provider. A page's own model stands behind the provider's name and a slash.
pub(crate) async fn credential_of(
    app: &App,
    tenant: TenantId,
    model: &str,
) -> Result<Option<CredentialId>, StoreError> {
    let provider = model
        .split_once('/')
        .map_or(model, |(provider, _)| provider);
    for name in [model, provider] {
        match app.store().provider_named(tenant, name).await {
            Ok(provider) => return Ok(provider.credential),
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Lists chat sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", security(("api_key" = [])), params(ListParams),
    responses((status = 200, body = SessionPage), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<ListParams>,
) -> Result<Answer<SessionPage>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    let open = match params.state.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Problem::field("state", "must be open or closed")),
    };
    let page = app
        .store()
        .chat_sessions(caller.tenant, open, params.cursor, limit)
        .await?;
    Ok(Answer(SessionPage {
        sessions: page.sessions.into_iter().map(SessionView::from).collect(),
        next_cursor: page.next,
    }))
}

/// Shows a chat session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", tag = "sessions", security(("api_key" = [])), params(("id" = ChatSessionId, Path)),
    responses((status = 200, body = SessionView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<ChatSessionId>,
) -> Result<Answer<SessionView>, Problem> {
    let session = app.store().chat_session(caller.tenant, id).await?;
    Ok(Answer(session.into()))
}

/// Closes a chat session, for good. What it was doing is cancelled, and its WebSocket is told.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", security(("api_key" = [])), params(("id" = ChatSessionId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn close(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<ChatSessionId>,
) -> Result<StatusCode, Problem> {
    close_session(&app, caller.tenant, id).await?;
    app.live_sessions().look(id);
    Ok(StatusCode::NO_CONTENT)
}

/// Closes a session and cancels what it was doing. Whoever is interrupted does it again: the job is cancelled before its turn ends.
///
/// # Errors
/// [`StoreError::NotFound`] also when it is another tenant's.
pub(crate) async fn close_session(
    app: &App,
    tenant: TenantId,
    id: ChatSessionId,
) -> Result<(), StoreError> {
    let Some(turn) = app.store().close_chat_session(tenant, id).await? else {
        return Ok(());
    };
    if let Some(job) = turn.job {
        match app.store().cancel(tenant, job).await {
            // It has ended meanwhile.
            Ok(_) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    app.store().fail_turn(tenant, id, turn.number).await
}

/// Makes a ticket with which a browser opens the session's WebSocket within a minute: it cannot send a key in a header.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/ticket", tag = "sessions", security(("api_key" = [])), params(("id" = ChatSessionId, Path)),
    responses((status = 201, body = Ticket), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn ticket(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<ChatSessionId>,
) -> Result<(StatusCode, Answer<Ticket>), Problem> {
    app.store().chat_session(caller.tenant, id).await?;
    let expires_at = Utc::now() + ticket::GOOD_FOR;
    let ticket = ticket::make(&app.store().vault, &caller, id, expires_at);
    let websocket_url = format!("{}?ticket={ticket}", websocket_url(id));
    Ok((
        StatusCode::CREATED,
        Answer(Ticket {
            ticket,
            websocket_url,
            expires_at,
        }),
    ))
}
