//! `/chat/history`: what was asked and answered on chat pages, to be searched, exported and deleted.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Utc};
use computetower_jobs::{ConversationId, JobId, ProviderId};
use computetower_store::exchanges::{Exchange, ExchangeFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::jobs::read_word;
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::links;

/// Exchanges that are read at once: one may have megabytes.
const AT_ONCE: i64 = 20;
/// Bytes of questions and answers behind which a page of the list ends, however many were wanted.
const PAGE: usize = 8 << 20;
/// Characters of a search.
const LONGEST_SEARCH: usize = 500;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/chat/history", get(list).delete(remove_some))
        .route("/chat/history/export", get(export))
        .route("/chat/history/retention", get(retention).put(retain))
        .route("/chat/history/{id}", get(show).delete(remove))
}

/// A question and its answer.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "01890000-0000-7000-8000-000000000001", "conversation_id": "01890000-0000-7000-8000-000000000009",
    "provider_id": "01890000-0000-7000-8000-000000000003", "model": "helpdesk", "question": "How do I reset my password?",
    "answer": "Open the settings, then **Security**.", "question_tokens": 7, "answer_tokens": 10, "at": "2026-01-01T00:00:05Z",
    "validation": {"subject": "receive", "passed": true, "confidence": 0.95, "observation": "The answer is complete.", "validator": "dom", "screenshot_key": null}}))]
pub(crate) struct ExchangeView {
    /// The job's id.
    id: JobId,
    /// The same for all exchanges of which one continues the other.
    conversation_id: ConversationId,
    /// With whom; it may be gone.
    provider_id: ProviderId,
    /// The provider's name when it was asked.
    model: String,
    /// What was new in this exchange.
    question: String,
    answer: String,
    /// An estimate: four characters to a token.
    question_tokens: i32,
    /// An estimate, too.
    answer_tokens: i32,
    /// How the receipt of the answer was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Value>,
    /// When the answer was complete.
    at: DateTime<Utc>,
}

impl From<Exchange> for ExchangeView {
    fn from(exchange: Exchange) -> Self {
        Self {
            id: exchange.id,
            conversation_id: exchange.conversation,
            provider_id: exchange.provider,
            model: exchange.model,
            question: exchange.question,
            answer: exchange.answer,
            question_tokens: exchange.question_tokens,
            answer_tokens: exchange.answer_tokens,
            validation: exchange.validation,
            at: exchange.at,
        }
    }
}

/// Which exchanges are meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryFilter {
    /// Only those with these words in question or answer: all of them, `"so written"` beside each other, `or` between them, without a word by `-word`. What is
    /// written without spaces between words (Chinese, Japanese, Korean, Thai, …) is looked for as it stands.
    q: Option<String>,
    /// Only of the provider with this name or id.
    provider: Option<String>,
    /// Only of this conversation.
    conversation: Option<String>,
    /// Only those that were answered at this moment or later.
    since: Option<DateTime<Utc>>,
    /// Only those that were answered before this moment.
    until: Option<DateTime<Utc>>,
}

impl HistoryFilter {
    fn read(self) -> Result<ExchangeFilter, Problem> {
        let texts = [("q", &self.q), ("provider", &self.provider)];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            if text.trim().is_empty()
                || text.chars().count() > LONGEST_SEARCH
                || text.contains('\0')
            {
                return Err(Problem::field(
                    field,
                    format!("must be a text of 1 to {LONGEST_SEARCH} characters"),
                ));
            }
        }
        let (part, words) = match self.q {
            Some(q) if has_words_without_spaces(&q) => (Some(q.trim().to_owned()), None),
            words => (None, words),
        };
        Ok(ExchangeFilter {
            words,
            part,
            provider: self.provider,
            conversation: read_word("conversation", self.conversation)?,
            since: self.since,
            until: self.until,
        })
    }
}

/// Whether a text is in a script whose words do not stand apart: there is no telling where one begins.
fn has_words_without_spaces(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(u32::from(c),
            0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
    })
}

/// Which exchanges are meant, and where a list goes on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryParams {
    q: Option<String>,
    provider: Option<String>,
    conversation: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// A page of exchanges.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"exchanges": [{"id": "01890000-0000-7000-8000-000000000001", "conversation_id": "01890000-0000-7000-8000-000000000009",
    "provider_id": "01890000-0000-7000-8000-000000000003", "model": "helpdesk", "question": "How do I reset my password?",
    "answer": "Open the settings, then **Security**.", "question_tokens": 7, "answer_tokens": 10, "at": "2026-01-01T00:00:05Z"}],
    "next_cursor": "01890000-0000-7000-8000-000000000001"}))]
pub(crate) struct ExchangeList {
    exchanges: Vec<ExchangeView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<JobId>,
}

/// Lists exchanges, the latest first.
#[utoipa::path(get, path = "/api/v1/chat/history", tag = "history", security(("api_key" = [])), params(HistoryFilter,
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 when left out"), ("cursor" = Option<JobId>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, body = ExchangeList), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(params): Params<HistoryParams>,
) -> Result<Answer<ExchangeList>, Problem> {
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 200"));
    }
    let mut cursor = read_word("cursor", params.cursor)?;
    let filter = HistoryFilter {
        q: params.q,
        provider: params.provider,
        conversation: params.conversation,
        since: params.since,
        until: params.until,
    };
    let filter = filter.read()?;
    let (mut exchanges, mut bytes, mut left) = (Vec::new(), 0, limit);
    loop {
        let slice = left.min(AT_ONCE);
        let store = app.store();
        let mut found = store
            .exchanges(caller.tenant, &filter, cursor, slice)
            .await?;
        let wanted = usize::try_from(slice).unwrap_or_default();
        let mut more = found.len() > wanted;
        found.truncate(wanted);
        for exchange in found {
            // One is always told, so that the next page is another.
            if bytes > PAGE {
                more = true;
                left = 0;
                break;
            }
            bytes += exchange.question.len() + exchange.answer.len();
            cursor = Some(exchange.id);
            exchanges.push(ExchangeView::from(exchange));
        }
        left = (left - slice).max(0);
        if !more || left == 0 {
            return Ok(Answer(ExchangeList {
                next_cursor: cursor.filter(|_| more),
                exchanges,
            }));
        }
    }
}

