//! What a caller of [`run`](super::run) decides, and what it is told back.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything `up` needs to know; it reads no environment of its own.
pub struct UpOptions {
    /// The folder that holds the private services' data, the secrets and the lock.
    pub data_dir: PathBuf,
    /// Where `web` listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// How many of each process type, as in `-m chat-worker=2`; a type that is not named runs once.
    pub formation: Vec<(String, u32)>,
    /// The Procfile to run; `None` takes the one built into the program.
    pub procfile: Option<PathBuf>,
    /// Services that run elsewhere, and are not started here.
    pub external: External,
    /// The master key of the vault; `None` takes the one kept in the data folder, made on first use.
    pub master_key: Option<String>,
    /// The program that the word `computetower` stands for in a Procfile.
    pub program: PathBuf,
    /// Variables added to the environment of every process, after those that `up` sets.
    pub extra_env: Vec<(String, String)>,
    /// Where programs are looked for: the value of `PATH`.
    pub search_path: OsString,
    /// Where the processes' lines and the banner go.
    pub output: Output,
}

/// Where the processes' lines and the banner go.
pub enum Output {
    /// Standard output, in colour when it is a terminal.
    Stdout,
    /// Any other place, without colour.
    Writer(Box<dyn Write + Send>),
}

/// Services that run elsewhere. Each one given is not started here.
#[derive(Clone, Default)]
pub struct External {
    /// A Postgres, as `postgres://user:password@host:port/database`.
    pub database_url: Option<String>,
    /// A Redis, as `redis://:password@host:port`.
    pub redis_url: Option<String>,
    /// An S3 service with a bucket that exists.
    pub s3: Option<S3Settings>,
}

/// How to reach one S3 bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// The service's address, as `http://host:port`; none for AWS itself.
    pub endpoint: Option<String>,
    /// The bucket that holds every object.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key's name.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Settings")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// The keys that a newcomer signs requests with.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// An API key of the first tenant, `ct_…`.
    pub api_key: String,
    /// The operator's key, `cta_…`.
    pub admin_key: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// How to reach every service, once all of them answer; given to the hook that migrates and makes the first keys.
#[derive(Clone)]
pub struct ServiceUrls {
    /// Postgres, as `postgres://user:password@host:port/database`.
    pub database_url: String,
    /// Redis, as `redis://:password@host:port`.
    pub redis_url: String,
    /// The objects' bucket.
    pub s3: S3Settings,
    /// The master key of the vault: 32 bytes in base64, unless the caller gave another.
    pub master_key: String,
    /// Where `web` will listen; the port is never 0.
    pub bind: SocketAddr,
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The keys that an earlier `up` on this folder announced. They may have been revoked, or belong to another database.
    pub previous: Option<Keys>,
}

impl fmt::Debug for ServiceUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceUrls")
            .field("bind", &self.bind)
            .field("data_dir", &self.data_dir)
            .field("s3", &self.s3)
            .finish_non_exhaustive()
    }
}

impl ServiceUrls {
    /// The variables by which a process finds the services: `DATABASE_URL`, `REDIS_URL`, `S3_*`, `PORT`,
    /// `COMPUTETOWER_BIND`, `COMPUTETOWER_DATA_DIR` and `COMPUTETOWER_MASTER_KEY`.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", self.redis_url.clone()),
            ("S3_BUCKET", self.s3.bucket.clone()),
            ("S3_REGION", self.s3.region.clone()),
            ("S3_ACCESS_KEY_ID", self.s3.access_key_id.clone()),
            ("S3_SECRET_ACCESS_KEY", self.s3.secret_access_key.clone()),
            ("COMPUTETOWER_MASTER_KEY", self.master_key.clone()),
            ("COMPUTETOWER_BIND", self.bind.to_string()),
            (
                "COMPUTETOWER_DATA_DIR",
                self.data_dir.to_string_lossy().into_owned(),
            ),
            ("PORT", self.bind.port().to_string()),
        ]
        .into_iter()
        .chain(
            self.s3
                .endpoint
                .clone()
                .map(|endpoint| ("S3_ENDPOINT", endpoint)),
        )
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
