//! Requests that clients repeat by themselves: the official ones do so when a connection breaks or their own time is over, up to twice unless they
//! are told otherwise, and send no `Idempotency-Key`, but `x-stainless-retry-count`. Such a repetition is answered from the jobs of the request that
//! it repeats: a question is not typed twice because a client asked twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use computetower_jobs::TenantId;
use computetower_store::openai_requests::Repeatable;
use sha2::{Digest, Sha256};

use super::error::OpenAiError;
use crate::app::App;
use crate::service::submit::idempotency_key;

/// The number of the repetition, 0 for the first request. Clients that do not send it do not repeat anything by themselves, as far as is known.
const COUNT: &str = "x-stainless-retry-count";

/// A request as far as it matters to who asks the same again.
pub(super) struct Sent {
    /// The key of its first job, and the hash of the request.
    pub(super) key: Option<(String, Vec<u8>)>,
    /// Whether the caller chose the key: then anybody may ask with it again, at any time.
    pub(super) chosen: bool,
    /// What is watched for a repetition.
    pub(super) watch: Option<Arc<Watch>>,
}

/// A request that its client may repeat for as long as it was told nothing.
pub(super) struct Watch {
    app: App,
    tenant: TenantId,
    request: Repeatable,
    told: AtomicBool,
}

impl Sent {
    /// Looks at a request.
    pub(super) async fn read(
        app: &App,
        tenant: TenantId,
        route: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, OpenAiError> {
        let hash = Sha256::digest(body).to_vec();
        if let Some(key) = idempotency_key(headers)? {
            return Ok(Self {
                key: Some((key, hash)),
                chosen: true,
                watch: None,
            });
        }
        let Some(count) = count(headers) else {
            return Ok(Self {
                key: None,
                chosen: false,
                watch: None,
            });
        };
        let digest = Sha256::new()
            .chain_update(route)
            .chain_update([0])
            .chain_update(&hash)
            .finalize();
        let repeated = match count {
            0 => None,
            _ => app.store().repeat_request(tenant, &digest, count).await?,
        };
        let request = match repeated {
            Some(request) => {
                tracing::info!(request.id = %request.id, count, "a client repeats its request");
                request
            }
            None => app.store().note_request(tenant, &digest, count).await?,
        };
        Ok(Self {
            key: Some((request.key.clone(), hash)),
            chosen: false,
            watch: Some(Arc::new(Watch {
                app: app.clone(),
                tenant,
                request,
                told: AtomicBool::new(false),
            })),
        })
    }
}

fn count(headers: &HeaderMap) -> Option<i32> {
    let text = headers.get(COUNT)?.to_str().ok()?;
    text.trim().parse().ok().filter(|count| *count >= 0)
}

impl Watch {
    /// The client was told something: it does not repeat the request any more.
    pub(super) fn told(&self) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let (app, tenant, request) = (self.app.clone(), self.tenant, self.request.clone());
        tokio::spawn(async move {
            if let Err(error) = app.store().request_told(tenant, &request).await {
                tracing::debug!(request.id = %request.id, error = ?error, "that a request was answered could not be noted");
            }
        });
    }

    /// Whether the client may still come back.
    pub(super) fn is_open(&self) -> bool {
        !self.told.load(Ordering::Relaxed)
    }

    /// Whether the client, which went away just now, comes back within the time that it takes its next repetition to come.
    pub(super) async fn comes_back(&self) -> bool {
        let store = self.app.store();
        let patience = pause(self.request.retries) + self.app.repeat_patience();
        // Noted, so that the job is cancelled as well when this process ends before the time is over.
        let noted = store.request_left(self.tenant, &self.request, patience);
        if let Err(error) = noted.await {
            tracing::debug!(request.id = %self.request.id, error = ?error, "that a caller went away could not be noted");
        }
        tokio::time::sleep(patience).await;
        // Not knowing, it is left to go on: a job too many costs less than a question that is typed twice.
        store
            .was_repeated(self.tenant, &self.request)
            .await
            .unwrap_or(true)
    }
}

/// How long a client waits at most before its next repetition: half a second, doubled each time up to eight.
fn pause(retries: i32) -> Duration {
    Duration::from_secs_f64(0.5 * 2_f64.powi(retries.clamp(0, 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_that_count_are_watched() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(COUNT, axum::http::HeaderValue::from_static(value));
            count(&headers)
        };
        assert_eq!(count(&HeaderMap::new()), None);
        assert_eq!(
            (of("0"), of("2"), of("-1"), of("x")),
            (Some(0), Some(2), None, None)
        );
    }

    #[test]
    fn a_client_is_waited_for_as_long_as_it_waits_itself() {
        for (retries, waits) in [(0, 0.5), (1, 1.0), (3, 4.0), (9, 8.0)] {
            assert_eq!(pause(retries), Duration::from_secs_f64(waits));
        }
    }
}
