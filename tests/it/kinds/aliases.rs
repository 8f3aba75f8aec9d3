//! Several providers behind one name: the next is asked when one cannot answer, and an answer is one provider's alone.

use std::time::Duration;

use chrono::Utc;
use computetower_jobs::Queue;
use computetower_store::providers::Provider;
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{SseEvent, TestApp};

const FIRST: &str = "fresh-sse";
const SECOND: &str = "open-sse";

async fn start(site: &Site) -> TestApp {
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    for shape in [FIRST, SECOND] {
        discovered(&app, site, shape).await;
    }
    let body = json!({"models": [FIRST, SECOND]});
    let made = app.operator().put("/admin/aliases/either", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    app
}

async fn ask(app: &TestApp, model: &str, question: &str) -> (Value, Vec<SseEvent>) {
    let client = app.client();
    let job = json!({"kind": "chat", "payload": {"model": model, "messages": [{"role": "user", "content": question}]}, "retry": {"attempts": 1, "base_ms": 10, "cap_ms": 10}});
    let reply = client.post("/api/v1/jobs", job).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap();
    let events = client.events(id, 0).await;
    (client.job(id).await, events)
}

fn steps<'e>(events: &'e [SseEvent], kind: &str) -> Vec<&'e Value> {
    let steps = events.iter().filter(|event| event.name == "step");
    steps
        .filter(|event| event.data["kind"] == kind)
        .map(|event| &event.data["detail"])
        .collect()
}

fn times(site: &Site, shape: &str, question: &str) -> usize {
    site.asked(shape)
        .iter()
        .filter(|asked| *asked == question)
        .count()
}

async fn change(app: &TestApp, sql: &'static str) {
    sqlx::query(sql)
        .execute(&mut app.database().await)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_provider_answers_when_one_cannot_and_nobody_is_asked_twice() {
    let site = Site::start().await;
    let app = start(&site).await;
    // One that cannot be reached is passed over.
    change(
        &app,
        "update providers set url = 'http://127.0.0.1:9/' where name = 'fresh-sse'",
    )
    .await;
    let (job, events) = ask(&app, "either", "Can you hear me?").await;
    assert_eq!(
        (&job["state"], &job["result"]["provider"]),
        (&json!("completed"), &json!(SECOND)),
        "{job}"
    );
    let told = steps(&events, "chat.failover");
    assert_eq!(
        (told.len(), &told[0]["provider"], &told[0]["to"]),
        (1, &json!(FIRST), &json!(SECOND)),
        "{told:?}"
    );
    assert_eq!(times(&site, FIRST, "Can you hear me?"), 0);
    let (to, shape) = (site.url(FIRST), FIRST);
    sqlx::query("update providers set url = $1 where name = $2")
        .bind(to)
        .bind(shape)
        .execute(&mut app.database().await)
        .await
        .unwrap();
    let (job, events) = ask(&app, "either", "Who are you?").await;
    assert_eq!(
        (
            &job["state"],
            &job["result"]["model"],
            &job["result"]["provider"]
        ),
        (&json!("completed"), &json!("either"), &json!(FIRST)),
        "{job}"
    );
    assert!(steps(&events, "chat.failover").is_empty());
    // It fails after the question was typed: each is asked once.
    let (job, events) = ask(&app, "either", "Please show an error").await;
    assert_eq!(job["failure"]["code"], "model_error", "{job}");
    assert_eq!(steps(&events, "chat.failover").len(), 1);
    assert_eq!(
        (
            times(&site, FIRST, "Please show an error"),
            times(&site, SECOND, "Please show an error")
        ),
        (1, 1)
    );
    // Something of the answer was told: it is not continued by another.
    let (job, events) = ask(&app, "either", "Please cut it").await;
    assert_eq!(job["failure"]["code"], "answer_cut", "{job}");
    assert!(events.iter().any(|event| event.name == "chunk"));
    assert_eq!(
        (
            times(&site, FIRST, "Please cut it"),
            times(&site, SECOND, "Please cut it")
        ),
        (1, 0)
    );
    // One that asked to slow down is left alone.
    let first = app.store.provider_named(app.tenant, FIRST).await.unwrap();
    let until = Utc::now() + Duration::from_secs(600);
    app.store
        .note_limited(&first, first.credential, until)
        .await
        .unwrap();
    let (job, events) = ask(&app, "either", "And now?").await;
    assert_eq!(
        (&job["state"], &job["result"]["provider"]),
        (&json!("completed"), &json!(SECOND)),
        "{job}"
    );
    assert_eq!(
        steps(&events, "chat.skipped"),
        [&json!({"provider": FIRST, "why": "rate_limited"})]
    );
    change(&app, "update provider_accounts set limited_until = null").await;
    change(&app, "update providers set limited_until = null").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_a_free_place_is_skipped() {
    is_skipped_when_full(FIRST, Provider::limit_key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_a_provider_holds_for_jobs_of_an_alias() {
    is_skipped_when_full("either", |first| format!("provider:{}", first.id)).await;
}

/// A job of `model` stalls on the first provider, of which a limit on `key` lets one run.
async fn is_skipped_when_full(model: &str, key: fn(&Provider) -> String) {
    let pace = echo::Pace {
        stall: Duration::from_secs(600),
        ..echo::Pace::default()
    };
    let site = Site::start_with(pace).await;
    let app = start(&site).await;
    let client = app.client();
    let first = app.store.provider_named(app.tenant, FIRST).await.unwrap();
    let limit = json!({"key": key(&first), "max_running": 1});
    let set = app.operator().put("/admin/limits", limit).await;
    assert!(set.status < 300, "{}", set.body);
    let long = client
        .submit(
            "chat",
            json!({"model": model, "messages": [{"role": "user", "content": "Please stall"}]}),
        )
        .await;
    client
        .events_until(&long, 0, |event| event.name == "chunk")
        .await;
    let (job, events) = ask(&app, "either", "Quick").await;
    assert_eq!(
        (&job["state"], &job["result"]["provider"]),
        (&json!("completed"), &json!(SECOND)),
        "{job}"
    );
    assert_eq!(
        steps(&events, "chat.skipped"),
        [&json!({"provider": FIRST, "why": "busy"})]
    );
    client
        .post(&format!("/api/v1/jobs/{long}/cancel"), json!({}))
        .await;
    client.events(&long, 0).await;
    app.stop().await;
}
