//! What is taken for a refusal, a sign-in, or neither.

use super::*;
use crate::facts::{Alert, Field};

fn form(text: &str) -> PageFacts {
    let pw = Field {
        locator: "pw".into(),
        r#type: "password".into(),
        length: 5,
        ..Default::default()
    };
    PageFacts {
        url: "http://x/login".into(),
        ready: "complete".into(),
        fields: vec![pw],
        text: text.into(),
        ..Default::default()
    }
}

fn since(ms: u64) -> Since {
    Since {
        waited: Duration::from_millis(ms),
        sent: true,
    }
}

#[test]
fn an_alert_or_new_words_beside_the_form_are_a_refusal() {
    let before = form("Sign in Password Go");
    let mut now = before.clone();
    assert_eq!(judge(&before, &now, since(500)), Outcome::Pending);
    now.alerts.push(Alert {
        text: "Wrong user name or password".into(),
        ..Default::default()
    });
    assert!(matches!(
        judge(&before, &now, since(100)),
        Outcome::Refused { .. }
    ));
    let now = form("Sign in That is incorrect. Password Go");
    assert!(
        matches!(judge(&before, &now, since(100)), Outcome::Refused { why, .. } if why == "That is incorrect.")
    );
}

#[test]
fn a_form_that_stays_is_never_success() {
    let before = form("Sign in");
    for ms in [100, 3000, 60_000] {
        assert!(!matches!(
            judge(&before, &before, since(ms)),
            Outcome::Accepted { .. }
        ));
    }
    assert!(matches!(
        judge(&before, &before, since(13_000)),
        Outcome::Refused { .. }
    ));
}

#[test]
fn a_chat_box_instead_of_the_form_is_success_and_a_blank_page_is_nothing_yet() {
    let before = form("Sign in");
    let blank = PageFacts {
        url: "http://x/".into(),
        ready: "interactive".into(),
        ..Default::default()
    };
    assert_eq!(judge(&before, &blank, since(5000)), Outcome::Pending);
    let chat = Field {
        r#type: "textarea".into(),
        placeholder: "Message".into(),
        area: [100.0, 600.0, 600.0, 60.0],
        ..Default::default()
    };
    let now = PageFacts {
        viewport: [1000.0, 700.0],
        fields: vec![chat],
        ..blank
    };
    assert!(matches!(
        judge(&before, &now, since(300)),
        Outcome::Accepted { .. }
    ));
}

#[test]
fn a_failing_server_is_no_verdict_on_the_account() {
    let before = form("Sign in");
    let page = |url: &str, text: &str| PageFacts {
        url: url.into(),
        text: text.into(),
        ready: "complete".into(),
        ..Default::default()
    };
    let crash = page(
        "chrome-error://chromewebdata/",
        "This page isn't working. HTTP ERROR 405",
    );
    assert!(matches!(
        judge(&before, &crash, since(3000)),
        Outcome::Broken(_)
    ));
    assert!(matches!(
        judge(
            &before,
            &page("http://x/login", "Internal Server Error"),
            since(3000)
        ),
        Outcome::Broken(_)
    ));
    let wrong = page("http://x/login", "Login failed: invalid credentials");
    assert!(matches!(
        judge(&before, &wrong, since(3000)),
        Outcome::Refused { .. }
    ));
}

