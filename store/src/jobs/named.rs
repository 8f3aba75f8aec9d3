//! The things that a job's payload names: whether they are there, and what limits may call the jobs that use them.

use computetower_jobs::{Named, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// The key that limits may name for jobs that use the thing; `None` when the tenant has no such thing.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn limit_key_of(
        &self,
        tenant: TenantId,
        named: &Named,
    ) -> Result<Option<String>, StoreError> {
        let found = match named {
            Named::Credential(id) => self
                .credential(tenant, *id)
                .await
                .map(|_| format!("credential:{id}")),
            Named::Provider(id) => self
                .provider(tenant, *id)
                .await
                .map(|provider| provider.limit_key()),
            Named::Source(id) => self
                .source(tenant, *id)
                .await
                .map(|source| source.limit_key()),
            Named::Model(name) => self
                .model(tenant, name)
                .await
                .map(|model| model.limit_key()),
        };
        match found {
            Ok(key) => Ok(Some(key)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