/// Shows one exchange.
#[utoipa::path(get, path = "/api/v1/chat/history/{id}", tag = "history", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 200, body = ExchangeView), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<JobId>,
) -> Result<Answer<Value>, Problem> {
    let found = app.store().exchange(caller.tenant, id).await?;
    let mut view = json!(ExchangeView::from(found));
    links::add_urls(app.store(), caller.tenant, &mut view).await;
    Ok(Answer(view))
}

/// Gives out exchanges as JSON lines, the latest first: each as in the list.
#[utoipa::path(get, path = "/api/v1/chat/history/export", tag = "history", security(("api_key" = [])), params(HistoryFilter),
    responses((status = 200, body = String, content_type = "application/x-ndjson", description = "An exchange on each line",
                  example = "{\"id\": \"01890000-0000-7000-8000-000000000001\", \"model\": \"helpdesk\", \"question\": \"How?\", \"answer\": \"So.\"}\n"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn export(
    State(app): State<App>,
    Reader(caller): Reader,
    Params(filter): Params<HistoryFilter>,
) -> Result<Response, Problem> {
    let filter = filter.read()?;
    let (store, tenant) = (app.store().clone(), caller.tenant);
    // The first is read before anything is answered: what fails early has a status of its own.
    let mut found = store.exchanges(tenant, &filter, None, AT_ONCE).await?;
    let lines = async_stream::try_stream! {
        loop {
            let more = i64::try_from(found.len()).unwrap_or_default() > AT_ONCE;
            found.truncate(usize::try_from(AT_ONCE).unwrap_or_default());
            let last = found.last().map(|last| last.id);
            let mut text = String::new();
            for exchange in std::mem::take(&mut found) {
                text.push_str(&json!(ExchangeView::from(exchange)).to_string());
                text.push('\n');
            }
            yield text;
            if !more {
                return;
            }
            // A transfer that breaks off says that something is missing.
            let next = store.exchanges(tenant, &filter, last, AT_ONCE).await;
            found = next.map_err(std::io::Error::other)?;
        }
    };
    let lines: futures::stream::BoxStream<'static, Result<String, std::io::Error>> =
        Box::pin(lines);
    let mut response = Body::from_stream(lines).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"chat-history.jsonl\""),
    );
    Ok(response)
}

/// Deletes one exchange. Its job stays as long as jobs stay.
#[utoipa::path(delete, path = "/api/v1/chat/history/{id}", tag = "history", security(("api_key" = [])), params(("id" = JobId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<JobId>,
) -> Result<StatusCode, Problem> {
    app.store().forget_exchange(caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many exchanges were deleted.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"deleted": 12}))]
pub(crate) struct Deleted {
    deleted: u64,
}

/// Deletes the exchanges that fit; at least one of the fields has to be there. To delete all, say `until` now.
#[utoipa::path(delete, path = "/api/v1/chat/history", tag = "history", security(("api_key" = [])), params(HistoryFilter),
    responses((status = 200, body = Deleted), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove_some(
    State(app): State<App>,
    Writer(caller): Writer,
    Params(filter): Params<HistoryFilter>,
) -> Result<Answer<Deleted>, Problem> {
    let filter = filter.read()?;
    if filter.is_everything() {
        return Err(Problem::field(
            "query",
            "must say which: give q, provider, conversation, since or until",
        ));
    }
    let deleted = app.store().forget_exchanges(caller.tenant, &filter).await?;
    Ok(Answer(Deleted { deleted }))
}

/// For how long exchanges are kept.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"days": 90}))]
pub(crate) struct Retention {
    /// 90 unless it was changed. With 0 no exchange is kept.
    #[schema(minimum = 0, maximum = 36_500)]
    days: i32,
}

/// Says for how many days exchanges are kept.
#[utoipa::path(get, path = "/api/v1/chat/history/retention", tag = "history", security(("api_key" = [])), responses((status = 200, body = Retention)))]
pub(crate) async fn retention(
    State(app): State<App>,
    Reader(caller): Reader,
) -> Result<Answer<Retention>, Problem> {
    let days = app.store().history_days(caller.tenant).await?;
    Ok(Answer(Retention { days }))
}

/// Sets for how many days exchanges are kept. Older ones go within seconds.
#[utoipa::path(put, path = "/api/v1/chat/history/retention", tag = "history", security(("api_key" = [])), request_body = Retention,
    responses((status = 200, body = Retention), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn retain(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(wanted): Json<Retention>,
) -> Result<Answer<Retention>, Problem> {
    if !(0..=36_500).contains(&wanted.days) {
        return Err(Problem::field("days", "must be between 0 and 36500"));
    }
    app.store()
        .keep_history_for(caller.tenant, wanted.days)
        .await?;
    Ok(Answer(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_spaces_are_known() {
        for text in ["密码", "パスワード", "รหัสผ่าน", "비밀번호", "reset 密码"]
        {
            assert!(has_words_without_spaces(text), "{text}");
        }
        for text in ["password", "mot de passe", "пароль", "κωδικός", "ñandú"] {
            assert!(!has_words_without_spaces(text), "{text}");
        }
    }
}
