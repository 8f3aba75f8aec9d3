//! Leadership: one of several processes does a duty, another takes over when its connection ends.

use sqlx::{ConnectOptions, PgConnection};

use crate::connect::Store;
use crate::error::StoreError;

/// A claim to lead, held by an advisory lock on a connection of its own.
pub struct Leadership {
    store: Store,
    duty: &'static str,
    connection: Option<(PgConnection, bool)>,
}

impl Store {
    /// A claim to lead a duty.
    #[must_use]
    pub fn leadership(&self, duty: &'static str) -> Leadership {
        Leadership {
            store: self.clone(),
            duty,
            connection: None,
        }
    }
}

impl Leadership {
    /// Gives the lead and its connection up. For a question that got no answer.
    pub fn let_go(&mut self) {
        self.connection = None;
    }

    /// Takes or keeps the lead. True while this process leads.
    ///
    /// # Errors
    /// When Postgres does not answer; then the lead is lost.
    pub async fn hold(&mut self) -> Result<bool, StoreError> {
        let (mut connection, leads) = match self.connection.take() {
            Some(kept) => kept,
            None => (self.store.connect_options.connect().await?, false),
        };
        let leads = if leads {
            sqlx::query("select 1").execute(&mut connection).await?;
            true
        } else {
            sqlx::query_scalar!(
                r#"select pg_try_advisory_lock(hashtextextended($1, 0)) as "held!""#,
                format!("computetower {}", self.duty)
            )
            .fetch_one(&mut connection)
            .await?
        };
        self.connection = Some((connection, leads));
        Ok(leads)
    }
}
