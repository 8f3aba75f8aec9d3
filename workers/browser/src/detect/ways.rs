//! Buttons that lead into a login and out of an app: an opener, one way of several, a way out. Pure.

use super::words;
use crate::facts::{Button, PageFacts};

/// What signs somebody out who is in. A picture of a person or a link to a profile is none: public pages have those, too.
#[must_use]
pub fn way_out(facts: &PageFacts) -> Option<&Button> {
    facts.buttons.iter().find(|button| {
        let words = button.words();
        let says = words.chars().count() < 60 && words::leaves(&words);
        (says || leads_out(button)) && !button.is_in("log") && !button.is_in("article")
    })
}

/// Whether a link's address is that of a way out.
pub(super) fn leads_out(button: &Button) -> bool {
    let address = button.href.to_lowercase();
    address.split(['/', '?', '#', '&', '=']).any(|part| {
        matches!(
            part,
            "logout" | "signout" | "log-out" | "sign-out" | "logoff" | "log_out" | "sign_out"
        )
    })
}

/// What opens a login.
#[must_use]
pub fn opener(facts: &PageFacts) -> Option<String> {
    let mut choices: Vec<(i32, &Button)> = facts
        .buttons
        .iter()
        .filter(|button| {
            let text = format!("{} {}", button.text, button.aria).to_lowercase();
            text.trim().chars().count() <= 32
                && !button.locator.is_empty()
                && !button.disabled
                && words::any(&text, words::SIGN_IN)
                && !words::any(&text, words::NOT_SUBMIT)
                && !words::leaves(&text)
                && !button.is_in("log")
                && !button.is_in("article")
        })
        .map(|button| {
            let mut score = 0;
            score += i32::from(!button.link) * 2;
            score +=
                i32::from(button.is_in("header") || button.is_in("nav") || button.is_in("dialog"))
                    * 2;
            score += i32::from(!button.covered);
            (score, button)
        })
        .collect();
    choices.sort_by_key(|(score, _)| *score);
    choices.pop().map(|(_, button)| button.locator.clone())
}

/// Where the page lets one choose how to sign in: the way by address and password, else the one that leads to further ways. Never another service.
#[must_use]
pub fn own_way(facts: &PageFacts) -> Option<String> {
    let mut ways: Vec<(i32, &Button)> = facts
        .buttons
        .iter()
        .filter(|button| {
            !button.locator.is_empty()
                && !button.disabled
                && !button.is_in("footer")
                && !button.is_in("article")
        })
        .filter_map(|button| {
            let text = format!("{} {}", button.text, button.aria).to_lowercase();
            if text.chars().count() > 60
                || words::any(&text, words::NOT_OWN_WAY)
                || button.href.starts_with("mailto:")
            {
                return None;
            }
            let goes = names_another_way(&text)
                || words::any(&text, words::SIGN_IN)
                || words::said(&text, words::NEXT)
                || words::any(&text, &["use "]);
            if goes && words::any(&text, words::OWN_WAY) {
                let password = words::any(&text, words::SECRET);
                return Some((2 + i32::from(password), button));
            }
            words::any(&text, words::OTHER_WAYS).then_some((1, button))
        })
        .collect();
    // The best, and of equals the first.
    ways.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    ways.first().map(|(_, button)| button.locator.clone())
}

/// "Continue with …": another service, unless it names the address or the password.
pub(super) fn names_another_way(text: &str) -> bool {
    words::any(
        text,
        &[
            "continue with",
            "in with",
            "continue using",
            "weiter mit",
            "anmelden mit",
            "continuer avec",
            "continuar con",
            "continuar com",
            "continua con",
            "accedi con",
            "doorgaan met",
            "inloggen met",
            "kontynuuj przez",
            "войти через",
            "продолжить с",
            "で続行",
            "でログイン",
            "使用",
            "(으)로 계속",
            "로 계속",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::login::{Stage, stage};

    fn link(text: &str, href: &str) -> Button {
        Button {
            locator: format!("b:{text}"),
            text: text.to_owned(),
            link: true,
            href: href.to_owned(),
            area: [900.0, 10.0, 60.0, 20.0],
            ..Default::default()
        }
    }

    #[test]
    fn a_profile_is_no_proof_and_an_offer_to_sign_in_speaks_against_a_way_out() {
        let facts = |buttons| PageFacts {
            buttons,
            text: "Some text".to_owned(),
            ..Default::default()
        };
        let public = facts(vec![link("Profile", "/people/ada"), link("Avatar", "/a")]);
        assert_eq!(stage(&public), Stage::Nothing);
        let offered = facts(vec![link("Profile", "/p"), link("Sign in", "/login")]);
        assert!(matches!(stage(&offered), Stage::Opener(_)));
        let both = facts(vec![
            link("How to log out", "/help/log-out-everywhere"),
            link("Sign in", "/login"),
        ]);
        assert!(matches!(stage(&both), Stage::Opener(_)));
        let inside = facts(vec![link("Profile", "/p"), link("Log out", "/logout")]);
        assert!(matches!(stage(&inside), Stage::Inside(_)));
        // It has "sign in" in it, and leads out.
        let chinese = facts(vec![link("个人中心", "/p"), link("退出登录", "#")]);
        assert!(matches!(stage(&chinese), Stage::Inside(_)));
        let picture = facts(vec![link("", "/account/logout?next=/")]);
        assert!(matches!(stage(&picture), Stage::Inside(_)));
    }

    #[test]
    fn the_own_way_is_chosen_and_another_service_never() {
        for (buttons, wanted) in [
            (
                &[
                    "Continue with Somebody",
                    "Continue with e-mail",
                    "Sign up with e-mail",
                ][..],
                Some("Continue with e-mail"),
            ),
            (
                &["Sign in with Somebody", "Other options"],
                Some("Other options"),
            ),
            (
                &["Weiter mit Irgendwem", "Mit E-Mail-Adresse anmelden"],
                Some("Mit E-Mail-Adresse anmelden"),
            ),
            (
                &[
                    "Use a passkey",
                    "Sign in with password",
                    "Sign in with e-mail code",
                ],
                Some("Sign in with password"),
            ),
            (
                &["Irgendwer で続行", "メールアドレスで続行"],
                Some("メールアドレスで続行"),
            ),
            (
                &[
                    "Continue with Somebody",
                    "Forgot your password?",
                    "Contact us by e-mail",
                ],
                None,
            ),
        ] {
            let way = own_way(&PageFacts {
                buttons: buttons.iter().map(|text| link(text, "")).collect(),
                ..Default::default()
            });
            assert_eq!(
                way.as_deref(),
                wanted.map(|text| format!("b:{text}")).as_deref()
            );
        }
    }
}
