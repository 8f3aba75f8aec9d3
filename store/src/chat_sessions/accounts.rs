//! The account that somebody means who names a web app and a user.

use computetower_jobs::{CredentialId, TenantId};

use crate::connect::Store;
use crate::error::StoreError;

impl Store {
    /// The tenant's account of this user at this address, the newest if there are several.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn credential_at(
        &self,
        tenant: TenantId,
        url: &str,
        username: &str,
    ) -> Result<Option<CredentialId>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let found = sqlx::query_scalar!(
            "select id from credentials where tenant_id = $1 and url = $2 and username = $3 order by id desc limit 1",
            tenant.0,
            url,
            username
        )
        .fetch_optional(&mut *connection)
        .await?;
        Ok(found.map(CredentialId))
    }
}
