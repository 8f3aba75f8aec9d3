//! `computetower batches submit`.

use std::process::ExitCode;

use computetower_jobs::BatchId;
use serde_json::{Value, json};

use super::{print, wait};
use crate::cli::client::{Api, idempotency};
use crate::cli::input::{self, Given};
use crate::cli::{Failure, out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The jobs, or - for standard input: {"jobs": [...]} as `POST /api/v1/batches` takes it, or one job a line, each as `POST /api/v1/jobs` takes it.
    file: String,
    /// The same key with the same jobs is the same batch.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until all of them have ended. Exit status: 0 all completed, 1 some failed or were cancelled, 2 not known.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(api: &Api, args: Args, json: bool) -> Result<ExitCode, Failure> {
    let body = body(&input::file("FILE", &args.file)?)?;
    let headers = idempotency(args.idempotency_key.as_deref())?;
    let accepted = api.post(&["batches"], Some(&body), headers).await?;
    let id: BatchId = accepted["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or("the answer names no batch: is the server of another version?")?;
    // Programs get one value.
    if json && !args.wait {
        out::json(&accepted)?;
    } else if !json {
        out::line(&id.to_string())?;
    }
    if !args.wait {
        return Ok(ExitCode::SUCCESS);
    }
    let batch = wait::until_done(api, id, None).await?;
    print(&batch, json)?;
    Ok(wait::exit_code(&batch))
}

/// The request: a batch as it stands, or one made of the jobs that stand one a line.
fn body(given: &Given) -> Result<Value, String> {
    let Given { text, place } = given;
    match serde_json::from_str(text) {
        Ok(Value::Object(batch)) if batch.contains_key("jobs") => Ok(Value::Object(batch)),
        Ok(job @ Value::Object(_)) => Ok(json!({ "jobs": [job] })),
        Ok(_) => Err(format!(
            "FILE: {place} is no batch: give {{\"jobs\": [...]}}, or one job a line"
        )),
        Err(error) => {
            let first = text.lines().find(|line| !line.trim().is_empty());
            let first = first.ok_or_else(|| format!("FILE: {place} holds no job"))?;
            // A line that is nothing by itself is part of something larger.
            if serde_json::from_str::<Value>(first).is_err() {
                return Err(format!("FILE: {place} is not JSON: {error}"));
            }
            Ok(json!({ "jobs": lines(given)? }))
        }
    }
}

/// The jobs that stand one a line.
fn lines(given: &Given) -> Result<Vec<Value>, String> {
    let numbered = given.text.lines().enumerate();
    numbered
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let place = format!("FILE: {}, line {}", given.place, index + 1);
            match serde_json::from_str(line) {
                Ok(job @ Value::Object(_)) => Ok(job),
                Ok(_) => Err(format!("{place} is no job: give one JSON object a line")),
                Err(error) => {
                    // Its own lines are counted from one.
                    let error = error.to_string().replace("line 1 column", "column");
                    Err(format!("{place} is not JSON: {error}"))
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        body(&Given {
            text: text.to_owned(),
            place: "it".to_owned(),
        })
    }

    #[test]
    fn a_batch_and_lines_of_jobs_are_both_read() {
        let two = json!({"jobs": [{"kind": "noop"}, {"kind": "chat"}]});
        assert_eq!(read(&two.to_string()), Ok(two.clone()));
        let pretty = serde_json::to_string_pretty(&two).unwrap();
        assert_eq!(read(&pretty), Ok(two.clone()));
        let lines = "{\"kind\": \"noop\"}\r\n\n  {\"kind\": \"chat\"}  \n";
        assert_eq!(read(lines), Ok(two));
        // Two batches one a line are two jobs that the server will not know.
        assert_eq!(read("{\"kind\": 1}"), Ok(json!({"jobs": [{"kind": 1}]})));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let why = |text| read(text).unwrap_err();
        assert_eq!(why(" \n"), "FILE: it holds no job");
        assert!(why("[{\"kind\": \"noop\"}]").contains("is no batch"));
        assert!(why("{\n\"jobs\": [").contains("it is not JSON: EOF"));
        assert!(why("{\"kind\": \"noop\"}\n\n7").contains("line 3 is no job"));
        let broken = why("{\"kind\": \"noop\"}\n{\"kind\"");
        assert!(
            broken.contains("line 2 is not JSON") && broken.ends_with("at column 7"),
            "{broken}"
        );
    }
}
