//! That no picture of a page shows a secret: pictures of two pages that differ in nothing but the secret are the same, byte for byte.

use std::path::PathBuf;

use computetower_browser::{Chromium, LaunchConfig};

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
    let html = format!(
        "<!doctype html><meta charset=utf-8><style>body{{font:20px monospace}}input,textarea{{font:inherit;width:300px}}</style><h1>Signed in</h1>\
         <input type=password value='{secret}'><input type=text value='{secret}'><input autocomplete=one-time-code value='{secret}'><textarea>my secret is {secret}, yes</textarea>\
         <div contenteditable><p>one</p><p>{secret}</p></div><p>Your password is <b>{secret}</b>.</p><p>{letters}</p><div id=host></div>\
         <script>document.getElementById('host').attachShadow({{mode:'open'}}).innerHTML = '<p>{secret}</p> or {secret}'</script>"
    );
    address(&html)
}

#[tokio::test]
async fn a_picture_tells_nothing_of_a_secret() {
    let data = tempfile::tempdir().unwrap();
    let config = LaunchConfig {
        executable: std::env::var_os("CHROMIUM")
            .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
        data_dir: data.path().to_owned(),
        extra_args: Vec::new(),
        window: (1280, 900),
    };
    let chromium = Chromium::launch(&config).await.unwrap();
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
