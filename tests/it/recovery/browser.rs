//! Chromium that dies in the middle.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::json;

use crate::api::discovered;
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_whose_chromium_is_killed_is_answered_by_a_fresh_one() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, "classic-sse").await;
    let client = app.client();
    let question = "Please stall and meet a crash";
    let id = client
        .submit(
            "chat",
            json!({"model": "classic-sse", "messages": [{"role": "user", "content": question}]}),
        )
        .await;
    client
        .events_until(&id, 0, |event| event.name == "chunk")
        .await;
    // The whole of this test's Chromium: its profile folders lie under this platform's own folder.
    let folder = app.config.browser.data_dir.display().to_string();
    let killed = std::process::Command::new("pkill")
        .args(["-KILL", "-f", &format!("user-data-dir={folder}")])
        .status()
        .unwrap();
    assert!(killed.success(), "no Chromium was found to kill");
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job}");
    assert!(job["attempt"].as_i64().unwrap() > 1);
    let bare = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
    };
    assert_eq!(
        bare(job["result"]["content"].as_str().unwrap()),
        bare(&echo::answer(question))
    );
    app.stop().await;
}
