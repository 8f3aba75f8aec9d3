//! The chat history: what was asked and answered, found again, given out, and gone when it should be.

use computetower_jobs::Queue;
use computetower_store::accounts::Scope;
use computetower_test_site::Site;
use serde_json::{Value, json};

use super::openai::discovered;
use crate::support::{Client, TestApp, until};

async fn say(client: &Client, messages: &[Value]) -> String {
    let body = json!({"model": "fresh-sse", "messages": messages});
    let reply = client.post("/v1/chat/completions", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let text = &reply.body["choices"][0]["message"]["content"];
    text.as_str().unwrap().to_owned()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

async fn found(client: &Client, query: &str) -> Vec<Value> {
    let reply = client.get(&format!("/api/v1/chat/history{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body["exchanges"].as_array().unwrap().clone()
}

fn questions(exchanges: &[Value]) -> Vec<&str> {
    let questions = exchanges.iter();
    questions
        .map(|exchange| exchange["question"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_are_kept_found_given_out_and_deleted() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let (client, stranger) = (app.client(), app.stranger().await);
    discovered(&app, &site, "fresh-sse").await;
    let mut talk = vec![user("Where do zebras live")];
    let answer = say(&client, &talk).await;
    talk.push(json!({"role": "assistant", "content": answer}));
    talk.push(user("And what do they eat"));
    say(&client, &talk).await;
    say(&client, &[user("斑马 住在哪里")]).await;

    let all = found(&client, "").await;
    assert_eq!(
        questions(&all),
        [
            "斑马 住在哪里",
            "And what do they eat",
            "Where do zebras live"
        ]
    );
    let first = &all[2];
    assert_eq!(
        (&first["answer"], &first["model"]),
        (&json!(answer), &json!("fresh-sse"))
    );
    assert_eq!(first["question_tokens"], 5);
    assert!(first["answer_tokens"].as_i64().unwrap() > 0);
    assert_eq!(first["validation"]["subject"], "receive", "{first}");
    assert_eq!(all[1]["conversation_id"], first["conversation_id"]);
    assert_ne!(all[0]["conversation_id"], first["conversation_id"]);
    // The job tells its conversation, too.
    let id = first["id"].as_str().unwrap();
    let job = client.job(id).await;
    assert_eq!(job["result"]["conversation_id"], first["conversation_id"]);
    let shown = client.get(&format!("/api/v1/chat/history/{id}")).await.body;
    assert_eq!(shown["question"], first["question"]);
    assert!(shown["validation"]["screenshot_url"].is_string(), "{shown}");

    let conversation = first["conversation_id"].as_str().unwrap();
    let at = all[1]["at"].as_str().unwrap().replace('+', "%2B");
    let provider = first["provider_id"].as_str().unwrap();
    for (query, count) in [
        ("?q=zebras", 1),
        ("?q=zebras%20lions", 0),
        ("?q=zebras%20or%20eat", 2),
        ("?q=-zebras", 2),
        // A word of a script without spaces, in the middle of others.
        ("?q=%E4%BD%8F%E5%9C%A8", 1),
        ("?q=100%25", 0),
        ("?provider=fresh-sse", 3),
        (&format!("?provider={provider}"), 3),
        ("?provider=nobody", 0),
        (&format!("?conversation={conversation}"), 2),
        (&format!("?since={at}"), 2),
        (&format!("?until={at}"), 1),
    ] {
        assert_eq!(found(&client, query).await.len(), count, "{query}");
    }
    let page = client.get("/api/v1/chat/history?limit=2").await.body;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = found(&client, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!(questions(&rest), ["Where do zebras live"]);

    let reply = client.get("/api/v1/chat/history/export?q=zebras").await;
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    assert_eq!(&reply.body, first, "one line");
    let export = client.get("/api/v1/chat/history/export").await.body;
    let lines = export.as_str().unwrap().lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, all);

    // Nobody else sees or deletes anything.
    assert!(found(&stranger, "").await.is_empty());
    let path = format!("/api/v1/chat/history/{id}");
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(stranger.delete(&path).await.status, 404);
    let others = stranger
        .delete("/api/v1/chat/history?provider=fresh-sse")
        .await;
    assert_eq!(others.body, json!({"deleted": 0}));
    let reader = client.with_key(&app.new_key(app.tenant, &[Scope::Read]).await);
    assert_eq!(reader.delete(&path).await.status, 403);

    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.delete(&path).await.status, 404);
    assert_eq!(client.delete("/api/v1/chat/history").await.status, 422);
    assert_eq!(
        client.delete("/api/v1/chat/history?wrong=1").await.status,
        422
    );
    let gone = client.delete("/api/v1/chat/history?q=eat").await;
    assert_eq!(gone.body, json!({"deleted": 1}));
    assert_eq!(found(&client, "").await.len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_are_kept_for_as_long_as_is_wanted() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "fresh-sse").await;
    let retention = "/api/v1/chat/history/retention";
    assert_eq!(client.get(retention).await.body, json!({"days": 90}));
    for wrong in [
        json!({"days": -1}),
        json!({"days": "x"}),
        json!({}),
        json!({"days": 1, "x": 1}),
    ] {
        assert_eq!(
            client.put(retention, wrong.clone()).await.status,
            422,
            "{wrong}"
        );
    }
    say(&client, &[user("An old question")]).await;
    say(&client, &[user("A new question")]).await;
    sqlx::query("update chat_exchanges set at = now() - interval '8 days' where question = 'An old question'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!(found(&client, "").await.len(), 2);
    let week = client.put(retention, json!({"days": 7})).await;
    assert_eq!((week.status, &week.body), (200, &json!({"days": 7})));
    until("what is too old is gone", || async {
        questions(&found(&client, "").await) == ["A new question"]
    })
    .await;
    client.put(retention, json!({"days": 0})).await;
    say(&client, &[user("Off the record")]).await;
    assert!(found(&client, "?q=record").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_search_is_told() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for query in [
        "q=",
        "q=%00",
        "limit=0",
        "limit=x",
        "cursor=x",
        "conversation=x",
        "since=yesterday",
        "wrong=1",
    ] {
        let reply = client.get(&format!("/api/v1/chat/history?{query}")).await;
        assert_eq!(reply.status, 422, "{query}: {}", reply.body);
    }
    let long = "x".repeat(501);
    let reply = client.get(&format!("/api/v1/chat/history?q={long}")).await;
    assert_eq!(reply.status, 422);
    for id in ["x", "01890000-0000-7000-8000-000000000001"] {
        let path = format!("/api/v1/chat/history/{id}");
        assert_eq!(client.get(&path).await.status, 404, "{id}");
    }
    // Words of a search are words, whatever they look like.
    for query in [
        "q=%27%22%28%29%26%7C%3A%2A",
        "q=%E4%BD%8F%25_%5C",
        "provider=%25",
    ] {
        let reply = client.get(&format!("/api/v1/chat/history?{query}")).await;
        assert_eq!(
            (reply.status, &reply.body["exchanges"]),
            (200, &json!([])),
            "{query}"
        );
    }
}
