//! Having one challenge solved: whether it may be, the entry in the log, the task, its answer, and telling the solver what the page made of it.

use std::time::{Duration, Instant};

use computetower_browser::{BrowserError, Challenge, Page, answer_challenge};
use computetower_jobs::CredentialId;
use computetower_store::captcha_uses::{CaptchaOutcome, NewCaptchaUse};
use serde_json::{Value, json};
use uuid::Uuid;

use super::SolverSettings;
use super::wire::{self, Reply};
use crate::context::JobContext;
use crate::run::chain;

/// How long one request to the solver may take.
const REQUEST: Duration = Duration::from_secs(30);

/// How long a page may take to go on that was told of a token.
const GOES_ON: Duration = Duration::from_secs(8);

/// A client of the solver.
pub(crate) struct Solver {
    settings: SolverSettings,
    http: reqwest::Client,
}

/// An answer that was handed to the page.
pub(crate) struct Solution {
    entry: Uuid,
    kind: &'static str,
    task: Value,
}

/// Host of an address, as the list of allowed ones has it; empty where it has none.
pub(crate) fn host_of(address: &str) -> String {
    let host = url::Url::parse(address).ok();
    let host = host.as_ref().and_then(url::Url::host_str);
    host.unwrap_or_default().to_lowercase()
}

