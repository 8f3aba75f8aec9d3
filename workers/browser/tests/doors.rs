//! Signing in with real Chromium at the test site's doors: second factors, pages on the way, and passwords that are wrong in every way.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::path::PathBuf;

use computetower_browser::{
    Account, BrowserError, Chromium, LaunchConfig, Notes, Page, Session, SignIn, sign_in,
    sign_in_past_challenge, submit_code,
};
use computetower_test_site::Site;

struct Stage {
    site: Site,
    chromium: Chromium,
    _data: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = LaunchConfig {
            executable: std::env::var_os("CHROMIUM")
                .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
            data_dir: data.path().to_owned(),
            extra_args: Vec::new(),
            window: (1280, 900),
        };
        Self {
            site: Site::start().await,
            chromium: Chromium::launch(&config).await.unwrap(),
            _data: data,
        }
    }

    async fn at(&self, door: &str) -> (Session, Page) {
        let session = self.chromium.new_session(None).await.unwrap();
        let page = session.open(&self.site.door(door)).await.unwrap();
        (session, page)
    }

    async fn end(self) {
        self.chromium.shutdown().await;
    }
}

fn right() -> Account<'static> {
    Account {
        username: Site::user(),
        password: Site::password(),
    }
}

fn wrong() -> Account<'static> {
    Account {
        password: "not-the-password",
        ..right()
    }
}

fn accepted(door: &str, outcome: Result<SignIn, BrowserError>) -> SignIn {
    let signed = outcome.unwrap_or_else(|error| panic!("{door}: {error:?}"));
    assert!(signed.verdict.passed && signed.needed, "{door}: {signed:?}");
    signed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_password_comes_in_through_every_door() {
    let stage = Stage::set().await;
    for door in [
        "plain",
        "public",
        "quiet",
        "memory",
        "stay",
        "consent",
        "chooser",
        "late-name",
        "spa-silent",
        "error-page",
    ] {
        let (session, page) = stage.at(door).await;
        accepted(door, sign_in(&page, &right(), &Notes::none()).await);
        let facts = page.facts().await.unwrap();
        assert!(facts.text.contains("Things"), "{door}: {}", facts.text);
        let logins = stage.site.door_logins(door);
        assert!(logins.len() == 1 && logins[0].1, "{door}: {logins:?}");
        session.close().await;
    }
    // Nothing was declined, no other service was asked, and no newsletter ordered.
    assert_eq!(
        stage.site.door_pressed("consent"),
        ["remember=on", "say=continue"]
    );
    assert_eq!(stage.site.door_pressed("stay"), ["remember=on", "say=yes"]);
    assert!(stage.site.door_pressed("chooser").is_empty());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_comes_in_through_no_door() {
    let stage = Stage::set().await;
    for door in [
        "plain",
        "public",
        "quiet",
        "memory",
        "stay",
        "consent",
        "chooser",
        "late-name",
        "totp",
        "spa-silent",
        "error-page",
        "back-silent",
        "home-again",
    ] {
        let (session, page) = stage.at(door).await;
        let outcome = sign_in(&page, &wrong(), &Notes::none()).await;
        assert!(
            matches!(outcome, Err(BrowserError::InvalidCredentials { .. })),
            "{door}: {outcome:?}"
        );
        assert_eq!(stage.site.door_logins(door).len(), 1, "{door}");
        session.close().await;
    }
    let (session, page) = stage.at("locked").await;
    let outcome = sign_in(&page, &wrong(), &Notes::none()).await;
    assert!(
        matches!(outcome, Err(BrowserError::ProviderRateLimited { .. })),
        "{outcome:?}"
    );
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_goes_into_one_field_or_into_six_and_is_given_once() {
    let stage = Stage::set().await;
    for (door, app) in [("sms", false), ("totp", true), ("totp-digits", true)] {
        let (session, page) = stage.at(door).await;
        let outcome = sign_in(&page, &right(), &Notes::none()).await;
        assert!(
            matches!(outcome, Err(BrowserError::SecondFactor { by_app, .. }) if by_app == app),
            "{door}: {outcome:?}"
        );
        let refused = submit_code(&page, "000000", &Notes::none()).await;
        assert!(
            matches!(refused, Err(BrowserError::CodeRefused { .. })),
            "{door}: {refused:?}"
        );
        assert_eq!(
            stage.site.door_codes(door),
            [("000000".to_owned(), false)],
            "{door}"
        );
        session.close().await;
    }
    let (session, page) = stage.at("sms").await;
    let outcome = sign_in(&page, &right(), &Notes::none()).await;
    assert!(matches!(outcome, Err(BrowserError::SecondFactor { .. })));
    accepted(
        "sms",
        submit_code(&page, Site::code(), &Notes::none()).await,
    );
    // "Trust this device" is nobody's to decide here.
    let pressed = stage.site.door_pressed("sms");
    assert!(
        !pressed.iter().any(|said| said.starts_with("trust")),
        "{pressed:?}"
    );
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_confirmed_elsewhere_is_waited_for() {
    let stage = Stage::set().await;
    let (session, page) = stage.at("push").await;
    let outcome = sign_in(&page, &right(), &Notes::none()).await;
    assert!(
        matches!(
            outcome,
            Err(BrowserError::SecondFactor { by_app: false, .. })
        ),
        "{outcome:?}"
    );
    // Said to be done before it was: it is asked for again.
    let again = sign_in_past_challenge(&page, &right(), &Notes::none()).await;
    assert!(
        matches!(again, Err(BrowserError::SecondFactor { .. })),
        "{again:?}"
    );
    stage.site.approve("push");
    let done = sign_in_past_challenge(&page, &right(), &Notes::none())
        .await
        .unwrap();
    assert!(done.verdict.passed, "{done:?}");
    assert_eq!(stage.site.door_logins("push").len(), 1);
    session.close().await;
    stage.end().await;
}
