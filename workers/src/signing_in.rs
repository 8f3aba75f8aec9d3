//! Signing in as far as it goes: the password, then the code of the account's authenticator app, else a person's help.

use std::time::Duration;

use chrono::Utc;
use computetower_browser::{
    Account, BrowserError, Notes, Page, SignIn, answer_challenge, sign_in, sign_in_past_challenge,
    submit_code,
};
use computetower_jobs::{Failure, FailureCode, Strategy, Totp};
use computetower_store::credentials::{Credential, MOST_TROUBLES, TROUBLE_WINDOW};
use computetower_store::interventions::HumanAnswer;

use crate::captcha::Solution;
use crate::classify;
use crate::context::JobContext;
use crate::notes::{About, failure_of};
use crate::person;
use crate::run::chain;
use crate::tie::{Tie, tie};

/// A page that refuses a code takes no other for a moment.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(1_500);
/// How many solutions of the solver one sign-in may try.
const MOST_SOLUTIONS: usize = 2;
/// How often one sign-in may ask for a person.
const MOST_QUESTIONS: usize = 3;

/// Signs in with an account, on the page as it stands.
///
/// # Errors
/// As a failure of the job. A refused account is marked, so that nothing tries it again.
pub(crate) async fn sign_in_with(
    context: &JobContext,
    page: &Page,
    credential: &Credential,
    notes: &Notes,
) -> Result<SignIn, Failure> {
    let attempt = Attempt {
        context,
        credential,
        notes,
    };
    attempt.not_too_often().await?;
    let mut knocks = 0;
    let done = Box::pin(attempt.run(page, &mut knocks)).await;
    if done.is_err() {
        attempt.note_knocks(&mut knocks).await;
    }
    done
}

impl Attempt<'_> {
    /// Signs in as far as it goes. `knocks` counts the submitted passwords that a challenge came of and that are not noted yet.
    async fn run(&self, page: &Page, knocks: &mut i64) -> Result<SignIn, Failure> {
        let (attempt, context, credential, notes) =
            (self, self.context, self.credential, self.notes);
        let password = context
            .store
            .password(context.job.tenant, credential.id)
            .await
            .map_err(|error| classify::store(&error))?;
        let account = Account {
            username: &credential.username,
            password: password.reveal(),
        };
        let mut outcome = sign_in(page, &account, notes).await;
        let mut codes = attempt.codes().await?;
        let mut questions = 0;
        let mut solutions = 0;
        let mut knocked = 0;
        let mut help = None;
        loop {
            if let Some(help) = help.take() {
                attempt.settle(help, &outcome).await;
            }
            let error = match outcome {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if let BrowserError::SignInUnclear { .. } = &error {
                match tie(context, page, &error, notes).await {
                    Tie::In(done) => {
                        // As far as the page shows, the password came to nothing.
                        attempt.note_trouble(false).await;
                        let code = FailureCode::ElementNotFound;
                        attempt.recovered(code, Strategy::Vision, true).await;
                        return Ok(*done);
                    }
                    Tie::Out(seen) => {
                        let mut failure = attempt.refused(&error, false).await;
                        failure.public = format!("{} {seen}", failure.public).into();
                        // Knocking on would be knocking on a door that looks shut.
                        return Err(failure.given_up());
                    }
                    Tie::Unknown => {}
                }
            }
            if let BrowserError::Captcha {
                kind, submitted, ..
            } = &error
            {
                context.store.metrics.captcha_detected(kind);
                *knocks += i64::from(*submitted);
                knocked += i64::from(*submitted);
                if knocked >= MOST_TROUBLES {
                    return Err(attempt.refused(&error, false).await);
                }
                if solutions < MOST_SOLUTIONS
                    && let Some(solver) = &context.outside.solver
                {
                    let solved = {
                        let _waits = context.waiting.begin();
                        solver.solve(context, page, kind, Some(credential.id)).await
                    };
                    match solved {
                        Ok(Some(solution)) => {
                            solutions += 1;
                            help = Some(Help::Solver(solution));
                            outcome = sign_in_past_challenge(page, &account, notes).await;
                            continue;
                        }
                        Ok(None) => solutions = MOST_SOLUTIONS,
                        Err(error) if error.is_crash() => {
                            outcome = Err(error);
                            continue;
                        }
                        Err(error) => {
                            tracing::warn!(job.id = %context.job.id, error = %chain(&error), "the solver's answer could not be handed to the page");
                            solutions = MOST_SOLUTIONS;
                        }
                    }
                }
            }
            // The app's codes are for a page that may mean the app, and as long as nobody was asked for another.
            let app_may_help = match &error {
                BrowserError::SecondFactor { by_app, .. } => *by_app && questions == 0,
                BrowserError::CodeRefused { .. } => questions == 0,
                _ => false,
            };
            if app_may_help && let Some(code) = attempt.next_code(&mut codes).await? {
                help = Some(Help::OwnCode);
                outcome = submit_code(page, &code, notes).await;
                continue;
            }
            let can_be_helped = matches!(
                &error,
                BrowserError::SecondFactor { .. } | BrowserError::Captcha { .. }
            );
            if !can_be_helped || questions == MOST_QUESTIONS || context.has_another_way {
                return Err(attempt
                    .refused(&error, codes.is_some() && questions == 0)
                    .await);
            }
            questions += 1;
            // The job may be cancelled while it waits.
            attempt.note_knocks(knocks).await;
            let answer = match person::ask(context, failure_of(context, &error).await).await {
                Ok(answer) => answer,
                Err(failure) => {
                    // The page was left in the middle of a sign-in: web apps count that, too. Before a challenge nothing was given, or it is counted.
                    if !matches!(error, BrowserError::Captcha { .. }) {
                        attempt.note_trouble(false).await;
                    }
                    return Err(failure);
                }
            };
            help = Some(Help::Person(match error {
                BrowserError::Captcha { .. } => FailureCode::Captcha,
                _ => FailureCode::SecondFactor,
            }));
            outcome = match (&error, answer) {
                (BrowserError::Captcha { .. }, HumanAnswer::Code(text)) => {
                    match answer_challenge(page, text.reveal()).await {
                        Ok(()) => sign_in_past_challenge(page, &account, notes).await,
                        Err(error) => Err(error),
                    }
                }
                (BrowserError::Captcha { .. }, HumanAnswer::Done) => {
                    sign_in_past_challenge(page, &account, notes).await
                }
                (_, HumanAnswer::Code(code)) => submit_code(page, code.reveal(), notes).await,
                (_, HumanAnswer::Done) => sign_in_past_challenge(page, &account, notes).await,
            };
        }
    }
}

