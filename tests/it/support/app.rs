//! A platform of one test: its own database, Redis prefix, bucket and port.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use computetower::api;
use computetower::app::App;
use computetower::config::{Config, MetricsSettings, PrivateUrls};
use computetower::up::{S3Server, serve_folder};
use computetower_jobs::{Queue, TenantId};
use computetower_store::accounts::{NewApiKey, Scope};
use computetower_store::lane::FETCHED_WITHIN;
use computetower_store::objects::ObjectSettings;
use computetower_store::vault::{MasterKey, Secret};
use computetower_store::{Store, StoreConfig};
use computetower_workers::browsers::BrowserSettings;
use computetower_workers::extraction::ExtractionSettings;
use computetower_workers::upkeep::run_dispatcher;
use computetower_workers::{FetchSettings, OutsideSettings, WorkerOptions, run_worker};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::Client;
use super::until;

const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
pub(crate) const ADMIN_KEY: &str = "cta_test";

/// A running platform. Everything in this process ends with it.
pub(crate) struct TestApp {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) address: String,
    pub(crate) tenant: TenantId,
    key: String,
    shutdown: CancellationToken,
    workers: Vec<tokio::task::JoinHandle<()>>,
    _objects: S3Server,
    folder: tempfile::TempDir,
}

impl TestApp {
    /// The API alone: nothing runs jobs.
    pub(crate) async fn without_workers() -> Self {
        computetower::telemetry::start(
            computetower::telemetry::LogFormat::Text,
            Some("warn"),
            None,
        );
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let objects = serve_folder(folder.path().join("objects"), "key".into(), "secret".into())
            .await
            .unwrap();
        let config = config(&folder, &objects, fresh_database().await);
        Store::migrate(&config.store).await.unwrap();
        let store = Store::connect(&config.store).await.unwrap();
        let tenant = store.first_tenant().await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = api::router(App::new(store.clone(), &config));
        let shutdown = CancellationToken::new();
        let ended = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router) => served.unwrap(),
                () = ended.cancelled() => {}
            }
        });
        let mut app = Self {
            store,
            config,
            address,
            tenant,
            key: String::new(),
            shutdown,
            workers: Vec::new(),
            _objects: objects,
            folder,
        };
        app.key = app.new_key(tenant, &[Scope::Read, Scope::Write]).await;
        app
    }

    /// Another API, over these services and as configured here. Returns its address.
    pub(crate) async fn serve(store: &Store, config: &Config) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = api::router(App::new(store.clone(), config));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }

    /// The API, a dispatcher, and a worker of these queues, all in this process.
    pub(crate) async fn start(queues: &[Queue]) -> Self {
        let mut app = Self::without_workers().await;
        app.start_dispatcher();
        app.start_worker(queues);
        app
    }

    pub(crate) fn start_dispatcher(&mut self) {
        self.workers.push(tokio::spawn(run_dispatcher(
            self.store.clone(),
            self.shutdown.clone(),
        )));
    }

    pub(crate) fn start_worker(&mut self, queues: &[Queue]) {
        self.start_worker_with(queues, HashMap::new());
    }

    /// A worker that runs so many jobs of each queue at once.
    pub(crate) fn start_worker_with(
        &mut self,
        queues: &[Queue],
        concurrency: HashMap<Queue, usize>,
    ) {
        let options = WorkerOptions {
            queues: queues.to_vec(),
            concurrency,
            grace: Duration::from_millis(200),
            host: "test".to_owned(),
            browser: self.config.browser.clone(),
            extraction: self.config.extraction.clone(),
            outside: self.config.outside.clone(),
        };
        let (store, shutdown) = (self.store.clone(), self.shutdown.clone());
        self.workers.push(tokio::spawn(async move {
            run_worker(store, options, shutdown).await.unwrap()
        }));
    }

    /// A client with the first tenant's key.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address, &self.key)
    }

    /// A client with the operator's key.
    pub(crate) fn operator(&self) -> Client {
        Client::new(&self.address, ADMIN_KEY)
    }

    /// A client of a tenant of its own.
    pub(crate) async fn stranger(&self) -> Client {
        let tenant = self.store.add_tenant("stranger").await.unwrap();
        Client::new(
            &self.address,
            &self.new_key(tenant, &[Scope::Read, Scope::Write]).await,
        )
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) async fn new_key(&self, tenant: TenantId, scopes: &[Scope]) -> String {
        let key = format!("ct_{}", Uuid::new_v4().simple());
        let new = NewApiKey {
            tenant,
            name: "test",
            key: &key,
            scopes,
            expires_at: None,
        };
        self.store.add_api_key(&new).await.unwrap();
        key
    }

    /// A connection to the test's database, as its owner: past row-level security.
    pub(crate) async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.config.store.database_url)
            .await
            .unwrap()
    }

    /// Deletes everything that this test's platform has in Redis: what a wipe does, without harm to other tests.
    pub(crate) async fn wipe_redis(&self) {
        let client = redis::Client::open(self.config.store.redis_url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{}:*", self.config.store.redis_prefix))
            .query_async(&mut connection)
            .await
            .unwrap();
        if !keys.is_empty() {
            redis::cmd("DEL")
                .arg(keys)
                .query_async::<()>(&mut connection)
                .await
                .unwrap();
        }
    }

    /// Waits until every job has ended.
    pub(crate) async fn drained(&self) {
        until("all jobs have ended", || async {
            let counts = self.store.count_by_state().await.unwrap();
            counts
                .iter()
                .all(|(state, _)| matches!(state.as_str(), "completed" | "failed" | "cancelled"))
        })
        .await;
    }

    /// Ends workers and dispatcher in good order.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        for worker in self.workers.drain(..) {
            worker.await.unwrap();
        }
    }

    /// The environment for a process of this platform.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let store = &self.config.store;
        [
            ("DATABASE_URL", store.database_url.clone()),
            ("REDIS_URL", store.redis_url.clone()),
            ("COMPUTETOWER_REDIS_PREFIX", store.redis_prefix.clone()),
            ("S3_ENDPOINT", store.objects.endpoint.clone().unwrap()),
            ("S3_BUCKET", store.objects.bucket.clone()),
            ("S3_ACCESS_KEY_ID", store.objects.access_key_id.clone()),
            (
                "S3_SECRET_ACCESS_KEY",
                store.objects.secret_access_key.clone(),
            ),
            ("COMPUTETOWER_MASTER_KEY", MASTER_KEY.to_owned()),
            (
                "COMPUTETOWER_DATA_DIR",
                self.folder.path().display().to_string(),
            ),
            ("COMPUTETOWER_ADMIN_KEY", ADMIN_KEY.to_owned()),
            ("COMPUTETOWER_ALLOW_PRIVATE_URLS", "loopback".to_owned()),
            (
                "CHROMIUM",
                self.config.browser.executable.display().to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn config(folder: &tempfile::TempDir, objects: &S3Server, database_url: String) -> Config {
    Config {
        store: StoreConfig {
            database_url,
            redis_url: std::env::var("TEST_REDIS_URL")
                .expect("scripts/test.sh sets TEST_REDIS_URL"),
            redis_prefix: format!("test-{}", Uuid::new_v4().simple()),
            objects: ObjectSettings {
                endpoint: objects.settings.endpoint.clone(),
                bucket: objects.settings.bucket.clone(),
                region: objects.settings.region.clone(),
                access_key_id: "key".into(),
                secret_access_key: "secret".into(),
                encryption: None,
            },
            master_key: MasterKey::from_base64(MASTER_KEY).unwrap(),
            pool_size: 6,
            hand_on_patience: FETCHED_WITHIN,
        },
        bind: "127.0.0.1:0".parse().unwrap(),
        admin_key: Some(Secret::new(ADMIN_KEY.to_owned())),
        data_dir: folder.path().to_owned(),
        browser: BrowserSettings {
            executable: std::env::var_os("CHROMIUM")
                .map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from),
            data_dir: folder.path().join("browsers"),
            extra_args: Vec::new(),
        },
        grace: Duration::from_millis(200),
        private_urls: PrivateUrls::Loopback,
        // Clients and the machine may be slow; none of the tests waits for it to be over.
        repeat_patience: Duration::from_secs(30),
        large_requests: 256 << 20,
        until_stdin_closes: false,
        host: "test".to_owned(),
        metrics: MetricsSettings::default(),
        extraction: ExtractionSettings {
            program: env!("CARGO_BIN_EXE_computetower").into(),
            ..ExtractionSettings::default()
        },
        outside: OutsideSettings {
            fetch: FetchSettings {
                guard: PrivateUrls::Loopback.guard(),
                ..FetchSettings::default()
            },
            ..OutsideSettings::default()
        },
    }
}

/// A database of its own on the server that the test script started. It goes with the server.
async fn fresh_database() -> String {
    let server =
        std::env::var("TEST_DATABASE_URL").expect("scripts/test.sh sets TEST_DATABASE_URL");
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    url.into()
}
