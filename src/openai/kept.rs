//! Keeping answers that their callers want to find again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{JobId, TenantId};
use computetower_store::StoreError;
use computetower_store::openai_objects::{ObjectKind, StoredObject};
use serde_json::Value;

use super::error::OpenAiError;
use crate::app::App;

/// For how long an answer is held while Postgres is away. After that it is told without being kept: it is worth more than its copy.
const HOLD: Duration = Duration::from_secs(5);

/// Bytes that are kept of a request, its answer and what was said before at most.
const LARGEST: usize = 8 << 20;

/// Where an answer is kept, and what with it.
pub(super) struct Keeper {
    pub(super) app: App,
    pub(super) tenant: TenantId,
    pub(super) kind: ObjectKind,
    pub(super) model: String,
    /// What it answers, a list.
    pub(super) input: Value,
    pub(super) metadata: Value,
}

impl Keeper {
    /// Keeps an answer. False when that was not possible.
    pub(super) async fn keep(
        &self,
        id: Option<&JobId>,
        object: &Value,
        messages: Option<Chat>,
    ) -> bool {
        let Some(id) = id.copied() else {
            return false;
        };
        let size = |value: &Value| value.to_string().len();
        if size(object) + size(&self.input) > LARGEST {
            tracing::warn!(job.id = %id, "an answer is too large to be kept");
            return false;
        }
        let new = StoredObject {
            id,
            model: self.model.clone(),
            object: object.clone(),
            input: self.input.clone(),
            messages,
            metadata: self.metadata.clone(),
        };
        let keep = || self.app.store().keep_object(self.tenant, self.kind, &new);
        let kept = keep
            .retry(
                ExponentialBuilder::new()
                    .with_min_delay(Duration::from_millis(50))
                    .with_max_delay(Duration::from_millis(500))
                    .with_total_delay(Some(HOLD))
                    .without_max_times(),
            )
            .when(StoreError::is_outage)
            .await;
        if let Err(error) = &kept {
            tracing::warn!(job.id = %id, error = ?error, "an answer could not be kept");
        }
        kept.is_ok()
    }
}

/// The job in an id of the kind `resp_…`.
pub(super) fn job_of(id: &str, prefix: &str) -> Option<JobId> {
    let hex = id.strip_prefix(prefix)?;
    let simple = hex.len() == 32 && hex.chars().all(|c| c.is_ascii_hexdigit());
    simple.then(|| hex.parse().ok())?
}

/// Finds one, or says in OpenAI's words that it is not there.
pub(super) async fn find(
    app: &App,
    tenant: TenantId,
    kind: ObjectKind,
    id: &str,
) -> Result<StoredObject, OpenAiError> {
    let job = job_of(id, prefix(kind)).ok_or_else(|| missing(kind, id))?;
    app.store()
        .object(tenant, kind, job)
        .await
        .map_err(|error| not_there(kind, id, error))
}

/// Forgets one.
pub(super) async fn forget(
    app: &App,
    tenant: TenantId,
    kind: ObjectKind,
    id: &str,
) -> Result<(), OpenAiError> {
    let job = job_of(id, prefix(kind)).ok_or_else(|| missing(kind, id))?;
    app.store()
        .forget_object(tenant, kind, job)
        .await
        .map_err(|error| not_there(kind, id, error))
}

/// How ids of this kind begin.
pub(super) const fn prefix(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Response => "resp_",
        ObjectKind::Completion => "chatcmpl-",
    }
}

/// The error of a store that does not have it, or does not answer.
pub(super) fn not_there(kind: ObjectKind, id: &str, error: StoreError) -> OpenAiError {
    match error {
        StoreError::NotFound(_) => missing(kind, id),
        error => error.into(),
    }
}

fn missing(kind: ObjectKind, id: &str) -> OpenAiError {
    let what = match kind {
        ObjectKind::Response => "Response",
        ObjectKind::Completion => "Chat completion",
    };
    let id: String = id.chars().take(100).collect();
    OpenAiError::not_found(format!("{what} with id '{id}' not found."))
}

/// A page of a list, as OpenAI shapes it. `items` holds one more than `limit` when there are more.
pub(super) fn listed(mut items: Vec<Value>, limit: usize) -> Value {
    let has_more = items.len() > limit;
    items.truncate(limit);
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    serde_json::json!({
        "object": "list", "first_id": id(items.first()), "last_id": id(items.last()), "has_more": has_more, "data": items,
    })
}

/// The fields of a query, as they are written: `metadata[name]` has brackets.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Of a request.
    pub(super) fn read(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// A field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The fields below one.
    pub(super) fn below(&self, name: &str) -> serde_json::Map<String, Value> {
        let inner = |key: &str| {
            let rest = key.strip_prefix(name)?.strip_prefix('[')?;
            rest.strip_suffix(']').map(str::to_owned)
        };
        let fields = self.0.iter();
        fields
            .filter_map(|(key, value)| Some((inner(key)?, Value::from(value.as_str()))))
            .collect()
    }

    /// How many are wanted: 1 to 100, 20 when left out.
    pub(super) fn limit(&self) -> Result<usize, OpenAiError> {
        match self.get("limit").map(str::parse) {
            None => Ok(20),
            Some(Ok(limit @ 1..=100)) => Ok(limit),
            Some(_) => Err(OpenAiError::invalid("limit", "limit must be 1 to 100.")),
        }
    }

    /// Whether the newest are wanted first.
    pub(super) fn newest_first(&self, unless_said: bool) -> Result<bool, OpenAiError> {
        match self.get("order") {
            None => Ok(unless_said),
            Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            Some(_) => Err(OpenAiError::invalid("order", "order must be asc or desc.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_were_given_out_name_a_job() {
        let job = JobId::generate();
        let id = format!("resp_{}", job.0.simple());
        assert_eq!(job_of(&id, "resp_"), Some(job));
        for wrong in [
            String::new(),
            "resp_".to_owned(),
            format!("msg_{}", job.0.simple()),
            format!("resp_{}", job.0),
            format!("resp_{}é", &job.0.simple().to_string()[..30]),
        ] {
            assert_eq!(job_of(&wrong, "resp_"), None, "{wrong}");
        }
    }

    #[test]
    fn queries_are_read() {
        let query = Query::read(Some(
            "limit=5&order=asc&metadata%5Ba%5D=b&metadata[c]=d&metadatax=1",
        ));
        assert_eq!(query.limit().ok(), Some(5));
        assert_eq!(query.newest_first(true).ok(), Some(false));
        assert_eq!(
            Value::Object(query.below("metadata")),
            serde_json::json!({"a": "b", "c": "d"})
        );
        assert!(Query::read(Some("limit=0")).limit().is_err());
        assert!(Query::read(Some("order=up")).newest_first(true).is_err());
        assert_eq!(Query::read(None).limit().ok(), Some(20));
    }
}
