//! Pages that change, and what becomes of what was known of them.

use computetower_jobs::Queue;
use computetower_test_site::shape::{Input, Look, Shape, find};
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{TestApp, until};

fn shape(name: &'static str) -> Shape {
    Shape {
        name,
        ..*find("open-sse").unwrap()
    }
}

/// Asks, and returns the answer with the kinds of the steps that were taken.
async fn ask(app: &TestApp, model: &str, question: &str) -> (String, Vec<String>) {
    let payload = json!({"model": model, "messages": [{"role": "user", "content": question}]});
    let id = app.client().submit("chat", payload).await;
    let events = app.client().events(&id, 0).await;
    let job = app.client().job(&id).await;
    let steps = events.iter().filter(|event| event.name == "step");
    let kinds = steps.map(|event| event.data["kind"].as_str().unwrap().to_owned());
    assert_eq!(job["state"], "completed", "{job}");
    let content = job["result"]["content"].as_str().unwrap();
    (content.to_owned(), kinds.collect())
}

async fn provider(app: &TestApp, name: &str) -> Value {
    let all = app.operator().get("/admin/providers").await.body;
    let list = all.as_array().or(all["providers"].as_array()).unwrap();
    let id = list
        .iter()
        .find(|provider| provider["name"] == name)
        .and_then(|provider| provider["provider_id"].as_str().or(provider["id"].as_str()))
        .unwrap()
        .to_owned();
    app.operator()
        .get(&format!("/admin/providers/{id}"))
        .await
        .body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_moved_is_found_and_kept_once_an_answer_has_proved_it() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    site.put(shape("moves"), Default::default());
    discovered(&app, &site, "moves").await;
    let before = provider(&app, "moves").await["chat_map"].clone();
    assert!(
        before["inputs"]
            .as_array()
            .is_some_and(|ways| ways.len() > 1),
        "{before}"
    );
    let moved = Shape {
        input: Input::Editable,
        ..shape("moves")
    };
    site.put(moved, Default::default());
    let (answer, steps) = ask(&app, "moves", "Where are you now?").await;
    assert_eq!(answer, echo::answer("Where are you now?"));
    assert!(
        steps.iter().any(|kind| kind == "chat.input_moved"),
        "{steps:?}"
    );
    let after = provider(&app, "moves").await["chat_map"].clone();
    assert_ne!(after["input"], before["input"]);
    let (answer, steps) = ask(&app, "moves", "And now?").await;
    assert_eq!(answer, echo::answer("And now?"));
    assert!(
        !steps.iter().any(|kind| kind == "chat.input_moved"),
        "{steps:?}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_found_thrice_is_discovered_anew() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    site.put(shape("hides"), Default::default());
    discovered(&app, &site, "hides").await;
    // From now on a button has to be pressed for the box.
    let hidden = Shape {
        looks: &[Look::Launcher],
        ..shape("hides")
    };
    site.put(hidden, Default::default());
    let payload =
        json!({"model": "hides", "messages": [{"role": "user", "content": "Are you there?"}]});
    let id = app.client().submit("chat", payload).await;
    app.client().ended(&id).await;
    until("a discovery has found the button", || async {
        let map = provider(&app, "hides").await["chat_map"].clone();
        map["launcher"].is_string()
    })
    .await;
    let (answer, _) = ask(&app, "hides", "And now?").await;
    assert_eq!(answer, echo::answer("And now?"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_page_is_looked_at_again_by_itself() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    discovered(&app, &site, "open-sse").await;
    let mut database = app.database().await;
    let long_ago = r#"update providers set status = 'unhealthy', failure = '{"code": "network"}', updated_at = now() - interval '1 hour'"#;
    sqlx::query(long_ago).execute(&mut database).await.unwrap();
    until("the provider is ready again", || async {
        provider(&app, "open-sse").await["status"] == "ready"
    })
    .await;
    let discoveries: i64 = sqlx::query_scalar("select count(*) from jobs where kind = 'discovery'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(discoveries, 2, "one by the registration, one by itself");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_not_looked_at_again_where_that_could_cost_something() {
    let app = TestApp::without_workers().await;
    let url = "http://127.0.0.1:9/";
    for body in [
        json!({"name": "open", "url": url}),
        json!({"name": "account", "url": url, "username": "ada", "password": "secret"}),
    ] {
        let reply = app.operator().post("/admin/providers", body).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
    }
    let mut database = app.database().await;
    // No discovery of theirs is queued any more.
    sqlx::query("update jobs set kind = 'noop'")
        .execute(&mut database)
        .await
        .unwrap();
    for (code, wanted) in [
        ("captcha", 0),
        ("second_factor", 0),
        ("provider_rate_limited", 0),
        ("invalid_credentials", 0),
        // With an account, it may have been the sign-in that was not found.
        ("element_not_found", 1),
        ("network", 2),
    ] {
        let long_ago = "update providers set status = 'unhealthy', updated_at = now() - interval '1 hour', failure = jsonb_build_object('code', $1)";
        sqlx::query(long_ago)
            .bind(code)
            .execute(&mut database)
            .await
            .unwrap();
        let found = app.store.take_unhealthy(1800.0).await.unwrap();
        assert_eq!(found.len(), wanted, "{code}");
        let again = app.store.take_unhealthy(1800.0).await.unwrap();
        assert!(again.is_empty(), "{code}: each once in that time");
    }
    app.stop().await;
}
