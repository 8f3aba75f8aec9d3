//! Pictures beside a question, put where the page takes files. The page tells what it was given.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use base64::Engine;
use computetower_jobs::Queue;
use computetower_test_site::Site;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::openai::discovered;
use crate::support::TestApp;

/// A picture of one dot.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn png() -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(PNG)
        .unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pictures, and what is none, on loopback.
async fn gallery() -> String {
    let mut other = png();
    other.extend(b"other");
    let router = Router::new()
        .route("/other.png", get(move || async move { other }))
        .route(
            "/moved",
            get(|| async { Redirect::temporary("/other.png") }),
        )
        .route("/text.png", get(|| async { "no picture" }))
        .route(
            "/inside",
            get(|| async { Redirect::temporary("http://10.0.0.1/a.png") }),
        )
        .route(
            "/for-ever",
            get(|| async { Redirect::temporary("/for-ever") }),
        )
        .route(
            "/huge.png",
            get(|| async { [png(), vec![0; 11 << 20]].concat() }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn asks(model: &str, text: &str, urls: &[&str]) -> Value {
    let mut parts = vec![json!({"type": "text", "text": text})];
    parts.extend(
        urls.iter()
            .map(|url| json!({"type": "image_url", "image_url": {"url": url}})),
    );
    json!({"model": model, "messages": [{"role": "user", "content": parts}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_given_the_pictures_of_a_question() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let gallery = gallery().await;
    let data = format!("data:image/png;base64,{PNG}");
    let url = format!("{gallery}/moved");
    let mut other = png();
    other.extend(b"other");
    for shape in ["attach-sse", "attach-menu-sse"] {
        discovered(&app, &site, shape).await;
        let body = asks(shape, "What is in these", &[&data, &url]);
        let reply = client.post("/v1/chat/completions", body).await;
        assert_eq!(reply.status, 200, "{shape}: {}", reply.body);
        let answer = reply.body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap();
        assert!(answer.contains("these in is What"), "{shape}: {answer}");
        let (_, files) = answer
            .split_once("FILES ")
            .unwrap_or_else(|| panic!("{shape}: {answer}"));
        let mut files: Vec<&str> = files.split_whitespace().collect();
        files.sort_unstable();
        let mut wanted = [hex(&png()), hex(&other)];
        wanted.sort_unstable();
        assert_eq!(files, wanted, "{shape}");

        // The conversation goes on, and what was given before is not given again.
        let response = json!({"model": shape, "input": [{"role": "user", "content": [
            {"type": "input_text", "text": "And in this"}, {"type": "input_image", "image_url": data}]}]});
        let first = client.post("/v1/responses", response).await;
        assert_eq!(first.status, 200, "{shape}: {}", first.body);
        let text = first.body["output"][0]["content"][0]["text"]
            .as_str()
            .unwrap();
        assert!(
            text.ends_with(&format!("FILES {}", hex(&png()))),
            "{shape}: {text}"
        );
        let next =
            json!({"model": shape, "input": "And now", "previous_response_id": first.body["id"]});
        let next = client.post("/v1/responses", next).await;
        let text = next.body["output"][0]["content"][0]["text"]
            .as_str()
            .unwrap();
        assert!(
            text.contains("now And") && !text.contains("FILES"),
            "{shape}: {text}"
        );
    }
    // All that was stored is known to whoever removes what nothing names any more.
    let (pictures, shots, unknown): (i64, i64, i64) = sqlx::query_as(
        "with named as (select file ->> 'key' as key, true as sent from jobs cross join jsonb_array_elements(payload -> 'files') file where payload ? 'files'
                        union select screenshot_key, false from visual_validations where screenshot_key is not null)
         select count(*) filter (where sent), count(*) filter (where not sent), count(*) filter (where o.key is null)
         from named n left join stored_objects o using (key)",
    )
    .fetch_one(&mut app.database().await)
    .await
    .unwrap();
    assert!(
        pictures == 2 && shots > 0 && unknown == 0,
        "{pictures} {shots} {unknown}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_cannot_be_are_refused() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "open-sse").await;
    let refused = async |model: &str, url: &str| {
        let reply = client
            .post("/v1/chat/completions", asks(model, "x", &[url]))
            .await;
        let error = &reply.body["error"];
        (
            reply.status,
            error["param"].clone(),
            error["code"].clone(),
            error["message"].to_string(),
        )
    };
    // The page has nothing that takes files, and that is known before anything is asked.
    let data = format!("data:image/png;base64,{PNG}");
    let (status, param, code, _) = refused("open-sse", &data).await;
    assert_eq!(
        (status, param, code),
        (
            400,
            json!("messages[0].content[1]"),
            json!("unsupported_parameter")
        )
    );
    assert!(!site.asked("open-sse").contains(&"x".to_owned()));
    // On a page of which it is not known, what is wrong with a picture is told.
    sqlx::query("update providers set chat_map = chat_map - 'attach'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
    let gallery = gallery().await;
    for (url, why) in [
        (format!("{gallery}/text.png"), "is none"),
        (format!("{gallery}/inside"), "private address"),
        (format!("{gallery}/for-ever"), "redirects more than"),
        (format!("{gallery}/huge.png"), "has more than"),
        (format!("{gallery}/nothing"), "status 404"),
        ("http://10.0.0.1/a.png".to_owned(), "private address"),
        (
            "http://[::ffff:169.254.169.254]/a.png".to_owned(),
            "private address",
        ),
        ("file:///etc/passwd".to_owned(), "http"),
        ("data:image/png;base64,%".to_owned(), "base64"),
        ("data:text/plain;base64,eHg=".to_owned(), "is none"),
    ] {
        let (status, param, _, message) = refused("open-sse", &url).await;
        assert_eq!(
            (status, param),
            (400, json!("messages[0].content[1].image_url")),
            "{url}"
        );
        assert!(message.contains(why), "{url}: {message}");
    }
    // And the page that turns out to take none ends the request.
    let (status, _, code, message) = refused("open-sse", &data).await;
    assert_eq!((status, code), (400, json!("invalid_input")), "{message}");
    assert!(!site.asked("open-sse").contains(&"x".to_owned()));
    // A payload names nobody else's objects.
    for key in ["other/chat-files/x", "../x"] {
        let file = json!({"turn": 0, "key": key, "name": "a.png", "sha256": "ab"});
        let payload = json!({"model": "open-sse", "messages": [{"role": "user", "content": "x"}], "files": [file]});
        let job = client.submit("chat", payload).await;
        let job = client.ended(&job).await;
        assert_eq!(job["failure"]["code"], "invalid_input", "{job}");
    }
    app.stop().await;
}
