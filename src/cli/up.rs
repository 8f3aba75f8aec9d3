//! `computetower up`: everything on this machine.

use std::path::PathBuf;

use computetower_store::accounts::Scope;
use computetower_store::lane::FETCHED_WITHIN;
use computetower_store::objects::ObjectSettings;
use computetower_store::vault::MasterKey;
use computetower_store::{Store, StoreConfig};

use super::{Failure, keys};
use crate::config::{self, Environment};
use crate::up::{self, External, Keys, Output, S3Settings, ServiceUrls, UpOptions};

#[derive(clap::Args)]
pub(super) struct Args {
    /// How many processes of a type, for example -m chat-worker=2. May be given several times.
    #[arg(short = 'm', long = "formation", value_parser = formation, value_delimiter = ',')]
    formation: Vec<(String, u32)>,
    /// The Procfile to run instead of the built-in one.
    #[arg(short = 'f', long)]
    procfile: Option<PathBuf>,
    /// Where data is kept.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

fn formation(text: &str) -> Result<(String, u32), String> {
    let (name, count) = text
        .split_once('=')
        .ok_or("write it as name=count, for example chat-worker=2")?;
    let count = count
        .parse()
        .map_err(|_| "the count must be a whole number")?;
    Ok((name.trim().to_owned(), count))
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let config = config::read_up(Environment::new(&config::variable))?;
    let data_dir = match args.data_dir.or(config.data_dir) {
        Some(folder) => folder,
        None => up::default_data_dir(
            config.is_root,
            config.xdg_data_home.as_deref(),
            config.home.as_deref(),
        ),
    };
    let options = UpOptions {
        data_dir,
        bind: config.bind,
        formation: args.formation,
        procfile: args.procfile,
        external: External {
            database_url: config.database_url,
            redis_url: config.redis_url,
            s3: config.objects.map(as_settings),
        },
        master_key: config.master_key,
        program: std::env::current_exe()?,
        extra_env: vec![
            (
                "COMPUTETOWER_ALLOW_PRIVATE_URLS".to_owned(),
                config.private_urls,
            ),
            // One address cannot serve several workers.
            ("METRICS_ADDR".to_owned(), String::new()),
        ],
        search_path: config.search_path,
        output: Output::Stdout,
    };
    let admin_key = config.admin_key;
    up::run(
        options,
        |urls| async move { provision(&urls, admin_key).await },
    )
    .await?;
    Ok(())
}

/// Migrates, and makes the first keys or finds that the ones of the last time are still good.
async fn provision(urls: &ServiceUrls, admin_key: Option<String>) -> Result<Keys, Failure> {
    let config = StoreConfig {
        database_url: urls.database_url.clone(),
        redis_url: urls.redis_url.clone(),
        redis_prefix: "computetower".to_owned(),
        objects: as_objects(&urls.s3),
        master_key: MasterKey::from_base64(&urls.master_key)?,
        pool_size: 2,
        hand_on_patience: FETCHED_WITHIN,
    };
    Store::migrate(&config).await?;
    let store = Store::connect(&config).await?;
    let tenant = store.first_tenant().await?;
    let kept = match &urls.previous {
        Some(keys) if store.caller_of(&keys.api_key).await?.is_some() => Some(keys.api_key.clone()),
        _ => None,
    };
    let api_key = match kept {
        Some(key) => key,
        None => keys::make(&store, tenant, "first key", &[Scope::Read, Scope::Write]).await?,
    };
    let admin_key = admin_key
        .or_else(|| urls.previous.as_ref().map(|keys| keys.admin_key.clone()))
        .unwrap_or_else(|| keys::random_key("cta_"));
    Ok(Keys { api_key, admin_key })
}

fn as_objects(s3: &S3Settings) -> ObjectSettings {
    ObjectSettings {
        endpoint: s3.endpoint.clone(),
        bucket: s3.bucket.clone(),
        region: s3.region.clone(),
        access_key_id: s3.access_key_id.clone(),
        secret_access_key: s3.secret_access_key.clone(),
        encryption: None,
    }
}

fn as_settings(objects: ObjectSettings) -> S3Settings {
    S3Settings {
        endpoint: objects.endpoint,
        bucket: objects.bucket,
        region: objects.region,
        access_key_id: objects.access_key_id,
        secret_access_key: objects.secret_access_key,
    }
}
