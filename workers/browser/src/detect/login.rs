//! What a page wants of someone who comes to sign in: a form, the first of two steps, a code, nothing. Pure; the
//! facts are captured elsewhere, and nothing is typed here.

use serde::{Deserialize, Serialize};

pub use super::code::CodeField;
use super::code::code_field;
use super::ways::{opener, own_way, way_out};
use super::{Scored, chat, words};
use crate::facts::{Button, Field, PageFacts};

/// A sign-in form as found; enough to know it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoginForm {
    /// Address of the page that it was found on.
    pub url: String,
    /// The user field's locator; none where only a password is asked for.
    pub user: Option<String>,
    /// The password field's locator; none on the first of two steps.
    pub password: Option<String>,
    /// The submit button's locator; none for the Enter key.
    pub submit: Option<String>,
    /// The password is asked for in a second step.
    pub two_steps: bool,
    /// What opened the form, when it was behind a button or a link.
    pub opener: Option<String>,
    /// 0 to 1.
    pub confidence: f32,
    /// What spoke for the choice.
    pub reasons: Vec<String>,
}

/// What a page wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// A password, perhaps with a user name.
    Form(LoginForm),
    /// A user name now and, it seems, a password later.
    UserStep(LoginForm),
    /// A code from elsewhere.
    Code(CodeField),
    /// A person has to solve something first.
    Challenge(String),
    /// One of several ways to sign in has to be chosen: this one is by address and password, or leads to it.
    Chooser(String),
    /// The form is behind this button or link.
    Opener(String),
    /// Nothing: this is the page behind the login, or one that needs none.
    Inside(String),
    /// Nothing that is known.
    Nothing,
}

/// What shows that somebody is signed in.
pub(crate) const WAY_OUT: &str = "there is a way out";
/// What a first step of a login has to score. Elsewhere, a field for an address is mostly for something else.
const USER_STEP: i32 = 8;
/// The same, where a login was just asked for.
const USER_STEP_EXPECTED: i32 = 6;

/// Judges what the page wants.
#[must_use]
pub fn stage(facts: &PageFacts) -> Stage {
    judged(facts, USER_STEP)
}

/// Judges what the page wants, on the way into a login that was asked for: a lone field for a name is its first step.
#[must_use]
pub fn stage_expecting(facts: &PageFacts) -> Stage {
    judged(facts, USER_STEP_EXPECTED)
}

fn judged(facts: &PageFacts, user_step_needs: i32) -> Stage {
    if let Some(form) = password_form(facts) {
        return Stage::Form(form);
    }
    if let Some(code) = code_field(facts) {
        return Stage::Code(code);
    }
    if let Some(form) = user_step(facts, user_step_needs) {
        return Stage::UserStep(form);
    }
    let chat = chat::inputs(facts).into_iter().next();
    let opener = opener(facts);
    // A way out says that somebody is in, and an offer to sign in that nobody is. Where both show, only the app itself decides.
    if let Some(button) = way_out(facts)
        && (opener.is_none() || chat.is_some())
    {
        return Stage::Inside(format!("{WAY_OUT}: {}", shorten(&button.words())));
    }
    if chat.is_none()
        && let Some(way) = own_way(facts)
    {
        return Stage::Chooser(way);
    }
    match (opener, chat) {
        (Some(opener), _) => Stage::Opener(opener),
        (None, Some(best)) => {
            Stage::Inside(format!("there is a chat box ({})", best.reasons.join(", ")))
        }
        (None, None) => match facts.challenges.first() {
            Some(kind) => Stage::Challenge(kind.clone()),
            None => Stage::Nothing,
        },
    }
}

fn shorten(text: &str) -> String {
    text.split_whitespace()
        .take(6)
        .collect::<Vec<_>>()
        .join(" ")
}

