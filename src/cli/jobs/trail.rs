//! `computetower jobs steps` and `result`: what a job did, and what came of it.

use computetower_jobs::JobId;

use crate::cli::client::Api;
use crate::cli::{Failure, out};

pub(super) async fn steps(api: &Api, id: JobId, json: bool) -> Result<(), Failure> {
    let steps = api.get(&["jobs", &id.to_string(), "steps"], &[]).await?;
    if json {
        return out::json(&steps);
    }
    let rows: Vec<Vec<String>> = steps
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| {
            ["seq", "at", "duration_ms", "kind", "detail"]
                .map(|field| out::cell(&step[field]))
                .to_vec()
        })
        .collect();
    out::lines(&out::table(&["EVENT", "AT", "MS", "STEP", "DETAIL"], &rows))
}

pub(super) async fn result(api: &Api, id: JobId, json: bool) -> Result<(), Failure> {
    let result = api.get(&["jobs", &id.to_string(), "result"], &[]).await?;
    out::record(&result, json)
}
