//! The configuration: read here and nowhere else, from the environment, all problems reported at once.

mod client;
mod extraction;
mod outside;
mod traces;
mod up;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use computetower_store::StoreConfig;
use computetower_store::objects::{Encryption, ObjectSettings};
use computetower_store::vault::{MasterKey, Secret};
use computetower_workers::browsers::BrowserSettings;
use computetower_workers::extraction::ExtractionSettings;
use computetower_workers::{Guard, OutsideSettings};

use crate::telemetry::LogFormat;

pub use client::{ClientConfig, read_client};
pub use traces::{Sampling, TraceSettings, read_traces};
pub use up::{UpConfig, read_up};

/// Something wrong with the environment, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong and what to do.
    pub advice: String,
}

/// All that is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} problem(s):", self.0.len())?;
        for problem in &self.0 {
            writeln!(f, "  {}: {}", problem.variable, problem.advice)?;
        }
        write!(
            f,
            "See .env.example. To try it on one machine without any of this: computetower up"
        )
    }
}

/// Which private addresses a tenant's URLs may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateUrls {
    /// None.
    Refused,
    /// This machine's loopback.
    Loopback,
    /// All.
    All,
}

impl PrivateUrls {
    /// What requests to such addresses have to pass.
    #[must_use]
    pub fn guard(self) -> Guard {
        Guard {
            all: self == PrivateUrls::All,
            loopback: self == PrivateUrls::Loopback,
            networks: Vec::new(),
        }
    }
}

/// The environment, looked up by name.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl<'a> Environment<'a> {
    /// An environment that is looked up by a function; empty values count as not set.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&mut self, variable: &'static str, advice: &str) -> String {
        self.get(variable).unwrap_or_else(|| {
            self.problem(variable, format!("is not set: {advice}"));
            String::new()
        })
    }

    fn or(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    fn number<T: std::str::FromStr + Copy>(
        &mut self,
        variable: &'static str,
        default: T,
        advice: &str,
    ) -> T {
        match self.get(variable).map(|text| text.trim().parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.problem(variable, format!("is not a number: {advice}"));
                default
            }
        }
    }

    fn problem(&mut self, variable: &'static str, advice: impl Into<String>) {
        self.problems.push(Problem {
            variable,
            advice: advice.into(),
        });
    }

    fn done<T>(self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Problems(self.problems)),
        }
    }
}

/// What every role needs.
#[derive(Clone)]
pub struct Config {
    /// Where everything durable is.
    pub store: StoreConfig,
    /// Where `web` listens.
    pub bind: SocketAddr,
    /// The operator's key for `/admin`.
    pub admin_key: Option<Secret>,
    /// Where browsers keep their files.
    pub data_dir: PathBuf,
    /// Chromium.
    pub browser: BrowserSettings,
    /// How long running jobs may go on after the order to end.
    pub grace: Duration,
    /// Which private addresses URLs may name.
    pub private_urls: PrivateUrls,
    /// How long the repetition of a request may take beyond the pause that its client makes.
    pub repeat_patience: Duration,
    /// Bytes that the bodies of large requests may have together while they are in memory.
    pub large_requests: usize,
    /// End when standard input closes.
    pub until_stdin_closes: bool,
    /// The name of this machine.
    pub host: String,
    /// Who may read the metrics, and where.
    pub metrics: MetricsSettings,
    /// What the operator lends to workers besides.
    pub outside: OutsideSettings,
    /// How workers read pages and files.
    pub extraction: ExtractionSettings,
}

/// Who may read what a process has counted, and where.
#[derive(Clone, Debug, Default)]
pub struct MetricsSettings {
    /// Where workers and dispatchers serve theirs; nowhere when left out.
    pub address: Option<SocketAddr>,
    /// What a reader has to show.
    pub token: Option<Secret>,
}

/// How logs look: needed before anything else.
#[must_use]
pub fn log_settings(environment: &Environment<'_>) -> (LogFormat, Option<String>) {
    let format = if environment.get("COMPUTETOWER_LOG").as_deref() == Some("json") {
        LogFormat::Json
    } else {
        LogFormat::Text
    };
    (format, environment.get("RUST_LOG"))
}

/// The name of this machine.
#[must_use]
pub fn host(environment: &Environment<'_>) -> String {
    environment.or("HOSTNAME", "localhost")
}

const BIND_ADVICE: &str = "must be an address and a port, for example 127.0.0.1:7080";
const DEFAULT_BIND: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7080);

fn bind(environment: &mut Environment<'_>) -> SocketAddr {
    match environment
        .get("COMPUTETOWER_BIND")
        .map(|text| text.trim().parse())
    {
        None => DEFAULT_BIND,
        Some(Ok(address)) => address,
        Some(Err(_)) => {
            environment.problem("COMPUTETOWER_BIND", BIND_ADVICE);
            DEFAULT_BIND
        }
    }
}