fn password_form(facts: &PageFacts) -> Option<LoginForm> {
    let passwords: Vec<usize> = (0..facts.fields.len())
        .filter(|&i| {
            let field = &facts.fields[i];
            field.r#type == "password" && !field.disabled && field.autocomplete != "one-time-code"
        })
        .collect();
    let same_form = |i: usize| {
        passwords
            .iter()
            .filter(|&&j| facts.fields[j].form == facts.fields[i].form)
            .count()
    };
    let in_dialog = passwords.iter().any(|&i| facts.fields[i].is_in("dialog"));
    let mut choices: Vec<Scored> = passwords
        .iter()
        .map(|&i| {
            let field = &facts.fields[i];
            let mut choice = Scored::new(i);
            choice.add(10, "password field");
            if field.autocomplete.contains("current-password") {
                choice.add(6, "declared as current password");
            }
            if field.autocomplete.contains("new-password") {
                choice.add(-6, "declared as new password");
            }
            if field.form.is_some() && same_form(i) > 1 {
                choice.add(-4, "its form asks for several passwords");
            }
            if in_dialog && field.is_in("dialog") {
                choice.add(5, "in the open dialog");
            }
            if field.covered {
                choice.add(-4, "something lies over it");
            }
            choice
        })
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse(choice.score));
    let best = choices.into_iter().next()?;
    let password = &facts.fields[best.index];
    let mut reasons = best.reasons;
    let user = user_field(facts, best.index);
    if let Some(user) = &user {
        reasons.extend(user.reasons.iter().cloned());
    }
    let submit = submit_button(facts, password);
    if let Some(submit) = &submit {
        reasons.extend(submit.reasons.iter().cloned());
    }
    let confidence = match (&user, &submit) {
        (Some(_), Some(_)) => 0.95,
        (Some(_), None) => 0.85,
        (None, _) => 0.7,
    };
    Some(LoginForm {
        url: facts.url.clone(),
        user: user.map(|choice| facts.fields[choice.index].locator.clone()),
        password: Some(password.locator.clone()),
        submit: submit.map(|choice| facts.buttons[choice.index].locator.clone()),
        two_steps: false,
        opener: None,
        confidence,
        reasons,
    })
}

pub(super) fn takes_a_name(field: &Field) -> bool {
    matches!(
        field.r#type.as_str(),
        "text" | "email" | "tel" | "number" | "url"
    ) && !field.disabled
        && !field.readonly
}

fn user_field(facts: &PageFacts, password: usize) -> Option<Scored> {
    let secret = &facts.fields[password];
    let mut choices: Vec<Scored> = facts
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| {
            takes_a_name(field) && field.form == secret.form && field.shadow == secret.shadow
        })
        .map(|(i, field)| {
            let mut choice = Scored::new(i);
            let words = field.words();
            if words::any(&field.autocomplete, &["username", "email"]) {
                choice.add(6, "declared as user name");
            }
            if field.r#type == "email" || words::any(&words, words::USER) {
                choice.add(4, "named like a user field");
            }
            if words::any(&words, words::SEARCH) || field.is_in("search") {
                choice.add(-12, "named like a search box");
            }
            if words::any(&words, words::NEWSLETTER) {
                choice.add(-12, "named like a newsletter");
            }
            let (above, aside) = (
                secret.area[1] - field.area[1],
                (secret.area[0] - field.area[0]).abs(),
            );
            if i < password {
                choice.add(2, "before the password");
            }
            if (0.0..=220.0).contains(&above) && aside < 220.0 {
                choice.add(4, "just above the password");
            } else if above.abs() < 20.0 && aside < 500.0 {
                choice.add(3, "beside the password");
            }
            if secret.form.is_some() {
                choice.add(2, "in the password's form");
            }
            choice
        })
        .collect();
    // Of two that are equally good the later one is nearer to the password.
    choices.sort_by_key(|choice| (choice.score, choice.index));
    choices.pop().filter(|choice| choice.score >= 4)
}

/// The button that submits the form `anchor` belongs to; none when the Enter key is the better bet.
#[must_use]
pub fn submit_button(facts: &PageFacts, anchor: &Field) -> Option<Scored> {
    let (ax, ay) = anchor.centre();
    let mut choices: Vec<Scored> = facts
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, button)| !button.link && !button.locator.is_empty())
        .map(|(i, button)| {
            let mut choice = Scored::new(i);
            let words = button.words();
            let (bx, by) = button.centre();
            if words::any(&words, words::SIGN_IN) {
                choice.add(6, "worded as sign-in");
            } else if words::any(&words, words::NEXT) {
                choice.add(3, "worded as next");
            }
            if words::any(&words, words::NOT_SUBMIT) {
                choice.add(-9, "worded as something else");
            }
            if button.submit && button.form == anchor.form && anchor.form.is_some() {
                choice.add(5, "default button of the form");
            } else if anchor.form.is_some() && button.form == anchor.form {
                choice.add(1, "in the form");
            } else if button.form != anchor.form {
                choice.add(-4, "not in the form");
            }
            let beside = (by - ay).abs() <= anchor.area[3].max(24.0) / 2.0;
            if beside && bx <= anchor.area[0] + anchor.area[2] + 60.0 && button.text.is_empty() {
                choice.add(-6, "inside the field's row and without text");
            }
            if by > ay - 10.0 && by - ay < 320.0 && (bx - ax).abs() < 420.0 {
                choice.add(3, "just below");
            }
            if button.text.is_empty() && button.aria.is_empty() && !button.submit {
                choice.add(-3, "says nothing");
            }
            if button.is_in("nav") || button.is_in("header") || button.is_in("search") {
                choice.add(-4, "in the page's furniture");
            }
            choice
        })
        .collect();
    choices.sort_by_key(|choice| (choice.score, std::cmp::Reverse(choice.index)));
    choices.pop().filter(|choice| choice.score >= 4)
}

