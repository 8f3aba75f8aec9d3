//! Pages between a login and the app: what lets another app in, "stay signed in?", offers to be put off. Pure.

use super::ways::{names_another_way, way_out};
use super::{chat, words};
use crate::facts::{Button, PageFacts};

/// What to press on the way into the app.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The button.
    pub button: String,
    /// What it says.
    pub says: String,
    /// Why it is pressed.
    pub why: &'static str,
}

/// Controls that a page has at most to be one of these: an app has more.
const FEW: usize = 14;

/// What to press on this page, if it is one on the way from a login to the app. To be asked only on that way. What declines is never chosen, and
/// nothing on a page where something can be typed.
#[must_use]
pub fn passage(facts: &PageFacts) -> Option<Passage> {
    let typed_in = facts.fields.iter().any(|field| {
        !field.disabled && !field.readonly && field.r#type != "search" && !field.is_in("search")
    });
    if typed_in || facts.buttons.len() > FEW || chat::inputs(facts).into_iter().next().is_some() {
        return None;
    }
    let said = |button: &Button| format!("{} {}", button.text, button.aria).to_lowercase();
    let declines = |button: &Button| words::said(&said(button), words::DENY);
    let usable = || {
        facts.buttons.iter().filter(|button| {
            !button.locator.is_empty() && !button.disabled && said(button).chars().count() <= 60
        })
    };
    let allows = |button: &&Button| {
        words::said(&said(button), words::ALLOW)
            && !declines(button)
            && !words::any(&said(button), words::LATER)
            // Another account, another service: not the way in.
            && !words::any(&said(button), words::EXIT)
            && !words::any(&said(button), words::NOT_OWN_WAY)
            && !names_another_way(&said(button))
    };
    let press = |button: &Button, why| Passage {
        button: button.locator.clone(),
        says: button.words(),
        why,
    };
    let page = format!(
        "{} {} {}",
        facts.title,
        facts.headings.join(" "),
        facts.text
    )
    .to_lowercase();
    let page: String = page.chars().take(3_000).collect();
    if words::any(&page, words::STAY) {
        let yes = usable().find(|button| {
            allows(button) || words::any(&said(button), words::STAY) && !declines(button)
        });
        if let Some(yes) = yes {
            return Some(press(yes, "the page asks whether to stay signed in"));
        }
    }
    let declined = usable().any(declines);
    // A cookie banner asks to be let in, too; it does not stand in the way.
    let cookies = page.contains("cookie")
        && !words::any(
            &page,
            &["access", "authoriz", "authoris", "permission", "scope"],
        );
    if declined && !cookies && words::any(&page, words::CONSENT) {
        // Submit buttons before links: the way in is rarely a link.
        let mut allowing: Vec<&Button> = usable().filter(allows).collect();
        allowing.sort_by_key(|button| (button.link, !button.submit));
        if let Some(first) = allowing.first() {
            return Some(press(first, "the page asks to let the app in"));
        }
    }
    // Somebody is in: what else there is to press is the app's own.
    if way_out(facts).is_some() {
        return None;
    }
    let puts_off = |button: &&Button| {
        let said = said(button);
        let leads_down = button.href.starts_with('#') || words::any(&said, &["skip to"]);
        words::any(&said, words::LATER) && said.chars().count() <= 32 && !leads_down
    };
    if let Some(later) = usable().find(puts_off) {
        return Some(press(later, "the page offers something that can wait"));
    }
    // One button that goes on, and nothing else to press but links.
    let mut buttons = usable().filter(|button| !button.link);
    match (buttons.next(), buttons.next()) {
        (Some(only), None) if allows(&only) => {
            Some(press(only, "the page has one button, which goes on"))
        }
        _ => None,
    }
}

/// What the page wants confirmed elsewhere, without a code; to be asked only after a password was submitted.
#[must_use]
pub fn approval(facts: &PageFacts) -> Option<String> {
    let page = format!("{} {}", facts.headings.join(" "), facts.text).to_lowercase();
    let typed_in = facts
        .fields
        .iter()
        .any(|field| !field.disabled && !field.readonly);
    if typed_in || page.chars().count() > 1_500 || !words::any(&page, words::APPROVE) {
        return None;
    }
    let said = facts.headings.first().cloned();
    Some(said.unwrap_or_else(|| facts.text.chars().take(120).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Field;

    fn page(heading: &str, buttons: &[&str]) -> PageFacts {
        PageFacts {
            headings: vec![heading.to_owned()],
            text: heading.to_owned(),
            buttons: buttons
                .iter()
                .map(|text| Button {
                    locator: format!("b:{text}"),
                    text: (*text).to_owned(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }
    }

    fn pressed(heading: &str, buttons: &[&str]) -> Option<String> {
        passage(&page(heading, buttons)).map(|passage| passage.button[2..].to_owned())
    }

    #[test]
    fn what_lets_the_app_in_is_pressed_and_what_declines_never() {
        for (heading, buttons, wanted) in [
            (
                "Chat wants to access your account",
                &["Cancel", "Continue"][..],
                "Continue",
            ),
            (
                "Authorize Chat",
                &["Deny", "Authorize Chat"],
                "Authorize Chat",
            ),
            (
                "Chat möchte auf Ihr Konto zugreifen: Zugriff erlauben?",
                &["Ablehnen", "Zulassen"],
                "Zulassen",
            ),
            (
                "Chat souhaite accéder à votre compte",
                &["Annuler", "Autoriser"],
                "Autoriser",
            ),
            (
                "Chat quiere acceder a tu cuenta",
                &["Cancelar", "Permitir"],
                "Permitir",
            ),
            (
                "チャットがアカウントへのアクセスを求めています",
                &["キャンセル", "許可する"],
                "許可する",
            ),
            ("应用请求授权", &["拒绝", "授权"], "授权"),
            ("앱이 권한을 요청합니다", &["거부", "허용"], "허용"),
            (
                "Приложение запрашивает доступ",
                &["Отмена", "Разрешить"],
                "Разрешить",
            ),
            ("Stay signed in?", &["No", "Yes"], "Yes"),
            ("Angemeldet bleiben?", &["Nein", "Ja"], "Ja"),
            (
                "Set up a passkey",
                &["Create passkey", "Not now"],
                "Not now",
            ),
            ("You are signed in", &["Continue"], "Continue"),
        ] {
            assert_eq!(
                pressed(heading, buttons).as_deref(),
                Some(wanted),
                "{heading}"
            );
        }
        for (heading, buttons) in [
            ("Chat wants to access your account", &["Cancel", "Deny"][..]),
            ("許可しますか", &["許可しない", "キャンセル"]),
            (
                "We use cookies and ask for your consent",
                &["Reject", "Accept all"],
            ),
            ("Your things", &["Log out", "Not now"]),
            ("Your things", &["Skip to content", "Read on"]),
            (
                "Continue to Chat",
                &["Continue with Other", "Continue with Third"],
            ),
            ("Your files", &["New", "Upload", "Share", "Continue"]),
        ] {
            assert_eq!(pressed(heading, buttons), None, "{heading}");
        }
        let mut typing = page("Authorize Chat", &["Deny", "Allow"]);
        typing.fields.push(Field::default());
        assert_eq!(passage(&typing), None);
    }

    #[test]
    fn something_to_confirm_elsewhere_is_no_way_in() {
        let waits = page("Check your phone", &["Resend"]);
        assert_eq!(approval(&waits).as_deref(), Some("Check your phone"));
        assert_eq!(approval(&page("Your inbox", &["Log out"])), None);
    }
}
