//! A solver of challenges that speaks 2Captcha's API (version 2). An operator's option: off without a key, and used only for the hosts that the operator
//! allows. Each use is an entry of the audit log, and counts against the cost of the day.

mod solve;
mod wire;

use std::time::Duration;

use computetower_store::vault::Secret;

pub(crate) use solve::{Solution, Solver};

/// A solver, and what it may be used for.
#[derive(Clone, Debug)]
pub struct SolverSettings {
    /// What comes before `/createTask`.
    pub url: String,
    /// The operator's key.
    pub key: Secret,
    /// The hosts on whose pages it may be used: a name, or `*.` and a name for all below it.
    pub hosts: Vec<String>,
    /// What all its uses of a day (UTC) may cost together, in millionths of its currency.
    pub cost_per_day: i64,
    /// What a use is expected to cost until the solver tells, in millionths of its currency.
    pub expected_cost: i64,
    /// How long a solution is waited for.
    pub timeout: Duration,
    /// How often it is asked for.
    pub poll: Duration,
    /// The least score that a solution of a scored challenge has to bring.
    pub min_score: f64,
}

impl SolverSettings {
    /// Whether it may be used on a page of this host.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        self.hosts.iter().any(|allowed| {
            let allowed = allowed.to_lowercase();
            match allowed.strip_prefix("*.") {
                Some(above) => host
                    .strip_suffix(above)
                    .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
                None => host == allowed,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_that_are_named_are_allowed() {
        let settings = SolverSettings {
            url: String::new(),
            key: Secret::new(String::new()),
            hosts: vec!["Chat.example.com".to_owned(), "*.example.org".to_owned()],
            cost_per_day: 0,
            expected_cost: 0,
            timeout: Duration::ZERO,
            poll: Duration::ZERO,
            min_score: 0.3,
        };
        for (host, allowed) in [
            ("chat.example.com", true),
            ("a.chat.example.com", false),
            ("example.com", false),
            ("a.example.org", true),
            ("A.B.example.org", true),
            ("example.org", false),
            (".example.org", false),
            ("badexample.org", false),
            ("", false),
        ] {
            assert_eq!(settings.allows(host), allowed, "{host}");
        }
    }
}