/// What helped on past a question of the page.
enum Help {
    Solver(Solution),
    OwnCode,
    /// With what the page asked.
    Person(FailureCode),
}

impl Help {
    const fn code(&self) -> FailureCode {
        match self {
            Help::Solver(_) => FailureCode::Captcha,
            Help::OwnCode => FailureCode::SecondFactor,
            Help::Person(code) => *code,
        }
    }

    const fn strategy(&self) -> Strategy {
        match self {
            Help::Solver(_) => Strategy::Solver,
            Help::OwnCode => Strategy::OwnCode,
            Help::Person(_) => Strategy::Person,
        }
    }
}

/// Whether help against what the page asked with this code was taken, by what came of it; none when that says nothing.
fn taken<T>(code: FailureCode, outcome: &Result<T, BrowserError>) -> Option<bool> {
    match (code, outcome) {
        (_, Ok(_)) => Some(true),
        (FailureCode::Captcha, Err(BrowserError::Captcha { .. })) => Some(false),
        // Who gets on to the account's own answer has passed the challenge.
        (
            FailureCode::Captcha,
            Err(
                BrowserError::InvalidCredentials { .. }
                | BrowserError::SecondFactor { .. }
                | BrowserError::ProviderRateLimited { .. },
            ),
        ) => Some(true),
        (
            FailureCode::SecondFactor,
            Err(BrowserError::SecondFactor { .. } | BrowserError::CodeRefused { .. }),
        ) => Some(false),
        _ => None,
    }
}

struct Attempt<'a> {
    context: &'a JobContext,
    credential: &'a Credential,
    notes: &'a Notes,
}

/// The codes of an authenticator app that one sign-in may type: that of the present step, and one of a neighbour.
struct Codes {
    totp: Totp,
    typed: Vec<u64>,
    typed_at: u64,
}