fn elsewhere_page(text: &str, buttons: &[&str]) -> PageFacts {
    PageFacts {
        url: "http://x/elsewhere".into(),
        ready: "complete".into(),
        text: text.into(),
        headings: vec![text.into()],
        buttons: buttons
            .iter()
            .map(|text| crate::facts::Button {
                locator: (*text).into(),
                text: (*text).into(),
                link: true,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

#[test]
fn a_page_that_let_nobody_in_is_no_success_whatever_its_address() {
    let before = form("Sign in Password Go");
    for text in [
        "We could not sign you in.",
        "Access denied",
        "Anmeldung nicht möglich",
        "Connexion impossible",
        "Oops!",
        "No se pudo iniciar sesión",
        "ログインできません",
        "Не удалось войти",
    ] {
        let now = elsewhere_page(text, &[]);
        assert!(
            matches!(judge(&before, &now, since(3000)), Outcome::Refused { .. }),
            "{text}"
        );
    }
    for text in [
        "Your account is locked",
        "Ihr Konto ist gesperrt",
        "Su cuenta está bloqueada",
        "アカウントがロックされました",
    ] {
        let now = elsewhere_page(text, &[]);
        assert!(
            matches!(judge(&before, &now, since(3000)), Outcome::Limited(_)),
            "{text}"
        );
    }
    let home = elsewhere_page("The best chat there is", &["Prices", "Profile", "Sign in"]);
    for ms in [900, 3000, 5000] {
        assert_eq!(judge(&before, &home, since(ms)), Outcome::Pending);
    }
    assert!(matches!(
        judge(&before, &home, since(7000)),
        Outcome::Refused { .. }
    ));
    let silent = elsewhere_page("Nothing to see", &["Imprint"]);
    assert!(matches!(
        judge(&before, &silent, since(3000)),
        Outcome::Unproven(_)
    ));
}

#[test]
fn a_way_out_is_proof_only_if_it_is_new() {
    let before = form("Sign in");
    let now = elsewhere_page("Things", &["Log out"]);
    assert!(
        matches!(judge(&before, &now, since(300)), Outcome::Accepted { confidence, .. } if confidence > 0.9)
    );
    let mut always = before.clone();
    always.buttons = now.buttons.clone();
    assert!(matches!(
        judge(&always, &now, since(3000)),
        Outcome::Unproven(_)
    ));
    let greeted = elsewhere_page("Welcome, Ada", &[]);
    assert!(matches!(
        judge(&before, &greeted, since(3000)),
        Outcome::Accepted { .. }
    ));
    let menu = elsewhere_page("Things", &["Profile"]);
    assert!(matches!(
        judge(&before, &menu, since(3000)),
        Outcome::Accepted { .. }
    ));
}

#[test]
fn what_is_confirmed_elsewhere_is_a_persons_even_beside_one_button_that_goes_on() {
    let before = form("Sign in");
    let mut now = elsewhere_page("Check your phone", &["Continue"]);
    now.buttons[0].link = false;
    assert!(
        matches!(
            judge(&before, &now, since(2000)),
            Outcome::SecondFactor { by_app: false, .. }
        ),
        "{:?}",
        judge(&before, &now, since(2000))
    );
    now.headings = vec!["You are signed in".into()];
    now.text = "You are signed in".into();
    assert!(matches!(
        judge(&before, &now, since(2000)),
        Outcome::GoesOn(_)
    ));
}

#[test]
fn a_way_out_beside_a_complaint_or_on_a_page_that_still_loads_lets_nobody_in() {
    let before = form("Sign in");
    let inside = elsewhere_page("Things", &["Log out"]);
    assert!(matches!(
        judge(&before, &inside, since(300)),
        Outcome::Accepted { .. }
    ));
    let saying = |text: &str| {
        let mut now = inside.clone();
        now.alerts.push(Alert {
            text: text.into(),
            ..Default::default()
        });
        now
    };
    let mut busy = inside.clone();
    busy.busy = true;
    let mut loading = inside.clone();
    loading.ready = "loading".into();
    for now in [
        saying("Wrong user name or password"),
        saying("Too many attempts, try again later"),
        busy,
        loading,
    ] {
        let outcome = judge(&before, &now, since(300));
        assert!(!matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
}

#[test]
fn too_many_attempts_is_not_a_wrong_password() {
    let before = form("Sign in");
    let mut now = before.clone();
    now.alerts.push(Alert {
        text: "Too many attempts, try again later".into(),
        ..Default::default()
    });
    assert!(matches!(
        judge(&before, &now, since(100)),
        Outcome::Limited(_)
    ));
}

#[test]
fn a_complaint_about_the_challenge_is_not_held_against_the_account() {
    let since = Since {
        waited: Duration::from_millis(2_600),
        sent: true,
    };
    let mut complaining = form("Sign in");
    complaining.challenges = vec!["hcaptcha".into()];
    complaining.alerts.push(Alert {
        text: "The captcha was not solved. Wrong answer!".into(),
        ..Default::default()
    });
    let wanted = Outcome::Challenge("hcaptcha".into());
    assert_eq!(judge(&form("Sign in"), &complaining, since), wanted);
    // Said once more on a page that came anew.
    let mut anew = complaining.clone();
    anew.fields[0].length = 0;
    assert_eq!(judge(&complaining, &anew, since), wanted);
}

#[test]
fn a_challenge_beside_a_refused_password_or_a_lock_is_no_reason_to_knock_again() {
    let mut before = form("Sign in");
    before.challenges = vec!["hcaptcha".into()];
    let saying = |text: &str| {
        let mut now = before.clone();
        now.alerts.push(Alert {
            text: text.into(),
            ..Default::default()
        });
        now
    };
    for text in [
        "Wrong password. Please solve the captcha.",
        "Invalid user name, password or captcha",
    ] {
        let outcome = judge(&before, &saying(text), since(2_600));
        assert!(
            matches!(outcome, Outcome::Refused { .. }),
            "{text}: {outcome:?}"
        );
    }
    let many = judge(
        &before,
        &saying("Too many attempts, complete the captcha"),
        since(2_600),
    );
    assert!(matches!(many, Outcome::Limited(_)), "{many:?}");
    for text in [
        "reCAPTCHA verification failed, please try again",
        "hCaptcha invalid",
    ] {
        let outcome = judge(&before, &saying(text), since(2_600));
        assert_eq!(outcome, Outcome::Challenge("hcaptcha".into()), "{text}");
    }
}

#[test]
fn a_page_without_a_form_that_complains_about_the_challenge_refuses_nobody() {
    let before = form("Sign in Password Go");
    let now = elsewhere_page("reCAPTCHA verification failed. Please try again.", &[]);
    let outcome = judge(&before, &now, since(3_000));
    assert_eq!(outcome, Outcome::Challenge("captcha".into()));
}
