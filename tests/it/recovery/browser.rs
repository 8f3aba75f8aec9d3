//! Chromium that dies in the middle.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::json;

use crate::api::discovered;
use crate::support::{TestApp, until};

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

#[tokio::test(flavor = "multi_thread")]
async fn ten_chats_whose_chromium_is_killed_are_all_answered_and_leave_no_process() {
    let site = Site::start().await;
    let mut app = TestApp::start(&[Queue::Login]).await;
    app.start_worker_with(&[Queue::Chat], [(Queue::Chat, 10)].into());
    discovered(&app, &site, "classic-sse").await;
    let client = app.client();
    let questions: Vec<String> = (0..10)
        .map(|number| format!("Please stall, number {number}"))
        .collect();
    let mut ids = Vec::new();
    for question in &questions {
        let payload =
            json!({"model": "classic-sse", "messages": [{"role": "user", "content": question}]});
        ids.push(client.submit("chat", payload).await);
    }
    for id in &ids {
        client
            .events_until(id, 0, |event| event.name == "chunk")
            .await;
    }
    let folder = app.config.browser.data_dir.display().to_string();
    let pattern = format!("user-data-dir={folder}");
    let killed = std::process::Command::new("pkill")
        .args(["-KILL", "-f", &pattern])
        .status()
        .unwrap();
    assert!(killed.success(), "no Chromium was found to kill");
    for (id, question) in ids.iter().zip(&questions) {
        let job = client.ended(id).await;
        assert_eq!(job["state"], "completed", "{job}");
        let letters =
            |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
        assert_eq!(
            letters(job["result"]["content"].as_str().unwrap()),
            letters(&echo::answer(question))
        );
    }
    app.stop().await;
    let left = || async {
        let found = std::process::Command::new("pgrep")
            .args(["-f", &pattern])
            .output()
            .unwrap();
        found.stdout.is_empty()
    };
    until("no process of the browser is left", left).await;
}
