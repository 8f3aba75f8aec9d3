//! What an operator lends to workers besides the services: a vision model, and a solver of challenges. Neither is there unless it is set.

use std::time::Duration;

use computetower_store::vault::Secret;
use computetower_workers::{
    FetchSettings, OutsideSettings, SolverSettings, Structure, VisionApi, VisionSettings,
};

use super::{Environment, PrivateUrls, check_url};

const ANTHROPIC: &str = "https://api.anthropic.com";
const OPENAI: &str = "https://api.openai.com/v1";
const SOLVER: &str = "https://api.2captcha.com";

pub(super) fn outside(env: &mut Environment<'_>, private: PrivateUrls) -> OutsideSettings {
    OutsideSettings {
        vision: vision(env),
        solver: solver(env),
        fetch: fetch(env, private),
    }
}

fn fetch(env: &mut Environment<'_>, private: PrivateUrls) -> FetchSettings {
    let usual = FetchSettings::default();
    let user_agent = env.or("COMPUTETOWER_CRAWL_USER_AGENT", &usual.user_agent);
    let is_plain = user_agent.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !is_plain || !user_agent.starts_with(|first: char| first.is_ascii_alphabetic()) {
        env.problem(
            "COMPUTETOWER_CRAWL_USER_AGENT",
            "must begin with the name by which robots.txt files know the crawler, as in mybot/1.0 (+https://example.com/bot)",
        );
    }
    FetchSettings {
        user_agent,
        guard: private.guard(),
        ..usual
    }
}

fn vision(env: &mut Environment<'_>) -> Option<VisionSettings> {
    let api = match env.get("COMPUTETOWER_VISION_API")?.trim() {
        "none" => return None,
        "anthropic" => VisionApi::Anthropic,
        "openai" => VisionApi::OpenAi,
        _ => {
            env.problem(
                "COMPUTETOWER_VISION_API",
                "must be anthropic, openai (or whatever is compatible with it) or none",
            );
            return None;
        }
    };
    let default = match api {
        VisionApi::Anthropic => ANTHROPIC,
        VisionApi::OpenAi => OPENAI,
    };
    let url = env.or("COMPUTETOWER_VISION_URL", default).trim().to_owned();
    check_url(env, "COMPUTETOWER_VISION_URL", &url, &["http", "https"]);
    let model = env.required(
        "COMPUTETOWER_VISION_MODEL",
        "name the model that is to look at screenshots",
    );
    let key = secret(env, "COMPUTETOWER_VISION_KEY");
    if key.is_none() && url == default {
        env.problem(
            "COMPUTETOWER_VISION_KEY",
            "is not set: give the key of the vision model's endpoint",
        );
    }
    let structure = match env.or("COMPUTETOWER_VISION_STRUCTURE", "schema").trim() {
        "schema" => Structure::Schema,
        "object" => Structure::Object,
        "words" => Structure::Words,
        _ => {
            env.problem(
                "COMPUTETOWER_VISION_STRUCTURE",
                "must be schema, object or words: how an OpenAI-compatible endpoint is asked for JSON",
            );
            Structure::Schema
        }
    };
    let seconds = |env: &mut Environment<'_>, name, default: u64, most, advice| {
        let number: u64 = env.number(name, default, advice);
        Duration::from_secs(number.clamp(1, most))
    };
    Some(VisionSettings {
        api,
        url,
        model: model.trim().to_owned(),
        key,
        structure,
        timeout: seconds(
            env,
            "COMPUTETOWER_VISION_TIMEOUT_SECONDS",
            20,
            300,
            "seconds that one call may take",
        ),
        wait: Duration::from_secs(
            env.number(
                "COMPUTETOWER_VISION_WAIT_SECONDS",
                5_u64,
                "seconds that the end of a job waits for judgements that are on their way",
            )
            .min(300),
        ),
        keep: seconds(
            env,
            "COMPUTETOWER_VISION_KEEP_SECONDS",
            3_600,
            86_400,
            "seconds for which a judgement is good for the same picture",
        ),
        calls_per_day: env
            .number(
                "COMPUTETOWER_VISION_CALLS_PER_DAY",
                2_000_i32,
                "calls that each tenant may have on a day",
            )
            .max(0),
        tokens_per_day: env
            .number(
                "COMPUTETOWER_VISION_TOKENS_PER_DAY",
                5_000_000_i64,
                "tokens that each tenant may have on a day",
            )
            .max(0),
    })
}

