//! What to press to sign out, and what it may be behind. Pure.

use super::login::{Stage, stage};
use super::ways::{leads_out, way_out};
use super::words;
use crate::facts::{Button, PageFacts};

/// What a menu has to score to be opened.
const MENU: i32 = 25;
/// Characters that a way out says at most.
const LONGEST: usize = 40;

/// What signs out, the best first: a short word for it, or a link to where one signs out. What speaks of every device comes after what speaks of this one;
/// what also speaks of removing something is none.
#[must_use]
pub fn exits(facts: &PageFacts) -> Vec<&Button> {
    let mut found: Vec<(i32, &Button)> = facts
        .buttons
        .iter()
        .filter(|button| {
            !button.locator.is_empty()
                && !button.disabled
                && !button.is_in("log")
                && !button.is_in("article")
        })
        .filter_map(|button| {
            let text = said(button);
            let short = !text.is_empty() && text.chars().count() <= LONGEST;
            let ends_another = words::any(&text, words::DISCONNECTS)
                && !text
                    .split_whitespace()
                    .last()
                    .is_some_and(|last| words::any(last, words::DISCONNECTS));
            if ends_another
                || words::any(&text, words::REMOVE)
                || words::any(&text, words::LEAVES_ELSE)
            {
                return None;
            }
            let says = short && words::leaves(&text);
            // An address alone speaks for a control that says nothing else.
            let leads = leads_out(button) && (says || text.is_empty());
            let named = text.is_empty() && words::leaves(&button.words());
            if !(says || leads || named) {
                return None;
            }
            let mut score = 10 * i32::from(says) + 5 * i32::from(leads_out(button));
            score += 6 * i32::from(button.is_in("dialog"));
            score -= 20 * i32::from(words::any(&text, words::EVERYWHERE));
            score -= 4 * i32::from(button.is_in("footer"));
            Some((score, button))
        })
        .collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, button)| button).collect()
}

fn said(button: &Button) -> String {
    let text = if button.text.trim().is_empty() {
        &button.aria
    } else {
        &button.text
    };
    text.trim().to_lowercase()
}

/// What a way out may be behind, the likeliest first: an account's menu, by its words, the user's name or initials, and where it stands.
#[must_use]
pub fn menus<'a>(facts: &'a PageFacts, username: &str) -> Vec<&'a Button> {
    let name = username
        .split('@')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let mut found: Vec<(i32, &Button)> = facts
        .buttons
        .iter()
        .chain(&facts.corners)
        .filter(|button| {
            !button.locator.is_empty()
                && !button.disabled
                && !button.is_in("log")
                && !button.is_in("article")
        })
        .map(|button| (menu_score(button, facts.viewport, &name), button))
        .filter(|(score, _)| *score >= MENU)
        .collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, button)| button).collect()
}

fn menu_score(button: &Button, viewport: [f64; 2], name: &str) -> i32 {
    let text = said(button);
    let all = button.words();
    let (x, y) = button.centre();
    let [width, height] = viewport;
    let mut score = 0;
    score += 30 * i32::from(words::any(&all, words::ACCOUNT));
    score += 30 * i32::from(name.chars().count() >= 3 && text.contains(name));
    score += 12 * i32::from(words::any(&all, words::MENU));
    let initials = button.text.trim();
    let letters = initials.chars().count();
    score += 15 * i32::from((1..=2).contains(&letters) && initials.chars().all(char::is_uppercase));
    score += 15 * i32::from(!button.popup.is_empty() && button.popup != "false");
    score += 5 * i32::from(text.is_empty() && button.icon);
    let bar = ["header", "nav", "aside"]
        .iter()
        .any(|place| button.is_in(place));
    score += 8 * i32::from(bar);
    score += 10 * i32::from(x > width * 0.75 && y < 120.0);
    score += 8 * i32::from(x < 320.0 && y > height - 150.0);
    // Where it goes to a page of its own, others are tried first.
    let leaves = button.link && !button.href.is_empty() && !button.href.starts_with('#');
    score -= 8 * i32::from(leaves);
    score -= 40 * i32::from(button.submit && button.form.is_some());
    score -= 60 * i32::from(text.chars().count() > 60);
    score -= 60
        * i32::from(
            words::any(&all, words::SIGN_IN)
                || words::any(&all, words::REMOVE)
                || words::any(&all, words::SEND),
        );
    score
}

