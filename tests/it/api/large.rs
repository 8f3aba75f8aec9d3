//! Large questions share a room: what they hold in memory together is bounded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use computetower::config::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, TestApp, until};

/// A question with so many bytes of pictures.
fn asks(bytes: usize, model: &str) -> Value {
    let half = |kind: u8| {
        let mut picture = vec![kind; bytes / 2];
        picture[..3].copy_from_slice(&[0xFF, 0xD8, 0xFF]);
        let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(picture));
        json!({"type": "image_url", "image_url": {"url": url}})
    };
    json!({"model": model, "messages": [{"role": "user", "content": [{"type": "text", "text": "What is this"}, half(1), half(2)]}]})
}

/// A client of an API that has room for 20 MiB of large questions.
async fn small_room(app: &TestApp) -> (Client, String) {
    let config = Config {
        large_requests: 20 << 20,
        ..app.config.clone()
    };
    let address = TestApp::serve(&app.store, &config).await;
    (Client::new(&address, app.key()), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_questions_hold_so_much_together_and_the_rest_comes_again_later() {
    let app = TestApp::without_workers().await;
    let (client, address) = small_room(&app).await;
    let address = address.trim_start_matches("http://").to_owned();
    let begun = async |path: &str, key: &str| {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            16 << 20
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    };
    // Who may not ask takes no room.
    let mut stranger = begun("/v1/chat/completions", "ct_nobody").await;
    let mut told = [0; 12];
    stranger.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 401");
    let large = asks(4 << 20, "nobody");
    assert_eq!(
        client
            .post("/v1/chat/completions", large.clone())
            .await
            .status,
        404
    );

    // Somebody who sends slowly holds what was announced.
    let mut slow = begun("/v1/chat/completions", app.key()).await;
    for path in ["/v1/chat/completions", "/v1/responses"] {
        until("there is no more room", async || {
            let reply = client.post(path, large.clone()).await;
            if reply.status == 503 {
                assert_eq!(reply.headers["retry-after"], "2");
                assert_eq!(reply.body["error"]["code"], "unavailable", "{}", reply.body);
                assert!(!reply.headers.contains_key("x-should-retry"));
            }
            reply.status == 503
        })
        .await;
    }
    // Small ones never wait, and the room is another one than that of other processes.
    let small = json!({"model": "nobody", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(client.post("/v1/chat/completions", small).await.status, 404);
    assert_eq!(
        app.client()
            .post("/v1/chat/completions", large.clone())
            .await
            .status,
        404
    );

    // It is free again when the slow one was answered, or has gone.
    slow.write_all(&vec![b' '; 16 << 20]).await.unwrap();
    let mut told = [0; 12];
    slow.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 400");
    assert_eq!(
        client
            .post("/v1/chat/completions", large.clone())
            .await
            .status,
        404
    );
    let gone = begun("/v1/responses", app.key()).await;
    until("there is no more room", async || {
        client
            .post("/v1/chat/completions", large.clone())
            .await
            .status
            == 503
    })
    .await;
    drop(gone);
    until("there is room", async || {
        client
            .post("/v1/chat/completions", large.clone())
            .await
            .status
            == 404
    })
    .await;
    // More than a question may have is refused at once, whatever the room.
    let huge = client.post_with("/v1/responses", &[], vec![b' '; (20 << 20) + 1]);
    assert_eq!(huge.await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_waits_for_its_answer_takes_no_room() {
    let app = TestApp::without_workers().await;
    let (client, _) = small_room(&app).await;
    // Nobody looks at the page, so that the questions wait.
    let page = json!({"name": "page", "url": "http://127.0.0.1:9/"});
    assert_eq!(
        app.operator().post("/admin/providers", page).await.status,
        202
    );
    let asked: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                // While another is being read there is no room, as clients know.
                loop {
                    let reply = client
                        .post("/v1/chat/completions", asks(12 << 20, "page"))
                        .await;
                    if reply.status != 503 {
                        return reply;
                    }
                }
            })
        })
        .collect();
    until("all three wait", async || {
        let jobs = app.client().get("/api/v1/jobs?kind=chat").await.body;
        jobs["jobs"].as_array().unwrap().len() == 3
    })
    .await;
    for asked in asked {
        assert!(!asked.is_finished());
        asked.abort();
    }
}
