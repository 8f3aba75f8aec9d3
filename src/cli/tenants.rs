//! `computetower tenants`: a tenant's weight, and its pause. For operators.

use clap::Subcommand;
use computetower_jobs::TenantId;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show a tenant. `computetower keys --json` says whose a key is.
    Show {
        /// The tenant.
        id: TenantId,
    },
    /// Give a tenant so many turns where others get one.
    Weigh {
        /// The tenant.
        id: TenantId,
        /// 1 to 100.
        weight: u32,
    },
    /// Start none of its jobs until it is resumed. What runs goes on.
    Pause {
        /// The tenant.
        id: TenantId,
    },
    /// Start its jobs again.
    Resume {
        /// The tenant.
        id: TenantId,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let api = Api::for_operator()?;
    let (id, verb) = match args.action {
        Action::Show { id } => {
            let tenant = api.get(&["tenants", &id.to_string()], &[]).await?;
            return out::record(&tenant, json);
        }
        Action::Weigh { id, weight } => {
            let body = json!({ "weight": weight });
            let tenant = api.put(&["tenants", &id.to_string()], &body).await?;
            return out::record(&tenant, json);
        }
        Action::Pause { id } => (id, "pause"),
        Action::Resume { id } => (id, "resume"),
    };
    let path = ["tenants", &id.to_string(), verb];
    let tenant = api.post(&path, None, HeaderMap::new()).await?;
    out::record(&tenant, json)
}
