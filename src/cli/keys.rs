//! `computetower keys`: makes a key for the first tenant. It is shown once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use computetower_jobs::TenantId;
use computetower_store::Store;
use computetower_store::accounts::{NewApiKey, Scope};
use serde_json::json;

use super::{Failure, out};
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Args {
    /// What people call the key.
    #[arg(long, default_value = "made on the command line")]
    name: String,
    /// The key may only read.
    #[arg(long)]
    read_only: bool,
    /// Make the key for a new tenant of this name.
    #[arg(long)]
    new_tenant: Option<String>,
    /// End this key instead of making one.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["read_only", "new_tenant"])]
    revoke: Option<String>,
}

pub(super) async fn run(config: &Config, args: Args, json: bool) -> Result<(), Failure> {
    let store = Store::connect(&config.store).await?;
    if let Some(key) = &args.revoke {
        store.revoke_api_key(key).await?;
        return if json {
            out::json(&json!({ "revoked": true }))
        } else {
            out::line("revoked")
        };
    }
    let tenant = match &args.new_tenant {
        Some(name) => store.add_tenant(name).await?,
        None => store.first_tenant().await?,
    };
    let scopes: &[Scope] = if args.read_only {
        &[Scope::Read]
    } else {
        &[Scope::Read, Scope::Write]
    };
    let key = make(&store, tenant, &args.name, scopes).await?;
    if json {
        out::json(&json!({ "key": key, "tenant": tenant, "name": args.name }))
    } else {
        out::line(&key)
    }
}

/// Makes and keeps a key.
pub(super) async fn make(
    store: &Store,
    tenant: TenantId,
    name: &str,
    scopes: &[Scope],
) -> Result<String, Failure> {
    let key = random_key("ct_");
    store
        .add_api_key(&NewApiKey {
            tenant,
            name,
            key: &key,
            scopes,
            expires_at: None,
        })
        .await?;
    Ok(key)
}

/// A prefix and 32 random bytes.
pub(super) fn random_key(prefix: &str) -> String {
    format!(
        "{prefix}{}",
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
    )
}