impl Attempt<'_> {
    /// Notes whether help was taken.
    async fn settle<T>(&self, help: Help, outcome: &Result<T, BrowserError>) {
        let Some(taken) = taken(help.code(), outcome) else {
            return;
        };
        if let (Help::Solver(solution), Some(solver)) = (&help, &self.context.outside.solver) {
            solver.settle(self.context, solution, taken).await;
        }
        self.recovered(help.code(), help.strategy(), taken).await;
    }

    async fn recovered(&self, code: FailureCode, strategy: Strategy, succeeded: bool) {
        let about = About {
            credential: Some(self.credential.id),
            provider: None,
        };
        self.context
            .recovered(about, code, strategy, succeeded)
            .await;
    }

    /// Many sign-ins that were not accepted, in whatever job and worker: knocking on would lock the account out.
    async fn not_too_often(&self) -> Result<(), Failure> {
        let (store, tenant) = (&self.context.store, self.context.job.tenant);
        let pause = store
            .sign_in_pause(tenant, self.credential.id)
            .await
            .map_err(|error| classify::store(&error))?;
        let Some(pause) = pause else {
            return Ok(());
        };
        let text = "Too many sign-ins with this account were not accepted lately; it is left alone for a while, so that it is not locked out.";
        let mut failure = Failure::new(FailureCode::ProviderRateLimited, text);
        failure.retry_after = Some(pause);
        Err(failure)
    }

    async fn codes(&self) -> Result<Option<Codes>, Failure> {
        let secret = self
            .context
            .store
            .totp(self.context.job.tenant, self.credential.id)
            .await
            .map_err(|error| classify::store(&error))?;
        let Some(secret) = secret else {
            return Ok(None);
        };
        match Totp::read(secret.reveal()) {
            Ok(totp) => Ok(Some(Codes {
                totp,
                typed: Vec::new(),
                typed_at: 0,
            })),
            // It was checked when it was taken.
            Err(error) => Err(Failure::new(
                FailureCode::Unknown,
                "The account's totp_secret cannot be read; give it anew.",
            )
            .with_internal(error.to_string())),
        }
    }

    /// The next code to type, which nobody has typed before; none when there is nothing left to try.
    async fn next_code(&self, codes: &mut Option<Codes>) -> Result<Option<String>, Failure> {
        let Some(codes) = codes else {
            return Ok(None);
        };
        let step = match codes.typed.as_slice() {
            [] => loop {
                let (step, wait) = codes.totp.step_to_use(now_ms());
                tokio::time::sleep(Duration::from_millis(wait)).await;
                if self.take(step).await? {
                    break step;
                }
                // Another sign-in has used it up.
                let wait = codes.totp.until(step + 1, now_ms());
                tokio::time::sleep(Duration::from_millis(wait)).await;
            },
            [first] => {
                let step = codes.totp.neighbour(*first, codes.typed_at);
                if !self.take(step).await? {
                    return Ok(None);
                }
                tokio::time::sleep(AFTER_A_REFUSAL).await;
                step
            }
            _ => return Ok(None),
        };
        codes.typed.push(step);
        codes.typed_at = now_ms();
        self.notes.step(
            "login.code_made",
            serde_json::json!({"try": codes.typed.len()}),
            tokio::time::Instant::now(),
        );
        Ok(Some(codes.totp.code(step)))
    }

    async fn take(&self, step: u64) -> Result<bool, Failure> {
        let (store, tenant) = (&self.context.store, self.context.job.tenant);
        store
            .take_totp_step(tenant, self.credential.id, step)
            .await
            .map_err(|error| classify::store(&error))
    }

    /// The failure of a sign-in that did not come about. What the page held against the account is noted.
    async fn refused(&self, error: &BrowserError, has_totp: bool) -> Failure {
        let mut failure = failure_of(self.context, error).await;
        match error {
            BrowserError::CodeRefused { observation, .. } if has_totp => {
                // As good as a wrong password: more of them would lock the account out.
                failure.code = FailureCode::InvalidCredentials;
                let text = format!(
                    "The page refused the codes of the account's totp_secret: {observation}"
                );
                failure.public = text.into();
            }
            // A person's code: another attempt would ask again, and knows no better.
            BrowserError::CodeRefused { .. } => failure = failure.given_up(),
            // The page was left in the middle of a sign-in. Each question that goes elsewhere would submit the password anew and ask for another code.
            BrowserError::SecondFactor { .. } | BrowserError::Captcha { .. } => {
                failure = failure.given_up();
            }
            BrowserError::ProviderRateLimited { .. } => leave_alone(&mut failure),
            _ => {}
        }
        if is_trouble(error) {
            self.note_trouble(failure.code == FailureCode::InvalidCredentials)
                .await;
        }
        failure
    }

    /// Notes the submitted passwords that a challenge came of: nobody knows what the web app has counted.
    async fn note_knocks(&self, knocks: &mut i64) {
        for _ in 0..std::mem::take(knocks) {
            self.note_trouble(false).await;
        }
    }

    async fn note_trouble(&self, invalid: bool) {
        let (store, tenant, id) = (
            &self.context.store,
            self.context.job.tenant,
            self.credential.id,
        );
        let noted = async {
            store.note_sign_in_trouble(tenant, id).await?;
            if invalid {
                store.mark_credential_invalid(self.credential).await?;
            }
            Ok::<(), computetower_store::StoreError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(job.id = %self.context.job.id, error = %chain(&error), "the refused sign-in could not be noted");
        }
    }
}

