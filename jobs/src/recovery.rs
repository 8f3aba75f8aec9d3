//! How a failure is mended: one strategy for what comes after each code, and those that help within an attempt.

use crate::failure::FailureCode;

macro_rules! strategies {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// How a failure is mended. The names are part of the API; `docs/errors.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Strategy { $($(#[$doc])* $variant,)* }

        impl Strategy {
            /// Every strategy, in the order of `docs/errors.md`.
            pub const ALL: &'static [Strategy] = &[$(Strategy::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Strategy::$variant => $name,)* } }
        }
    };
}

strategies! {
    /// Another element is looked for; after three failures the page is discovered anew.
    AlternativeElement = "alternative_element";
    /// The page is loaded again, after a wait.
    ReloadAndRetry = "reload_and_retry";
    /// The operator's solver gives the token or the text.
    Solver = "solver";
    /// The code is made from the account's secret.
    OwnCode = "own_code";
    /// A person is asked.
    Person = "person";
    /// The account signs in again.
    SignInAgain = "sign_in_again";
    /// A fresh browser, restored from the profile.
    FreshBrowser = "fresh_browser";
    /// As long a wait as was asked for.
    BackOff = "back_off";
    /// The same again, after a wait.
    Retry = "retry";
    /// The same again, on another worker.
    RunElsewhere = "run_elsewhere";
    /// A vision model's look decides where the page's elements say neither yes nor no.
    Vision = "vision";
    /// Nothing: it fails.
    GiveUp = "give_up";
}

impl Strategy {
    /// What comes after an attempt that failed so.
    #[must_use]
    pub const fn after(code: FailureCode) -> Self {
        match code {
            FailureCode::ElementNotFound => Self::AlternativeElement,
            FailureCode::NavigationTimeout | FailureCode::Network | FailureCode::AttemptTimeout => {
                Self::ReloadAndRetry
            }
            FailureCode::Captcha | FailureCode::SecondFactor => Self::Person,
            FailureCode::SessionExpired => Self::SignInAgain,
            FailureCode::BrowserCrashed => Self::FreshBrowser,
            FailureCode::ProviderRateLimited | FailureCode::NotReady => Self::BackOff,
            FailureCode::ModelError | FailureCode::StorageUnavailable | FailureCode::Unknown => {
                Self::Retry
            }
            FailureCode::WorkerLost => Self::RunElsewhere,
            FailureCode::InvalidCredentials
            | FailureCode::InvalidInput
            | FailureCode::Cancelled
            | FailureCode::DeadlineExceeded
            | FailureCode::DependencyFailed
            | FailureCode::AnswerCut => Self::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureClass;

    #[test]
    fn only_what_is_never_retried_is_given_up() {
        for code in FailureCode::ALL {
            let ends = matches!(
                code.class(),
                FailureClass::Permanent | FailureClass::Cancelled
            );
            assert_eq!(Strategy::after(*code) == Strategy::GiveUp, ends, "{code}");
        }
    }

    #[test]
    fn every_strategy_is_explained_in_the_docs() {
        let docs = include_str!("../../docs/errors.md");
        for strategy in Strategy::ALL {
            assert!(
                docs.contains(&format!("`{}`", strategy.name())),
                "{} is not in docs/errors.md",
                strategy.name()
            );
        }
    }
}
