//! What can go wrong with storage. Callers match on the variant, never on the text.

use computetower_jobs::InvalidPayload;

/// A failure of the durable side.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres did not answer, or refused a statement.
    #[error("asking Postgres")]
    Postgres(#[from] sqlx::Error),
    /// The migrations could not be applied.
    #[error("applying the migrations")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Redis did not answer.
    #[error("asking Redis")]
    Redis(#[from] redis::RedisError),
    /// The object store did not answer or refused.
    #[error("{what} object {key}")]
    Objects {
        /// What was tried.
        what: &'static str,
        /// Which object.
        key: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A secret could not be sealed or opened.
    #[error("{0}")]
    Vault(#[from] crate::vault::VaultError),
    /// What was asked for does not exist, or belongs to somebody else.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The idempotency key was used with another request.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyReused,
    /// The attempt's lease is gone: another attempt may own the job.
    #[error("the lease of this attempt is gone")]
    LeaseLost,
    /// A stored value no longer has the shape that the program expects.
    #[error("stored {what} cannot be read")]
    Decode {
        /// Which value.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored payload is not one that its kind takes.
    #[error("stored payload cannot be read")]
    Payload(#[from] InvalidPayload),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// A statement that was made for several callers failed for all of them.
    #[error("together with others")]
    Together(#[source] std::sync::Arc<StoreError>),
    /// The process ended before there was an answer.
    #[error("interrupted before there was an answer")]
    Interrupted,
}

impl StoreError {
    pub(crate) fn decode(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        StoreError::Decode {
            what,
            source: source.into(),
        }
    }

    /// True when a statement and another were in each other's way: the same again, or a part of it, may succeed at once.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        match self {
            StoreError::Postgres(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| matches!(&*code, "55P03" | "40P01" | "40001")),
            StoreError::Together(error) => error.is_contention(),
            _ => false,
        }
    }

    /// True when a service did not answer, so that trying again later can help.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            StoreError::Postgres(error) => {
                !matches!(
                    error,
                    sqlx::Error::Database(db) if !self.is_contention() && !db.code().is_some_and(|code| code.starts_with("57") || code.starts_with("08") || code.starts_with("53"))
                ) && !matches!(
                    error,
                    sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound
                )
            }
            StoreError::Redis(_) | StoreError::Objects { .. } | StoreError::Interrupted => true,
            StoreError::Together(error) => error.is_outage(),
            _ => false,
        }
    }
}
