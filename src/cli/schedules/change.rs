//! What `computetower schedules create` and `update` say.

use computetower_jobs::ScheduleId;
use serde_json::{Map, Value};

use crate::cli::jobs::JobOptions;
use crate::cli::{Failure, input};

/// The job that each tick makes.
#[derive(clap::Args)]
struct ScheduledJob {
    /// The kind of the job that each tick makes.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    options: JobOptions,
    /// The job whole, as `POST /api/v1/jobs` takes it: JSON, @FILE, or - for standard input.
    #[arg(
        long,
        value_name = "JSON",
        conflicts_with = "kind",
        allow_hyphen_values = true
    )]
    job: Option<String>,
}

impl ScheduledJob {
    /// The job, if one was named.
    fn read(&self) -> Result<Option<Value>, Failure> {
        match (&self.kind, &self.job) {
            (Some(kind), _) => Ok(Some(Value::Object(self.options.submission(kind)?))),
            (None, Some(given)) => input::json("--job", given).map(Some),
            (None, None) => Ok(None),
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Create {
    /// What people call it.
    #[arg(long)]
    name: String,
    /// When: minute, hour, day of the month, month, day of the week ("0 9 * * 1-5"); with seconds before them when there are six.
    #[arg(long)]
    cron: String,
    /// Where the clock hangs, for example Europe/Berlin; UTC when left out.
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// Make no jobs by itself until it is enabled.
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    job: ScheduledJob,
}

impl Create {
    /// The request.
    pub(super) fn body(&self) -> Result<Value, Failure> {
        let job = self
            .job
            .read()?
            .ok_or("which job is to be made? Give --kind KIND (and --payload), or --job JSON")?;
        Ok(given([
            ("name", Some(Value::from(self.name.as_str()))),
            ("cron", Some(Value::from(self.cron.as_str()))),
            ("time_zone", self.time_zone.as_deref().map(Value::from)),
            ("enabled", self.disabled.then_some(Value::Bool(false))),
            ("job", Some(job)),
        ])
        .into())
    }
}

#[derive(clap::Args)]
pub(super) struct Update {
    /// The schedule.
    id: ScheduleId,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// When.
    #[arg(long)]
    cron: Option<String>,
    /// Where the clock hangs.
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    #[command(flatten)]
    job: ScheduledJob,
}

impl Update {
    pub(super) fn id(&self) -> ScheduleId {
        self.id
    }

    /// The request.
    pub(super) fn body(&self) -> Result<Value, Failure> {
        let change = given([
            ("name", self.name.as_deref().map(Value::from)),
            ("cron", self.cron.as_deref().map(Value::from)),
            ("time_zone", self.time_zone.as_deref().map(Value::from)),
            ("job", self.job.read()?),
        ]);
        if change.is_empty() {
            return Err(
                "nothing to change: give --name, --cron, --time-zone, --kind or --job".into(),
            );
        }
        Ok(change.into())
    }
}

/// The fields that have a value.
fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), value?)))
        .collect()
}
