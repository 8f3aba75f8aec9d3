//! Asking a person, while the attempt goes on: it keeps its lease and its page, and learns of the answer from Postgres.

use std::time::Duration;

use computetower_jobs::{EventBody, Failure};
use computetower_store::StoreError;
use computetower_store::interventions::{ANSWER_WITHIN, Answered, HumanAnswer, NewIntervention};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::classify;
use crate::context::JobContext;
use crate::run::chain;

/// How often an answer is looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How much later than Postgres the worker's own clock ends a question: storage that does not answer holds no job for ever.
const GRACE: Duration = Duration::from_secs(60);

/// Asks for what `failure` says is missing, and waits for the answer. The attempt's time stands still meanwhile.
///
/// # Errors
/// `failure` itself, given up, when nobody answers in time; a failure of storage when the question could not be asked.
pub(crate) async fn ask(context: &JobContext, failure: Failure) -> Result<HumanAnswer, Failure> {
    let (store, job) = (&context.store, &context.job);
    let began = Instant::now();
    let screenshot = failure.evidence.first().map(String::as_str);
    let new = NewIntervention {
        tenant: job.tenant,
        job: job.id,
        attempt: job.attempt,
        lease: job.lease,
        code: failure.code,
        reason: &failure.public,
        screenshot_key: screenshot,
    };
    let (id, expires_at) = store
        .ask_person(&new, ANSWER_WITHIN)
        .await
        .map_err(|error| classify::store(&error))?;
    let screenshot_url = match screenshot {
        Some(key) => store.objects.presigned(key).await.ok(),
        None => None,
    };
    let token = store.intervention_token(id, expires_at);
    context.feed.emit(EventBody::InterventionNeeded {
        failure: failure.to_public(),
        intervention_id: Some(id),
        reason: Some(failure.public.to_string()),
        screenshot_url,
        answer_url: Some(format!("/api/v1/interventions/{id}?token={token}")),
        expires_at: Some(expires_at),
    });
    let _waits = context.waiting.begin();
    loop {
        sleep(LOOK).await;
        match store.take_answer(job.tenant, id).await {
            Ok(Answered::NotYet) if !is_over(began.elapsed()) => {}
            Ok(Answered::With(answer)) => {
                let with = match &answer {
                    HumanAnswer::Code(_) => "code",
                    HumanAnswer::Done => "done",
                };
                context.feed.emit(EventBody::Step {
                    kind: "intervention.answered".to_owned(),
                    detail: json!({"intervention_id": id, "with": with}),
                    duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                });
                return Ok(answer);
            }
            Ok(Answered::Expired | Answered::NotYet) => return Err(unanswered(failure)),
            Err(error @ StoreError::NotFound(_)) => return Err(classify::store(&error)),
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = %chain(&error), "the answer cannot be looked for; trying again");
                if is_over(began.elapsed()) {
                    return Err(unanswered(failure));
                }
            }
        }
    }
}

/// Whether no answer can come any more, by the worker's own clock.
fn is_over(waited: Duration) -> bool {
    waited >= ANSWER_WITHIN + GRACE
}

fn unanswered(mut failure: Failure) -> Failure {
    let minutes = ANSWER_WITHIN.as_secs() / 60;
    failure.public = format!(
        "{} Nobody answered within {minutes} minutes.",
        failure.public
    )
    .into();
    failure.given_up()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_own_clock_ends_a_question_a_minute_later() {
        assert!(!is_over(ANSWER_WITHIN));
        assert!(is_over(ANSWER_WITHIN + Duration::from_secs(60)));
    }
}
