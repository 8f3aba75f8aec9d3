//! Which worker a question had best be asked by: the one whose page shows its conversation, or that holds the live session. Nothing depends on it:
//! any worker can restore a session from its profile, and a lease that is wrong or gone costs a moment.

use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::places::{Choice, Wishes};
use computetower_jobs::{CredentialId, JobId, ProviderId, TenantId, WorkerId};
use serde_json::Value;

use crate::aliases::Asked;
use crate::connect::Store;
use crate::error::StoreError;
use crate::lane::Wanted;
use crate::threads::Said;

/// How long a session is known to belong to a worker after its last use, in seconds.
const LEASE_SECONDS: u64 = 3_600;

/// Where a conversation was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// With which provider.
    pub provider: ProviderId,
    /// With which of its accounts.
    pub credential: Option<CredentialId>,
    /// By which worker.
    pub worker: Option<WorkerId>,
}

/// The name of a session's lease.
#[must_use]
pub fn session_name(credential: Option<CredentialId>, provider: Option<ProviderId>) -> String {
    match (credential, provider) {
        (Some(credential), _) => credential.to_string(),
        (None, Some(provider)) => format!("provider:{provider}"),
        (None, None) => "nobody".to_owned(),
    }
}

impl Store {
    /// Says that a worker has the live session. Failing is not an error: questions then go to any worker.
    pub async fn hold_session(&self, name: &str, worker: WorkerId) {
        let held: redis::RedisResult<()> = redis::cmd("SET")
            .arg(self.keys.session(name))
            .arg(worker.to_string())
            .arg("EX")
            .arg(LEASE_SECONDS)
            .query_async(&mut self.redis.clone())
            .await;
        if let Err(error) = held {
            tracing::debug!(error = %error, "the session's lease could not be written");
        }
    }

    /// Says that a worker has closed a session, unless another has it by now.
    pub async fn release_session(&self, name: &str, worker: WorkerId) {
        let script = redis::Script::new(
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0",
        );
        let released: redis::RedisResult<i64> = script
            .key(self.keys.session(name))
            .arg(worker.to_string())
            .invoke_async(&mut self.redis.clone())
            .await;
        if let Err(error) = released {
            tracing::debug!(error = %error, "the session's lease could not be given up");
        }
    }

    /// The worker that holds a session, as far as is known.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn session_holder(&self, name: &str) -> Result<Option<WorkerId>, StoreError> {
        let holder: Option<String> = redis::cmd("GET")
            .arg(self.keys.session(name))
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(holder.and_then(|holder| holder.parse().ok()))
    }

    /// Who had best do a chat job that is queued, the best first: who typed its question in an earlier attempt, who has its conversation open, who has
    /// the session.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn wanted_for_chat(
        &self,
        job: JobId,
        dispatch: i32,
    ) -> Result<Vec<Wanted>, StoreError> {
        let row = sqlx::query!(
            r#"select tenant_id, payload, worker_id,
                      exists (select 1 from job_effects e where e.job_id = j.id and e.name like 'prompt%') as "typed!"
               from jobs j where id = $1 and dispatch = $2 and state = 'queued'"#,
            job.0,
            dispatch
        )
        .fetch_optional(&self.system)
        .await?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let mut wanted = Vec::new();
        let typed = row.worker_id.filter(|_| row.typed).map(WorkerId);
        wanted.extend(self.living(typed).await?.map(Wanted::Worker));
        let tenant = TenantId(row.tenant_id);
        let Ok(chat) = serde_json::from_value::<Chat>(row.payload) else {
            return Ok(wanted);
        };
        let asked = match self.model(tenant, &chat.model).await {
            Ok(model) => model.asked(),
            Err(StoreError::NotFound(_)) => return Ok(wanted),
            Err(error) => return Err(error),
        };
        let home = self.home_of(tenant, &asked, &chat).await?;
        let open = self.living(home.and_then(|home| home.worker)).await?;
        wanted.extend(open.map(Wanted::Worker));
        if let Some(home) = home {
            let name = session_name(home.credential, Some(home.provider));
            wanted.push(Wanted::Session(name));
            return Ok(wanted);
        }
        let first = asked.iter().find(|asked| {
            let provider = &asked.provider;
            provider.chat_map.as_ref().is_some_and(Value::is_object) && provider.status == "ready"
        });
        if let Some(Asked { provider, .. }) = first
            && let Choice::Take(credential) =
                self.likely_account(provider, &Wishes::default()).await?
        {
            let name = session_name(credential, Some(provider.id));
            wanted.push(Wanted::Session(name));
        }
        Ok(wanted)
    }

    /// The worker, unless it is known to be gone.
    async fn living(&self, worker: Option<WorkerId>) -> Result<Option<WorkerId>, StoreError> {
        let Some(worker) = worker else {
            return Ok(None);
        };
        let dead = self.dead_among(&[worker]).await?;
        Ok(dead.is_empty().then_some(worker))
    }

    /// Where the conversation that a question continues was had, if it was with one of these.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn home_of(
        &self,
        tenant: TenantId,
        asked: &[Asked],
        chat: &Chat,
    ) -> Result<Option<Home>, StoreError> {
        let Some(known) = chat.answered() else {
            return Ok(None);
        };
        let messages = chat.said(known);
        let said = Said::of(messages.iter().map(|(role, content)| (*role, &**content)));
        let providers: Vec<_> = asked.iter().map(|asked| asked.provider.id.0).collect();
        let row = sqlx::query!(
            "select provider_id, credential_id, worker_id from chat_threads
             where tenant_id = $1 and digest = $2 and provider_id = any($3) order by at desc limit 1",
            tenant.0,
            said.digest(),
            &providers
        )
        .fetch_optional(&self.system)
        .await?;
        Ok(row.map(|row| Home {
            provider: ProviderId(row.provider_id),
            credential: row.credential_id.map(CredentialId),
            worker: row.worker_id.map(WorkerId),
        }))
    }
}
