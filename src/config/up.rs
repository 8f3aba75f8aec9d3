//! What `up` needs.

use std::net::SocketAddr;
use std::path::PathBuf;

use computetower_store::objects::ObjectSettings;
use computetower_store::vault::MasterKey;

use super::outside::outside;
use super::traces::traces;
use super::{Environment, Problems, bind, check_url, objects, private_urls};

/// What `up` needs from the environment.
pub struct UpConfig {
    /// The data folder, when one is named.
    pub data_dir: Option<PathBuf>,
    /// Whether this is root, whose home others cannot enter.
    pub is_root: bool,
    /// `XDG_DATA_HOME`.
    pub xdg_data_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// Where `web` listens.
    pub bind: SocketAddr,
    /// A Postgres that is there already.
    pub database_url: Option<String>,
    /// A Redis that is there already.
    pub redis_url: Option<String>,
    /// An object store that is there already.
    pub objects: Option<ObjectSettings>,
    /// The master key, when one is given.
    pub master_key: Option<String>,
    /// The operator's key, when one is given.
    pub admin_key: Option<String>,
    /// Which private addresses URLs may name.
    pub private_urls: String,
    /// `PATH`.
    pub search_path: std::ffi::OsString,
}

/// Reads what `up` needs. Nothing has to be set.
///
/// # Errors
/// All problems at once.
pub fn read_up(mut environment: Environment<'_>) -> Result<UpConfig, Problems> {
    let env = &mut environment;
    let bind = bind(env);
    let private = private_urls(env);
    // For its processes, which inherit the environment.
    traces(env);
    outside(env, private);
    let database_url = env.get("DATABASE_URL");
    check_url(
        env,
        "DATABASE_URL",
        database_url.as_deref().unwrap_or_default(),
        &["postgres", "postgresql"],
    );
    let redis_url = env.get("REDIS_URL");
    check_url(
        env,
        "REDIS_URL",
        redis_url.as_deref().unwrap_or_default(),
        &["redis", "rediss", "unix", "redis+unix"],
    );
    let named = [
        "S3_ENDPOINT",
        "S3_BUCKET",
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
    ];
    let objects = if named.iter().any(|name| env.get(name).is_some()) {
        Some(objects(env))
    } else {
        None
    };
    let master_key = env.get("COMPUTETOWER_MASTER_KEY");
    if let Some(Err(error)) = master_key.as_deref().map(MasterKey::from_base64) {
        env.problem("COMPUTETOWER_MASTER_KEY", error.to_string());
    }
    let config = UpConfig {
        data_dir: env.get("COMPUTETOWER_DATA_DIR").map(PathBuf::from),
        is_root: std::fs::metadata("/proc/self")
            .is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0),
        xdg_data_home: env.get("XDG_DATA_HOME").map(PathBuf::from),
        home: env.get("HOME").map(PathBuf::from),
        bind,
        database_url,
        redis_url,
        objects,
        master_key,
        admin_key: env.get("COMPUTETOWER_ADMIN_KEY"),
        private_urls: env.or("COMPUTETOWER_ALLOW_PRIVATE_URLS", "loopback"),
        search_path: env.or("PATH", "/usr/local/bin:/usr/bin:/bin").into(),
    };
    environment.done(Some(config))
}
