//! That no picture of a page shows a secret: pictures of two pages that differ in nothing but the secret are the same, byte for byte.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use computetower_browser::{Chromium, LaunchConfig, Page};
use computetower_test_site::Site;

fn address(html: &str) -> String {
    let escaped: String = html.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("data:text/html;charset=utf-8,{escaped}")
}

/// A page that is nothing but text with a secret in it.
fn bare(secret: &str) -> String {
    address(&format!("<!doctype html>This is {secret}."))
}

/// A page that shows a secret wherever a page may.
fn page(secret: &str) -> String {
    let letters: String = secret.chars().map(|c| format!("<i>{c}</i>")).collect();
    let boxes: String = secret
        .chars()
        .take(6)
        .map(|c| format!("<input size=1 value='{c}'>"))
        .collect();
    let html = format!(
        "<!doctype html><meta charset=utf-8><style>body{{font:20px monospace}}input,textarea{{font:inherit;width:300px}}</style><h1>Signed in</h1>\
         <input type=password value='{secret}'><input type=text value='{secret}'><input autocomplete=one-time-code value='{secret}'><textarea>my secret is {secret}, yes</textarea>\
         <div contenteditable><p>one</p><p>{secret}</p></div><p>Your password is <b>{secret}</b>.</p><p>{letters}</p><p>{boxes}</p><div id=host></div>\
         <script>document.getElementById('host').attachShadow({{mode:'open'}}).innerHTML = '<p>{secret}</p> or {secret}'</script>"
    );
    address(&html)
}

async fn chromium(data: &Path) -> Chromium {
    let config = LaunchConfig {
        executable: std::env::var_os("CHROMIUM")
            .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
        data_dir: data.to_owned(),
        extra_args: Vec::new(),
        window: (1280, 900),
    };
    Chromium::launch(&config).await.unwrap()
}

/// Takes pictures until one comes, or none does for the reason that a secret may show.
async fn until_shown(page: &Page, shown: bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let is_it = match page.screenshot().await {
                Ok(_) => shown,
                Err(error) => !shown && error.to_string().contains("may show a secret"),
            };
            if is_it {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "shown: {shown}");
}

#[tokio::test]
async fn no_picture_is_taken_while_a_frame_does_not_answer_that_may_show_a_secret() {
    let data = tempfile::tempdir().unwrap();
    let chromium = chromium(data.path()).await;
    let site = Site::start().await;
    let address = site.url("frames");
    let session = chromium.new_session(None).await.unwrap();
    let page = session.open(&address).await.unwrap();
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        let inside = |name: &str| name == "Inside";
        loop {
            let facts = page.facts().await.unwrap();
            if facts.fields.iter().any(|field| inside(&field.placeholder)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(found.await.is_ok(), "the frame is there");
    page.conceal("Winter-Garden-42");
    until_shown(&page, true).await;
    page.goto(&format!("{address}#stuck")).await.unwrap();
    until_shown(&page, false).await;
    // A frame that is gone holds up nothing.
    page.goto(&format!("{address}#remove")).await.unwrap();
    until_shown(&page, true).await;
    chromium.shutdown().await;
}

#[tokio::test]
async fn a_picture_tells_nothing_of_a_secret() {
    let data = tempfile::tempdir().unwrap();
    let chromium = chromium(data.path()).await;
    let session = chromium.new_session(None).await.unwrap();
    for at in [page, bare] {
        let mut shots = Vec::new();
        for secret in ["Winter-Garden-42", "mNiGhT+sUmMer/97"] {
            let page = session.open(&at(secret)).await.unwrap();
            let open = page.screenshot().await.unwrap();
            page.conceal(secret);
            shots.push((open, page.screenshot().await.unwrap()));
        }
        assert!(shots[0].0 != shots[1].0, "what is not concealed is seen");
        assert!(
            shots[0].1 == shots[1].1,
            "the pictures tell the secrets apart"
        );
    }
    chromium.shutdown().await;
}