impl Solver {
    pub(crate) fn new(settings: SolverSettings) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST)
            // A key is for the one who was named, not for whom he names.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { settings, http })
    }

    /// Has the challenge of this kind solved that stands on the page, and hands the answer over. None when it was not: the host is not allowed, the day
    /// has cost enough, the page does not say what a solver has to know, or there was no solution. The steps of the job say which.
    ///
    /// # Errors
    /// What a page can fail with.
    pub(crate) async fn solve(
        &self,
        context: &JobContext,
        page: &Page,
        kind: &str,
        credential: Option<CredentialId>,
    ) -> Result<Option<Solution>, BrowserError> {
        let began = Instant::now();
        let host = host_of(&page.url().await?);
        let skipped = |why: &str| {
            context.step(
                "captcha.skipped",
                json!({"kind": kind, "host": host, "why": why}),
                began.elapsed(),
            );
        };
        if !self.settings.allows(&host) {
            skipped("the operator has not allowed the solver for this host");
            return Ok(None);
        }
        let Some(challenge) = page.challenge(kind).await? else {
            skipped("the page does not show the key of its challenge");
            return Ok(None);
        };
        let kind = wire::kind(&challenge);
        let use_of = NewCaptchaUse {
            tenant: context.job.tenant,
            job: context.job.id,
            attempt: context.job.attempt,
            credential,
            host: &host,
            kind,
            expected_micros: self.settings.expected_cost,
        };
        let begun = context
            .store
            .begin_captcha_use(&use_of, self.settings.cost_per_day)
            .await;
        let entry = match begun {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                skipped("the cost of the day is used up");
                return Ok(None);
            }
            Err(error) => {
                // What cannot be logged is not done.
                tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the use of the solver could not be logged");
                skipped("its use could not be logged");
                return Ok(None);
            }
        };
        let (task, reply) = match self.have_solved(&challenge).await {
            Ok(solved) => solved,
            Err(Unsolved { task, why }) => {
                self.note(
                    context,
                    entry,
                    kind,
                    CaptchaOutcome::Failed,
                    task.as_ref(),
                    None,
                    Some(&why),
                )
                .await;
                context.step(
                    "captcha.unsolved",
                    json!({"kind": kind, "host": host, "why": why}),
                    began.elapsed(),
                );
                return Ok(None);
            }
        };
        let answer = reply.answer().unwrap_or_default();
        self.note(
            context,
            entry,
            kind,
            CaptchaOutcome::Solved,
            Some(&task),
            reply.cost_micros(),
            None,
        )
        .await;
        if kind == "image" {
            answer_challenge(page, &answer).await?;
        } else {
            let given = page.give_token(&challenge, &answer).await?;
            tracing::debug!(?given, "a solver's token was handed to the page");
            if given.called > 0 || given.submitted {
                goes_on(page).await?;
            }
        }
        context.step(
            "captcha.solved",
            json!({"kind": kind, "host": host}),
            began.elapsed(),
        );
        Ok(Some(Solution { entry, kind, task }))
    }

    /// Notes what the page made of a solution, and tells the solver. A page that went on took it.
    pub(crate) async fn settle(&self, context: &JobContext, solution: &Solution, accepted: bool) {
        let (outcome, method) = if accepted {
            (CaptchaOutcome::Accepted, "reportCorrect")
        } else {
            (CaptchaOutcome::Refused, "reportIncorrect")
        };
        let Solution { entry, kind, task } = solution;
        self.note(context, *entry, kind, outcome, None, None, None)
            .await;
        let told = self.post(method, json!({"taskId": task})).await;
        if let Err(why) = told {
            tracing::debug!(why, "the solver did not hear what became of its solution");
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all that an entry of the log has"
    )]
    async fn note(
        &self,
        context: &JobContext,
        entry: Uuid,
        kind: &str,
        outcome: CaptchaOutcome,
        task: Option<&Value>,
        cost: Option<i64>,
        error: Option<&str>,
    ) {
        context.store.metrics.captcha_solved(kind, outcome);
        let task = task.map(|task| {
            task.as_str()
                .map_or_else(|| task.to_string(), str::to_owned)
        });
        let noted = context
            .store
            .note_captcha_use(entry, outcome, task.as_deref(), cost, error)
            .await;
        if let Err(error) = noted {
            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "what became of a challenge could not be logged");
        }
    }

    async fn have_solved(&self, challenge: &Challenge) -> Result<(Value, Reply), Unsolved> {
        let began = Instant::now();
        let unsolved = |task: Option<&Value>, why: String| Unsolved {
            task: task.cloned(),
            why,
        };
        let body = json!({"task": wire::task(challenge, self.settings.min_score)});
        let created = self
            .post("createTask", body)
            .await
            .map_err(|why| unsolved(None, why))?;
        let Some(task) = created.task_id else {
            return Err(unsolved(None, "the solver named no task".to_owned()));
        };
        loop {
            tokio::time::sleep(self.settings.poll).await;
            let asked = self.post("getTaskResult", json!({"taskId": task})).await;
            match asked {
                Ok(reply) if reply.answer().is_some() => return Ok((task, reply)),
                Ok(reply) if reply.status.as_deref() == Some("ready") => {
                    return Err(unsolved(Some(&task), "the solution is empty".to_owned()));
                }
                Ok(_) => {}
                Err(why) => return Err(unsolved(Some(&task), why)),
            }
            if began.elapsed() + self.settings.poll > self.settings.timeout {
                let limit = self.settings.timeout.as_secs();
                return Err(unsolved(
                    Some(&task),
                    format!("no solution within {limit} s"),
                ));
            }
        }
    }

    async fn post(&self, method: &str, mut body: Value) -> Result<Reply, String> {
        body["clientKey"] = Value::from(self.settings.key.reveal());
        let url = format!("{}/{method}", self.settings.url.trim_end_matches('/'));
        let told = |error: reqwest::Error| chain(&error.without_url());
        let response = self.http.post(url).json(&body).send().await.map_err(told)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("status {}", status.as_u16()));
        }
        let bytes = response.bytes().await.map_err(told)?;
        let reply: Reply = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the solver's answer cannot be read: {error}"))?;
        match reply.error() {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }
}

/// Waits until a page that asks for nothing but the challenge has gone on. One with a form waits for the form.
async fn goes_on(page: &Page) -> Result<(), BrowserError> {
    let began = Instant::now();
    while began.elapsed() < GOES_ON {
        match page.facts().await {
            Ok(facts) => {
                let has_form = facts.fields.iter().any(|field| field.r#type == "password");
                if has_form || facts.challenges.is_empty() {
                    return Ok(());
                }
            }
            Err(error) if error.is_crash() => return Err(error),
            // Between two documents there is nothing to look at.
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Ok(())
}

/// Why there is no solution.
struct Unsolved {
    task: Option<Value>,
    why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_between_scheme_and_port_whoever_is_named_before_it() {
        for (address, host) in [
            (
                "https://Chat.example.com:8443/login?x=1",
                "chat.example.com",
            ),
            ("http://allowed.example@evil.example/", "evil.example"),
            ("http://evil.example?@allowed.example/", "evil.example"),
            ("http://[::1]:80/", "[::1]"),
            ("about:blank", ""),
        ] {
            assert_eq!(host_of(address), host, "{address}");
        }
    }
}
