//! `computetower schedules`: jobs that are made again and again.

mod change;

use clap::Subcommand;
use computetower_jobs::ScheduleId;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::client::Api;
use super::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the schedules, newest first.
    List,
    /// Show a schedule. The jobs that it made: `computetower jobs list --schedule ID`.
    Show {
        /// The schedule.
        id: ScheduleId,
    },
    /// Make a schedule and print its id.
    Create(change::Create),
    /// Change a schedule. What is left out stays.
    Update(change::Update),
    /// Let it make jobs at its ticks again.
    Enable {
        /// The schedule.
        id: ScheduleId,
    },
    /// Let it make no jobs by itself.
    Disable {
        /// The schedule.
        id: ScheduleId,
    },
    /// Make its job now, whether it is on or off, and print the job's id.
    Run {
        /// The schedule.
        id: ScheduleId,
    },
    /// Remove it. The jobs that it has made stay.
    Delete {
        /// The schedule.
        id: ScheduleId,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let api = Api::from_environment()?;
    match args.action {
        Action::List => list(&api, json).await,
        Action::Show { id } => {
            let schedule = api.get(&["schedules", &id.to_string()], &[]).await?;
            out::record(&schedule, json)
        }
        Action::Create(args) => {
            let body = args.body()?;
            let schedule = api
                .post(&["schedules"], Some(&body), HeaderMap::new())
                .await?;
            out::made(&schedule, json)
        }
        Action::Update(args) => switch(&api, args.id(), &args.body()?, json).await,
        Action::Enable { id } => switch(&api, id, &json!({ "enabled": true }), json).await,
        Action::Disable { id } => switch(&api, id, &json!({ "enabled": false }), json).await,
        Action::Run { id } => {
            let path = ["schedules", &id.to_string(), "run"];
            let job = api.post(&path, None, HeaderMap::new()).await?;
            out::made(&job, json)
        }
        Action::Delete { id } => {
            api.delete(&["schedules", &id.to_string()], &[]).await?;
            out::deleted(json)
        }
    }
}

/// Changes a schedule, and says whether it is on.
async fn switch(api: &Api, id: ScheduleId, change: &Value, json: bool) -> Result<(), Failure> {
    let schedule = api.patch(&["schedules", &id.to_string()], change).await?;
    if json {
        return out::json(&schedule);
    }
    if schedule["enabled"] == true {
        out::line(&format!(
            "enabled, next {}",
            out::cell(&schedule["next_at"])
        ))
    } else {
        out::line("disabled")
    }
}

async fn list(api: &Api, json: bool) -> Result<(), Failure> {
    let mut schedules = Vec::new();
    let mut cursor = None;
    loop {
        let query = [("limit", Some("200".to_owned())), ("cursor", cursor)];
        let mut page = api.get(&["schedules"], &query).await?;
        let Value::Array(found) = page["schedules"].take() else {
            return Err("the answer holds no schedules: is the server of another version?".into());
        };
        schedules.extend(found);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return out::json(&json!({ "schedules": schedules }));
    }
    let rows: Vec<Vec<String>> = schedules
        .iter()
        .map(|schedule| {
            [
                &schedule["id"],
                &schedule["name"],
                &schedule["cron"],
                &schedule["time_zone"],
                &schedule["job"]["kind"],
                &schedule["enabled"],
                &schedule["next_at"],
            ]
            .map(out::cell)
            .to_vec()
        })
        .collect();
    let head = ["ID", "NAME", "CRON", "TIME ZONE", "KIND", "ENABLED", "NEXT"];
    out::lines(&out::table(&head, &rows))
}
