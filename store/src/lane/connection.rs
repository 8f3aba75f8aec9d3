//! A Redis connection that waits out a blip. The library ends a worker at the first error; this gives it none for a while.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};

/// Retries commands whose connection broke or whose answer did not come. Cheap to clone.
#[derive(Clone)]
pub struct PatientConnection {
    inner: ConnectionManager,
    patience: Duration,
}

impl PatientConnection {
    /// A connection that is made when it is first used and tries a command again for about as long as `patience`.
    ///
    /// # Errors
    /// When the client's settings make no sense.
    pub async fn connect(client: &redis::Client, patience: Duration) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(Duration::from_secs(5)))
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_number_of_retries(2)
            .set_max_delay(Duration::from_millis(200));
        let inner = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self { inner, patience })
    }

    /// The same connection with another patience.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self {
            inner: self.inner.clone(),
            patience,
        }
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_millis(500))
            .without_max_times()
            .with_total_delay(Some(self.patience))
            .with_jitter()
    }
}

fn is_blip(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.code() == Some("LOADING")
}

impl ConnectionLike for PatientConnection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        let backoff = self.backoff();
        let inner = self.inner.clone();
        Box::pin(async move {
            (|| {
                let mut inner = inner.clone();
                async move { inner.req_packed_command(cmd).await }
            })
            .retry(backoff)
            .when(is_blip)
            .await
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let backoff = self.backoff();
        let inner = self.inner.clone();
        Box::pin(async move {
            (|| {
                let mut inner = inner.clone();
                async move { inner.req_packed_commands(pipeline, offset, count).await }
            })
            .retry(backoff)
            .when(is_blip)
            .await
        })
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}