fn solver(env: &mut Environment<'_>) -> Option<SolverSettings> {
    let key = secret(env, "COMPUTETOWER_CAPTCHA_KEY")?;
    let url = env.or("COMPUTETOWER_CAPTCHA_URL", SOLVER).trim().to_owned();
    check_url(env, "COMPUTETOWER_CAPTCHA_URL", &url, &["http", "https"]);
    let hosts: Vec<String> = env
        .required(
            "COMPUTETOWER_CAPTCHA_HOSTS",
            "name the hosts on whose pages the solver may be used, separated by commas: chat.example.com, *.example.org",
        )
        .split(',')
        .map(|host| host.trim().to_lowercase())
        .filter(|host| !host.is_empty())
        .collect();
    if hosts
        .iter()
        .any(|host| host == "*" || host.contains(['/', ':', ' ']))
    {
        env.problem(
            "COMPUTETOWER_CAPTCHA_HOSTS",
            "must be names of hosts, without scheme, port or path; *. before a name means all hosts below it",
        );
    }
    let cost = money(env, "COMPUTETOWER_CAPTCHA_COST_PER_DAY", 1.0);
    let expected = money(env, "COMPUTETOWER_CAPTCHA_EXPECTED_COST", 0.003);
    let seconds = |env: &mut Environment<'_>, name, default: u64, most, advice| {
        let number: u64 = env.number(name, default, advice);
        Duration::from_secs(number.clamp(1, most))
    };
    let min_score: f64 = env.number(
        "COMPUTETOWER_CAPTCHA_MIN_SCORE",
        0.3,
        "the least score of a scored challenge's solution: 0.3, 0.7 or 0.9",
    );
    Some(SolverSettings {
        url,
        key,
        hosts,
        cost_per_day: cost,
        expected_cost: expected,
        timeout: seconds(
            env,
            "COMPUTETOWER_CAPTCHA_TIMEOUT_SECONDS",
            120,
            600,
            "seconds that a solution is waited for",
        ),
        poll: seconds(
            env,
            "COMPUTETOWER_CAPTCHA_POLL_SECONDS",
            5,
            60,
            "seconds between two questions for a solution",
        ),
        min_score: min_score.clamp(0.1, 0.9),
    })
}

/// Millionths of an amount in the solver's currency.
#[expect(
    clippy::cast_possible_truncation,
    reason = "held between 0 and 100,000 just before"
)]
fn money(env: &mut Environment<'_>, variable: &'static str, default: f64) -> i64 {
    let amount: f64 = env.number(
        variable,
        default,
        "an amount in the solver's currency, for example 1.50",
    );
    if !(0.0..=100_000.0).contains(&amount) {
        env.problem(variable, "must be between 0 and 100000");
        return 0;
    }
    (amount * 1_000_000.0).round() as i64
}

fn secret(env: &Environment<'_>, name: &str) -> Option<Secret> {
    env.get(name).map(|key| Secret::new(key.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn read(set: &[(&str, &str)]) -> (OutsideSettings, Vec<Problem>) {
        let lookup = |name: &str| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let mut env = Environment::new(&lookup);
        let settings = outside(&mut env, PrivateUrls::Refused);
        let problems = env.done(None::<()>).err().map(|all| all.0);
        (settings, problems.unwrap_or_default())
    }

    #[test]
    fn nothing_is_there_unless_it_is_set() {
        let (settings, problems) = read(&[]);
        assert!(settings.vision.is_none() && settings.solver.is_none());
        assert_eq!(problems, []);
    }

    #[test]
    fn keys_are_not_printed() {
        let (settings, problems) = read(&[
            ("COMPUTETOWER_VISION_API", "anthropic"),
            ("COMPUTETOWER_VISION_MODEL", "some-model"),
            ("COMPUTETOWER_VISION_KEY", "sk-very-secret"),
            ("COMPUTETOWER_CAPTCHA_KEY", "also-secret"),
            (
                "COMPUTETOWER_CAPTCHA_HOSTS",
                "chat.example.com, *.example.org",
            ),
        ]);
        assert_eq!(problems, []);
        let printed = format!("{settings:?}");
        assert!(
            printed.contains("some-model") && !printed.contains("secret"),
            "{printed}"
        );
        let solver = settings.solver.unwrap();
        assert_eq!(
            (solver.cost_per_day, solver.expected_cost),
            (1_000_000, 3_000)
        );
        assert!(solver.allows("a.example.org") && !solver.allows("example.net"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let (_, problems) = read(&[
            ("COMPUTETOWER_VISION_API", "anthropic"),
            ("COMPUTETOWER_VISION_URL", "ftp://x"),
            ("COMPUTETOWER_CAPTCHA_KEY", "k"),
            ("COMPUTETOWER_CAPTCHA_HOSTS", "https://chat.example.com/"),
            ("COMPUTETOWER_CAPTCHA_COST_PER_DAY", "-1"),
        ]);
        let named: Vec<&str> = problems.iter().map(|problem| problem.variable).collect();
        for wanted in [
            "COMPUTETOWER_VISION_URL",
            "COMPUTETOWER_VISION_MODEL",
            "COMPUTETOWER_CAPTCHA_HOSTS",
            "COMPUTETOWER_CAPTCHA_COST_PER_DAY",
        ] {
            assert!(named.contains(&wanted), "{wanted}: {named:?}");
        }
    }
}
