//! Objects that go when nothing names them any more: pictures that were sent, and screenshots. Each is noted before it is stored. When what names it
//! goes, it is looked at soon; else once a day, so that also those go that nothing ever named.

use std::time::Duration;

use computetower_jobs::{JobId, TenantId};
use futures::StreamExt;
use tokio::time::Instant;

use crate::connect::Store;
use crate::error::StoreError;

/// Objects that are looked at together.
pub const LOOKED_AT: usize = 25;
/// Removals that are on their way at once.
const AT_ONCE: usize = 8;
/// How long the object store may take for a removal, and for all that are looked at together: their rows are locked meanwhile, and whoever waits for one
/// gives up after 2 s.
const ANSWER: Duration = Duration::from_millis(1500);
const ALL: Duration = Duration::from_millis(1500);

/// What became of a look at some objects.
#[derive(Debug, Default)]
pub struct Looked {
    /// How many were looked at.
    pub seen: usize,
    /// How many are gone, from the bucket, too.
    pub removed: usize,
    /// Why one that nothing names is still there. It is tried again after a minute.
    pub failed: Option<StoreError>,
}

impl Store {
    /// Stores an object that goes when nothing names it any more: of a job, or else a picture.
    ///
    /// # Errors
    /// When Postgres or the object store does not take it.
    pub async fn store_object(
        &self,
        tenant: TenantId,
        job: Option<JobId>,
        key: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), StoreError> {
        // Whoever is about to remove the same picture is waited for here, and it is stored anew.
        sqlx::query!(
            "insert into stored_objects (key, tenant_id, job_id) values ($1, $2, $3) on conflict (key) do update set look_at = excluded.look_at",
            key,
            tenant.0,
            job.map(|job| job.0)
        )
        .execute(&self.system)
        .await?;
        self.objects.put(key, content_type, body).await
    }

    /// Looks at some objects whose time has come, and removes those that nothing names.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn remove_unnamed_objects(&self) -> Result<Looked, StoreError> {
        let mut transaction = self.system.begin().await?;
        // The rows stay locked until the objects are gone: what is stored again meanwhile is stored after that.
        let due = sqlx::query!(
            r#"select o.key,
                   case when o.key like '%/signing-out/%' then
                       exists (select from jobs j where j.id = o.job_id and j.state not in ('completed', 'failed', 'cancelled'))
                   when o.key like '%/knowledge/%' then
                       exists (select from knowledge_objects k where k.key = o.key)
                       or exists (select from knowledge_documents d where d.markdown_key = o.key)
                       or exists (select from knowledge_documents d where d.pack_key = o.key)
                   when o.job_id is not null then
                       exists (select from jobs j where j.id = o.job_id)
                       or exists (select from chat_exchanges e where e.id = o.job_id and e.validation ->> 'screenshot_key' = o.key)
                       or exists (select from chat_session_turns t where t.job_id = o.job_id)
                       or exists (select from providers p where p.tenant_id = o.tenant_id and p.failure -> 'evidence' ? o.key)
                   else
                       exists (select from jobs j where j.payload ? 'files' and j.tenant_id = o.tenant_id
                                 and j.payload -> 'files' @> jsonb_build_array(jsonb_build_object('key', o.key)))
                       or exists (select from openai_objects r where r.messages ? 'files' and r.tenant_id = o.tenant_id
                                    and r.messages -> 'files' @> jsonb_build_array(jsonb_build_object('key', o.key)))
                       or exists (select from schedules s where s.tenant_id = o.tenant_id
                                    and s.job #> '{payload,files}' @> jsonb_build_array(jsonb_build_object('key', o.key)))
                       or exists (select from credentials c where c.tenant_id = o.tenant_id and c.profile_key = o.key)
                   end as "named!"
               from stored_objects o where o.look_at <= now() order by o.look_at limit $1 for update of o skip locked"#,
            i64::try_from(LOOKED_AT).unwrap_or(i64::MAX)
        )
        .fetch_all(&mut *transaction)
        .await?;
        let seen = due.len();
        let (named, unnamed): (Vec<_>, Vec<_>) = due.into_iter().partition(|row| row.named);
        let named: Vec<String> = named.into_iter().map(|row| row.key).collect();
        let end = Instant::now() + ALL;
        let removals = unnamed.into_iter().map(|row| async move {
            let until = end.min(Instant::now() + ANSWER);
            let done = tokio::time::timeout_at(until, self.objects.delete(&row.key)).await;
            let done = done.unwrap_or_else(|_| Err(StoreError::Interrupted));
            (row.key, done)
        });
        let (mut gone, mut left, mut failed) = (Vec::new(), Vec::new(), None);
        let mut removals = futures::stream::iter(removals).buffer_unordered(AT_ONCE);
        while let Some((key, done)) = removals.next().await {
            match done {
                Ok(()) => gone.push(key),
                Err(error) => {
                    left.push(key);
                    failed.get_or_insert(error);
                }
            }
        }
        drop(removals);
        sqlx::query!(
            "with gone as (delete from stored_objects where key = any($1))
             update stored_objects set look_at = now() + case when key = any($2) then interval '1 day' else interval '1 minute' end
             where key = any($2) or key = any($3)",
            &gone,
            &named,
            &left
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Looked {
            seen,
            removed: gone.len(),
            failed,
        })
    }

    /// Removes the browser state of an account that nothing names any more. Should the object store not answer, that is tried again later.
    pub(crate) async fn remove_profile(
        &self,
        tenant: TenantId,
        key: &str,
    ) -> Result<(), StoreError> {
        let Err(error) = self.objects.delete(key).await else {
            return Ok(());
        };
        tracing::warn!(error = %error, "a browser state could not be removed; it is tried again");
        sqlx::query!(
            "insert into stored_objects (key, tenant_id, look_at) values ($1, $2, now() + interval '1 minute')
             on conflict (key) do update set look_at = excluded.look_at",
            key,
            tenant.0
        )
        .execute(&self.system)
        .await?;
        Ok(())
    }

    /// Notes that a browser state is about to be stored again: nobody is to remove it any more.
    pub(crate) async fn keep_profile(&self, key: &str) -> Result<(), StoreError> {
        sqlx::query!("delete from stored_objects where key = $1", key)
            .execute(&self.system)
            .await?;
        Ok(())
    }
}
