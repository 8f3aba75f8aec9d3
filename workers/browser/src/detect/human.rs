//! What a page complains about: the proof that a person is there, or the account. Pure. In doubt neither the account is blamed nor the password given again.

use super::words;
use crate::facts::PageFacts;

/// Whether the texts complain about the proof that a person is there, and none of them about the account.
pub(super) fn only_about_person<'a>(
    now: &PageFacts,
    texts: impl IntoIterator<Item = &'a String>,
) -> bool {
    let mut about = false;
    for text in texts {
        if blames_account(text) {
            return false;
        }
        about |= is_about_person(now, text);
    }
    about
}

/// The challenge that stands on a page which complains about one.
pub(super) fn kind(now: &PageFacts) -> String {
    let kind = now.challenges.first().map_or("captcha", String::as_str);
    kind.to_owned()
}

fn is_about_person(now: &PageFacts, text: &str) -> bool {
    let lower = text.to_lowercase();
    words::names_challenge(&lower)
        // Beside a picture a "wrong code" is the picture's.
        || !now.challenges.is_empty() && words::any(&lower, words::PICTURE)
}

/// Whether a text says that something is wrong with the user name or the password, whatever else it says. A call to give them again says nothing.
pub(super) fn blames_account(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower
        .split(['.', '!', '?', ';', '\n', '。', '！', '？', '；'])
        .any(|sentence| {
            let said: Vec<&str> = sentence
                .split([',', '，'])
                .filter(|part| is_wrong(part) || !words::any(part, words::ANEW))
                .collect();
            let said = said.join(",");
            let wrong = is_wrong(&said) || words::any(&said, words::NO_ENTRY);
            wrong && words::any(&said, words::OWN_ACCOUNT)
        })
}

fn is_wrong(text: &str) -> bool {
    words::WRONG
        .iter()
        .any(|word| *word != "try again" && words::any(text, &[word]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kinds: &[&str]) -> PageFacts {
        PageFacts {
            challenges: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..PageFacts::default()
        }
    }

    #[test]
    fn published_complaints_about_a_challenge_blame_no_account() {
        for text in [
            "reCAPTCHA verification failed, please try again.",
            "hCaptcha invalid",
            "Error: Invalid captcha code",
            "Please verify you are human",
            "Verify that you are not a bot.",
            "The security check failed",
            "Captcha invalid. Please re-enter your password.",
            "Incorrect captcha, please enter your password again",
            "Login failed: the captcha is wrong",
            "Falsches Captcha",
            "Die Sicherheitsabfrage ist falsch",
            "Bitte bestätigen Sie, dass Sie ein Mensch sind",
            "Échec de la vérification reCAPTCHA",
            "Vérifiez que vous êtes humain",
            "Demuestre que es humano",
            "人机验证失败",
            "請證明您不是機器人",
            "ロボットではないことを確認してください",
            "로봇이 아님을 확인해 주세요",
            "Подтвердите, что вы не робот",
            "Неверная капча",
        ] {
            let said = [text.to_owned()];
            assert!(only_about_person(&page(&[]), &said), "{text}");
        }
    }

    #[test]
    fn what_says_that_the_password_is_wrong_is_about_the_account_whatever_else_it_asks() {
        for text in [
            "Wrong password. Please solve the captcha.",
            "Invalid user name, password or captcha",
            "Invalid captcha, user name or password, please try again",
            "Please enter a correct username and password, and complete the reCAPTCHA.",
            "Falsches Passwort, bitte Captcha lösen",
            "ユーザー名、パスワード、またはCAPTCHAが正しくありません",
            "密码错误，请完成人机验证",
        ] {
            let said = [text.to_owned()];
            assert!(!only_about_person(&page(&["hcaptcha"]), &said), "{text}");
            assert!(blames_account(text), "{text}");
        }
        // Said in two places.
        let said = ["Solve the captcha", "Wrong password"].map(str::to_owned);
        assert!(!only_about_person(&page(&["image"]), &said));
    }

    #[test]
    fn a_wrong_code_is_the_pictures_only_where_there_is_one() {
        let said = ["验证码错误".to_owned()];
        assert!(only_about_person(&page(&["image"]), &said));
        assert!(!only_about_person(&page(&[]), &said));
        let other = ["Something went wrong".to_owned()];
        assert!(!only_about_person(&page(&["image"]), &other));
    }
}
