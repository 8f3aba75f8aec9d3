//! Signing an account out: its browser state is forgotten at once, but for a copy with which a job signs it out on the web app.

use computetower_jobs::{CredentialId, JobId, TenantId};

use crate::connect::Store;
use crate::credentials::PROFILE_PURPOSE;
use crate::error::StoreError;
use crate::objects::signing_out_key;

impl Store {
    /// Forgets the browser state of an account's last login, once for a `logout` job, and lays a copy of it aside for that job: a sign-in that came after
    /// the job was submitted is left alone. A copy that cannot be made keeps nothing from being forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such account, also when it is another tenant's.
    pub async fn begin_logout(
        &self,
        tenant: TenantId,
        id: CredentialId,
        job: JobId,
    ) -> Result<(), StoreError> {
        let known = sqlx::query!(
            r#"select c.profile_key, c.updated_at < j.created_at as "begins!" from credentials c, jobs j
               where c.id = $1 and c.tenant_id = $2 and j.id = $3 and j.tenant_id = $2"#,
            id.0,
            tenant.0,
            job.0
        )
        .fetch_optional(&self.system)
        .await?
        .ok_or(StoreError::NotFound("credential"))?;
        if !known.begins {
            return Ok(());
        }
        if let Some(key) = &known.profile_key
            && let Err(error) = self.lay_aside(tenant, job, key).await
        {
            tracing::warn!(job.id = %job, error = %error, "a browser state could not be laid aside; the web app may not be told");
        }
        // Told with the database's clock, as the job's own moment is.
        let was = sqlx::query!(
            "with was as (select c.id, c.profile_key from credentials c join jobs j on j.id = $3
                          where c.id = $1 and c.tenant_id = $2 and c.updated_at < j.created_at for update of c)
             update credentials c set profile_key = null, updated_at = clock_timestamp() from was where c.id = was.id returning was.profile_key",
            id.0,
            tenant.0,
            job.0
        )
        .fetch_optional(&self.system)
        .await?;
        let Some(was) = was else {
            return Ok(());
        };
        self.lane.tell_logged_out(id).await;
        if let Some(key) = was.profile_key {
            self.remove_profile(tenant, &key).await?;
        }
        Ok(())
    }

    async fn lay_aside(&self, tenant: TenantId, job: JobId, key: &str) -> Result<(), StoreError> {
        let Some(sealed) = self.objects.find(key).await? else {
            return Ok(());
        };
        let aside = signing_out_key(tenant, job);
        let media = "application/octet-stream";
        self.store_object(tenant, Some(job), &aside, media, sealed)
            .await?;
        // Should the job end without having run, it goes all the same.
        sqlx::query!(
            "update stored_objects set look_at = now() + interval '30 minutes' where key = $1",
            aside
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// The browser state that was laid aside for a `logout` job, if there was any.
    ///
    /// # Errors
    /// When the object store does not answer or the state does not open.
    pub async fn laid_aside(
        &self,
        tenant: TenantId,
        id: CredentialId,
        job: JobId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let aside = signing_out_key(tenant, job);
        let Some(sealed) = self.objects.find(&aside).await? else {
            return Ok(None);
        };
        let purpose = format!("{PROFILE_PURPOSE}/{id}");
        Ok(Some(
            self.vault.open(tenant, &purpose, &sealed).await?.to_vec(),
        ))
    }

    /// Removes what was laid aside for a `logout` job, by whoever removes what nothing names any more.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn end_logout(&self, tenant: TenantId, job: JobId) -> Result<(), StoreError> {
        let aside = signing_out_key(tenant, job);
        if self.objects.delete(&aside).await.is_ok() {
            sqlx::query!("delete from stored_objects where key = $1", aside)
                .execute(&self.system)
                .await?;
        }
        Ok(())
    }
}
