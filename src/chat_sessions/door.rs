//! Who may come in: by a key in a header, or, from browsers, by a ticket or by a key among the subprotocols.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use chrono::Utc;
use computetower_jobs::{ApiKeyId, ChatSessionId, TenantId};
use computetower_store::accounts::Scope;
use serde::Deserialize;
use utoipa::IntoParams;

use super::connection::{Connection, serve};
use super::{MESSAGE_LIMIT, ticket};
use crate::api::auth::caller;
use crate::api::extract::{Id, Params};
use crate::api::problem::{Problem, ProblemBody, ProblemCode};
use crate::app::App;

/// The subprotocol that is answered with, where it is offered.
const PROTOCOL: &str = "computetower.v1";

/// Who has come in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) tenant: TenantId,
    /// A connection lasts no longer than its key is good.
    pub(super) key: ApiKeyId,
}

/// How to come in.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectParams {
    /// The number of the last frame seen: what follows it is told again. Left out: what comes after the last acknowledged frame, or, where none ever was, only what is new.
    after: Option<i64>,
    /// Instead of a key: from `POST /api/v1/sessions/{id}/ticket`.
    ticket: Option<String>,
}

/// Opens the WebSocket of a session; `docs/sessions.md` has its messages. The key may also stand among the subprotocols, as `bearer.<key>` beside `computetower.v1`. A newer connection takes over from an elder one.
#[utoipa::path(get, path = "/ws/sessions/{id}", tag = "sessions", security(("api_key" = [])), params(("id" = ChatSessionId, Path), ConnectParams),
    responses((status = 101, description = "The connection is a WebSocket now"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The session has been closed"),
              (status = 426, body = ProblemBody, content_type = "application/problem+json", description = "The request does not ask for a WebSocket")))]
pub(crate) async fn connect(
    State(app): State<App>,
    Id(id): Id<ChatSessionId>,
    headers: HeaderMap,
    Params(params): Params<ConnectParams>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let who = who(&app, id, &headers, params.ticket.as_deref()).await?;
    let session = app.store().chat_session(who.tenant, id).await?;
    if !session.open {
        return Err(Problem::new(
            ProblemCode::Conflict,
            "This session has been closed: POST /api/v1/sessions opens another.",
        ));
    }
    if params.after.is_some_and(|after| after < 0) {
        return Err(Problem::field("after", "must not be negative"));
    }
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            ProblemCode::UpgradeRequired,
            "Open a WebSocket at this address.",
        )
    })?;
    let live = app.live_sessions().clone();
    // What is a little too large is answered in order; what is much too large is not even read.
    let upgrade = upgrade
        .max_message_size(2 * MESSAGE_LIMIT)
        .max_frame_size(2 * MESSAGE_LIMIT)
        .protocols([PROTOCOL]);
    Ok(upgrade.on_upgrade(move |socket| {
        let connection = Connection::new(app, who, session);
        live.tasks()
            .track_future(serve(connection, params.after, socket))
    }))
}

async fn who(
    app: &App,
    session: ChatSessionId,
    headers: &HeaderMap,
    ticket: Option<&str>,
) -> Result<Who, Problem> {
    if let Some(ticket) = ticket.or_else(|| offered(headers, "ticket.")) {
        let (tenant, key) = ticket::read(&app.store().vault, ticket, session, Utc::now())
            .ok_or_else(|| {
                Problem::new(
                    ProblemCode::Unauthenticated,
                    "This ticket is not for this session, or its minute is over: ask for another.",
                )
            })?;
        return Ok(Who { tenant, key });
    }
    let in_header =
        headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key");
    let caller = match offered(headers, "bearer.").filter(|_| !in_header) {
        Some(key) => {
            let mut shown = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&format!("Bearer {key}")) {
                shown.insert(header::AUTHORIZATION, value);
            }
            caller(app, &shown, Scope::Write).await?
        }
        None => caller(app, headers, Scope::Write).await?,
    };
    Ok(Who {
        tenant: caller.tenant,
        key: caller.key,
    })
}

/// What a client says among its subprotocols: browsers can send no other header.
fn offered<'h>(headers: &'h HeaderMap, prefix: &str) -> Option<&'h str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(prefix))
}