fn metrics(environment: &mut Environment<'_>) -> MetricsSettings {
    let token = environment.get("METRICS_TOKEN").map(Secret::new);
    let address = match environment
        .get("METRICS_ADDR")
        .map(|text| text.trim().parse())
    {
        None => None,
        Some(Ok(address)) => Some(address),
        Some(Err(_)) => {
            environment.problem(
                "METRICS_ADDR",
                "must be an address and a port, for example 127.0.0.1:9090",
            );
            None
        }
    };
    if address.is_some_and(|address: SocketAddr| !address.ip().is_loopback()) && token.is_none() {
        environment.problem(
            "METRICS_TOKEN",
            "must be set where METRICS_ADDR is not a loopback address, so that not everybody can read the metrics",
        );
    }
    MetricsSettings { address, token }
}

fn private_urls(environment: &mut Environment<'_>) -> PrivateUrls {
    match environment
        .or("COMPUTETOWER_ALLOW_PRIVATE_URLS", "none")
        .as_str()
    {
        "none" => PrivateUrls::Refused,
        "loopback" => PrivateUrls::Loopback,
        "all" => PrivateUrls::All,
        _ => {
            environment.problem(
                "COMPUTETOWER_ALLOW_PRIVATE_URLS",
                "must be none, loopback or all",
            );
            PrivateUrls::Refused
        }
    }
}

fn encryption(environment: &mut Environment<'_>) -> Option<Encryption> {
    let key = environment.get("S3_KMS_KEY_ID");
    match environment.or("S3_ENCRYPTION", "bucket").as_str() {
        "bucket" => None,
        "aes256" => Some(Encryption::Aes256),
        "kms" => Some(Encryption::Kms(key)),
        _ => {
            environment.problem("S3_ENCRYPTION", "must be bucket, aes256 or kms");
            None
        }
    }
}

fn objects(environment: &mut Environment<'_>) -> ObjectSettings {
    ObjectSettings {
        endpoint: environment.get("S3_ENDPOINT"),
        bucket: environment.required("S3_BUCKET", "name the bucket for screenshots and profiles"),
        region: environment.or("S3_REGION", "us-east-1"),
        access_key_id: environment
            .required("S3_ACCESS_KEY_ID", "give the access key of the bucket"),
        secret_access_key: environment
            .required("S3_SECRET_ACCESS_KEY", "give the secret of the access key"),
        encryption: encryption(environment),
    }
}

fn check_url(
    environment: &mut Environment<'_>,
    variable: &'static str,
    value: &str,
    schemes: &[&str],
) {
    if value.is_empty() {
        return;
    }
    let fits = url::Url::parse(value).is_ok_and(|url| schemes.contains(&url.scheme()));
    if !fits {
        environment.problem(
            variable,
            format!(
                "must be a URL that begins with {}://",
                schemes.join(":// or ")
            ),
        );
    }
}

