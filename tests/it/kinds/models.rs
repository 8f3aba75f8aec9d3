//! The page's own models: found, listed, chosen, and proven to be shown.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::json;

use crate::api::discovered;
use crate::support::TestApp;

fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

async fn chooses(shape: &str) {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, shape).await;
    let list = client.get("/v1/models").await.body;
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    let wanted =
        ["", "/Parrot-2", "/Parrot-2-mini", "/Owl-1.5-fast"].map(|model| format!("{shape}{model}"));
    assert_eq!(ids, wanted);
    let ask = async |model: &str, question: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": question}]});
        let reply = client.post("/v1/chat/completions", body).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.body);
        assert_eq!(reply.body["model"], model);
        let answer = reply.body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap();
        assert_eq!(bare(answer), bare(&echo::answer(question)));
        site.models(shape).last().unwrap().clone()
    };
    assert_eq!(
        ask(&format!("{shape}/Owl-1.5-fast"), "One").await,
        "Owl 1.5 (fast)"
    );
    assert_eq!(
        ask(&format!("{shape}/Parrot 2 mini"), "Two").await,
        "Parrot 2 mini"
    );
    assert_eq!(ask(shape, "Whatever it shows by itself").await, "Parrot 2");
    let shown = client
        .get(&format!("/v1/models/{shape}/owl-1.5-fast"))
        .await;
    assert_eq!(
        (shown.status, &shown.body["id"]),
        (200, &json!(format!("{shape}/Owl-1.5-fast")))
    );
    for model in [
        format!("{shape}/Parrot"),
        format!("{shape}/"),
        "nobody/Parrot-2".to_owned(),
    ] {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
        let reply = client.post("/v1/chat/completions", body).await;
        assert_eq!(
            (reply.status, &reply.body["error"]["code"]),
            (404, &json!("model_not_found")),
            "{model}"
        );
        assert_eq!(
            client.get(&format!("/v1/models/{model}")).await.status,
            404,
            "{model}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_a_select_is_chosen_and_shown_before_the_question_is_typed() {
    chooses("model-select-sse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_a_menu_is_chosen_and_shown_before_the_question_is_typed() {
    chooses("model-menu-sse").await;
}
