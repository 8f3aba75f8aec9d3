//! Whether the things are there that a job's payload names.

use computetower_jobs::{Named, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// Whether the tenant has the thing.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn has(&self, tenant: TenantId, named: &Named) -> Result<bool, StoreError> {
        let found = match named {
            Named::Credential(id) => self.credential(tenant, *id).await.map(|_| ()),
            Named::Provider(id) => self.provider(tenant, *id).await.map(|_| ()),
            Named::Model(name) => self.provider_named(tenant, name).await.map(|_| ()),
        };
        match found {
            Ok(()) => Ok(true),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
