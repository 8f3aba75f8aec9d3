//! The one handle on everything durable.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use computetower_jobs::{JobState, TenantId};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool, Postgres};
use tokio_util::task::TaskTracker;

use crate::coalesce::{Coalescer, Shape, Unheard};
use crate::error::StoreError;
use crate::events::{EventHub, EventPublisher};
use crate::jobs::claim::{self, Claim, ClaimedJob};
use crate::jobs::finish::{self, Finish};
use crate::jobs::submit::{self, Submission};
use crate::lane::gate::Gate;
use crate::lane::{Lane, connection::PatientConnection};
use crate::metrics::Metrics;
use crate::objects::{ObjectSettings, Objects};
use crate::redis_keys::RedisKeys;
use crate::vault::{MasterKey, Vault};

/// Where everything is. `Debug` is not derived: the URLs hold passwords.
#[derive(Clone)]
pub struct StoreConfig {
    /// `postgres://…`.
    pub database_url: String,
    /// `redis://…`.
    pub redis_url: String,
    /// Prefix of all Redis keys.
    pub redis_prefix: String,
    /// The object store.
    pub objects: ObjectSettings,
    /// The key that wraps the tenants' data keys.
    pub master_key: MasterKey,
    /// Connections of each of the two pools.
    pub pool_size: u32,
    /// How long a message waits for the worker that it was handed on to; [`crate::lane::FETCHED_WITHIN`] is usual.
    pub hand_on_patience: Duration,
}

/// A handle on Postgres, Redis, the object store and the vault. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) tenant_pool: PgPool,
    pub(crate) system: PgPool,
    /// Claims, endings and what goes along with them: see [`PLAN_BY_ID`].
    pub(crate) work: PgPool,
    pub(crate) redis: PatientConnection,
    pub(crate) redis_client: redis::Client,
    pub(crate) keys: RedisKeys,
    pub(crate) connect_options: PgConnectOptions,
    /// Objects: screenshots, profiles.
    pub objects: Objects,
    /// Secrets.
    pub vault: Vault,
    /// Messages to workers.
    pub lane: Lane,
    /// Live events, out.
    pub publisher: EventPublisher,
    /// What this process has counted.
    pub metrics: Metrics,
    hub: Arc<tokio::sync::OnceCell<EventHub>>,
    pub(crate) gate: Gate,
    /// Messages of accepted jobs on their way to their lanes.
    pub(crate) rings: TaskTracker,
    coalesced: Arc<OnceLock<Coalesced>>,
}

/// Statements for many callers at once.
pub(crate) struct Coalesced {
    pub(crate) submit: Coalescer<Submission, Option<JobState>>,
    pub(crate) claim: Coalescer<Claim, Option<ClaimedJob>>,
    pub(crate) claim_front: Coalescer<Claim, Option<ClaimedJob>>,
    pub(crate) finish: Coalescer<Finish, i32>,
    pub(crate) settle: Coalescer<(), ()>,
}

/// A plan that was made while a table was small stays cached while it grows: a claim then reads all that is queued. Planned anew for each statement,
/// which costs some tenths of a millisecond, it follows the table. Rows are mostly asked for by id, and found in memory.
const PLAN_ANEW: &str = "set plan_cache_mode = force_custom_plan; set random_page_cost = 1.1";
/// What every job needs is planned once. These statements find jobs by `id = any(array[…])`, which leaves the planner no other way than one look into the
/// index for each row that it is given: no join that reads the whole index, whatever the size of the table was when the plan was made.
const PLAN_BY_ID: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off";
/// What a tenant asks is simple enough to be planned once, as long as no plan reads a whole table because it was small then.
const PLAN_ONCE: &str = "set enable_seqscan = off";

/// The oldest major version of Postgres whose SQL the migrations speak (`nulls not distinct`).
const OLDEST_POSTGRES: i32 = 15;

/// Connections for claims and endings: one statement of each sort is on its way (of claims, one from the front besides), and savings of events between
/// them.
const WORK_POOL: u32 = 5;

/// Two statements that accept jobs may be on their way: a commit waits for the disk, and the next can be prepared meanwhile.
const SUBMITS: Shape = Shape {
    most: submit::MOST,
    at_once: 2,
    linger: Duration::from_millis(2),
    unheard: Unheard::Dropped,
};
const CLAIMS: Shape = Shape {
    most: claim::MOST,
    at_once: 1,
    linger: Duration::from_millis(1),
    unheard: Unheard::Done,
};
const ENDINGS: Shape = Shape {
    most: finish::MOST,
    ..CLAIMS
};
const SETTLEMENTS: Shape = Shape {
    unheard: Unheard::Dropped,
    ..CLAIMS
};