/// Whether a sign-in that ended so may have been counted by the web app: all that can come after a password or a code was submitted. Challenges are
/// counted as knocks, since most come before it.
fn is_trouble(error: &BrowserError) -> bool {
    matches!(
        error,
        BrowserError::InvalidCredentials { .. }
            | BrowserError::SecondFactor { .. }
            | BrowserError::CodeRefused { .. }
            | BrowserError::SignInUnclear { .. }
            | BrowserError::ProviderRateLimited { .. }
            | BrowserError::PageError { .. }
            | BrowserError::NavigationTimeout { .. }
            | BrowserError::Network { .. }
    )
}

/// A page that locks accounts out rarely says for how long.
fn leave_alone(failure: &mut Failure) {
    failure.retry_after.get_or_insert(TROUBLE_WINDOW);
}

fn now_ms() -> u64 {
    u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use computetower_browser::Evidence;

    use super::*;

    fn limited(retry_after: Option<u64>) -> BrowserError {
        BrowserError::ProviderRateLimited {
            observation: "Your account is locked".to_owned(),
            retry_after,
            in_its_place: false,
            evidence: Evidence::default(),
        }
    }

    #[test]
    fn whatever_can_come_after_a_submit_counts_against_a_lock_out() {
        let url = || "http://x/".to_owned();
        for error in [
            limited(None),
            BrowserError::PageError {
                text: "status 500".to_owned(),
                in_its_place: false,
                evidence: Evidence::default(),
            },
            BrowserError::NavigationTimeout {
                url: url(),
                evidence: Evidence::default(),
            },
            BrowserError::Network {
                url: url(),
                reason: "net::ERR_CONNECTION_RESET".to_owned(),
            },
            // Nobody was asked, for there was another account or page.
            BrowserError::SecondFactor {
                observation: "Enter the code we sent".to_owned(),
                by_app: false,
                evidence: Evidence::default(),
            },
        ] {
            assert!(is_trouble(&error), "{error:?}");
        }
        assert!(!is_trouble(&BrowserError::Crashed {
            reason: "gone".to_owned()
        }));
    }

    #[test]
    fn help_was_taken_when_the_page_goes_on_to_something_else() {
        let captcha: Result<(), _> = Err(BrowserError::Captcha {
            kind: "image".to_owned(),
            submitted: true,
            evidence: Evidence::default(),
        });
        let wrong: Result<(), _> = Err(BrowserError::InvalidCredentials {
            observation: "wrong password".to_owned(),
            evidence: Evidence::default(),
        });
        let gone: Result<(), _> = Err(BrowserError::Crashed {
            reason: "gone".to_owned(),
        });
        let code = FailureCode::Captcha;
        assert_eq!(taken(code, &Ok(())), Some(true));
        assert_eq!(taken(code, &captcha), Some(false));
        assert_eq!(taken(code, &wrong), Some(true));
        assert_eq!(taken(code, &gone), None);
        assert_eq!(taken(FailureCode::SecondFactor, &captcha), None);
    }

    #[test]
    fn a_page_that_names_no_wait_is_left_alone_for_the_whole_window() {
        for (named, wanted) in [(None, TROUBLE_WINDOW), (Some(40), Duration::from_secs(40))] {
            let mut failure = classify::browser(&limited(named));
            leave_alone(&mut failure);
            assert_eq!(failure.retry_after, Some(wanted));
        }
    }
}