/// Why the page holds nobody for signed in: it asks to sign in and offers no way out, or its server refuses. None where it shows neither.
#[must_use]
pub fn outside(facts: &PageFacts) -> Option<String> {
    if way_out(facts).is_some() {
        return None;
    }
    let found = stage(facts);
    // What is in the way says nothing of who is behind it; nor does a server that lets nobody in.
    if !facts.challenges.is_empty() && !matches!(found, Stage::Form(_) | Stage::UserStep(_)) {
        return None;
    }
    if facts.status == 401 {
        return Some(format!("its server answers with status {}", facts.status));
    }
    let asks = match found {
        Stage::Form(_) => "it asks for a password",
        Stage::UserStep(_) => "it asks who one is",
        Stage::Opener(_) | Stage::Chooser(_) => "it offers to sign in",
        Stage::Code(_) | Stage::Challenge(_) | Stage::Inside(_) | Stage::Nothing => return None,
    };
    Some(asks.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn button(text: &str) -> Button {
        Button {
            locator: format!("b:{text}"),
            text: text.to_owned(),
            area: [900.0, 10.0, 60.0, 20.0],
            ..Default::default()
        }
    }

    fn page(buttons: Vec<Button>) -> PageFacts {
        PageFacts {
            buttons,
            viewport: [1_000.0, 800.0],
            ..Default::default()
        }
    }

    fn texts(found: Vec<&Button>) -> Vec<&str> {
        found.iter().map(|button| button.text.as_str()).collect()
    }

    #[test]
    fn a_way_out_is_pressed_in_many_languages_and_nothing_that_removes_something() {
        for text in [
            "Log out",
            "Sign out",
            "Abmelden",
            "Se déconnecter",
            "Cerrar sesión",
            "Sair",
            "Esci",
            "Uitloggen",
            "Wyloguj się",
            "Выйти",
            "退出登录",
            "ログアウト",
            "로그아웃",
        ] {
            let facts = page(vec![button("Save"), button(text), button("Delete account")]);
            assert_eq!(texts(exits(&facts)), [text]);
        }
        for text in [
            "How to log out of all of your devices at once",
            "Sign out and delete my account",
            "Konto löschen",
            "Sign in",
            "Log in or log out",
            "Describe",
        ] {
            assert_eq!(texts(exits(&page(vec![button(text)]))), [""; 0], "{text}");
        }
        let all = page(vec![button("Sign out everywhere"), button("Sign out")]);
        assert_eq!(texts(exits(&all)), ["Sign out", "Sign out everywhere"]);
        let mut picture = button("");
        picture.link = true;
        picture.href = "/account/logout?next=/".to_owned();
        let mut help = picture.clone();
        help.text = "Why people leave".to_owned();
        assert_eq!(exits(&page(vec![help, picture.clone()])), [&picture]);
        let mut said = button("Log out");
        said.context.push("article".to_owned());
        assert!(exits(&page(vec![said])).is_empty());
    }

    #[test]
    fn an_accounts_menu_is_opened_and_nothing_else() {
        let menu = |text: &str, popup: &str| Button {
            popup: popup.to_owned(),
            ..button(text)
        };
        for known in [
            menu("AL", "menu"),
            menu("ada", ""),
            menu("My account", ""),
            menu("Menü", "true"),
            menu("Profil", ""),
        ] {
            let facts = page(vec![button("Share"), known.clone()]);
            assert_eq!(menus(&facts, "ada@example.com"), [&known]);
        }
        for other in [
            menu("Delete account", "menu"),
            menu("Sign in to my account", "menu"),
            menu("Send to ada", ""),
            menu("Share", ""),
            menu("A", ""),
        ] {
            let other = Button {
                area: [400.0, 400.0, 60.0, 20.0],
                ..other
            };
            assert_eq!(
                texts(menus(&page(vec![other.clone()]), "ada@example.com")),
                [""; 0],
                "{}",
                other.text
            );
        }
    }

    #[test]
    fn what_leaves_or_removes_something_else_is_no_way_out() {
        for other in [
            "注销账号",
            "确认注销",
            "Salir del grupo",
            "退出群聊",
            "Newsletter abmelden",
            "Desconectar calendario",
        ] {
            assert!(exits(&page(vec![button(other)])).is_empty(), "{other}");
        }
        for out in ["退出登录", "Se déconnecter", "Desconectar"] {
            assert_eq!(exits(&page(vec![button(out)])).len(), 1, "{out}");
        }
    }

    #[test]
    fn who_is_outside_is_asked_to_sign_in() {
        assert_eq!(outside(&page(vec![button("Log out")])), None);
        assert_eq!(
            outside(&page(vec![button("Log out"), button("Sign in")])),
            None
        );
        assert_eq!(
            outside(&page(vec![button("Things")])),
            None,
            "that nothing shows is no proof"
        );
        assert!(outside(&page(vec![button("Sign in")])).is_some());
        let refused = PageFacts {
            status: 401,
            ..page(Vec::new())
        };
        assert!(outside(&refused).is_some());
        let blocked = PageFacts {
            challenges: vec!["turnstile".to_owned()],
            ..refused
        };
        assert_eq!(outside(&blocked), None, "nobody can tell who is behind it");
    }
}