/// Reads what the roles `web`, `worker`, `dispatcher` and `migrate` need.
///
/// # Errors
/// All problems at once.
pub fn read(mut environment: Environment<'_>) -> Result<Config, Problems> {
    let env = &mut environment;
    let database_url = env.required(
        "DATABASE_URL",
        "postgres://user:password@host:5432/database",
    );
    check_url(
        env,
        "DATABASE_URL",
        &database_url,
        &["postgres", "postgresql"],
    );
    let redis_url = env.required("REDIS_URL", "redis://:password@host:6379");
    check_url(
        env,
        "REDIS_URL",
        &redis_url,
        &["redis", "rediss", "unix", "redis+unix"],
    );
    let objects = objects(env);
    if let Some(endpoint) = &objects.endpoint {
        check_url(env, "S3_ENDPOINT", endpoint, &["http", "https"]);
    }
    let master = env.required(
        "COMPUTETOWER_MASTER_KEY",
        "base64 of 32 random bytes, for example from: head -c 32 /dev/urandom | base64",
    );
    let master_key = match MasterKey::from_base64(&master) {
        Ok(key) => Some(key),
        Err(error) => {
            if !master.is_empty() {
                env.problem("COMPUTETOWER_MASTER_KEY", error.to_string());
            }
            None
        }
    };
    let bind = bind(env);
    let private_urls = private_urls(env);
    let pool_size = env
        .number(
            "COMPUTETOWER_POOL",
            16_u32,
            "connections of each of the two pools to Postgres",
        )
        .clamp(1, 500);
    let hand_on_patience = Duration::from_millis(
        env.number(
            "COMPUTETOWER_HAND_ON_MS",
            800_u64,
            "milliseconds for which a question waits for the worker that has its conversation open",
        )
        .clamp(1, 60_000),
    );
    let grace = Duration::from_secs(env.number(
        "COMPUTETOWER_GRACE_SECONDS",
        4_u64,
        "seconds for running jobs after the order to end",
    ));
    let repeat_patience = Duration::from_secs(
        env.number(
            "COMPUTETOWER_REPEAT_SECONDS",
            3_u64,
            "seconds that a client's repetition of its request may take to come",
        )
        .min(600),
    );
    let large_requests = env
        .number(
            "COMPUTETOWER_LARGE_REQUESTS_MIB",
            256_usize,
            "mebibytes that large requests may have together while they are in memory",
        )
        .clamp(20, 1 << 20)
        << 20;
    let data_dir = env
        .get("COMPUTETOWER_DATA_DIR")
        .map_or_else(|| std::env::temp_dir().join("computetower"), PathBuf::from);
    let browser = BrowserSettings {
        executable: env.get("CHROMIUM").map_or_else(
            || find_chromium(&env.or("PATH", "/usr/bin:/usr/local/bin")),
            PathBuf::from,
        ),
        data_dir: data_dir.join("browsers"),
        extra_args: env
            .or("COMPUTETOWER_CHROMIUM_ARGS", "")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    let admin_key = env.get("COMPUTETOWER_ADMIN_KEY").map(Secret::new);
    let until_stdin_closes = env
        .get("COMPUTETOWER_UNTIL_STDIN_CLOSES")
        .is_some_and(|value| value == "1");
    let host = host(env);
    let metrics = metrics(env);
    let extraction = extraction::extraction(env);
    let outside = outside::outside(env, private_urls);
    // Used by then: it is wanted together with the log. What is wrong with it is told here, with all the rest.
    traces::traces(env);
    let redis_prefix = env.or("COMPUTETOWER_REDIS_PREFIX", "computetower");
    let config = master_key.map(|master_key| Config {
        store: StoreConfig {
            database_url,
            redis_url,
            redis_prefix,
            objects,
            master_key,
            pool_size,
            hand_on_patience,
        },
        bind,
        admin_key,
        data_dir,
        browser,
        grace,
        private_urls,
        repeat_patience,
        large_requests,
        until_stdin_closes,
        host,
        metrics,
        outside,
        extraction,
    });
    environment.done(config)
}

/// The first Chromium on the search path, or the place where Debian puts it.
fn find_chromium(search_path: &str) -> PathBuf {
    const NAMES: [&str; 4] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    std::env::split_paths(search_path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| PathBuf::from("/usr/bin/chromium"))
}

/// One variable of the real environment. The only place in the program that asks for one.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once() {
        let nothing = |name: &str| match name {
            "COMPUTETOWER_BIND" => Some("here".to_owned()),
            "DATABASE_URL" => Some("mysql://x".to_owned()),
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("collector:4317".to_owned()),
            _ => None,
        };
        let problems = match read(Environment::new(&nothing)) {
            Err(Problems(problems)) => problems,
            Ok(_) => Vec::new(),
        };
        let named: Vec<&str> = problems.iter().map(|problem| problem.variable).collect();
        for variable in [
            "DATABASE_URL",
            "REDIS_URL",
            "S3_BUCKET",
            "S3_ACCESS_KEY_ID",
            "S3_SECRET_ACCESS_KEY",
            "COMPUTETOWER_MASTER_KEY",
            "COMPUTETOWER_BIND",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ] {
            assert!(
                named.contains(&variable),
                "{variable} is not among {named:?}"
            );
        }
    }

    #[test]
    fn metrics_are_not_shown_to_the_world_by_accident() {
        let open = |name: &str| (name == "METRICS_ADDR").then(|| "0.0.0.0:9090".to_owned());
        let named = |problems: Problems| problems.0.into_iter().map(|p| p.variable).collect();
        let problems: Vec<&str> = read(Environment::new(&open))
            .err()
            .map(named)
            .unwrap_or_default();
        assert!(problems.contains(&"METRICS_TOKEN"), "{problems:?}");
        let local = |name: &str| (name == "METRICS_ADDR").then(|| "[::1]:9090".to_owned());
        let problems: Vec<&str> = read(Environment::new(&local))
            .err()
            .map(named)
            .unwrap_or_default();
        assert!(!problems.contains(&"METRICS_TOKEN"), "{problems:?}");
    }

    #[test]
    fn a_client_asks_this_machine_unless_told_otherwise() {
        let nothing = |_: &str| None;
        let client = read_client(Environment::new(&nothing));
        assert_eq!(
            client.ok().map(|client| client.url.to_string()),
            Some("http://127.0.0.1:7080/".to_owned())
        );
        let wrong = |name: &str| (name == "COMPUTETOWER_URL").then(|| "localhost:7080".to_owned());
        assert!(read_client(Environment::new(&wrong)).is_err());
    }

    #[test]
    fn up_needs_nothing() {
        let nothing = |_: &str| None;
        assert!(read_up(Environment::new(&nothing)).is_ok());
    }
}
