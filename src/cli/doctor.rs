//! `computetower doctor`: looks whether all that is needed is there, and says what to do about the rest.

use std::process::Command;

use computetower_store::Store;
use serde::Serialize;

use super::{Failure, out};
use crate::config::{self, Environment};

/// A thing that was looked at.
#[derive(Serialize)]
struct Finding {
    /// `ok`, `missing` or `failing`.
    verdict: &'static str,
    what: String,
    /// What was found, or what to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

pub(super) async fn run(json: bool) -> Result<(), Failure> {
    let findings = look().await;
    if json {
        out::json(&serde_json::to_value(&findings)?)?;
    } else {
        for finding in &findings {
            let verdict = finding.verdict;
            let separator = if verdict == "ok" { "" } else { ":" };
            let line = format!("{verdict:8} {}{separator} {}", finding.what, finding.detail);
            out::line(line.trim_end())?;
        }
    }
    let bad = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    match (bad("missing"), bad("failing")) {
        (0, 0) => Ok(()),
        (0, failing) => Err(format!("{failing} thing(s) to mend").into()),
        _ => Err("the configuration is not complete; computetower up needs none of it".into()),
    }
}

async fn look() -> Vec<Finding> {
    let config = match config::read(Environment::new(&config::variable)) {
        Ok(config) => config,
        Err(problems) => {
            let missing = |problem: config::Problem| Finding {
                verdict: "missing",
                what: problem.variable.to_owned(),
                detail: problem.advice,
            };
            return problems.0.into_iter().map(missing).collect();
        }
    };
    let services = match Store::connect(&config.store).await {
        Ok(store) => store.ready().await,
        Err(error) => Err(error),
    };
    let services = services.map(|()| String::new()).map_err(|error| {
        let cause = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{error}: {cause}")
    });
    [
        ("configuration", Ok(String::new())),
        ("Chromium", chromium(&config.browser.executable)),
        ("Postgres, Redis and the object store", services),
    ]
    .into_iter()
    .map(|(what, found)| {
        let (verdict, detail) = match found {
            Ok(detail) => ("ok", detail),
            Err(why) => ("failing", why),
        };
        Finding {
            verdict,
            what: what.to_owned(),
            detail,
        }
    })
    .collect()
}

fn chromium(executable: &std::path::Path) -> Result<String, String> {
    let output = Command::new(executable)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} cannot be run ({error}): install the package chromium, or name another with CHROMIUM", executable.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
