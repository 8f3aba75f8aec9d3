//! `noop`: sends progress, sleeps, completes or fails as told.

use std::time::Duration;

use computetower_jobs::kinds::noop::Noop;
use computetower_jobs::{Failure, Outcome};
use serde_json::json;

use crate::context::JobContext;

pub(super) async fn run(context: &JobContext, noop: &Noop) -> Outcome {
    let pause = Duration::from_millis(noop.sleep_ms) / noop.progress.max(1);
    for done in 1..=noop.progress {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        context.progress(
            done as f32 * 100.0 / noop.progress as f32,
            "working",
            format!("{done} of {}", noop.progress),
        );
    }
    if noop.progress == 0 && !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    match noop.fail {
        Some(code)
            if noop
                .fail_times
                .is_none_or(|times| context.job.counted <= times) =>
        {
            Outcome::Failed(Failure::new(code, "The job was asked to fail."))
        }
        _ => Outcome::Completed(json!({ "ok": true, "attempt": context.job.attempt })),
    }
}
