//! `computetower doctor`: looks whether all that is needed is there, and says what to do about the rest.

use std::process::Command;

use computetower_store::Store;

use super::Failure;
use crate::config::{self, Environment};

#[expect(
    clippy::print_stdout,
    reason = "the findings are what the person asked for"
)]
pub(super) async fn run() -> Result<(), Failure> {
    let config = match config::read(Environment::new(&config::variable)) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems.0 {
                println!("missing  {}: {}", problem.variable, problem.advice);
            }
            return Err(
                "the configuration is not complete; computetower up needs none of it".into(),
            );
        }
    };
    println!("ok       configuration");
    let mut bad = 0;
    let mut tell = |what: &str, found: Result<String, String>| match found {
        Ok(detail) => println!("ok       {what} {detail}"),
        Err(why) => {
            bad += 1;
            println!("failing  {what}: {why}");
        }
    };
    tell("Chromium", chromium(&config.browser.executable));
    let services = match Store::connect(&config.store).await {
        Ok(store) => store.ready().await,
        Err(error) => Err(error),
    };
    tell(
        "Postgres, Redis and the object store",
        services.map(|()| String::new()).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{error}: {cause}")
        }),
    );
    if bad == 0 {
        Ok(())
    } else {
        Err(format!("{bad} thing(s) to mend").into())
    }
}

fn chromium(executable: &std::path::Path) -> Result<String, String> {
    let output = Command::new(executable)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} cannot be run ({error}): install the package chromium, or name another with CHROMIUM", executable.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