impl Store {
    /// Connects to all services. Pools connect lazily, so a Postgres that is down for a moment is no failure here;
    /// Redis and the object store are asked only when they are needed.
    ///
    /// # Errors
    /// When a URL or a key cannot be read.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let options: PgConnectOptions = config.database_url.parse().map_err(|error| {
            StoreError::Setting(format!("DATABASE_URL cannot be read: {error}"))
        })?;
        let options = options.application_name("computetower");
        let system = pool(config.pool_size, &options, "computetower_system", PLAN_ANEW);
        let work = pool(
            config.pool_size.min(WORK_POOL),
            &options,
            "computetower_system",
            PLAN_BY_ID,
        );
        let tenant_pool = pool(config.pool_size, &options, "computetower_tenant", PLAN_ONCE);
        let redis_client = redis::Client::open(config.redis_url.as_str())
            .map_err(|error| StoreError::Setting(format!("REDIS_URL cannot be read: {error}")))?;
        let redis = PatientConnection::connect(&redis_client, Duration::from_secs(2)).await?;
        let keys = RedisKeys::new(&config.redis_prefix);
        let objects = Objects::new(&config.objects);
        let vault = Vault::new(config.master_key.clone(), system.clone());
        let lane = Lane::new(redis.clone(), keys.clone()).with_patience(config.hand_on_patience);
        let gate = Gate::new(redis.clone(), keys.clone());
        let metrics = Metrics::default();
        let publisher = EventPublisher::start(redis.clone(), keys.clone(), metrics.clone());
        Ok(Self {
            tenant_pool,
            system,
            work,
            redis,
            redis_client,
            keys,
            connect_options: options,
            objects,
            vault,
            lane,
            publisher,
            metrics,
            hub: Arc::default(),
            gate,
            rings: TaskTracker::new(),
            coalesced: Arc::default(),
        })
    }

    /// Applies the migrations under a lock, as the role that logs in.
    ///
    /// # Errors
    /// When Postgres is down, or a migration fails or was changed after it had been applied.
    pub async fn migrate(config: &StoreConfig) -> Result<(), StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(30))
            .connect(&config.database_url)
            .await?;
        let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
            .fetch_one(&pool)
            .await?;
        if version < OLDEST_POSTGRES * 10_000 {
            return Err(StoreError::Setting(format!(
                "DATABASE_URL names a PostgreSQL {}; computetower needs {OLDEST_POSTGRES} or newer",
                version / 10_000
            )));
        }
        crate::MIGRATOR.run(&pool).await?;
        pool.close().await;
        Ok(())
    }

    /// A connection on which row-level security shows only what is the tenant's.
    pub(crate) async fn as_tenant(
        &self,
        tenant: TenantId,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        self.as_tenant_planning(tenant, "auto").await
    }

    /// The same, for a statement that is planned as this setting of `plan_cache_mode` says.
    pub(crate) async fn as_tenant_planning(
        &self,
        tenant: TenantId,
        plans: &'static str,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        let mut tries = 0;
        loop {
            let mut connection = self.tenant_pool.acquire().await?;
            // Set for the session, not for a transaction: this function is the only way to such a connection, and it always sets it.
            let set = sqlx::query("select set_config('app.tenant', $1, false), set_config('plan_cache_mode', $2, false)")
                .bind(tenant.to_string())
                .bind(plans)
                .execute(&mut *connection)
                .await;
            match set {
                Ok(_) => return Ok(connection),
                // A connection that died with its server: the pool may hold as many of those as it has connections.
                Err(sqlx::Error::Io(_))
                    if tries < self.tenant_pool.options().get_max_connections() =>
                {
                    tries += 1
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Statements for many callers at once; their tasks start with the first.
    pub(crate) fn coalesced(&self) -> &Coalesced {
        self.coalesced.get_or_init(|| {
            // The tasks hold a handle that does not hold them: they end with the last of the others.
            let store = Store {
                coalesced: Arc::default(),
                ..self.clone()
            };
            let (submitter, settler, finisher) = (store.clone(), store.clone(), store.clone());
            let claims = || {
                let store = store.clone();
                Coalescer::start(CLAIMS, move |claims| {
                    let store = store.clone();
                    async move { store.claim_all(claims).await }
                })
            };
            Coalesced {
                submit: Coalescer::start(SUBMITS, move |jobs| {
                    let store = submitter.clone();
                    async move { store.submit_all(jobs).await }
                }),
                claim: claims(),
                claim_front: claims(),
                settle: Coalescer::start(SETTLEMENTS, move |calls: Vec<Arc<()>>| {
                    let store = settler.clone();
                    async move { store.settle_all(calls.len()).await }
                }),
                finish: Coalescer::start(ENDINGS, move |finishes| {
                    let store = finisher.clone();
                    async move { store.finish_all(finishes).await }
                }),
            }
        })
    }

    /// The process's one subscription to live events, made when first needed.
    pub async fn hub(&self) -> &EventHub {
        self.hub
            .get_or_init(|| async {
                EventHub::start(
                    self.redis_client.clone(),
                    self.keys.clone(),
                    self.metrics.clone(),
                )
            })
            .await
    }

    /// Waits a moment until what is on its way to Redis is there: the end of a process should cost nobody the time of a rescue.
    pub async fn flush(&self) {
        self.rings.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.rings.wait()).await;
        self.publisher.flush().await;
    }

    /// The names of Redis keys and channels.
    #[must_use]
    pub fn keys(&self) -> &RedisKeys {
        &self.keys
    }

    /// Asks each service for a sign of life.
    ///
    /// # Errors
    /// The first that does not give one.
    pub async fn ready(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.system).await?;
        let mut redis = self.redis.clone();
        redis::cmd("PING").query_async::<String>(&mut redis).await?;
        self.objects.ready().await
    }
}

fn pool(
    connections: u32,
    options: &PgConnectOptions,
    role: &'static str,
    setting: &'static str,
) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        // A connection that died with Postgres is noticed before it is used again; one that was used a moment ago is not asked, which would
        // cost a round trip for each statement under load.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < Duration::from_millis(200) || connection.ping().await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let settings = sqlx::AssertSqlSafe(format!(
                    "set role {role}; set lock_timeout = '2s'; set jit = off; {setting}"
                ));
                sqlx::raw_sql(settings).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options.clone())
}
