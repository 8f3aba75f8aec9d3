//! Errors of the browser and of storage, as failures of a job: by variant, never by message text.

use computetower_browser::BrowserError;
use computetower_jobs::{Failure, FailureCode};
use computetower_store::StoreError;
use std::time::Duration;

use crate::run::chain;

/// What a browser's error means for the job.
pub(crate) fn browser(error: &BrowserError) -> Failure {
    let (code, public) = match error {
        BrowserError::ElementNotFound { what, .. } => (
            FailureCode::ElementNotFound,
            format!("The page has no {what} that could be recognised."),
        ),
        BrowserError::NavigationTimeout { url, .. } => (
            FailureCode::NavigationTimeout,
            format!("{url} did not become usable in time."),
        ),
        BrowserError::Network { url, reason } => (
            FailureCode::Network,
            format!("{url} could not be reached ({reason})."),
        ),
        BrowserError::InvalidCredentials { observation, .. } => (
            FailureCode::InvalidCredentials,
            format!("The page refused the account: {observation}"),
        ),
        BrowserError::Captcha { kind, .. } => (
            FailureCode::Captcha,
            format!("The page asks to solve a challenge ({kind})."),
        ),
        BrowserError::SecondFactor { observation, .. } => (
            FailureCode::SecondFactor,
            format!("The page asks for a second factor: {observation}"),
        ),
        BrowserError::CodeRefused { observation, .. } => (
            FailureCode::SecondFactor,
            format!("The page refused the code: {observation}"),
        ),
        BrowserError::SignInUnclear { observation, .. } => (
            FailureCode::ElementNotFound,
            format!("Nothing shows whether the page accepted the account: {observation}"),
        ),
        BrowserError::SessionExpired { .. } => (
            FailureCode::SessionExpired,
            "The page signed the account out.".to_owned(),
        ),
        BrowserError::ProviderRateLimited { observation, .. } => (
            FailureCode::ProviderRateLimited,
            format!("The page asks to slow down: {observation}"),
        ),
        BrowserError::Crashed { .. } => (
            FailureCode::BrowserCrashed,
            "The browser died; a fresh one goes on.".to_owned(),
        ),
        BrowserError::Launch { .. } => (
            FailureCode::BrowserCrashed,
            "Chromium did not start; the worker's log says why.".to_owned(),
        ),
        BrowserError::ChromiumMissing { path } => (
            FailureCode::BrowserCrashed,
            format!(
                "There is no Chromium at {}: install it, or name another with CHROMIUM.",
                path.display()
            ),
        ),
        BrowserError::AnswerStalled {
            received,
            waited_for,
            ..
        } => (
            FailureCode::NavigationTimeout,
            format!("The answer stopped after {received} characters ({waited_for})."),
        ),
        BrowserError::AnswerCut { observation, .. } => (
            FailureCode::AnswerCut,
            format!("The answer broke off ({observation}). Ask again."),
        ),
        BrowserError::AnswerTakenBack { .. } => (
            FailureCode::ModelError,
            "The page took back what it had shown of the answer.".to_owned(),
        ),
        BrowserError::PageError { text, .. } => (
            FailureCode::ModelError,
            format!("The page shows an error: {text}"),
        ),
        BrowserError::NotSent { reason, .. } => (
            FailureCode::ElementNotFound,
            format!("The question could not be sent: {reason}"),
        ),
        BrowserError::QuestionTooLong { limit, length, .. } => (
            FailureCode::InvalidInput,
            format!(
                "The question has {length} characters, and the page's box takes at most {limit}. Shorten it."
            ),
        ),
        BrowserError::TakesNoFiles { .. } => (
            FailureCode::InvalidInput,
            "The page has nothing that takes files: ask without pictures.".to_owned(),
        ),
        BrowserError::Files { .. } => (
            FailureCode::Unknown,
            "The browser's files could not be made; the worker's log says why.".to_owned(),
        ),
        BrowserError::Protocol { .. } => (
            FailureCode::BrowserCrashed,
            "The browser did not answer as it should.".to_owned(),
        ),
    };
    let mut failure = Failure::new(code, public).with_internal(chain(error));
    if let BrowserError::Launch { stderr, .. } = error {
        failure = failure.with_internal(format!("{}: {stderr}", chain(error)));
    }
    if let BrowserError::ProviderRateLimited {
        retry_after: Some(seconds),
        ..
    } = error
    {
        failure.retry_after = Some(Duration::from_secs(*seconds));
    }
    failure
}

/// What an error of storage means for the job.
pub(crate) fn store(error: &StoreError) -> Failure {
    let (code, public) = match error {
        StoreError::NotFound(what) => (
            FailureCode::InvalidInput,
            format!("There is no such {what} any more."),
        ),
        StoreError::Vault(_) => (
            FailureCode::Unknown,
            "A stored secret could not be opened; the worker's log says why.".to_owned(),
        ),
        error if error.is_outage() => (
            FailureCode::StorageUnavailable,
            "Storage did not answer.".to_owned(),
        ),
        _ => (
            FailureCode::Unknown,
            "The worker could not read what is stored; its log says why.".to_owned(),
        ),
    };
    Failure::new(code, public).with_internal(chain(error))
}
