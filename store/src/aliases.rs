//! What callers name as a model: a provider, one of the models that its page offers (`provider/model`), or an alias, behind which several of these
//! stand in order.

use chrono::{DateTime, Utc};
use computetower_jobs::TenantId;
use computetower_jobs::model_names::{label_of, split};

use crate::connect::Store;
use crate::error::StoreError;
use crate::providers::Provider;

/// A name behind which several models stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// What callers name.
    pub name: String,
    /// What stands behind it, as callers would name it, the first one first.
    pub models: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// One provider, and the model that its page is to show.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The provider.
    pub provider: Provider,
    /// The page's model, as the page calls it; none: whatever it shows.
    pub model: Option<String>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Model {
    /// One provider.
    One(Box<Asked>),
    /// Several, the first one first. Those that are not there any more are left out.
    Several {
        /// The alias.
        alias: Alias,
        /// Its providers.
        asked: Vec<Asked>,
    },
}

impl Model {
    /// What jobs that ask it have in common for limits.
    #[must_use]
    pub fn limit_key(&self) -> String {
        match self {
            Model::One(asked) => asked.provider.limit_key(),
            Model::Several { alias, .. } => format!("alias:{}", alias.name),
        }
    }

    /// The providers, the first one first.
    #[must_use]
    pub fn asked(self) -> Vec<Asked> {
        match self {
            Model::One(asked) => vec![*asked],
            Model::Several { asked, .. } => asked,
        }
    }
}

impl Store {
    /// What a name stands for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such provider or alias, or the page is known not to offer the model.
    pub async fn model(&self, tenant: TenantId, name: &str) -> Result<Model, StoreError> {
        match self.asked(tenant, name).await {
            Err(StoreError::NotFound(_)) if !name.contains('/') => {}
            asked => return Ok(Model::One(Box::new(asked?))),
        }
        let alias = self.alias(tenant, name).await?;
        let mut asked = Vec::new();
        for model in &alias.models {
            match self.asked(tenant, model).await {
                Ok(found) => asked.push(found),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Model::Several { alias, asked })
    }

    /// One provider and its model, as a caller names them.
    ///
    /// # Errors
    /// As [`Store::model`].
    pub async fn asked(&self, tenant: TenantId, name: &str) -> Result<Asked, StoreError> {
        let (name, model) = split(name);
        let provider = self.provider_named(tenant, name).await?;
        let model = match model {
            None => None,
            // Nobody knows yet what the page offers.
            Some(model) if provider.chat_map.is_none() => Some(model.to_owned()),
            Some(model) => {
                let labels = provider.page_models();
                let label = label_of(&labels, model).ok_or(StoreError::NotFound("model"))?;
                Some(label.to_owned())
            }
        };
        Ok(Asked { provider, model })
    }

    /// An alias.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of that name.
    pub async fn alias(&self, tenant: TenantId, name: &str) -> Result<Alias, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        sqlx::query_as!(
            Alias,
            "select name, models, created_at, updated_at from model_aliases where tenant_id = $1 and name = $2",
            tenant.0,
            name
        )
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::NotFound("alias"))
    }

    /// The aliases of a tenant by name, at most 500.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn aliases(&self, tenant: TenantId) -> Result<Vec<Alias>, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let rows = sqlx::query_as!(
            Alias,
            "select name, models, created_at, updated_at from model_aliases where tenant_id = $1 order by name limit 500",
            tenant.0
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows)
    }

    /// Makes an alias, or changes what stands behind it. True when it was made.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a provider has that name.
    pub async fn put_alias(
        &self,
        tenant: TenantId,
        name: &str,
        models: &[String],
    ) -> Result<bool, StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let made = sqlx::query_scalar!(
            r#"insert into model_aliases (tenant_id, name, models)
               select $1, $2, $3 where not exists (select 1 from providers where tenant_id = $1 and name = $2)
               on conflict (tenant_id, name) do update set models = excluded.models, updated_at = clock_timestamp()
               returning created_at = updated_at as "made!""#,
            tenant.0,
            name,
            models
        )
        .fetch_optional(&mut *connection)
        .await?;
        made.ok_or_else(|| {
            StoreError::Conflict(format!(
                "there is a provider named {name:?}: choose another name"
            ))
        })
    }

    /// Removes an alias. What stands behind it stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has none of that name.
    pub async fn remove_alias(&self, tenant: TenantId, name: &str) -> Result<(), StoreError> {
        let mut connection = self.as_tenant(tenant).await?;
        let done = sqlx::query!(
            "delete from model_aliases where tenant_id = $1 and name = $2",
            tenant.0,
            name
        )
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("alias"));
        }
        Ok(())
    }
}
