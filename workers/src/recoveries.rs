//! What is mended is told as a step, counted and kept: within an attempt, and by another one.

use std::time::Duration;

use computetower_jobs::{EventBody, Failure, FailureCode, JobKind, Strategy};
use computetower_store::jobs::{ClaimedJob, Ending};
use computetower_store::metrics::pages::RecoveryOutcome;
use computetower_store::recoveries::NewRecovery;
use serde_json::json;

use crate::context::JobContext;
use crate::notes::About;
use crate::run::chain;

/// The step's name.
const STEP: &str = "recovery";

/// Whether a kind works with pages; others have nothing to mend but to run again.
const fn works_with_pages(kind: JobKind) -> bool {
    matches!(
        kind,
        JobKind::Login | JobKind::Logout | JobKind::Discovery | JobKind::Chat
    )
}

/// Whether it is a failure at all: what waits for something that is being prepared has not failed.
fn is_failure(code: FailureCode) -> bool {
    code != FailureCode::NotReady
}

/// What is told of an attempt after which another is planned: how that one will go about it, then the event.
pub(crate) fn planned(job: &ClaimedJob, failure: &Failure, event: EventBody) -> Vec<EventBody> {
    if !works_with_pages(job.kind) || !is_failure(failure.code) {
        return vec![event];
    }
    let step = EventBody::Step {
        kind: STEP.to_owned(),
        detail: json!({"code": failure.code, "strategy": Strategy::after(failure.code).name(), "within": "attempts"}),
        duration_ms: 0,
    };
    vec![step, event]
}

/// Counts what an attempt's end, which is recorded, means for the failures of the job.
pub(crate) async fn count(context: &JobContext, ending: &Ending) {
    if !works_with_pages(context.job.kind) {
        return;
    }
    let metrics = &context.store.metrics;
    let outcome = match ending {
        Ending::Retry(_, failure) | Ending::Snoozed(_, failure) | Ending::Requeued(failure) => {
            if is_failure(failure.code) {
                let strategy = Strategy::after(failure.code);
                metrics.recovery(failure.code, strategy, RecoveryOutcome::Begun);
            }
            return;
        }
        Ending::Completed(_) => RecoveryOutcome::Recovered,
        Ending::Failed(failure) => {
            metrics.recovery(
                failure.code,
                Strategy::after(failure.code),
                RecoveryOutcome::Failed,
            );
            RecoveryOutcome::Failed
        }
        _ => return,
    };
    if context.job.attempt < 2 {
        return;
    }
    match context.store.failed_before(context.job.id).await {
        Ok(codes) => {
            let own = ending.failure().map(|failure| failure.code);
            for code in codes
                .into_iter()
                .filter(|code| is_failure(*code) && Some(*code) != own)
            {
                metrics.recovery(code, Strategy::after(code), outcome);
            }
        }
        Err(error) => {
            tracing::debug!(error = %chain(&error), "recoveries could not be counted");
        }
    }
}

impl JobContext {
    /// Something that this attempt would have failed with was mended, or not.
    pub(crate) async fn recovered(
        &self,
        about: About,
        code: FailureCode,
        strategy: Strategy,
        succeeded: bool,
    ) {
        let outcome = if succeeded {
            RecoveryOutcome::Recovered
        } else {
            RecoveryOutcome::Failed
        };
        self.store.metrics.recovery(code, strategy, outcome);
        let detail = json!({"code": code, "strategy": strategy.name(), "within": "attempt", "succeeded": succeeded});
        self.step(STEP, detail, Duration::ZERO);
        let new = NewRecovery {
            tenant: self.job.tenant,
            job: self.job.id,
            attempt: self.job.attempt,
            credential: about.credential,
            provider: about.provider,
            code,
            strategy,
            succeeded,
        };
        if let Err(error) = self.store.add_recovery(&new).await {
            tracing::warn!(job.id = %self.job.id, error = %chain(&error), "a recovery could not be kept");
        }
    }
}