fn user_step(facts: &PageFacts, needs: i32) -> Option<LoginForm> {
    let page = format!("{} {} {}", facts.url, facts.title, facts.headings.join(" ")).to_lowercase();
    let mut choices: Vec<(Scored, Option<Scored>)> = facts
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| takes_a_name(field))
        .map(|(i, field)| {
            let mut choice = Scored::new(i);
            let words = field.words();
            let submit = submit_button(facts, field);
            if words::any(&field.autocomplete, &["username", "email"]) {
                choice.add(3, "declared as user name");
            }
            if field.r#type == "email" || words::any(&words, words::USER) {
                choice.add(3, "named like a user field");
            }
            if words::any(&page, words::SIGN_IN) {
                choice.add(3, "on a page about signing in");
            }
            if let Some(submit) = &submit {
                let said = facts.buttons[submit.index].words();
                if words::any(&said, words::SIGN_IN) || words::any(&said, words::NEXT) {
                    choice.add(3, "with a button that goes on");
                }
            }
            let siblings = facts
                .buttons
                .iter()
                .filter(|b| b.form == field.form && field.form.is_some());
            let around = format!(
                "{words} {}",
                siblings.map(Button::words).collect::<Vec<_>>().join(" ")
            );
            if words::any(&around, words::NEWSLETTER) {
                choice.add(-9, "named like a newsletter");
            }
            if words::any(&words, words::SEARCH) || field.is_in("search") {
                choice.add(-9, "named like a search box");
            }
            if field.is_in("footer") || field.is_in("nav") || field.is_in("aside") {
                choice.add(-4, "in the page's furniture");
            }
            if field.is_in("log") || field.is_in("article") {
                choice.add(-4, "in content");
            }
            let others = facts
                .fields
                .iter()
                .filter(|f| f.form == field.form && takes_a_name(f))
                .count();
            if field.form.is_some() && others > 2 {
                choice.add(-5, "one of many fields: a registration");
            }
            if words::any(&words, words::MESSAGE) {
                choice.add(-5, "named like a message box");
            }
            (choice, submit)
        })
        .collect();
    choices.sort_by_key(|(choice, _)| (choice.score, std::cmp::Reverse(choice.index)));
    let (choice, submit) = choices.pop().filter(|(choice, _)| choice.score >= needs)?;
    Some(LoginForm {
        url: facts.url.clone(),
        user: Some(facts.fields[choice.index].locator.clone()),
        password: None,
        submit: submit.map(|submit| facts.buttons[submit.index].locator.clone()),
        two_steps: true,
        opener: None,
        confidence: 0.8,
        reasons: choice.reasons,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: &str, name: &str, form: Option<u32>, y: f64) -> Field {
        Field {
            locator: name.to_owned(),
            tag: "input".to_owned(),
            r#type: kind.to_owned(),
            name: name.to_owned(),
            form,
            area: [100.0, y, 300.0, 40.0],
            ..Default::default()
        }
    }

    fn button(text: &str, form: Option<u32>, submit: bool, area: [f64; 4]) -> Button {
        let locator = format!("button:{text}");
        Button {
            locator,
            text: text.to_owned(),
            form,
            submit,
            area,
            ..Default::default()
        }
    }

    #[test]
    fn the_form_with_the_password_is_chosen_among_decoys() {
        let facts = PageFacts {
            fields: vec![
                field("search", "q", Some(0), 10.0),
                field("email", "newsletter-email", Some(1), 700.0),
                field("text", "email", Some(2), 200.0),
                field("password", "pw", Some(2), 260.0),
            ],
            buttons: vec![
                button("Search", Some(0), true, [420.0, 10.0, 80.0, 40.0]),
                button("Show password", Some(2), false, [360.0, 260.0, 30.0, 40.0]),
                button("Sign In", Some(2), true, [100.0, 330.0, 300.0, 40.0]),
                button("Subscribe", Some(1), true, [420.0, 700.0, 80.0, 40.0]),
            ],
            ..Default::default()
        };
        let Stage::Form(form) = stage(&facts) else {
            panic!("{:?}", stage(&facts))
        };
        assert_eq!(form.user.as_deref(), Some("email"));
        assert_eq!(form.submit.as_deref(), Some("button:Sign In"));
    }

    #[test]
    fn a_first_step_is_told_from_a_newsletter() {
        let mut facts = PageFacts {
            url: "http://x/login".to_owned(),
            fields: vec![
                field("email", "email", Some(0), 200.0),
                field("email", "news", Some(1), 700.0),
            ],
            buttons: vec![
                button("Next", Some(0), true, [100.0, 260.0, 100.0, 40.0]),
                button("Subscribe", Some(1), true, [420.0, 700.0, 80.0, 40.0]),
            ],
            ..Default::default()
        };
        let Stage::UserStep(form) = stage(&facts) else {
            panic!("{:?}", stage(&facts))
        };
        assert_eq!(form.user.as_deref(), Some("email"));
        facts.url = "http://x/".to_owned();
        facts.fields.remove(0);
        facts.buttons.remove(0);
        assert_eq!(stage(&facts), Stage::Nothing);
    }

    #[test]
    fn fields_in_no_form_and_no_button_are_a_form_sent_by_enter() {
        let facts = PageFacts {
            fields: vec![
                field("text", "", None, 200.0),
                field("password", "pw", None, 260.0),
            ],
            ..Default::default()
        };
        let Stage::Form(form) = stage(&facts) else {
            panic!("{:?}", stage(&facts))
        };
        assert!(form.user.is_some() && form.submit.is_none());
    }

    #[test]
    fn a_password_without_a_user_field_and_a_code_page() {
        let facts = PageFacts {
            fields: vec![field("password", "pw", Some(0), 260.0)],
            ..Default::default()
        };
        assert!(matches!(
            stage(&facts),
            Stage::Form(LoginForm { user: None, .. })
        ));
        let mut code = field("text", "token", Some(0), 200.0);
        code.autocomplete = "one-time-code".to_owned();
        let facts = PageFacts {
            fields: vec![code],
            ..Default::default()
        };
        let wanted = |by_app| {
            Stage::Code(CodeField {
                field: "token".to_owned(),
                split: false,
                by_app,
            })
        };
        assert_eq!(stage(&facts), wanted(true));
        let sent = PageFacts {
            text: "We have sent a code to your e-mail address".to_owned(),
            ..facts.clone()
        };
        assert_eq!(stage(&sent), wanted(false));
    }

    #[test]
    fn forms_are_read_in_many_languages() {
        for (name, go, decoys) in [
            (
                "Benutzername",
                "Anmelden",
                ["Registrieren", "Passwort vergessen?"],
            ),
            (
                "Nom d'utilisateur",
                "Se connecter",
                ["S'inscrire", "Mot de passe oublié ?"],
            ),
            (
                "Correo electrónico",
                "Iniciar sesión",
                ["Crear cuenta", "¿Olvidaste tu contraseña?"],
            ),
            ("Usuário", "Entrar", ["Criar conta", "Esqueceu a senha?"]),
            (
                "Nome utente",
                "Accedi",
                ["Registrati", "Password dimenticata?"],
            ),
            (
                "Gebruikersnaam",
                "Inloggen",
                ["Registreren", "Wachtwoord vergeten?"],
            ),
            (
                "Nazwa użytkownika",
                "Zaloguj się",
                ["Zarejestruj się", "Nie pamiętasz hasła? Zapomniałem"],
            ),
            (
                "Имя пользователя",
                "Войти",
                ["Зарегистрироваться", "Забыли пароль?"],
            ),
            (
                "ユーザー名",
                "ログイン",
                ["新規登録", "パスワードを忘れた方"],
            ),
            ("用户名", "登录", ["注册", "忘记密码"]),
            ("사용자 이름", "로그인", ["회원가입", "비밀번호 찾기"]),
        ] {
            let labelled = |kind: &str, locator: &str, label: &str, y: f64| Field {
                label: label.to_owned(),
                name: String::new(),
                ..field(kind, locator, None, y)
            };
            let at = |text: &str, y: f64| button(text, None, false, [100.0, y, 300.0, 40.0]);
            let mut facts = PageFacts {
                url: "http://x/konto".to_owned(),
                title: go.to_owned(),
                fields: vec![
                    labelled("text", "name", name, 200.0),
                    labelled("password", "secret", "", 260.0),
                ],
                buttons: vec![at(decoys[0], 320.0), at(go, 370.0), at(decoys[1], 420.0)],
                ..Default::default()
            };
            let Stage::Form(form) = stage(&facts) else {
                panic!("{name}: {:?}", stage(&facts))
            };
            let wanted = format!("button:{go}");
            assert_eq!(form.user.as_deref(), Some("name"));
            assert_eq!(form.submit.as_deref(), Some(wanted.as_str()), "{name}");
            // The name alone, as a first step.
            facts.fields.pop();
            let first = stage(&facts);
            assert!(matches!(first, Stage::UserStep(_)), "{name}: {first:?}");
            // Behind a button.
            facts.fields.clear();
            assert_eq!(stage(&facts), Stage::Opener(wanted), "{name}");
        }
    }
}
